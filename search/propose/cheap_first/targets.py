"""What matters of a trial: its objectives and the metrics that have limits, cheap ones and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.constraints import Bounds
from snncore.config.metrics import METRICS, PROBED
from studies.model import Objective

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """One metric. Everything after this file is a *cost*, which is minimised: sign * value.

    is_cheap: known exactly from a probe. is_objective: else it is only limited. reference: the user's own
    coordinate of the reference point, as a cost. low, high: the costs that its limits allow.
    """

    name: str
    is_cheap: bool
    is_objective: bool
    sign: float
    reference: float | None = None
    low: float = -np.inf
    high: float = np.inf

    @property
    def is_limited(self) -> bool:
        """Whether some cost would violate a limit."""
        return bool(np.isfinite(self.low) or np.isfinite(self.high))

    def allows(self, costs: Floats) -> NDArray[np.bool_]:
        """Which costs violate no limit; NaN violates none."""
        is_allowed: NDArray[np.bool_] = ~((costs < self.low) | (costs > self.high))
        return is_allowed


def targets_of(objectives: Sequence[Objective], limits: Mapping[str, Bounds]) -> list[Target]:
    """The objectives in their order, then the metrics that only have limits."""
    targets = []
    for objective in objectives:
        sign = -1.0 if objective.direction == "maximize" else 1.0
        reference = None if objective.reference is None else sign * objective.reference
        low, high = _allowed(limits.get(objective.name, Bounds()), sign)
        targets.append(Target(objective.name, objective.name in PROBED, True, sign, reference, low, high))
    names = {objective.name for objective in objectives}
    for name, bounds in limits.items():
        if name not in names:
            sign = -1.0 if name in METRICS and METRICS[name].better == "maximize" else 1.0
            targets.append(Target(name, name in PROBED, False, sign, None, *_allowed(bounds, sign)))
    return targets


def _allowed(bounds: Bounds, sign: float) -> tuple[float, float]:
    low = -np.inf if bounds.min is None else bounds.min
    high = np.inf if bounds.max is None else bounds.max
    return (low, high) if sign > 0 else (-high, -low)
