# ruff: noqa: D102 - methods without a docstring do what `Parameter` says
"""Searched fields that are numbers: int and float."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spaces.draw import Draw
from spaces.parameter import Parameter


@dataclass(frozen=True)
class IntRange(Parameter):
    """low, low + step, …, high."""

    low: int
    high: int
    log: bool = False
    step: int = 1

    @property
    def n_values(self) -> int:
        return (self.high - self.low) // self.step + 1

    def values(self) -> Iterator[int]:
        return iter(range(self.low, self.high + 1, self.step))

    def contains(self, value: Any) -> bool:
        is_int = isinstance(value, int) and not isinstance(value, bool)
        return is_int and self.low <= value <= self.high and (value - self.low) % self.step == 0

    def draw(self, name: str, draw: Draw) -> int:
        return draw.int(name, self.low, self.high, self.log, self.step)

    def probes(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        yield ("int", 0), self.low
        yield ("int", 1), self.high

    def distribution(self) -> dict[str, Any]:
        values: dict[str, Any] = {"int": [self.low, self.high]}
        if self.log:
            values["log"] = True
        if self.step != 1:
            values["step"] = self.step
        return values


@dataclass(frozen=True)
class FloatRange(Parameter):
    """A continuous range, or with a step the grid low, low + step, …, high."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def n_values(self) -> int | None:
        if self.low == self.high:
            return 1
        return None if self.step is None else n_steps(self.low, self.high, self.step) + 1

    def values(self) -> Iterator[float]:
        if self.low == self.high:
            return iter([self.low])
        if self.step is None:
            return iter([self.low, self.high])
        return (self._at(index) for index in range(n_steps(self.low, self.high, self.step) + 1))

    def contains(self, value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        if self.step is None:
            return self.low <= value <= self.high
        # A sampler's low + k·step is off by rounding.
        index = (value - self.low) / self.step
        return -1e-6 < index < (self.high - self.low) / self.step + 1e-6 and abs(index - round(index)) < 1e-6

    def draw(self, name: str, draw: Draw) -> float:
        return self._cleaned(draw.float(name, self.low, self.high, self.log, self.step))

    def value(self, name: str, params: Mapping[str, Any]) -> float:
        return self._cleaned(super().value(name, params))

    def probes(self) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        yield ("float", 0), self.low
        yield ("float", 1), self.high

    def distribution(self) -> dict[str, Any]:
        values: dict[str, Any] = {"float": [self.low, self.high]}
        if self.log:
            values["log"] = True
        if self.step is not None:
            values["step"] = self.step
        return values

    def _cleaned(self, value: float) -> float:
        """The number of the grid, 0.3 for 0.30000000000000004, so that equal configs are identical."""
        return float(value) if self.step is None else self._at(round((value - self.low) / self.step))

    def _at(self, index: int) -> float:
        assert self.step is not None
        return float(Decimal(repr(self.low)) + index * Decimal(repr(self.step)))


def n_steps(low: float, high: float, step: float) -> int:
    """How many whole steps lead from low towards high, in decimal arithmetic: 0.1 divides 0.9."""
    return int((Decimal(repr(high)) - Decimal(repr(low))) // Decimal(repr(step)))
