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
    recorder = _Recorder()
    for name, parameter in space.search.items():
        parameter.draw(name, recorder)
    return recorder.distributions


class _Recorder:
    """A draw that records the distribution of each entry, and returns the first value."""

    def __init__(self) -> None:
        self.distributions: dict[str, BaseDistribution] = {}

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        self.distributions[name] = CategoricalDistribution(list(options))
        return options[0]

    def int(self, name: str, low: _Int, high: _Int, log: bool, step: _Int) -> _Int:
        self.distributions[name] = IntDistribution(low, high, log=log, step=step)
        return low

    def float(self, name: str, low: _Float, high: _Float, log: bool, step: _Float | None) -> _Float:
        self.distributions[name] = FloatDistribution(low, high, log=log, step=step)
        return low
