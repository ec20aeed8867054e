"""Partial dependence as panels side by side."""

from __future__ import annotations

from typing import Any

from reports.data.axes import scaling
from reports.format.quantities import counted, listed, percent, quantity, shortened
from reports.html.figure import Figure
from reports.html.markup import plot_text
from reports.params.dependence import DependenceFrame, dependence_title
from reports.params.importance import HINT, WEAK
from reports.params.panels import Panel
from reports.params.panels_figure import from_top, key, panel_traces, param_axis, slot

GAP = 0.035
"""Between two panels, as a share of the figure's width."""

PHONE_PANEL = 210
"""Pixels of height for a panel where they stand one above the other."""


def draw_dependence(frame: DependenceFrame, figure_id: str) -> Figure:
    """A panel for each param, side by side with one scale; on a phone one above the other."""
    metric = quantity(frame.objective.name)
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
            "title": {"text": plot_text(metric.title) if place == 0 else ""},
        }
        narrow[f"xaxis{end}"] = {"domain": [0, 1]}
        narrow[f"yaxis{end}"] = {
            "domain": from_top(place, n_panels, 0.36 / n_panels),
            "showticklabels": True,
            "title": {"text": plot_text(metric.title)},
        }
    names = [panel.effect.param.label for panel in frame.panels]
    return Figure(
        id=figure_id,
        title=dependence_title(frame.objective),
        alt=f"Predicted {metric.label} as each of {listed(names)} is moved and the other params stay.",
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
