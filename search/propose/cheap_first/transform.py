"""Scales on which a cost is near to normal: without one, the few worst configs hide all that is good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHIFTS = (0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Where the logarithm's zero may lie: below the best cost, by so many times the way from there to the median.

The median, because a diverged training may cost a thousand times more than all others. At 100 the scale is
nearly a line.
"""


@dataclass(frozen=True)
class Transform:
    """log(cost - floor): steep at the good end, flat at the bad one. Monotone."""

    floor: float
    least: float

    def to(self, costs: Floats) -> Floats:
        """Onto the scale; costs at or below the floor count as the least cost above it."""
        transformed: Floats = np.log(np.maximum(costs - self.floor, self.least))
        return transformed

    def back(self, transformed: Floats) -> Floats:
        """The inverse of `to`; values far beyond anything seen stay finite."""
        costs: Floats = np.exp(np.clip(transformed, -700.0, 700.0)) + self.floor
        return costs

    def steepness(self, costs: Floats) -> Floats:
        """d transformed / d cost."""
        slope: Floats = 1.0 / np.maximum(costs - self.floor, self.least)
        return slope


def logarithm(costs: Floats) -> Transform:
    """The plain logarithm where all costs are positive, as sizes and times are; else `fitted`."""
    if len(costs) and costs.min() > 0:
        return Transform(0.0, float(costs.min()) * 1e-3)
    return fitted(costs)


def fitted(costs: Floats) -> Transform:
    """Of the SHIFTS the one under which the costs (n,) are most likely normal (as Box and Cox 1964)."""
    if not len(costs):
        return Transform(-1.0, 1e-3)
    best = float(costs.min())
    widths = [float(np.median(costs)) - best, float(np.ptp(costs)), abs(best), 1.0]
    unit = next(width for width in widths if width > 0)

    def likelihood(shift: float) -> float:
        transformed = np.log(costs - best + shift * unit)
        return float(-0.5 * len(costs) * np.log(transformed.var() + 1e-12) - transformed.sum())

    shift = max(SHIFTS, key=likelihood) * unit
    return Transform(best - shift, shift * 1e-3)
