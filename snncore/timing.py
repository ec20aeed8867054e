"""Times that can be compared: after warm-up, as quartiles, with what else the machine was doing."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil
import torch

QUIET_SHARE = 0.1
"""A machine counts as quiet when other processes used less than this share of one core."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01
"""What the system counts busy time in."""

_N_BETWEEN = 8
"""Calls between two looks at how well the median is known; looking takes a tenth of a millisecond."""


@dataclass(frozen=True)
class Timing:
    """Quartiles in milliseconds over `n` calls; under_load: other processes were busy meanwhile."""

    q25_ms: float
    median_ms: float
    q75_ms: float
    n: int
    under_load: bool

    @property
    def relative_error(self) -> float:
        """Standard error of the median over the median, if calls were independent.

        For a normal distribution: sigma is the quartile range over 1.349, and a median of n values has the
        error 1.2533 sigma / sqrt(n). Slow changes of the machine, such as its clock, are not in it.
        """
        spread = (self.q75_ms - self.q25_ms) / 1.349
        return 1.2533 * spread / (math.sqrt(self.n) * max(self.median_ms, 1e-9))


@dataclass(frozen=True)
class Effort:
    """How long `measure` goes on: `n_min` calls and `seconds_min`, then until the median is known.

    Known to `relative_error`, that is; `seconds_max` or `n_max` calls end it all the same. So a quiet machine
    is left soon, and a noisy one gets more calls.
    """

    n_warmup: int = 3
    n_min: int = 11
    n_max: int = 1000
    seconds_min: float = 0.05
    seconds_max: float = 0.1
    relative_error: float = 0.01


def measure(function: Callable[[], object], device: str, effort: Effort | None = None) -> Timing:
    """Quartiles of the time of one call of `function`, by the given effort."""
    effort = effort or Effort()

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    for _ in range(effort.n_warmup):
        function()
    wait()
    times: list[float] = []
    load = ForeignLoad()
    started = time.perf_counter()
    while not _is_enough(times, time.perf_counter() - started, effort):
        before = time.perf_counter()
        function()
        wait()
        times.append(1000 * (time.perf_counter() - before))
    return _timing(times, load.is_busy())


def _is_enough(times: list[float], elapsed: float, effort: Effort) -> bool:
    n = len(times)
    if n >= effort.n_max:
        return True
    if n < effort.n_min or elapsed < effort.seconds_min:
        return False
    if elapsed >= effort.seconds_max:
        return True
    return (n - effort.n_min) % _N_BETWEEN == 0 and _timing(times).relative_error <= effort.relative_error


def _timing(times_ms: list[float], under_load: bool = False) -> Timing:
    q25, median, q75 = np.quantile(times_ms, [0.25, 0.5, 0.75])
    return Timing(float(q25), float(median), float(q75), len(times_ms), under_load)


class ForeignLoad:
    """How many cores processes other than this one have kept busy since it was made."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._started = time.perf_counter()
        self._before = self._busy_seconds()

    def _busy_seconds(self) -> float:
        total = psutil.cpu_times()
        # user time holds guest time already; steal is time another machine took from this one.
        parts = ("user", "nice", "system", "irq", "softirq", "steal")
        own = self._process.cpu_times()
        everyone = sum(float(getattr(total, part, 0.0)) for part in parts)
        return everyone - (float(own.user) + float(own.system))

    def busy_cores(self) -> float:
        """Mean number of busy cores, never below 0; ticks of 10 ms limit it over short times."""
        elapsed = time.perf_counter() - self._started
        return max(0.0, (self._busy_seconds() - self._before) / max(elapsed, 1e-9))

    def is_busy(self) -> bool:
        """Whether other processes used more than `QUIET_SHARE` of a core.

        Two ticks are forgiven, by which the two counts that are subtracted may disagree: over 0.2 s that is
        another 0.1 of a core.
        """
        elapsed = time.perf_counter() - self._started
        return self.busy_cores() * elapsed > QUIET_SHARE * elapsed + 2 * _TICK_S
