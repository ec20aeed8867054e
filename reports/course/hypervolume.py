"""How the front grew: hypervolume over the finished trials, over the epochs spent, and over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Any

from reports.data.axes import whole_steps
from reports.data.digest import Digest
from reports.format.duration import duration
from reports.format.quantities import counted, listed, percent, with_unit
from reports.format.study_time import study_clock, time_unit
from reports.html.choices import choice_buttons
from reports.html.figure import Card, Figure, colour
from reports.html.pause_marks import cut_marks, cuts_text
from studies.pareto import finishing_order, hypervolume_curve, study_reference_point

NEARLY = 0.9
"""The share of the final hypervolume whose first reaching is told in words."""

TITLE = "Hypervolume over trials, epochs and time"

NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class HypervolumeFrame:
    """One entry a finished trial, in the order in which they finished.

    numbers: the trial. volume: the hypervolume after it, in the product of the objectives' units.
    share: the same over the last value, 0 to 1. reference: the point it is measured from.
    grew: whether this trial added to it.
    epochs: those spent by this trial and all that finished before it, whatever became of them.
    seconds: from the study's start to the trial's end without pauses; empty where some trial has no times.
    cuts: the pauses cut out, as their place in these seconds and their length.
    """

    numbers: list[int]
    volume: list[float]
    share: list[float]
    grew: list[bool]
    reference: dict[str, float]
    epochs: list[int]
    seconds: list[float]
    cuts: list[tuple[float, float]]

    @property
    def n_nearly(self) -> int:
        """After how many trials the front first had nearly (90 %) its final hypervolume."""
        return next(i for i, share in enumerate(self.share, start=1) if share >= NEARLY)


def hypervolume_frame(digest: Digest) -> HypervolumeFrame | Card:
    """The frame of the curve, or why there is none."""
    reference = study_reference_point(digest.study) if digest.objectives else None
    if not digest.front or reference is None:
        return Card(TITLE, "No trial has finished within the limits, so nothing is enclosed yet.")
    volume = [float(value) for value in hypervolume_curve(digest.study)]
    if not math.isfinite(volume[-1]):
        return Card(TITLE, "The objectives' values are too large for their product to be a number.")
    if volume[-1] <= 0:
        return Card(
            TITLE,
            "The hypervolume is zero: no trial is better than the reference point in every objective, "
            "as when there is one trial, or all are equal in an objective.",
        )
    order = finishing_order(digest.study)
    seconds, cuts = _seconds(digest)
    return HypervolumeFrame(
        numbers=[trial.number for trial in order],
        volume=volume,
        share=[value / volume[-1] for value in volume],
        grew=[after > before for before, after in zip([0.0, *volume], volume, strict=False)],
        reference=dict(zip([item.name for item in digest.objectives], reference, strict=True)),
        epochs=list(accumulate(trial.epochs_trained for trial in order)),
        seconds=seconds,
        cuts=cuts,
    )


def _seconds(digest: Digest) -> tuple[list[float], list[tuple[float, float]]]:
    clock = study_clock(digest.recorded)
    ends = [trial.finished_at for trial in finishing_order(digest.study)]
    known = [end for end in ends if end is not None]
    if clock is None or len(known) < len(ends):
        return [], []
    seconds = [clock.seconds(end) for end in known]
    return seconds, [cut for cut in clock.cuts if cut[0] <= seconds[-1]]


def draw_hypervolume(frame: HypervolumeFrame) -> Figure:
    """The curve as steps, in percent of its last value, with a mark at each trial that raised it."""
    choices = _choices(frame)
    height = [float(f"{100 * share:.5g}") for share in frame.share]
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
        spent.append(duration(timedelta(seconds=frame.seconds[place])))
    told = (
        f"The volume of objective space that the front dominates, measured from {corner}. "
        f"Each mark is a trial that raised it; {percent(NEARLY)} of the final value was there after "
        f"{listed(spent)}. Epochs are those of all trials, stopped and infeasible ones too."
    )
    return " ".join([told, *([cuts_text(frame.cuts)] if frame.cuts else [])])


def _choices(frame: HypervolumeFrame) -> dict[str, dict[str, Any]]:
    """What changes with the axis; epochs and time only where they were recorded."""
    counts = list(range(1, len(frame.numbers) + 1))
    after = f"%{{y:.1f}}{NO_BREAK}%<br>raised by trial %{{customdata}}<extra></extra>"
    found = {
        "trials": _choice(frame, counts, "Finished trials", f"after %{{x:,}} trials: {after}"),
    }
    found["trials"]["layout"]["xaxis"] |= whole_steps(len(counts))
    if frame.epochs[-1]:
        found["epochs"] = _choice(frame, frame.epochs, "Epochs spent", f"after %{{x:,}} epochs: {after}")
    if frame.seconds:
        unit, size = time_unit(frame.seconds[-1])
        times = [float(f"{seconds / size:.5g}") for seconds in frame.seconds]
        name = f"Time since the start ({unit})"
        found["time"] = _choice(frame, times, name, f"after %{{x:.3g}}{NO_BREAK}{unit}: {after}")
        found["time"]["layout"] |= cut_marks(frame.cuts, size)
    return found


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
