"""How the front grew: hypervolume over the finished trials."""

from __future__ import annotations

from dataclasses import dataclass

from reports.axes import whole_steps
from reports.digest import Digest
from reports.figure import Card, Figure, colour
from reports.names import counted, listed, percent, with_unit
from studies.pareto import finishing_order, hypervolume_curve, study_reference_point

NEARLY = 0.9
"""The share of the final hypervolume whose first reaching is told in words."""


@dataclass(frozen=True)
class HypervolumeFrame:
    """One entry a finished trial, in the order in which they finished.

    numbers: the trial. volume: the hypervolume after it, in the product of the objectives' units.
    share: the same over the last value, 0 to 1. reference: the point it is measured from.
    grew: whether this trial added to it.
    """

    numbers: list[int]
    volume: list[float]
    share: list[float]
    grew: list[bool]
    reference: dict[str, float]

    @property
    def n_nearly(self) -> int:
        """After how many trials the front first had nearly (90 %) its final hypervolume."""
        return next(i for i, share in enumerate(self.share, start=1) if share >= NEARLY)


def hypervolume_frame(digest: Digest) -> HypervolumeFrame | Card:
    """The frame of the curve, or why there is none."""
    title = "Hypervolume over trials"
    reference = study_reference_point(digest.study) if digest.objectives else None
    if not digest.front or reference is None:
        return Card(title, "No trial has finished within the limits, so nothing is enclosed yet.")
    volume = [float(value) for value in hypervolume_curve(digest.study)]
    if volume[-1] <= 0:
        return Card(
            title,
            "The hypervolume is zero: no trial is better than the reference point in every objective, "
            "as when there is one trial, or all are equal in an objective.",
        )
    return HypervolumeFrame(
        numbers=[trial.number for trial in finishing_order(digest.study)],
        volume=volume,
        share=[value / volume[-1] for value in volume],
        grew=[after > before for before, after in zip([0.0, *volume], volume, strict=False)],
        reference=dict(zip([item.name for item in digest.objectives], reference, strict=True)),
    )


def draw_hypervolume(frame: HypervolumeFrame) -> Figure:
    """The curve as steps, in percent of its last value, with a mark at each trial that raised it."""
    counts = list(range(1, len(frame.numbers) + 1))
    height = [100 * share for share in frame.share]
    steps = [i for i, grew in enumerate(frame.grew) if grew]
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": counts,
        "y": height,
        "line": {"shape": "hv", "color": colour("front"), "width": 2},
        "fill": "tozeroy",
        "fillcolor": colour("front", 0.1),
        "hoverinfo": "skip",
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        "x": [counts[i] for i in steps],
        "y": [height[i] for i in steps],
        "customdata": [frame.numbers[i] for i in steps],
        "hovertemplate": "after %{x} trials: %{y:.1f}\u00a0%<br>raised by trial %{customdata}<extra></extra>",
        "marker": {"size": 7, "color": colour("front"), "line": {"color": colour("paper"), "width": 1}},
    }
    layout = {
        "xaxis": {"title": {"text": "Finished trials"}, "rangemode": "tozero", **whole_steps(len(counts))},
        "yaxis": {"title": {"text": "Hypervolume, % of final"}, "range": [0, 106], "automargin": True},
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 10, "b": 46},
    }
    corner = listed([with_unit(name, value) for name, value in frame.reference.items()])
    return Figure(
        id="hypervolume",
        title="Hypervolume over trials",
        alt=f"Step curve of the hypervolume after each of {counted(len(counts), 'finished trial')}; "
        f"{percent(NEARLY)} of the final value was reached after {frame.n_nearly:,}.",
        drawing={"data": [line, marks], "layout": layout},
        caption=f"The volume of objective space that the front dominates, measured from {corner}. "
        f"Each mark is a trial that raised it; {percent(NEARLY)} of the final value was there after "
        f"{counted(frame.n_nearly, 'trial')}.",
        height=320,
    )
