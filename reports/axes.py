"""Axes of objectives: linear or logarithmic, and what stands along them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reports.digest import value
from reports.names import quantity
from reports.ticks import decades, tick_text
from studies.model import Objective, Trial

LOG_FROM_RATIO = 10.0
"""An axis is logarithmic when its largest value is at least so many times the smallest."""


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
        low, high = self.span
        return ((math.log10(number) if self.is_log else number) - low) / (high - low) if high > low else 0.5

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
