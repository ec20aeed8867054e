"""The fronts of several studies as scatter plots, one for each pair of objectives."""

from __future__ import annotations

from typing import Any

from reports.compare.frame import CompareFrame, Member
from reports.compare.front import CompareFrontFrame
from reports.data.digest import value
from reports.format.quantities import counted, listed, quantity, shortened, with_unit
from reports.front.front import pair_title
from reports.front.front_figure import pair_axis
from reports.html.figure import Figure, colour
from reports.html.markup import Html, plot_text, tag
from studies.model import Trial

SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "triangle-down",
    "cross",
    "x",
    "star",
)
"""The shape of each study's marks in figures, by its index; `MARKS` are the same shapes as text."""

MARKS = ("●", "■", "◆", "▲", "▼", "✚", "✖", "★")

_LONGEST_NAME = 40

Drawing = dict[str, Any]


def draw_fronts(pair: CompareFrontFrame, frame: CompareFrame, figure_id: str) -> Figure:
    """Per study a step line of the best in the pair, and its front; marks on the common front are filled."""
    traces: list[Drawing] = []
    for place, member in enumerate(frame.members):
        traces.append(_steps(pair, place))
        traces.append(_marks(pair, member, place))
    layout = {
        "xaxis": pair_axis(pair.x, pair.x_view),
        "yaxis": pair_axis(pair.y, pair.y_view),
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 10, "b": 46},
    }
    x, y = pair.x.objective, pair.y.objective
    counts = [f"{member.name} {counted(len(member.front), 'trial')}" for member in frame.members]
    return Figure(
        id=figure_id,
        title=pair_title(x, y),
        alt=f"Scatter plot of {quantity(y.name).label} over {quantity(x.name).label} with the front of each "
        f"study: {listed(counts)}. The tables below hold the numbers.",
        drawing={"data": traces, "layout": layout},
        narrow={"margin": {"l": 52, "r": 8, "t": 8, "b": 44}},
        whole={"xaxis": {"autorange": True}, "yaxis": {"autorange": True}} if pair.n_outside else {},
        aside=_outside(pair.n_outside, figure_id),
    )


def _steps(pair: CompareFrontFrame, place: int) -> Drawing:
    x, y = pair.x.objective, pair.y.objective
    return {
        "type": "scatter",
        "mode": "lines",
        "meta": place,
        "x": [value(trial, x.name) for trial in pair.stairs[place]],
        "y": [value(trial, y.name) for trial in pair.stairs[place]],
        "hoverinfo": "skip",
        "line": {
            "shape": "hv" if x.direction == "minimize" else "vh",
            "color": colour(token(place), 0.55),
            "width": 1.5,
        },
    }


def _marks(pair: CompareFrontFrame, member: Member, place: int) -> Drawing:
    x, y, trials = pair.x.objective, pair.y.objective, pair.fronts[place]
    is_common = [trial.number in member.on_common for trial in trials]
    return {
        "type": "scatter",
        "mode": "markers",
        "meta": place,
        "x": [value(trial, x.name) for trial in trials],
        "y": [value(trial, y.name) for trial in trials],
        "text": [_hover_text(member, trial) for trial in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "opacity": 1,
            "size": [10 if is_kept else 9 for is_kept in is_common],
            "symbol": [SYMBOLS[place] + ("" if is_kept else "-open") for is_kept in is_common],
            "color": colour(token(place)),
            "line": {
                "color": [colour("paper" if is_kept else token(place)) for is_kept in is_common],
                "width": [1 if is_kept else 1.6 for is_kept in is_common],
            },
        },
    }


def _hover_text(member: Member, trial: Trial) -> str:
    """Study and number of a trial, its values, and whether it is on the common front."""
    lines = [f"<b>{name_of(member)}</b>, trial {trial.number}"]
    lines += [
        f"{quantity(objective.name).label} {with_unit(objective.name, value(trial, objective.name))}"
        for objective in member.study.info.objectives
    ]
    lines.append("on the common front" if trial.number in member.on_common else "bettered by another study")
    return "<br>".join([lines[0], *map(plot_text, lines[1:])])


def _outside(n_outside: int, figure_id: str) -> Html | None:
    """How many points are out of view at first, and a button that shows them."""
    if not n_outside:
        return None
    button = tag(
        "button", "Show all", type="button", class_="whole", aria_pressed="false", data_whole=figure_id
    )
    verb = "lies" if n_outside == 1 else "lie"
    text = f"{counted(n_outside, 'trial')} of the fronts {verb} far outside this view. "
    return tag("p", text, button, class_="outside")


def name_of(member: Member) -> str:
    """A study's name in a figure: shortened, and no markup."""
    return plot_text(shortened(member.name, _LONGEST_NAME))


def token(place: int) -> str:
    """The colour token of a member, by its index."""
    return f"study-{place + 1}"
