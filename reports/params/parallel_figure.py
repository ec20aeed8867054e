"""Parallel coordinates as Plotly draws them, with a list that keeps a range without a pointer."""

from __future__ import annotations

from typing import Any

from reports.format.quantities import quantity, shortened
from reports.html.figure import Figure, column, scale_and
from reports.html.markup import Html, plot_text, tag
from reports.params.parallel import LINE, ParallelFrame

AXIS_WIDTH = 84

SCALE_SHARE = 0.8
"""Of the colours: the weak-to-strong scale; the rest is for chosen trials."""

MAX_LINE = 22


def draw_parallel(frame: ParallelFrame) -> Figure:
    """The lines, coloured by the first objective; dragging along an axis keeps a range of it."""
    dimensions = []
    for axis in frame.axes:
        options = {} if axis.missing is None else {"missing": axis.missing}
        texts = {stop: _unseen(rank) for rank, stop in enumerate(axis.snaps, start=1)} | dict(axis.ticks)
        stops = sorted(texts)
        dimensions.append(
            {
                "label": "<br>".join(plot_text(line) for line in _folded(axis.label)),
                "values": column(axis.column, "measured", axis.codes, log=axis.is_log, **options),
                "range": list(axis.span),
                "tickvals": stops,
                "ticktext": [texts[stop] for stop in stops],
            }
        )
    low, high = frame.colour_range
    negate = frame.first.direction == "minimize"
    weak, strong = (-high, -low) if negate else (low, high)
    weak = weak if weak < strong else strong - 1
    beyond = weak + (strong - weak) / SCALE_SHARE
    strength = column(
        f"value.{frame.first.name}", "measured", negate=negate, marked={"rows": "marked", "value": beyond}
    )
    lines = {
        "color": strength,
        "colorscale": scale_and("selected", SCALE_SHARE),
        "cmin": weak,
        "cmax": beyond,
    }
    drawing: dict[str, Any] = {
        "type": "parcoords",
        "line": lines,
        "dimensions": dimensions,
        "labelside": "top",
    }
    drawing["uirevision"] = "brush"
    first = quantity(frame.first.name)
    fixed = (
        f" Not shown, since the same in all of these trials: {', '.join(frame.constant)}."
        if frame.constant
        else ""
    )
    return Figure(
        id="parallel",
        title="Every measured trial",
        alt=f"Parallel coordinates of {frame.n_trials:,} trials over {len(frame.axes)} axes, coloured by "
        f"{first.label}.",
        drawing={"data": [drawing], "layout": {"margin": {"l": 56, "r": 48, "t": 64, "b": 18}}},
        caption=f"One line a trial; the stronger its colour, the better its {first.label}; chosen trials "
        "have the colour of their rings. Drag along an axis to keep only the trials in that range, click the "
        f"axis to let go. “–” means that the param was inactive.{fixed}",
        height=430,
        min_width=_width(frame),
        aside=_brushing(frame),
        narrow={"margin": {"l": 48, "r": 40, "t": 64, "b": 18}},
    )


def _brushing(frame: ParallelFrame) -> Html:
    """A list for keeping trials by keyboard, and a count of those kept, which `params.js` writes."""
    options = [
        tag(
            "option",
            f"the best quarter in {quarter.label}",
            value=f"{quarter.axis} {quarter.low!r} {quarter.high!r}",
        )
        for quarter in frame.quarters
    ]
    choice = tag("select", tag("option", "all trials", value=""), *options, data_keep=True)
    return tag(
        "p",
        tag("label", "Keep ", choice),
        tag("span", "", data_kept=True, role="status"),
        tag("button", "Let go", type="button", data_release=True, hidden=True),
        class_="param-choice screen",
    )


def _unseen(rank: int) -> str:
    """An invisible text for each number: Plotly tells ticks apart by their texts, which must differ."""
    return f"{rank:b}".translate({ord("0"): "\u200b", ord("1"): "\u200c"})


def _folded(label: str) -> list[str]:
    """A label on one line or, if it is long, on two, broken at the gap nearest to its middle.

    Plotly has room for two lines above an axis; longer lines are cut.
    """
    gaps = [place for place, character in enumerate(label, start=1) if character in "_. "]
    lines = [label]
    if len(label) > LINE and gaps:
        middle = min(gaps, key=lambda place: abs(place - len(label) / 2))
        lines = [label[:middle].rstrip(), label[middle:]]
    return [shortened(line, MAX_LINE) for line in lines]


def _width(frame: ParallelFrame) -> int:
    """Pixels below which the labels would run into one another."""
    longest = max(len(line) for axis in frame.axes for line in _folded(axis.label))
    return max(AXIS_WIDTH, 7 * longest) * len(frame.axes)
