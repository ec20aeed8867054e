"""The timeline: bars in the rows of workers, and the utilisation below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.course.outcomes import WORDS
from reports.course.timeline import MAX_BARS, MAX_ROWS, Bar, TimelineFrame
from reports.format.quantities import counted, percent, quantity, shortened, significant, written
from reports.format.study_time import time_unit
from reports.html.figure import Figure, colour
from reports.html.legend import legend_above
from reports.html.markup import plot_text
from reports.html.pause_marks import cut_marks, cuts_text
from spikefront.text import duration
from studies.model import STATES, Trial
from studies.text import three_digits

LOOKS: Mapping[str, tuple[str, float, str]] = {
    "complete": ("front", 0.85, ""),
    "stopped": ("dominated", 0.75, ""),
    "infeasible": ("knee", 0.9, "/"),
    "failed": ("ink", 0.9, "x"),
    "running": ("front", 0.5, "."),
}
"""By state: colour token, opacity and pattern; patterns tell states apart without colours."""

NARROWEST = 1 / 600
"""The least width of a bar as a share of the whole time, so that very short trials stay visible."""

LONGEST_REASON, LONGEST_NAME = 90, 26

USED_PX, GAP_PX = 110, 26
"""Heights of the utilisation, and of the gap between it and the bars."""


def draw_timeline(frame: TimelineFrame) -> Figure:
    """Bars by state above, the utilisation below, over one time axis; without bars the utilisation alone."""
    unit, size = time_unit(frame.elapsed_s)
    bars_px = len(frame.rows) * min(26, max(9, 280 // max(1, len(frame.rows))))
    drawn_px = USED_PX + (GAP_PX + bars_px if frame.rows else 0)
    margin = {"l": 62, "r": 14, "t": 66 if frame.rows else 24, "b": 46}
    traces = _state_traces(frame, size) if frame.rows else []
    alone = "" if frame.rows else " Utilisation only: there are too many trials to draw each."
    return Figure(
        id="timeline",
        title="Trials on their workers" if frame.rows else "Utilisation of the workers",
        alt=f"{counted(frame.n_trials, 'trial')} over {_length(frame.elapsed_s)} on up to "
        f"{counted(frame.slots, 'slot')} at once; trials ran in {percent(frame.used_mean)} of slot time."
        + alone,
        drawing={
            "data": [*traces, _utilisation(frame, size, unit)],
            "layout": {
                **_layout(frame, unit, size),
                **(_panels(frame, bars_px / drawn_px, USED_PX / drawn_px) if frame.rows else _used_axis()),
                "margin": margin,
            },
        },
        caption=_caption(frame),
        height=drawn_px + margin["t"] + margin["b"],
        narrow={"yaxis": {"showticklabels": False}} if frame.has_long_rows else {},
    )


def hover_words(state: str, names: Sequence[str]) -> str:
    """The hover text of the bars of one state, with placeholders for the `hover_values`."""
    lines = [f"<b>trial %{{customdata[0]}}</b>, {WORDS[state]}, %{{customdata[1]}}", "%{customdata[2]}"]
    if state == "complete":
        about = [quantity(name) for name in names]
        lines += [
            f"{plot_text(metric.label)} %{{customdata[{place}]}} {plot_text(metric.unit)}".rstrip()
            for place, metric in enumerate(about, start=3)
        ]
    else:
        lines.append("%{customdata[3]}")
    return "<br>".join(lines) + "<extra></extra>"


def hover_values(trial: Trial, seconds: float, row: str, names: Sequence[str]) -> list[str | int]:
    """Number, duration, epochs and row of a trial; then its objectives if complete, else its reason."""
    about = plot_text(f"{counted(trial.epochs_trained, 'epoch')} on {shortened(row, LONGEST_REASON)}")
    if trial.attempts > 1:
        about += f", begun {trial.attempts:,} times"
    if trial.replicate_of is not None:
        about += f"<br>trains trial {trial.replicate_of} again with another seed"
    first: list[str | int] = [trial.number, _length(seconds), about]
    if trial.state == "complete":
        return [*first, *(written(name, trial.values.get(name)) for name in names)]
    return [*first, plot_text(shortened(trial.reason or "", LONGEST_REASON))]


def _state_traces(frame: TimelineFrame, size: float) -> list[dict[str, Any]]:
    traces = []
    for state in STATES:
        bars = [bar for bar in frame.bars if bar.trial.state == state]
        if bars:
            traces.append(_bars(frame, bars, state, size))
    return traces


def _bars(frame: TimelineFrame, bars: Sequence[Bar], state: str, size: float) -> dict[str, Any]:
    token, opacity, pattern = LOOKS[state]
    least = NARROWEST * frame.elapsed_s
    return {
        "type": "bar",
        "orientation": "h",
        "name": WORDS[state],
        "y": [bar.row for bar in bars],
        "base": [significant(bar.start_s / size, 5) for bar in bars],
        "x": [significant(max(least, bar.seconds) / size, 5) for bar in bars],
        "width": 0.8,
        "customdata": [
            hover_values(bar.trial, bar.seconds, frame.rows[bar.row], frame.objectives) for bar in bars
        ],
        "hovertemplate": hover_words(state, frame.objectives),
        "textposition": "none",
        "marker": {
            "color": colour(token, opacity),
            "line": {"color": colour("paper"), "width": 0.6},
            "pattern": {
                "shape": pattern,
                "fillmode": "overlay",
                "size": 6,
                "solidity": 0.3,
                "fgcolor": colour("paper"),
            },
        },
    }


def _utilisation(frame: TimelineFrame, size: float, unit: str) -> dict[str, Any]:
    places = [significant(edge / size, 5) for edge in frame.edges_s]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "utilisation",
        "showlegend": False,
        "x": places,
        "y": [round(100 * share, 1) for share in [*frame.used, frame.used[-1]]],
        "yaxis": "y2" if frame.rows else "y",
        "line": {"shape": "hv", "color": colour("front"), "width": 1.5},
        "fill": "tozeroy",
        "fillcolor": colour("front", 0.12),
        "hovertemplate": f"from %{{x:.4g}}\u00a0{unit}: %{{y:.0f}}\u00a0% of slots in use<extra></extra>",
    }


def _layout(frame: TimelineFrame, unit: str, size: float) -> dict[str, Any]:
    return {
        "barmode": "overlay",
        "xaxis": {
            "title": {"text": f"Time since the start ({unit})"},
            "range": [0, frame.elapsed_s / size],
            "anchor": "y2" if frame.rows else "y",
        },
        **(_legend_at_top() if frame.rows else {"showlegend": False}),
        **cut_marks(frame.cuts, size),
    }


def _panels(frame: TimelineFrame, bars_share: float, used_share: float) -> dict[str, Any]:
    """The axes of both panels, which take these shares of the height."""
    rows = {
        "tickvals": list(range(len(frame.rows))),
        "ticktext": [plot_text(shortened(name, LONGEST_NAME)) for name in frame.rows],
        "tickfont": {"size": 11},
        "range": [len(frame.rows) - 0.5, -0.5],
        "domain": [1 - bars_share, 1],
        "showgrid": False,
        "automargin": True,
        "fixedrange": True,
    }
    return {"yaxis": rows, "yaxis2": {**_used_axis()["yaxis"], "domain": [0, used_share]}}


def _used_axis() -> dict[str, Any]:
    title = {"text": "Slots in use, %"}
    return {"yaxis": {"title": title, "range": [0, 106], "tickvals": [0, 50, 100], "fixedrange": True}}


def _legend_at_top() -> dict[str, Any]:
    """A legend at the upper edge, above the words of pauses."""
    layout = legend_above()
    layout["legend"] |= {"yref": "container", "y": 1, "yanchor": "top"}
    return layout


def _caption(frame: TimelineFrame) -> str:
    slots = "this slot" if frame.slots == 1 else f"these {frame.slots:,} slots"
    used = f"trials ran in {percent(frame.used_mean)}"
    if frame.trained_mean is not None:
        used += f", and {percent(frame.trained_mean)} went into epochs"
    said = [f"Up to {counted(frame.slots, 'trial')} ran at once. Of the time of {slots}, {used}."]
    if not frame.rows:
        said.append(
            f"With {counted(frame.n_trials, 'trial')} only the share of slots in use is drawn: bars are for "
            f"up to {MAX_BARS:,} trials on {MAX_ROWS} workers."
        )
    again = sum(bar.trial.attempts > 1 for bar in frame.bars)
    if again:
        said.append(
            f"{counted(again, 'trial')} begun more than once: only the seconds of the epochs are drawn, "
            "up to the end."
        )
    if frame.cuts:
        said.append(cuts_text(frame.cuts))
    return " ".join(said)


def _length(seconds: float) -> str:
    return f"{three_digits(seconds)} s" if seconds < 60 else duration(seconds)
