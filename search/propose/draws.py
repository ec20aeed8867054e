"""The draw through which a space asks Optuna."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna

# Inside a class that has a method `int`, the bare name would mean that method.
_Int = int
_Float = float


class OptunaDraw:
    """Draws each parameter from an Optuna trial, whose sampler chooses."""

    def __init__(self, trial: optuna.trial.Trial) -> None:
        self._trial = trial

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        """One of the options."""
        return self._trial.suggest_categorical(name, list(options))

    def int(self, name: str, low: _Int, high: _Int, log: bool, step: _Int) -> Any:
        """An integer from low to high, both included."""
        return self._trial.suggest_int(name, low, high, log=log, step=step)

    def float(self, name: str, low: _Float, high: _Float, log: bool, step: _Float | None) -> Any:
        """A number from low to high."""
        return self._trial.suggest_float(name, low, high, log=log, step=step)
