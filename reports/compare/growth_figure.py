"""How the hypervolumes of several studies grew, from one reference point."""

from __future__ import annotations

from typing import Literal

from reports.compare.frame import CompareFrame, Member
from reports.compare.front_figure import SYMBOLS, Drawing, name_of, token
from reports.data.axes import whole_steps
from reports.format.quantities import counted, listed
from reports.html.figure import Card, Figure, colour
from studies.pareto import finishing_order

Along = Literal["trials", "epochs"]


def hypervolume_card(frame: CompareFrame, along: Along) -> Card | None:
    """Why the curves cannot be drawn; None where they can."""
    title = f"Hypervolume over {along}"
    if frame.reference is None:
        return Card(
            title, "No trial of any study has finished within its limits, so nothing is enclosed yet."
        )
    if frame.total <= 0:
        return Card(
            title,
            "The hypervolume is zero: no trial is better than the reference point in every objective, "
            "as when all are equal in one.",
        )
    if along == "epochs" and not any(member.epochs and member.epochs[-1] for member in frame.members):
        return Card(title, "No epoch was recorded.")
    return None


def draw_growth(frame: CompareFrame, along: Along) -> Figure | Card:
    """Each study's hypervolume in percent of the common front's, over its finished trials or their epochs."""
    card = hypervolume_card(frame, along)
    if card is not None:
        return card
    traces = [
        trace
        for place, member in enumerate(frame.members)
        if member.curve
        for trace in _growth(frame, member, place, along)
    ]
    words = "Finished trials" if along == "trials" else "Epochs trained, all trials together"
    most = max(len(member.curve) for member in frame.members) if along == "trials" else 11
    layout = {
        "xaxis": {"title": {"text": words}, "rangemode": "tozero", **whole_steps(most)},
        "yaxis": {"title": {"text": "Hypervolume, % of the common front"}, "rangemode": "tozero"},
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 10, "b": 46},
    }
    lasts = [f"{member.name} {100 * member.hypervolume / frame.total:.1f} %" for member in frame.members]
    caption = "From one reference point for all studies; 100 % is what all of them together dominate."
    if along == "epochs":
        caption += " A trial counts with its epochs when it has finished, however it ended."
    return Figure(
        id=f"growth-{along}",
        title=f"Hypervolume over {along}",
        alt=f"Step curves of the hypervolume of each study over {along}; at the end {listed(lasts)}.",
        drawing={"data": traces, "layout": layout},
        caption=caption,
        height=340,
    )


def _growth(frame: CompareFrame, member: Member, place: int, along: Along) -> list[Drawing]:
    """The curve of a study, and a mark at each trial that raised it and at the end."""
    across = list(range(1, len(member.curve) + 1)) if along == "trials" else member.epochs
    height = [100 * volume / frame.total for volume in member.curve]
    before = [0.0, *member.curve[:-1]]
    last = len(height) - 1
    steps = [i for i, volume in enumerate(member.curve) if volume > before[i] or i == last]
    numbers = [trial.number for trial in finishing_order(member.study)]
    line: Drawing = {
        "type": "scatter",
        "mode": "lines",
        "meta": place,
        "x": [0, *across],
        "y": [0.0, *height],
        "line": {"shape": "hv", "color": colour(token(place)), "width": 2},
        "hoverinfo": "skip",
    }
    unit = "trial" if along == "trials" else "epoch"
    texts = [
        f"<b>{name_of(member)}</b>, after {counted(across[i], unit)}: {height[i]:.1f} %<br>"
        + (f"raised by trial {numbers[i]}" if member.curve[i] > before[i] else "its end")
        for i in steps
    ]
    marks: Drawing = {
        "type": "scatter",
        "mode": "markers",
        "meta": place,
        "x": [across[i] for i in steps],
        "y": [height[i] for i in steps],
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 7, "symbol": SYMBOLS[place], "color": colour(token(place))},
    }
    return [line, marks]
