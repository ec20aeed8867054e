"""How the hypervolumes of several studies grew, from one reference point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.compare.frame import CompareFrame, Member
from reports.html.figure import Card
from studies.pareto import finishing_order

Along = Literal["trials", "epochs"]


@dataclass(frozen=True)
class Growth:
    """The curve of one study, one entry for each finished trial.

    place: the index of the study. along: finished trials, or epochs trained so far.
    percent: of the hypervolume of the common front. numbers: of the trials. grew: whether the trial added
    to the hypervolume.
    """

    place: int
    member: Member
    along: list[int]
    percent: list[float]
    numbers: list[int]
    grew: list[bool]


@dataclass(frozen=True)
class GrowthFrame:
    """The curves of all studies over trials or epochs; empty for one without a finished trial."""

    along: Along
    curves: list[Growth]


def growth_title(along: Along) -> str:
    """The title of the figure."""
    return f"Hypervolume over {along}"


def growth_frame(frame: CompareFrame, along: Along) -> GrowthFrame | Card:
    """The curves, or why they cannot be drawn."""
    title = growth_title(along)
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
    curves = [_growth(member, place, along, frame.total) for place, member in enumerate(frame.members)]
    return GrowthFrame(along, curves)


def _growth(member: Member, place: int, along: Along, total: float) -> Growth:
    return Growth(
        place=place,
        member=member,
        along=list(range(1, len(member.curve) + 1)) if along == "trials" else member.epochs,
        percent=[100 * volume / total for volume in member.curve],
        numbers=[trial.number for trial in finishing_order(member.study)],
        grew=[after > before for before, after in zip([0.0, *member.curve], member.curve, strict=False)],
    )
