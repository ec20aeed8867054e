"""The front in pairs: the first objective against each other one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reports.data.axes import AxisFrame, axis_frame, outside, view
from reports.data.columns import beyond_noise
from reports.data.digest import Digest, loss, value
from reports.format.label_placement import freest_corner
from reports.format.quantities import capitalised, quantity
from reports.front.cells import Cells, cells
from reports.html.figure import Card
from studies.model import Objective, Trial


@dataclass(frozen=True)
class PairFrame:
    """One pair of objectives. Lists hold trial numbers; values stand in the page's columns.

    front: not dominated in all objectives together, best first. near: dominated, but not beyond the noise.
    dominated: the other measured trials.
    stairs: not dominated in this pair alone, by x ascending; among equal points the lowest number.
    knee_corner: the corner of the knee where its label is put, by Plotly's name; None without a knee.
    x_view, y_view: the part of each axis to open on; None for all of it. outside: the trials beyond it.
    cells: the dominated trials of a large study as counts; loose: those drawn singly (all without cells).
    """

    x: AxisFrame
    y: AxisFrame
    front: list[int]
    dominated: list[int]
    stairs: list[int]
    knee: int | None
    knee_corner: str | None
    near: list[int]
    x_view: tuple[float, float] | None
    y_view: tuple[float, float] | None
    outside: list[int]
    cells: Cells | None = None
    loose: list[int] = field(default_factory=list)


def pair_frame(digest: Digest, x: Objective, y: Objective) -> PairFrame | Card:
    """The frame of `y` over `x`, or why there is none."""
    if not digest.front:
        return Card(pair_title(x, y), "No trial has finished within the limits, so there is no front yet.")
    trials, knee = digest.measured, digest.knee
    across, upright = axis_frame(trials, x), axis_frame(trials, y)
    kept = {trial.number for trial in digest.front}
    views = [view(frame, trials, kept) for frame in (across, upright)]
    beyond = set(beyond_noise(digest))
    rest = [trial for trial in digest.dominated if trial.number in beyond]
    counted_in, loose = cells((across, upright), views, rest, len(digest.study.trials))
    return PairFrame(
        x=across,
        y=upright,
        front=[trial.number for trial in digest.front],
        near=digest.near_numbers,
        dominated=[trial.number for trial in rest],
        stairs=[trial.number for trial in stairs(trials, x, y)],
        knee=None if knee is None else knee.number,
        knee_corner=None if knee is None else _corner(knee, trials, (across, upright), views),
        x_view=views[0],
        y_view=views[1],
        outside=outside(trials, (across, upright), views),
        cells=counted_in,
        loose=loose,
    )


def _corner(
    knee: Trial,
    trials: Iterable[Trial],
    axes: tuple[AxisFrame, AxisFrame],
    views: Sequence[tuple[float, float] | None],
) -> str:
    """The corner of the knee where its label covers the fewest trials in view."""

    def place(trial: Trial) -> tuple[float, float]:
        x, y = (
            axis.place_in(part or axis.span, value(trial, axis.objective.name))
            for axis, part in zip(axes, views, strict=True)
        )
        return x, y

    return freest_corner(place(knee), [place(trial) for trial in trials if trial is not knee])


def stairs(trials: Iterable[Trial], x: Objective, y: Objective) -> list[Trial]:
    """The trials not dominated in two objectives, by x ascending; of equal points the lowest number."""
    chosen: list[Trial] = []
    for trial in sorted(trials, key=lambda trial: (loss(trial, x), loss(trial, y), trial.number)):
        if not chosen or loss(trial, y) < loss(chosen[-1], y):
            chosen.append(trial)
    return sorted(chosen, key=lambda trial: value(trial, x.name))


def pair_title(x: Objective, y: Objective) -> str:
    """The title of the figure of `y` over `x`."""
    return f"{capitalised(quantity(y.name).label)} against {quantity(x.name).label}"
