"""Axes of objectives: linear or logarithmic, their range and their ticks."""

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
"""Margin on each side of an axis that opens on a part of its values, as a share of that part."""


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
        """The column of the page's data that holds its values."""
        return f"value.{self.objective.name}"

    def place(self, number: float) -> float:
        """The position of a value from the lowest (0) to the highest (1); 0.5 if these are equal."""
        return self.place_in(self.span, number)

    def place_in(self, part: tuple[float, float], number: float) -> float:
        """The position of a value from 0 to 1 in a part of the axis, given in the units of `span`."""
        low, high = part
        return (self.position(number) - low) / (high - low) if high > low else 0.5

    def position(self, number: float) -> float:
        """A value in the units of `span`: its log10 where the axis is logarithmic."""
        return math.log10(number) if self.is_log else number

    @property
    def better(self) -> str:
        """Which values are better: "more" or "less"."""
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
    """The part of an axis to open on, with a margin, in the units of `span`; None for the whole axis.

    The part is the range of `fenced`, widened to include the trials numbered in `kept`. The whole axis is
    shown where the part would not be much narrower (`WORTH_CUTTING`).
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
    """The range of values that a figure should resolve.

    From the best value to the worst, but on the bad side no further than 1.5 times the distance between
    the quartiles beyond the nearer one (Tukey's fence), so that one failed training does not squeeze all
    other trials together.
    """
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    quarter, three_quarters = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    fence = 1.5 * (three_quarters - quarter)
    if objective.direction == "maximize":
        return max(low, quarter - fence), high
    return low, min(high, three_quarters + fence)


def scaling(frame: AxisFrame) -> dict[str, Any]:
    """Type and ticks of a Plotly axis: linear, or logarithmic with round ticks."""
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
    """The setting of a Plotly axis that keeps ticks on whole numbers, for counts up to 10."""
    return {"dtick": 1} if highest <= 10 else {}
