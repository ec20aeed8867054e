"""The parameters of a space as Optuna's distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from spaces.space import Space

# Inside a class that has a method `int`, the bare name would mean that method.
_Int = int
_Float = float


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """By entry, those that `OptunaDraw` asks for, of all parameters whether active or not."""
    notes = _Notes()
    for name, parameter in space.search.items():
        parameter.draw(name, notes)
    return notes.found


class _Notes:
    """A draw that notes what it is asked for, and answers with the first value."""

    def __init__(self) -> None:
        self.found: dict[str, BaseDistribution] = {}

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        self.found[name] = CategoricalDistribution(list(options))
        return options[0]

    def int(self, name: str, low: _Int, high: _Int, log: bool, step: _Int) -> _Int:
        self.found[name] = IntDistribution(low, high, log=log, step=step)
        return low

    def float(self, name: str, low: _Float, high: _Float, log: bool, step: _Float | None) -> _Float:
        self.found[name] = FloatDistribution(low, high, log=log, step=step)
        return low
