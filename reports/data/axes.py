"""Axes of objectives: linear or logarithmic, and what stands along them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reports.data.digest import value
from reports.format.quantities import quantity
from reports.format.ticks import decades, tick_text
from studies.model import Objective, Trial

LOG_FROM_RATIO = 10.0
"""An axis is logarithmic when its largest value is at least so many times the smallest."""


WORTH_CUTTING = 0.6
"""An axis opens on a part of its values when that part is at most this share of the whole."""

MARGIN = 0.06
"""Room on each side of the values of an axis that opens on a part, as a share of the part."""


@dataclass(frozen=True)
class AxisFrame:
    """The axis of one objective.

    span: lowest and highest value, as log10 where the axis is logarithmic.
    """

    objective: Objective
    is_log: bool
    span: tuple[float, float]

    @property
    def column(self) -> str:
        """Where its values stand in the page's data."""
        return f"value.{self.objective.name}"

    def place(self, number: float) -> float:
        """Where a value stands between the lowest (0) and the highest (1); 0.5 where these are equal."""
        return self.place_in(self.span, number)

    def place_in(self, part: tuple[float, float], number: float) -> float:
        """Where a value stands between the ends of a part of the axis, given as `span` is."""
        low, high = part
        return (self.position(number) - low) / (high - low) if high > low else 0.5

    def position(self, number: float) -> float:
        """A value as the axis counts: its log10 where the axis is logarithmic."""
        return math.log10(number) if self.is_log else number

    @property
    def better(self) -> str:
        """Which way a user gains: "more" or "less"."""
        return "more" if self.objective.direction == "maximize" else "less"


def axis_frame(trials: Iterable[Trial], objective: Objective) -> AxisFrame:
    """The axis that holds all given trials, at least one, each with a finite value.

    Logarithmic for positive values that spread over a decade or more; never for percentages.
    """
    values = [value(trial, objective.name) for trial in trials]
    low, high = min(values), max(values)
    is_log = quantity(objective.name).kind != "percent" and 0 < LOG_FROM_RATIO * low <= high
    span = (math.log10(low), math.log10(high)) if is_log else (low, high)
    return AxisFrame(objective, is_log, span)


def view(frame: AxisFrame, trials: Sequence[Trial], kept: Collection[int]) -> tuple[float, float] | None:
    """The part of an axis to open on, with a margin, as log10 where it is logarithmic; None for all of it.

    What is `fenced`, widened to hold the trials numbered in `kept`. All of it where the part would not be
    much narrower (`WORTH_CUTTING`) than the whole.
    """
    name = frame.objective.name
    places = [(frame.position(value(trial, name)), trial.number in kept) for trial in trials]
    low, high = fenced([place for place, _ in places], frame.objective)
    held = [place for place, is_kept in places if is_kept]
    low, high = min([low, *held]), max([high, *held])
    margin = MARGIN * (high - low)
    is_worth = 0 < high - low < WORTH_CUTTING * (frame.span[1] - frame.span[0])
    return (low - margin, high + margin) if is_worth else None


def outside(
    trials: Iterable[Trial], frames: Sequence[AxisFrame], views: Sequence[tuple[float, float] | None]
) -> list[int]:
    """The numbers of the trials that lie beyond the `view` of some axis."""
    cut = [(frame, part) for frame, part in zip(frames, views, strict=True) if part]
    return [
        trial.number
        for trial in trials
        if any(
            not low <= frame.position(value(trial, frame.objective.name)) <= high
            for frame, (low, high) in cut
        )
    ]


def fenced(values: list[float], objective: Objective) -> tuple[float, float]:
    """The range of values worth telling apart.

    From the best value to the worst, but on the bad side no further than 1.5 times the distance between
    the quartiles beyond the nearer one (Tukey's fence), so that one failed training does not wash out all.
    """
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    quarter, three_quarters = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    fence = 1.5 * (three_quarters - quarter)
    if objective.direction == "maximize":
        return max(low, quarter - fence), high
    return low, min(high, three_quarters + fence)


def scaling(frame: AxisFrame) -> dict[str, Any]:
    """The part of a Plotly axis that says how values become places; round ticks on a logarithmic axis."""
    if not frame.is_log:
        return {"type": "linear"}
    return log_scaling(*frame.span)


def log_scaling(low: float, high: float) -> dict[str, Any]:
    """The same for a logarithmic axis between two values given as log10.

    The decades of both ends are filled with ticks, since the axis is drawn a little wider than its values.
    """
    values = [10**place for place in decades(low, high)]
    return {"type": "log", "tickvals": values, "ticktext": [tick_text(number) for number in values]}


def whole_steps(highest: int) -> dict[str, Any]:
    """The part of a Plotly axis that keeps the ticks of a short count on whole numbers."""
    return {"dtick": 1} if highest <= 10 else {}
