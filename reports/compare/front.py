"""The fronts of several studies, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.compare.frame import CompareFrame
from reports.data.axes import AxisFrame, axis_frame, outside, view
from reports.front.front import pair_title, stairs
from reports.html.figure import Card
from studies.model import Objective, Trial
from studies.pareto import rankable


@dataclass(frozen=True)
class CompareFrontFrame:
    """One pair of objectives. Per member: its front, and its best trials in this pair, by x ascending.

    x_view, y_view: the part of each axis to open on, None for all of it. n_outside: trials beyond it.
    """

    x: AxisFrame
    y: AxisFrame
    fronts: tuple[tuple[Trial, ...], ...]
    stairs: tuple[tuple[Trial, ...], ...]
    x_view: tuple[float, float] | None
    y_view: tuple[float, float] | None
    n_outside: int


def front_frame(frame: CompareFrame, x: Objective, y: Objective) -> CompareFrontFrame | Card:
    """The fronts over a pair of objectives, or why there are none."""
    shown = [trial for member in frame.members for trial in member.front]
    if not shown:
        return Card(pair_title(x, y), "No trial of any study has finished within its limits.")
    axes = (axis_frame(shown, x), axis_frame(shown, y))
    views = [view(axis, shown, ()) for axis in axes]
    return CompareFrontFrame(
        x=axes[0],
        y=axes[1],
        fronts=tuple(member.front for member in frame.members),
        stairs=tuple(tuple(stairs(rankable(member.study), x, y)) for member in frame.members),
        x_view=views[0],
        y_view=views[1],
        n_outside=len(outside(shown, axes, views)),
    )


def pairs(objectives: Sequence[Objective]) -> list[tuple[Objective, Objective]]:
    """Each pair of objectives as (x, y), the earlier one as y."""
    return [(x, y) for place, y in enumerate(objectives) for x in objectives[place + 1 :]]
