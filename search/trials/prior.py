"""Trials of an earlier study that a new study may learn from, as its storage keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from studies.model import Objective
from studies.portable import EVERYWHERE

MAX_BYTES = 32_000
"""Of JSON in one attribute: MySQL's column for it holds 64 KiB, and refuses more."""


def device_bound(objectives: Iterable[Objective], limits: Iterable[str]) -> list[str]:
    """The names among a study's objectives and constraints whose values hold on one device model only."""
    names = dict.fromkeys([*(objective.name for objective in objectives), *limits])
    return [name for name in names if name not in EVERYWHERE]


@dataclass(frozen=True)
class Prior:
    """A complete trial of an earlier study that would be the same trial here.

    config, key: as resolved in this space. metrics: those that hold on this study's device; measured: all, on
    `device`.
    """

    params: dict[str, Any]
    config: dict[str, Any]
    key: str
    metrics: dict[str, Any]
    device: str | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Prior:
        """From `asdict` of one, after it went through JSON."""
        # Studies of earlier versions keep the epochs too: most of the data, and never read.
        return cls(**{name: value for name, value in kept.items() if name != "rows"})

    def on(self, device: str | None) -> Prior:
        """The same, for a study whose trials run on this device model (`Trial.device`; None: not known)."""
        return replace(self, metrics=holding(self.measured, self.device, device))


def in_portions(priors: Iterable[Prior]) -> Iterator[list[dict[str, Any]]]:
    """Plain values of priors, few enough at a time for one attribute of the storage."""
    portion: list[dict[str, Any]] = []
    n_bytes = 0
    for plain in map(asdict, priors):
        n_more = len(json.dumps(plain)) + 2
        if portion and n_bytes + n_more > MAX_BYTES:
            yield portion
            portion, n_bytes = [], 0
        portion.append(plain)
        n_bytes += n_more
    if portion:
        yield portion


def holding(metrics: Mapping[str, Any], there: str | None, here: str | None) -> dict[str, Any]:
    """The metrics that hold here: all of them on the same device model, else those in `EVERYWHERE`."""
    is_same = there is not None and there == here
    return {name: value for name, value in metrics.items() if is_same or name in EVERYWHERE}
