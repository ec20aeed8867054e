"""Constraints: how far a trial's metrics are beyond their limits, in units of the limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bounds:
    """The allowed range of one metric; None: no limit on that side."""

    max: float | None = None
    min: float | None = None


def violation(value: float, bounds: Bounds) -> float:
    """The larger of both sides' violations, each divided by the size of its limit; feasible when <= 0.

    Divided, so that a sampler that adds violations up weighs MiB and milliseconds alike. A limit of 0
    has no size and divides by 1. Without any limit: 0.
    """
    sides = []
    if bounds.max is not None:
        sides.append((value - bounds.max) / (abs(bounds.max) or 1.0))
    if bounds.min is not None:
        sides.append((bounds.min - value) / (abs(bounds.min) or 1.0))
    return max(sides, default=0.0)


def violations(metrics: Mapping[str, Any], limits: Mapping[str, Bounds]) -> dict[str, float]:
    """The violation of each limit whose metric is known and finite, in the order of `limits`."""
    return {
        name: violation(float(metrics[name]), bounds)
        for name, bounds in limits.items()
        if is_measured(metrics.get(name))
    }


def broken_limits(metrics: Mapping[str, Any], limits: Mapping[str, Bounds]) -> str | None:
    """One sentence naming every limit the metrics violate, or None; unknown metrics violate nothing."""
    sentences = []
    for name, violated in violations(metrics, limits).items():
        value, bounds = float(metrics[name]), limits[name]
        if violated > 0 and bounds.max is not None and value > bounds.max:
            sentences.append(f"{name} {value:.6g} > {bounds.max:.6g}")
        elif violated > 0:
            sentences.append(f"{name} {value:.6g} < {bounds.min:.6g}")
    return ", ".join(sentences) or None


def is_measured(value: Any) -> bool:
    """Whether a metric is there as a finite number, true and false included (NaN and infinity are not)."""
    return isinstance(value, (int, float)) and math.isfinite(value)
