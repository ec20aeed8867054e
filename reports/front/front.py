"""The front in pairs: the first objective against each other one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.data.axes import AxisFrame, axis_frame, outside, scaling, view
from reports.data.columns import beyond_noise
from reports.data.digest import Digest, loss, value
from reports.format.label_placement import freest_corner
from reports.format.quantities import capitalised, counted, quantity
from reports.front.cells import Cells, cells, draw_cells
from reports.html.figure import Card, Figure, colour, column, places
from reports.html.markup import Html, plot_text, tag
from studies.model import Objective, Trial

FADED = {"marker": {"opacity": 0.13}, "textfont": {"color": colour("quiet", 0.3)}}
"""How the trials beyond the reader's budgets look."""


@dataclass(frozen=True)
class PairFrame:
    """One pair of objectives. Lists hold trial numbers; values stand in the page's columns.

    front: not dominated with all objectives in view, best first. near: dominated, but not beyond the noise.
    dominated: the other measured trials.
    stairs: the best of this pair alone, by x ascending; among equal points the lowest number.
    knee_corner: on which corner of the knee its label stands, by Plotly's name; None without a knee.
    x_view, y_view: the part of each axis to open on; None for all of it. outside: the trials beyond it.
    cells: the dominated trials of a large study as counts; loose: those of them drawn one by one, else all.
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
        return Card(_title(x, y), "No trial has finished within the limits, so there is no front yet.")
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
    """Where the label of the knee covers the fewest trials of the part that the figure opens on."""

    def place(trial: Trial) -> tuple[float, float]:
        x, y = (
            axis.place_in(part or axis.span, value(trial, axis.objective.name))
            for axis, part in zip(axes, views, strict=True)
        )
        return x, y

    return freest_corner(place(knee), [place(trial) for trial in trials if trial is not knee])


def stairs(trials: Iterable[Trial], x: Objective, y: Objective) -> list[Trial]:
    """The trials not dominated in the plane of two objectives, by x ascending; of equal points one."""
    chosen: list[Trial] = []
    for trial in sorted(trials, key=lambda trial: (loss(trial, x), loss(trial, y), trial.number)):
        if not chosen or loss(trial, y) < loss(chosen[-1], y):
            chosen.append(trial)
    return sorted(chosen, key=lambda trial: value(trial, x.name))


def draw_pair(frame: PairFrame, figure_id: str) -> Figure:
    """The scatter of one pair: dominated trials behind, the pair's best as a step line, front, knee."""
    layout = {
        "xaxis": _axis(frame.x, frame.x_view),
        "yaxis": _axis(frame.y, frame.y_view),
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 10, "b": 46},
    }
    return Figure(
        id=figure_id,
        title=_title(frame.x.objective, frame.y.objective),
        alt=_alt(frame),
        drawing={"data": _traces(frame), "layout": layout},
        caption=_caption(frame.cells),
        height=400,
        narrow={"margin": {"l": 52, "r": 8, "t": 8, "b": 44}},
        whole={"xaxis": {"autorange": True}, "yaxis": {"autorange": True}} if frame.outside else {},
        aside=_controls(len(frame.outside), figure_id),
    )


def _traces(frame: PairFrame) -> list[dict[str, Any]]:
    """From the back to the front; the trials a reader chooses come last."""
    single = "dominated" if frame.cells is None else frame.loose
    pale = {"size": 8, "color": colour("dominated", 0.65)}
    open_circle = {"size": 8, "symbol": "circle-open", "color": colour("front"), "line": {"width": 1.6}}
    full = {"size": 11, "color": colour("front"), "line": {"color": colour("paper"), "width": 1.5}}
    return [
        *([] if frame.cells is None else [draw_cells(frame.cells)]),
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
    """A button for choosing trials by an area; how many trials the figure opens without, and their button."""
    switch = {"type": "button", "aria_pressed": "false"}
    area = tag("button", "Choose an area", **switch, class_="brush", data_brush=figure_id)
    if not n_outside:
        return tag("p", area, class_="outside")
    whole = tag("button", "Show all", **switch, class_="whole", data_whole=figure_id)
    verb = "lies" if n_outside == 1 else "lie"
    told = f" {counted(n_outside, 'dominated trial')} {verb} far outside."
    return tag("p", area, whole, told, class_="outside")


def _caption(found: Cells | None) -> str:
    if found is None:
        return ""
    return (
        f"{counted(found.n_trials, 'dominated trial')} are counted in cells, the darker the more; "
        "what is outside your budgets fades among the single trials only."
    )


def _axis(frame: AxisFrame, part: tuple[float, float] | None) -> dict[str, Any]:
    opened = {} if part is None else {"range": list(part)}
    title = f"{plot_text(quantity(frame.objective.name).title)}, {frame.better} is better"
    return {"title": {"text": title}, "automargin": True, **scaling(frame), **opened}


def _title(x: Objective, y: Objective) -> str:
    return f"{capitalised(quantity(y.name).label)} against {quantity(x.name).label}"


def _alt(frame: PairFrame) -> str:
    x, y = (quantity(axis.objective.name).label for axis in (frame.x, frame.y))
    knee = "" if frame.knee is None else f" The knee is trial {frame.knee}."
    return (
        f"Scatter plot of {y} over {x}: {counted(len(frame.front), 'trial')} on the front, "
        f"{len(frame.dominated) + len(frame.near):,} dominated, {len(frame.near):,} of them within the noise "
        f"of the front.{knee} "
        "The table of the front below holds the numbers."
    )
