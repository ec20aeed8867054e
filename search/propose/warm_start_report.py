"""What a warm start took from an earlier study and what not, counted by reason, a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.trials.prior import Prior
from snncore.errors import ConfigError
from spaces.condition import UNSET
from spaces.errors import shown
from spaces.space import Space
from spikefront.numbers import is_number

_MAX_VALUES = 3


class WarmStartReport:
    """Counts the complete trials of an earlier study by what became of them."""

    def __init__(self, folder: Path, n_trials: int, n_complete: int) -> None:
        self._folder, self._n_trials, self._n_complete = folder, n_trials, n_complete
        self._n_outside = self._n_refused = 0
        self._refusal = ""
        self._outside: dict[str, list[Any]] = {}
        self._different: dict[str, list[tuple[Any, Any]]] = {}

    def outside(self, values: Mapping[str, Any]) -> None:
        """A trial with values that the searched fields here cannot take."""
        self._n_outside += 1
        for name, value in values.items():
            self._outside.setdefault(name, []).append(value)

    def refused(self, error: ConfigError) -> None:
        """A trial whose config the trainer does not take, as it was or with what is fixed here."""
        self._n_refused += 1
        self._refusal = self._refusal or str(error.problems[0])

    def inside(self, different: Mapping[str, tuple[Any, Any]]) -> None:
        """A trial in this space; different: the fields in which it is another trial here, (here, there)."""
        for name, (here, there) in different.items():
            self._different.setdefault(name, []).append((there, here))

    def notes(
        self, space: Space, queue: Sequence[object], priors: Sequence[Prior], device: str | None
    ) -> list[str]:
        """A line each, the sum of it first."""
        first = (
            f"{self._folder}: {self._n_complete} of {_trials(self._n_trials)} complete; "
            f"{len(priors)} to learn from, {len(queue)} to try first"
        )
        lines = [
            f"{name} {_values(values)} is outside {shown(space.search[name].distribution())}: "
            f"{_trials(len(values))}"
            for name, values in self._outside.items()
        ]
        if self._n_refused:
            lines.append(f"refused by the trainer, such as {self._refusal}: {_trials(self._n_refused)}")
        return [first, *lines, *self._disagreements(), *_devices(priors, device)]

    def _disagreements(self) -> list[str]:
        lines = []
        for name, pairs in self._different.items():
            there, here = ([pair[side] for pair in pairs] for side in (0, 1))
            if name == "data.name":
                data = f"other data set ({_values(there)} there, {_values(here)} here)"
                return [f"{data}: the values are not used, its best params are tried first"]
            lines.append(
                f"{name} is {_values(there)} there and {_values(here)} here: "
                f"{_trials(len(pairs))} give params, no values"
            )
        return lines


def _devices(priors: Sequence[Prior], device: str | None) -> list[str]:
    """Where memory and times of the priors were measured, if not on this study's device."""
    elsewhere = Counter(prior.device for prior in priors if prior.device is None or prior.device != device)
    here = "the device here is not known yet" if device is None else f"here it is {device}"
    return [
        f"measured on {there or 'an unknown device'}, {here}: memory and times are not used: {_trials(n)}"
        for there, n in elsewhere.items()
    ]


def _values(values: Sequence[Any]) -> str:
    """The different values, numbers as a range, others listed; a few of them where there are many."""
    different = sorted({"no effect" if value is UNSET else shown(value) for value in values})
    numbers = [value for value in values if is_number(value)]
    if len(numbers) == len(values) and len(different) > _MAX_VALUES:
        return f"{min(numbers):.4g} to {max(numbers):.4g}"
    more = " ..." if len(different) > _MAX_VALUES else ""
    return " or ".join(different[:_MAX_VALUES]) + more


def _trials(n: int) -> str:
    return f"{n} trial" if n == 1 else f"{n} trials"
