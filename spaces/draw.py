"""The interface of a sampler, and the simplest one: independent random values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.random import Generator

# Inside a class that has a method `int`, the bare name would mean that method.
_Int = int
_Float = float


class Draw(Protocol):
    """Proposes one value at a time; bounds are inclusive. `name` is the parameter asked for."""

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        """One of the options: None, bools, numbers or text."""
        ...

    def int(self, name: str, low: _Int, high: _Int, log: bool, step: _Int) -> _Int:
        """One of low, low + step, …, high; on a logarithmic scale when `log` (step is 1 then)."""
        ...

    def float(self, name: str, low: _Float, high: _Float, log: bool, step: _Float | None) -> _Float:
        """A number from low to high; on the grid low + k·step when there is a step, never with `log`."""
        ...


class RandomDraw:
    """Independent uniform values, log-uniform where a parameter says `log`; seed the generator to repeat."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        """Each option with the same probability."""
        return options[int(self._generator.integers(len(options)))]

    def int(self, name: str, low: _Int, high: _Int, log: bool, step: _Int) -> _Int:
        """Uniform; with `log`, log-uniform over [low − ½, high + ½], rounded."""
        if not log:
            return low + step * int(self._generator.integers((high - low) // step + 1))
        drawn = math.exp(self._generator.uniform(math.log(low - 0.5), math.log(high + 0.5)))
        return min(max(round(drawn), low), high)

    def float(self, name: str, low: _Float, high: _Float, log: bool, step: _Float | None) -> _Float:
        """Uniform over the range, or over the grid."""
        if step is not None:
            return low + step * int(self._generator.integers(round((high - low) / step) + 1))
        if log:
            drawn = math.exp(self._generator.uniform(math.log(low), math.log(high)))
        else:
            drawn = self._generator.uniform(low, high)
        return min(max(_Float(drawn), low), high)
