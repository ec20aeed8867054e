"""How an objective moves with each of its most important params: partial dependence with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.data.axes import AxisFrame, axis_frame, scaling
from reports.data.digest import Digest, value
from reports.format.quantities import counted, listed, percent, quantity, shortened
from reports.html.figure import Card, Figure
from reports.html.markup import plot_text
from reports.params.effect import effect
from reports.params.fanova import Learned
from reports.params.importance import HINT, WEAK
from reports.params.panels import Panel, from_top, key, panel_of, panel_span, panel_traces, param_axis, slot
from studies.model import Objective

N_PANELS = 4
N_POINTS = 400
GAP = 0.035
"""Between two panels, as a share of the figure's width."""

PHONE_PANEL = 210
"""Pixels of height for a panel where they stand one above the other."""


@dataclass(frozen=True)
class DependenceFrame:
    """One objective and its most important params, the first one first.

    axis: how values become places; span: what the figure opens on, as the axis counts.
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


def dependence_frame(digest: Digest, objective: Objective, found: Learned | str) -> DependenceFrame | Card:
    """The frame of one objective, or why there is none. found: what `learned` gave for the objective."""
    title = _title(objective)
    if isinstance(found, str):
        return Card(title, found)
    forest, single = found.forest, found.shares.single
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


def draw_dependence(frame: DependenceFrame, figure_id: str) -> Figure:
    """A panel for each param, side by side with one scale; on a phone one above the other."""
    found = quantity(frame.objective.name)
    traces = [
        trace
        for place, panel in enumerate(frame.panels)
        for trace in panel_traces(frame.axis, panel, frame.points, place)
    ]
    layout: dict[str, Any] = {"showlegend": False, "margin": {"l": 64, "r": 12, "t": 8, "b": 58}}
    narrow: dict[str, Any] = {"margin": {"l": 56, "r": 8, "t": 8, "b": 58}}
    n_panels = len(frame.panels)
    for place, panel in enumerate(frame.panels):
        end = key(place)
        layout[f"xaxis{end}"] = {
            **_titled(panel),
            "anchor": f"y{end}",
            "domain": slot(place, n_panels, GAP),
        }
        layout[f"yaxis{end}"] = {
            **scaling(frame.axis),
            "range": list(frame.span),
            "anchor": f"x{end}",
            "domain": [0, 1],
            "fixedrange": True,
            "showticklabels": place == 0,
            "title": {"text": plot_text(found.title) if place == 0 else ""},
        }
        narrow[f"xaxis{end}"] = {"domain": [0, 1]}
        narrow[f"yaxis{end}"] = {
            "domain": from_top(place, n_panels, 0.36 / n_panels),
            "showticklabels": True,
            "title": {"text": plot_text(found.title)},
        }
    names = [panel.effect.param.label for panel in frame.panels]
    return Figure(
        id=figure_id,
        title=_title(frame.objective),
        alt=f"Predicted {found.label} as each of {listed(names)} is moved and the other params stay.",
        drawing={"data": traces, "layout": layout},
        caption=_caption(frame),
        height=310,
        narrow={**narrow, "height": PHONE_PANEL * n_panels + 70},
    )


def _caption(frame: DependenceFrame) -> str:
    shown = len(frame.points)
    points = "the trials" if shown == frame.n_trials else f"{shown:,} of {frame.n_trials:,} trials"
    cut = f"; {counted(frame.n_beyond, 'trial')} beyond the edge" if frame.n_beyond else ""
    weak = f" {HINT}" if frame.explained < WEAK else ""
    return (
        f"Line or dots: mean of the forest; band or bars: the middle half of its trees; pale: {points}{cut}. "
        f"Out-of-bag R² {frame.explained:.2f}.{weak}"
    )


def _titled(panel: Panel) -> dict[str, Any]:
    turned = panel.effect
    of = f"{turned.n_active:,} of {turned.n_trials:,}"
    note = percent(panel.share) + (f", active in {of}" if turned.n_active < turned.n_trials else "")
    name = plot_text(shortened(turned.param.label))
    return param_axis(panel) | {"title": {"text": f"<b>{name}</b><br>({note})"}}


def _title(objective: Objective) -> str:
    return f"How {quantity(objective.name).label} moves with each param"
