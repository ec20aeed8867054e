"""Dominated trials of a large study, counted in the cells of a grid behind the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.data.axes import AxisFrame
from reports.data.digest import MANY, value
from studies.model import Trial

N_ACROSS, N_UPRIGHT = 60, 44
"""The number of cells along x and y: some eight pixels each."""

View = tuple[float, float] | None


@dataclass(frozen=True)
class Cells:
    """A grid over the part of a pair that is in view.

    x, y: the edges in the objectives' units, one more than cells. counts: row by row from the lowest y.
    """

    x: list[float]
    y: list[float]
    counts: list[list[int]]

    @property
    def n_trials(self) -> int:
        """The trials counted."""
        return sum(map(sum, self.counts))


def cells(
    axes: tuple[AxisFrame, AxisFrame], views: Sequence[View], trials: Sequence[Trial], n_trials: int
) -> tuple[Cells | None, list[int]]:
    """The dominated `trials` counted in cells, and the numbers of those outside the views, drawn singly.

    In a study of at most `MANY` trials: None, and the numbers of all of them.
    """
    if n_trials <= MANY or not trials:
        return None, [trial.number for trial in trials]
    spans = [view or axis.span for view, axis in zip(views, axes, strict=True)]
    places = [_places(axis, trials) for axis in axes]
    inside = np.logical_and.reduce(
        [(low <= place) & (place <= high) for place, (low, high) in zip(places, spans, strict=True)]
    )
    counts, *edges = np.histogram2d(
        places[0][inside], places[1][inside], bins=(N_ACROSS, N_UPRIGHT), range=spans
    )
    x, y = ((10**edge if axis.is_log else edge).tolist() for axis, edge in zip(axes, edges, strict=True))
    loose = [trial.number for trial, is_inside in zip(trials, inside, strict=True) if not is_inside]
    return Cells(x, y, counts.T.astype(int).tolist()), loose


def _places(axis: AxisFrame, trials: Sequence[Trial]) -> NDArray[np.float64]:
    return np.array([axis.position(value(trial, axis.objective.name)) for trial in trials])
