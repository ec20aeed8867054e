"""The front in pairs, as scatter plots."""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.data.axes import AxisFrame, scaling
from reports.format.quantities import counted, quantity
from reports.front.cells import Cells
from reports.front.front import PairFrame, pair_title
from reports.html.figure import Figure, colour, column, places
from reports.html.markup import Html, plot_text, tag

FADED = {"marker": {"opacity": 0.13}, "textfont": {"color": colour("quiet", 0.3)}}
"""The look of trials beyond the reader's budgets."""


def draw_pair(frame: PairFrame, figure_id: str) -> Figure:
    """The scatter of one pair: dominated trials behind, the pair's best as a step line, front, knee."""
    layout = {
        "xaxis": pair_axis(frame.x, frame.x_view),
        "yaxis": pair_axis(frame.y, frame.y_view),
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 10, "b": 46},
    }
    return Figure(
        id=figure_id,
        title=pair_title(frame.x.objective, frame.y.objective),
        alt=_alt(frame),
        drawing={"data": _traces(frame), "layout": layout},
        caption=_caption(frame.cells),
        height=400,
        narrow={"margin": {"l": 52, "r": 8, "t": 8, "b": 44}},
        whole={"xaxis": {"autorange": True}, "yaxis": {"autorange": True}} if frame.outside else {},
        aside=_controls(len(frame.outside), figure_id),
    )


def _traces(frame: PairFrame) -> list[dict[str, Any]]:
    """From back to front; the trials that a reader has chosen come last."""
    single = "dominated" if frame.cells is None else frame.loose
    pale = {"size": 8, "color": colour("dominated", 0.65)}
    open_circle = {"size": 8, "symbol": "circle-open", "color": colour("front"), "line": {"width": 1.6}}
    full = {"size": 11, "color": colour("front"), "line": {"color": colour("paper"), "width": 1.5}}
    return [
        *([] if frame.cells is None else [_heat(frame.cells)]),
        _markers(frame, single, "dominated", pale),
        _stairs_line(frame),
        _markers(frame, "near", "near", open_circle),
        _markers(frame, "front", "front", full),
        *_knee(frame),
        {
            **_markers(frame, "selected", "selected", _ring(21, "selected", 3)),
            "hoverinfo": "skip",
            "selectedpoints": None,
        },
    ]


def _markers(frame: PairFrame, rows: str | list[int], name: str, marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": column(frame.x.column, rows),
        "y": column(frame.y.column, rows),
        "customdata": column("number", rows),
        "hoverinfo": "none",
        "marker": marker,
        "selectedpoints": places("within", rows),
        "unselected": FADED,
    }


def _heat(cells: Cells) -> dict[str, Any]:
    """A heat map, darker on a logarithmic scale of counts; empty cells are not drawn."""
    counts = np.array(cells.counts)
    heat = np.log10(np.maximum(counts, 1))
    return {
        "type": "heatmap",
        "name": "dominated in cells",
        "x": cells.x,
        "y": cells.y,
        "z": [
            [round(float(z), 3) if n else None for z, n in zip(zs, ns, strict=True)]
            for zs, ns in zip(heat, counts, strict=True)
        ],
        "zmin": 0,
        "zmax": max(1.0, float(heat.max())),
        "customdata": cells.counts,
        "hovertemplate": "dominated here: %{customdata:,}<extra></extra>",
        "colorscale": [[0, colour("dominated", 0.22)], [1, colour("dominated")]],
        "showscale": False,
    }


def _stairs_line(frame: PairFrame) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "best in this pair",
        "x": column(frame.x.column, frame.stairs),
        "y": column(frame.y.column, frame.stairs),
        "hoverinfo": "skip",
        "line": {
            "shape": "hv" if frame.x.objective.direction == "minimize" else "vh",
            "color": colour("front", 0.55),
            "width": 1.5,
        },
    }


def _knee(frame: PairFrame) -> list[dict[str, Any]]:
    if frame.knee is None:
        return []
    label = {"text": ["knee"], "textposition": frame.knee_corner, "textfont": {"color": colour("knee")}}
    ring = _markers(frame, [frame.knee], "knee", _ring(17, "knee", 2.5))
    return [{**ring, "mode": "markers+text", **label}]


def _ring(size: float, token: str, width: float) -> dict[str, Any]:
    line = {"color": colour(token), "width": width}
    return {"size": size, "symbol": "circle-open", "color": colour(token), "line": line}


def _controls(n_outside: int, figure_id: str) -> Html:
    """A button to choose an area, and how many trials are out of view with a button to show them."""
    switch = {"type": "button", "aria_pressed": "false"}
    area = tag("button", "Choose an area", **switch, class_="brush", data_brush=figure_id)
    if not n_outside:
        return tag("p", area, class_="outside")
    whole = tag("button", "Show all", **switch, class_="whole", data_whole=figure_id)
    verb = "lies" if n_outside == 1 else "lie"
    text = f" {counted(n_outside, 'dominated trial')} {verb} far outside."
    return tag("p", area, whole, text, class_="outside")


def _caption(cells: Cells | None) -> str:
    if cells is None:
        return ""
    return (
        f"{counted(cells.n_trials, 'dominated trial')} are counted in cells, the darker the more; "
        "what is outside your budgets fades among the single trials only."
    )


def pair_axis(frame: AxisFrame, part: tuple[float, float] | None) -> dict[str, Any]:
    """One axis of a pair; `part` is the range to open on, None for all of it."""
    opened = {} if part is None else {"range": list(part)}
    title = f"{plot_text(quantity(frame.objective.name).title)}, {frame.better} is better"
    return {"title": {"text": title}, "automargin": True, **scaling(frame), **opened}


def _alt(frame: PairFrame) -> str:
    x, y = (quantity(axis.objective.name).label for axis in (frame.x, frame.y))
    knee = "" if frame.knee is None else f" The knee is trial {frame.knee}."
    return (
        f"Scatter plot of {y} over {x}: {counted(len(frame.front), 'trial')} on the front, "
        f"{len(frame.dominated) + len(frame.near):,} dominated, {len(frame.near):,} of them within the noise "
        f"of the front.{knee} "
        "The table of the front below holds the numbers."
    )
