"""The hypervolumes of several studies as step curves, in percent of the common front's."""

from __future__ import annotations

from reports.compare.front_figure import SYMBOLS, Drawing, name_of, token
from reports.compare.growth import Along, Growth, GrowthFrame, growth_title
from reports.data.axes import whole_steps
from reports.format.quantities import counted, listed
from reports.html.figure import Figure, colour


def draw_growth(frame: GrowthFrame) -> Figure:
    """Each study's hypervolume in percent of the common front's, over its finished trials or their epochs."""
    is_by_trial = frame.along == "trials"
    layout = {
        "xaxis": {
            "title": {"text": "Finished trials" if is_by_trial else "Epochs trained, all trials together"},
            "rangemode": "tozero",
            **(whole_steps(max(len(curve.numbers) for curve in frame.curves)) if is_by_trial else {}),
        },
        "yaxis": {"title": {"text": "Hypervolume, % of the common front"}, "rangemode": "tozero"},
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 10, "b": 46},
    }
    ends = [
        f"{curve.member.name} {curve.percent[-1] if curve.percent else 0:.1f} %" for curve in frame.curves
    ]
    traces = [trace for curve in frame.curves if curve.numbers for trace in _traces(curve, frame.along)]
    caption = "From one reference point for all studies; 100 % is what all of them together dominate."
    if not is_by_trial:
        caption += " A trial counts with its epochs when it has finished, however it ended."
    return Figure(
        id=f"growth-{frame.along}",
        title=growth_title(frame.along),
        alt=f"Step curves of the hypervolume of each study over {frame.along}; at the end {listed(ends)}.",
        drawing={"data": traces, "layout": layout},
        caption=caption,
        height=340,
    )


def _traces(curve: Growth, along: Along) -> list[Drawing]:
    """The curve of a study, and a mark at each trial that raised it and at the end."""
    look = colour(token(curve.place))
    last = len(curve.numbers) - 1
    marked = [i for i, grew in enumerate(curve.grew) if grew or i == last]
    line: Drawing = {
        "type": "scatter",
        "mode": "lines",
        "meta": curve.place,
        "x": [0, *curve.along],
        "y": [0.0, *curve.percent],
        "line": {"shape": "hv", "color": look, "width": 2},
        "hoverinfo": "skip",
    }
    unit = "trial" if along == "trials" else "epoch"
    texts = [
        f"<b>{name_of(curve.member)}</b>, after {counted(curve.along[i], unit)}: {curve.percent[i]:.1f} %<br>"
        + (f"raised by trial {curve.numbers[i]}" if curve.grew[i] else "its end")
        for i in marked
    ]
    marks: Drawing = {
        "type": "scatter",
        "mode": "markers",
        "meta": curve.place,
        "x": [curve.along[i] for i in marked],
        "y": [curve.percent[i] for i in marked],
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 7, "symbol": SYMBOLS[curve.place], "color": look},
    }
    return [line, marks]
