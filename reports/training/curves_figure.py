"""Training curves: one panel for each quantity, over a shared axis of epochs."""

from __future__ import annotations

from typing import Any

from reports.data.axes import log_scaling, whole_steps
from reports.format.quantities import counted
from reports.html.figure import Figure, colour, curve, scale
from reports.html.markup import tag
from reports.training.curves import MOST_DRAWN, CurvesFrame

SELECTED = "selected"
"""The colour token of the trials chosen on the page."""

PANELS = {
    "val_accuracy": "Validation accuracy (%)",
    "train_loss": "Training loss",
    "reliable_share": "Share of reliable samples",
}


def draw_curves(frame: CurvesFrame) -> Figure:
    """A panel for each quantity over a shared axis of epochs; front trials in colour, others in grey."""
    traces: list[dict[str, Any]] = []
    for place, panel in enumerate(frame.panels, start=1):
        axes = {"xaxis": "x", "yaxis": "y" if place == 1 else f"y{place}"}
        if frame.others:
            traces.append(_others(panel) | axes)
        traces += [_front_trial(frame, number, panel) | axes for number in reversed(frame.front)]
        traces.append(_selected(panel) | axes)
    return Figure(
        id="curves",
        title="Training curves",
        alt=f"Line charts over {counted(frame.max_epoch, 'epoch')}: "
        f"{counted(len(frame.front), 'front trial')} in colour, "
        f"{counted(len(frame.others), 'other trial')} in grey.",
        drawing={"data": traces, "layout": _layout(frame)},
        caption="Stronger colours are better in the first objective. Choose a trial above to hide or show "
        "it; trials chosen on this page have diamonds. A curve that ends early belongs to a trial that was "
        f"not trained to the end.{_left_out(frame)}",
        height=90 + 210 * len(frame.panels),
        aside=_switches(frame),
    )


def _left_out(frame: CurvesFrame) -> str:
    if not frame.n_left_out:
        return ""
    more = counted(frame.n_left_out, "more front trial")
    return f" {more} beyond the first {MOST_DRAWN}: drawn when chosen."


def _others(panel: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "others",
        "x": curve("epoch", "others"),
        "y": curve(panel, "others"),
        "connectgaps": False,
        "hoverinfo": "skip",
        "line": {"color": colour("dominated", 0.4), "width": 1},
    }


def _selected(panel: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "selected",
        "x": curve("epoch", "selected"),
        "y": curve(panel, "selected"),
        "customdata": curve("number", "selected"),
        "connectgaps": False,
        "hovertemplate": "trial %{customdata}, epoch %{x}: %{y:.4g}<extra></extra>",
        "line": {"color": colour(SELECTED), "width": 3},
        "marker": {"color": colour(SELECTED), "size": 7, "symbol": "diamond", "maxdisplayed": 40},
    }


def _front_trial(frame: CurvesFrame, number: int, panel: str) -> dict[str, Any]:
    place = frame.front.index(number)
    return {
        "type": "scatter",
        "mode": "lines+markers" if frame.max_epoch == 1 else "lines",
        "name": f"trial {number}",
        "meta": number,
        "x": curve("epoch", [number]),
        "y": curve(panel, [number]),
        "hovertemplate": f"trial {number}, epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        "line": {"color": scale(_position(frame, place)), "width": 2.5},
    }


def _position(frame: CurvesFrame, place: int) -> float:
    return 1.0 - place / max(1, len(frame.front) - 1)


def _layout(frame: CurvesFrame) -> dict[str, Any]:
    n_panels = len(frame.panels)
    gap = 0.07
    height = (1 - gap * (n_panels - 1)) / n_panels
    last = "y" if n_panels == 1 else f"y{n_panels}"
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "Epoch"}, "anchor": last, **whole_steps(frame.max_epoch)},
        "showlegend": False,
        "hovermode": "closest",
        "margin": {"l": 62, "r": 14, "t": 26, "b": 46},
        "annotations": [],
    }
    for place, panel in enumerate(frame.panels):
        top = 1 - place * (height + gap)
        layout["yaxis" if place == 0 else f"yaxis{place + 1}"] = {
            "domain": [max(0.0, top - height), top],
            **(log_scaling(*frame.loss_span) if panel == "train_loss" and frame.loss_span else {}),
        }
        title = {"text": PANELS[panel], "xref": "paper", "yref": "paper", "x": 0, "y": top}
        layout["annotations"].append(
            {**title, "xanchor": "left", "yanchor": "bottom", "showarrow": False, "font": {"size": 13}}
        )
    return layout


def _switches(frame: CurvesFrame) -> Any:
    """A button for each front trial and one for the others; they are also the legend."""
    buttons = [
        tag(
            "button",
            tag("span", class_="swatch", data_position=f"{_position(frame, place):.4f}"),
            f"trial {number}",
            type="button",
            class_="switch",
            aria_pressed="true",
            data_trial=number,
        )
        for place, number in enumerate(frame.front)
    ]
    if frame.others:
        grey = tag("span", class_="swatch swatch-others")
        others = {"type": "button", "class_": "switch", "aria_pressed": "true", "data_trial": "others"}
        buttons.append(tag("button", grey, "others", **others))
    return tag("div", *buttons, class_="switches", role="group", aria_label="Trials shown in the curves")
