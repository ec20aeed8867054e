"""How an objective moves with each of its most important params: partial dependence with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

from reports.data.axes import AxisFrame, axis_frame
from reports.data.digest import Digest, value
from reports.format.quantities import quantity
from reports.html.figure import Card
from reports.params.effect import effect
from reports.params.fanova import Analysis
from reports.params.panels import Panel, panel_of, panel_span
from studies.model import Objective

N_PANELS = 4
N_POINTS = 400


@dataclass(frozen=True)
class DependenceFrame:
    """One objective and its most important params, the most important one first.

    axis: of the objective; span: the range that the figure opens on, in the units of the axis.
    points: the numbers of the trials that are drawn, at most 400 of n_trials;
    n_beyond: how many of them lie outside the span.
    """

    objective: Objective
    panels: list[Panel]
    axis: AxisFrame
    span: tuple[float, float]
    points: list[int]
    n_beyond: int
    n_trials: int
    explained: float


def dependence_frame(
    digest: Digest, objective: Objective, analysis: Analysis | str
) -> DependenceFrame | Card:
    """The frame of one objective, or why there is none. analysis: of the objective, by `analysed`."""
    title = dependence_title(objective)
    if isinstance(analysis, str):
        return Card(title, analysis)
    forest, single = analysis.forest, analysis.shares.single
    leading = sorted(forest.params, key=lambda param: -single[param.name])
    effects = [(param, effect(forest, param)) for param in leading[: N_PANELS + 2]]
    panels = [panel_of(turned, single[param.name]) for param, turned in effects if turned][:N_PANELS]
    if not panels:
        return Card(title, "No param has two settings among the trials in which it is active.")
    known = digest.known(objective.name)
    axis = axis_frame(known, objective)
    low, high = panel_span(known, axis, panels)
    points = forest.trials[:N_POINTS]
    return DependenceFrame(
        objective=objective,
        panels=panels,
        axis=axis,
        span=(low, high),
        points=[trial.number for trial in points],
        n_beyond=sum(not low <= axis.position(value(trial, objective.name)) <= high for trial in points),
        n_trials=len(known),
        explained=forest.explained,
    )


def dependence_title(objective: Objective) -> str:
    """The title of the figure of an objective."""
    return f"How {quantity(objective.name).label} moves with each param"
