"""Panels as Plotly traces and axes, and their positions in a figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.data.axes import AxisFrame, log_scaling, whole_steps
from reports.data.params import setting_text
from reports.format.quantities import shortened, significant, written
from reports.html.figure import colour, column
from reports.html.markup import plot_text
from reports.params.encoding import Floats
from reports.params.panels import Panel

Points = str | list[int]
"""A group of trials by its name in the page's data, or trials by number."""

LONG = 24
"""Texts below a panel with more letters than this in all are tilted."""


def panel_traces(axis: AxisFrame, panel: Panel, points: Points, place: int = 0) -> list[dict[str, Any]]:
    """The trials, the trees' spread and the mean prediction of the panel at index `place` of the figure."""
    axes = {"xaxis": f"x{key(place)}", "yaxis": f"y{key(place)}"}
    param, at = panel.effect.param, panel.places
    is_category = param.kind == "category"
    codes = dict(zip(map(setting_text, panel.effect.settings), at, strict=True)) if is_category else None
    trials = {
        **axes,
        "type": "scatter",
        "mode": "markers",
        "name": "trials",
        "x": column(f"param.{param.name}", points, codes),
        "y": column(axis.column, points, fallback=f"metric.{axis.objective.name}"),
        "customdata": column("number", points),
        "hoverinfo": "none",
        "marker": {"color": colour("dominated", 0.4), "size": 5},
    }
    name = axis.objective.name
    mean = {
        **axes,
        "type": "scatter",
        "name": "prediction",
        "x": at,
        "y": _short(panel.mean),
        "text": [
            f"{plot_text(param.label)} {plot_text(setting_text(setting))}: {written(name, float(middle))}"
            f"<br>half of the trees: {written(name, float(low))} to {written(name, float(high))}"
            for setting, middle, low, high in zip(
                panel.effect.settings, panel.mean, panel.low, panel.high, strict=True
            )
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }
    if is_category:
        bars = {
            "type": "data",
            "symmetric": False,
            "array": _short((panel.high - panel.mean).clip(0)),
            "arrayminus": _short((panel.mean - panel.low).clip(0)),
            "color": colour("front"),
            "thickness": 2,
            "width": 5,
        }
        return [
            trials,
            mean | {"mode": "markers", "error_y": bars, "marker": {"color": colour("front"), "size": 9}},
        ]
    band = {
        **axes,
        "type": "scatter",
        "mode": "lines",
        "name": "trees",
        "x": [*at, *reversed(at)],
        "y": [*_short(panel.low), *reversed(_short(panel.high))],
        "fill": "toself",
        "fillcolor": colour("front", 0.22),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    line = {"mode": "lines+markers", "line": {"color": colour("front"), "width": 2.5}}
    return [trials, band, mean | line | {"marker": {"color": colour("front"), "size": 4}}]


def param_axis(panel: Panel) -> dict[str, Any]:
    """The axis of a panel's settings, without a title."""
    turned, at = panel.effect, panel.places
    axis: dict[str, Any] = {"fixedrange": True, "automargin": True}
    if turned.param.kind == "category":
        texts = [plot_text(shortened(setting_text(item), 12)) for item in turned.settings]
        tilt = {"tickangle": -35} if sum(map(len, texts)) > LONG else {}
        return axis | {"tickvals": at, "ticktext": texts, "range": [-0.6, len(at) - 0.4]} | tilt
    if turned.param.is_log:
        low, high = np.log10(at[0]), np.log10(at[-1])
        margin = 0.04 * (high - low)
        span = [float(low - margin), float(high + margin)]
        return axis | log_scaling(float(low), float(high)) | {"range": span}
    margin = 0.04 * (at[-1] - at[0])
    is_whole = all(place.is_integer() for place in at)
    return (
        axis
        | {"range": [at[0] - margin, at[-1] + margin]}
        | (whole_steps(int(at[-1] - at[0])) if is_whole else {})
    )


def _short(numbers: Floats) -> list[float]:
    """Numbers to six digits, which a figure cannot show more of."""
    return [significant(number) for number in numbers]


def slot(place: int, n_slots: int, gap: float) -> list[float]:
    """The domain of one of n panels along a side from 0 to 1, with a gap between two."""
    width = (1 - gap * (n_slots - 1)) / n_slots
    start = place * (width + gap)
    return [start, min(1.0, start + width)]


def from_top(place: int, n_slots: int, gap: float) -> list[float]:
    """The same along a vertical side, with the first panel on top."""
    return slot(n_slots - 1 - place, n_slots, gap)


def key(place: int) -> str:
    """The suffix of the names of a panel's axes in Plotly: "" for the first, "2" for the second."""
    return "" if place == 0 else str(place + 1)
