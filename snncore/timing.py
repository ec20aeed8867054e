"""Times that can be compared: after warm-up, as quartiles, with what else the machine was doing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil
import torch

QUIET_SHARE = 0.1
"""A machine counts as quiet when other processes used less than this share of one core."""


@dataclass(frozen=True)
class Timing:
    """Quartiles in milliseconds over `n` calls; under_load: other processes were busy meanwhile."""

    q25_ms: float
    median_ms: float
    q75_ms: float
    n: int
    under_load: bool


def measure(
    function: Callable[[], object],
    device: str,
    *,
    n_warmup: int = 3,
    n_min: int = 11,
    seconds: float = 0.3,
    n_max: int = 1000,
) -> Timing:
    """Call `function` until both `n_min` calls and `seconds` are reached, `n_max` calls at most."""

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    for _ in range(n_warmup):
        function()
    wait()
    times: list[float] = []
    load = ForeignLoad()
    started = time.perf_counter()
    while len(times) < n_max and (len(times) < n_min or time.perf_counter() - started < seconds):
        before = time.perf_counter()
        function()
        wait()
        times.append(1000 * (time.perf_counter() - before))
    q25, median, q75 = np.quantile(times, [0.25, 0.5, 0.75])
    return Timing(float(q25), float(median), float(q75), len(times), load.busy_cores() > QUIET_SHARE)


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
