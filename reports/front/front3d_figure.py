"""The front of three objectives as a scatter plot in space."""

from __future__ import annotations

from typing import Any

from reports.data.axes import AxisFrame, scaling
from reports.format.quantities import counted, listed, quantity
from reports.front.front3d import SpaceFrame
from reports.html.figure import Figure, colour, column, scale

_FEW = {"nticks": 5, "title": {"font": {"size": 11}}}

_NARROW = {
    "height": 370,
    "scene": {
        "camera": {"eye": {"x": 2.3, "y": 2.5, "z": 1.2}},
        "xaxis": _FEW,
        "yaxis": _FEW,
        "zaxis": {"nticks": 5, "title": {"text": ""}},
    },
}


def draw_space(frame: SpaceFrame, figure_id: str) -> Figure:
    """The scatter in space; stems down to the floor show where a point stands."""
    strength = column(frame.z.column, "front", negate=frame.z.better == "less")
    front = {
        "size": 6,
        "color": strength,
        "colorscale": scale(),
        "line": {"color": colour("paper"), "width": 1},
        "opacity": 1,
    }
    traces = [
        _points(
            frame, frame.dominated, "dominated", {"size": 3.5, "color": colour("dominated"), "opacity": 0.7}
        ),
        {
            "type": "scatter3d",
            "mode": "lines",
            "name": "stems",
            **frame.stems,
            "hoverinfo": "skip",
            "line": {"color": colour("dominated"), "width": 2},
        },
        _points(frame, frame.near, "near", {"size": 4.5, "symbol": "circle-open", "color": colour("front")}),
        _points(frame, "front", "front", front),
    ]
    if frame.knee is not None:
        ring = {"size": 11, "symbol": "circle-open", "color": colour("knee"), "line": {"width": 3}}
        traces.append(_points(frame, [frame.knee], "knee", ring))
    chosen = {"size": 14, "symbol": "circle-open", "color": colour("selected"), "line": {"width": 4}}
    traces.append({**_points(frame, "selected", "selected", chosen), "hoverinfo": "skip"})
    scene = {
        "xaxis": _axis(frame.x),
        "yaxis": _axis(frame.y),
        "zaxis": _axis(frame.z),
        "camera": {"eye": {"x": 1.4, "y": 1.48, "z": 0.72}, "center": {"x": 0, "y": 0, "z": -0.24}},
        "aspectmode": "manual",
        "aspectratio": {"x": 1.25, "y": 1.25, "z": 0.85},
        "dragmode": "turntable",
    }
    layout = {"scene": scene, "showlegend": False, "margin": {"l": 0, "r": 0, "t": 0, "b": 0}}
    names = listed([quantity(axis.objective.name).label for axis in (frame.z, frame.x, frame.y)])
    n_dominated = len(frame.dominated) + frame.n_unshown + len(frame.near)
    return Figure(
        id=figure_id,
        title=f"Together: {names}",
        alt=f"Scatter plot in space of {names}: {counted(len(frame.front), 'trial')} on the front, "
        f"{n_dominated:,} dominated, {len(frame.near):,} of them within the noise of the front. "
        "The table of the front below holds the numbers.",
        drawing={"data": traces, "layout": layout},
        caption=f"Drag to turn. Height and colour are {quantity(frame.z.objective.name).label}; a stem leads "
        f"from each front trial down to the floor.{_left_out(frame.n_outside)}{_sample(frame)}",
        height=540,
        narrow=_NARROW,
    )


def _left_out(n_outside: int) -> str:
    verb = "is" if n_outside == 1 else "are"
    return f" {counted(n_outside, 'dominated trial')} far off {verb} left out." if n_outside else ""


def _sample(frame: SpaceFrame) -> str:
    if not frame.n_unshown:
        return ""
    n_shown = len(frame.dominated)
    return f" Of {n_shown + frame.n_unshown:,} dominated trials a random {n_shown:,} are shown."


def _points(frame: SpaceFrame, rows: str | list[int], name: str, marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter3d",
        "mode": "markers",
        "name": name,
        "x": column(frame.x.column, rows),
        "y": column(frame.y.column, rows),
        "z": column(frame.z.column, rows),
        "customdata": column("number", rows),
        "hoverinfo": "none",
        "marker": marker,
    }


def _axis(frame: AxisFrame) -> dict[str, Any]:
    return {"title": {"text": quantity(frame.objective.name).title}, **scaling(frame)}
