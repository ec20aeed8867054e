"""Rows timed in turn: each round gives every row its turn, so that whatever drifts hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from benchmarks.rows import Row, Subject
from benchmarks.setting import Setting
from snncore.measure.timing import QUIET_SHARE, ForeignLoad

TURN_S = 0.3
"""A turn is one call, or as many as fit into this time: load cannot be measured over less."""

Key = TypeVar("Key", bound=Hashable)


@dataclass
class Times:
    """Of one row, all its calls in milliseconds, and what other processes did in its turns."""

    times_ms: list[float] = field(default_factory=list)
    turn_s: float = 0.0
    busy_core_s: float = 0.0

    @property
    def median_ms(self) -> float:
        return float(np.median(self.times_ms))

    @property
    def quartiles_ms(self) -> tuple[float, float]:
        low, high = np.quantile(self.times_ms, [0.25, 0.75])
        return float(low), float(high)

    @property
    def busy_cores(self) -> float:
        """Mean number of cores that other processes kept busy in this row's turns."""
        return self.busy_core_s / self.turn_s

    @property
    def under_load(self) -> bool:
        return self.busy_cores > QUIET_SHARE


def interleaved(
    runs: Mapping[Key, Callable[[], object]], device: str, n_rounds: int, n_warmup: int
) -> dict[Key, Times]:
    """Time all of `runs`: `n_warmup` rounds that do not count, then `n_rounds` that do."""
    for _ in range(n_warmup):
        for run in runs.values():
            run()
    times = {key: Times() for key in runs}
    for _ in range(n_rounds):
        for key, run in runs.items():
            _turn(run, device, times[key])
    return times


class Chosen(NamedTuple):
    """The best of a row's variants; tried: the cost of each, empty where there was no choice."""

    variant: str
    subject: Subject
    tried: dict[str, float]


def cheapest(row: Row, setting: Setting, cost: Callable[[Subject], float]) -> Chosen:
    """Build the variants of a row one after the other and keep the one of the least `cost`."""
    if len(row.variants) == 1:
        ((variant, make),) = row.variants.items()
        return Chosen(variant, make(setting), {})
    tried: dict[str, float] = {}
    best: tuple[str, Subject] | None = None
    for variant, make in row.variants.items():
        subject = make(setting)
        tried[variant] = cost(subject)
        if best is None or tried[variant] < tried[best[0]]:
            best = variant, subject
    assert best is not None
    return Chosen(*best, tried)


def fastest(row: Row, setting: Setting) -> Chosen:
    """Of each variant the faster of two calls counts; a first one was made when it was built."""
    return cheapest(row, setting, lambda s: min(_time_ms(s.run, setting.device) for _ in range(2)))


def _turn(run: Callable[[], object], device: str, times: Times) -> None:
    load, started = ForeignLoad(), time.perf_counter()
    elapsed = 0.0
    while elapsed < TURN_S:
        times.times_ms.append(_time_ms(run, device))
        elapsed = time.perf_counter() - started
    times.busy_core_s += load.busy_cores() * elapsed
    times.turn_s += elapsed


def _time_ms(run: Callable[[], object], device: str) -> float:
    wait(device)
    before = time.perf_counter()
    run()
    wait(device)
    return 1000 * (time.perf_counter() - before)


def wait(device: str) -> None:
    """Until the device has done all it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
