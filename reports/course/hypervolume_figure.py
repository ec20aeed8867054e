"""The hypervolume as a curve over trials, epochs or time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.course.hypervolume import NEARLY, TITLE, HypervolumeFrame
from reports.data.axes import whole_steps
from reports.format.quantities import NO_BREAK, counted, listed, percent, significant, with_unit
from reports.format.study_time import time_unit
from reports.html.choices import choice_buttons
from reports.html.figure import Figure, colour
from reports.html.pause_marks import cut_marks, cuts_text
from spikefront.text import duration


def draw_hypervolume(frame: HypervolumeFrame) -> Figure:
    """The curve as steps, in percent of its last value, with a mark at each trial that raised it."""
    choices = _choices(frame)
    height = [significant(100 * share, 5) for share in frame.share]
    line = {
        "type": "scatter",
        "mode": "lines",
        "y": height,
        "line": {"shape": "hv", "color": colour("front"), "width": 2},
        "fill": "tozeroy",
        "fillcolor": colour("front", 0.1),
        "hoverinfo": "skip",
        **choices["trials"]["data"][0],
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        "y": [y for y, grew in zip(height, frame.grew, strict=True) if grew],
        "customdata": [number for number, grew in zip(frame.numbers, frame.grew, strict=True) if grew],
        "marker": {"size": 7, "color": colour("front"), "line": {"color": colour("paper"), "width": 1}},
        **choices["trials"]["data"][1],
    }
    layout = {
        **choices["trials"]["layout"],
        "yaxis": {"title": {"text": "Hypervolume, % of final"}, "range": [0, 106], "automargin": True},
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 24, "b": 46},
    }
    names = {"trials": "trials", "epochs": "epochs", "time": "time"}
    return Figure(
        id="hypervolume",
        title=TITLE,
        alt=f"Step curve of the hypervolume after each of {counted(len(frame.numbers), 'finished trial')}; "
        f"{percent(NEARLY)} of the final value was reached after {frame.n_nearly:,}.",
        drawing={"data": [line, marks], "layout": layout, "choices": choices},
        caption=_caption(frame),
        height=320,
        aside=choice_buttons(
            "hypervolume", "What the curve is drawn over", {key: names[key] for key in choices}
        ),
    )


def _caption(frame: HypervolumeFrame) -> str:
    corner = listed([with_unit(name, value) for name, value in frame.reference.items()])
    place = frame.n_nearly - 1
    spent = [counted(frame.n_nearly, "trial")]
    if frame.epochs[-1]:
        spent.append(counted(frame.epochs[place], "epoch"))
    if frame.seconds:
        spent.append(duration(frame.seconds[place]))
    text = (
        f"The volume of objective space that the front dominates, measured from {corner}. "
        f"Each mark is a trial that raised it; {percent(NEARLY)} of the final value was there after "
        f"{listed(spent)}. Epochs are those of all trials, stopped and infeasible ones too."
    )
    return " ".join([text, *([cuts_text(frame.cuts)] if frame.cuts else [])])


def _choices(frame: HypervolumeFrame) -> dict[str, dict[str, Any]]:
    """The changes of the drawing for each axis; epochs and time only where they were recorded."""
    counts = list(range(1, len(frame.numbers) + 1))
    after = f"%{{y:.1f}}{NO_BREAK}%<br>raised by trial %{{customdata}}<extra></extra>"
    choices = {
        "trials": _choice(frame, counts, "Finished trials", f"after %{{x:,}} trials: {after}"),
    }
    choices["trials"]["layout"]["xaxis"] |= whole_steps(len(counts))
    if frame.epochs[-1]:
        choices["epochs"] = _choice(frame, frame.epochs, "Epochs spent", f"after %{{x:,}} epochs: {after}")
    if frame.seconds:
        unit, size = time_unit(frame.seconds[-1])
        times = [significant(seconds / size, 5) for seconds in frame.seconds]
        name = f"Time since the start ({unit})"
        choices["time"] = _choice(frame, times, name, f"after %{{x:.3g}}{NO_BREAK}{unit}: {after}")
        choices["time"]["layout"] |= cut_marks(frame.cuts, size)
    return choices


def _choice(frame: HypervolumeFrame, places: Sequence[float], title: str, hover: str) -> dict[str, Any]:
    steps = [place for place, grew in zip(places, frame.grew, strict=True) if grew]
    return {
        "data": [{"x": places}, {"x": steps, "hovertemplate": hover}],
        "layout": {
            "xaxis": {"title": {"text": title}, "rangemode": "tozero", "dtick": None},
            "shapes": [],
            "annotations": [],
        },
    }
