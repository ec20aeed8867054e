"""Hypervolume of the front over the finished trials, over the epochs spent, and over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

from reports.data.digest import Digest
from reports.format.study_time import study_clock
from reports.html.figure import Card
from studies.pareto import finishing_order, hypervolume_curve, study_reference_point

NEARLY = 0.9
"""The caption says when this share of the final hypervolume was reached."""

TITLE = "Hypervolume over trials, epochs and time"


@dataclass(frozen=True)
class HypervolumeFrame:
    """One entry a finished trial, in the order in which they finished.

    numbers: of the trials. volume: the hypervolume after each, in the product of the objectives' units.
    share: the volume divided by the last one, 0 to 1. reference: the reference point.
    grew: whether the trial increased it.
    epochs: the sum over this trial and all that finished before it, in whatever state.
    seconds: from the study's start to the trial's end without pauses; empty if some trial has no end time.
    cuts: the pauses, as their position in these seconds and their length.
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
