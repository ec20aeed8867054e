"""Round values along an axis, with their texts: 1-2-5 steps, on a linear or a logarithmic scale."""

from __future__ import annotations

import math

from reports.format.quantities import NO_BREAK, number_text

Tick = tuple[float, str]
"""The position of a tick (log10 of the value on a logarithmic axis), and its text."""


def ticks(low: float, high: float, is_log: bool = False, is_whole: bool = False) -> list[Tick]:
    """About five ticks in [low, high]; both ends where no two round values lie inside.

    On a logarithmic axis `low` and `high` are log10 of the values. is_whole: steps of 1 at least.
    """
    places = decades(low, high) if is_log else _linear(low, high, is_whole)
    inside = [place for place in places if low - 1e-9 <= place <= high + 1e-9]
    if len(inside) < 2:
        inside = [low, high] if high > low else [low]
    return [(place, tick_text(10**place if is_log else place)) for place in inside]


def decades(low: float, high: float) -> list[float]:
    """Round values of a logarithmic axis from the decade of `low` to that of `high`, as log10."""
    factors = (1, 2, 5) if high - low <= 2.5 else (1, 3) if high - low <= 4 else (1,)
    stride = max(1, round((high - low) / 6))
    exponents = range(math.floor(low), math.ceil(high) + 1, stride)
    return [math.log10(factor) + exponent for exponent in exponents for factor in factors]


def tick_text(value: float) -> str:
    """A round value, short: 0.05, 2,000, 20 k, 1 M."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= size * (1 - 1e-9):
            return f"{number_text(value / (size if letter == 'M' else 1e3))}{NO_BREAK}{letter}"
    return number_text(value)


def _linear(low: float, high: float, is_whole: bool) -> list[float]:
    rough = (high - low) / 5 or 1.0
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    step = max(step, 1.0) if is_whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(step * (first + i), 12) for i in range(7)]
