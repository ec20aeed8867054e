"""Times that can be compared: after warm-up, as quartiles, with what else the machine was doing."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import psutil
import torch

try:
    import resource
except ImportError:  # a system that does not tell
    resource = None  # type: ignore[assignment]

QUIET_SHARE = 0.1
"""A machine counts as quiet when other processes used less than this share of one core."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01
"""What the system counts busy time in."""

TURN_S = 0.02
"""How long a task is measured before another one has its turn."""

_N_BETWEEN = 8
"""Calls between two looks at how well the median is known; looking takes a fifth of a millisecond."""

_N_PARTS = 5
"""In so many parts calls are divided to see their drift; each of `_N_BETWEEN` calls at least."""


@dataclass(frozen=True)
class Timing:
    """Quartiles in milliseconds over `n` calls; under_load: other processes were busy meanwhile.

    drift: the standard error of the median over the median, by how far the medians of consecutive parts of
    the calls lie apart. Slow changes are in it, such as of the machine's clock and of what others do.
    """

    q25_ms: float
    median_ms: float
    q75_ms: float
    n: int
    under_load: bool
    drift: float = 0.0

    @property
    def relative_error(self) -> float:
        """Standard error of the median over the median: as if calls were independent, or by `drift`.

        The larger counts. For a normal distribution: sigma is the quartile range over 1.349, and a median of
        n values has the error 1.2533 sigma / sqrt(n).
        """
        spread = (self.q75_ms - self.q25_ms) / 1.349
        return max(self.drift, 1.2533 * spread / (math.sqrt(self.n) * max(self.median_ms, 1e-9)))


@dataclass(frozen=True)
class Effort:
    """How long a task is measured: `n_min` calls and `seconds_min`, then until the median is known.

    Known to `relative_error`, that is; `seconds_max` or `n_max` calls end it all the same. So a quiet machine
    is left soon, and a noisy one gets more calls. n_warmup: calls before every turn that are not timed.
    """

    n_warmup: int = 3
    n_min: int = 11
    n_max: int = 1000
    seconds_min: float = 0.05
    seconds_max: float = 0.1
    relative_error: float = 0.01


@dataclass(frozen=True)
class Task:
    """One call to be timed, on a device; threads: torch's, while it has its turn. None: as they are."""

    function: Callable[[], object]
    device: str
    effort: Effort = Effort()
    threads: int | None = None


def measure(function: Callable[[], object], device: str, effort: Effort | None = None) -> Timing:
    """Quartiles of the time of one call of `function`, by the given effort."""
    return measure_in_turns([Task(function, device, effort or Effort())])[0]


def measure_in_turns(tasks: Sequence[Task]) -> list[Timing]:
    """Quartiles of the time of one call of each task's function, each by its own effort.

    Tasks take turns of `TURN_S`, so that the calls of each are spread over all the time that is measured, and
    what another process does for a moment falls into a part of them.
    """
    clocks = [_Clock(task) for task in tasks]
    load = ForeignLoad()
    while unfinished := [clock for clock in clocks if not clock.is_enough()]:
        for clock in unfinished:
            clock.take_turn(math.inf if len(unfinished) == 1 else TURN_S)
    is_busy = load.is_busy()
    return [clock.timing(is_busy) for clock in clocks]


class _Clock:
    """The calls of one task so far."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._times_ms: list[float] = []
        self._was_left_alone: list[bool] = []
        self._seconds = 0.0

    def take_turn(self, seconds: float) -> None:
        """Time calls for so long, one at least; stops when they are enough."""
        with threads(self._task.threads):
            for _ in range(self._task.effort.n_warmup):
                self._task.function()
            self._wait()
            before, started = self._seconds, time.perf_counter()
            while True:
                self._call()
                self._seconds = before + time.perf_counter() - started
                if self._seconds - before >= seconds or self.is_enough():
                    return

    def _call(self) -> None:
        n_switches, before = _n_switches(), time.perf_counter()
        self._task.function()
        self._wait()
        self._times_ms.append(1000 * (time.perf_counter() - before))
        self._was_left_alone.append(_n_switches() == n_switches)

    def _wait(self) -> None:
        if self._task.device.startswith("cuda"):
            torch.cuda.synchronize()

    def is_enough(self) -> bool:
        n, effort = len(self._times_ms), self._task.effort
        if n >= effort.n_max:
            return True
        if n < effort.n_min or self._seconds < effort.seconds_min:
            return False
        if self._seconds >= effort.seconds_max:
            return True
        is_time_to_look = (n - effort.n_min) % _N_BETWEEN == 0
        return is_time_to_look and self.timing().relative_error <= effort.relative_error

    def timing(self, under_load: bool = False) -> Timing:
        """Of the calls in which the system took no core away, if they are at least half, else of all."""
        alone = [ms for ms, is_alone in zip(self._times_ms, self._was_left_alone, strict=True) if is_alone]
        return timing_of(alone if 2 * len(alone) >= len(self._times_ms) else self._times_ms, under_load)


def timing_of(times_ms: Sequence[float], under_load: bool = False) -> Timing:
    """Quartiles of times in the order in which they were measured."""
    q25, median, q75 = np.quantile(times_ms, [0.25, 0.5, 0.75])
    drift = 0.0
    if len(times_ms) >= _N_PARTS * _N_BETWEEN:
        medians = [np.median(part) for part in np.array_split(np.asarray(times_ms), _N_PARTS)]
        drift = float(np.std(medians, ddof=1) / (math.sqrt(_N_PARTS) * max(median, 1e-9)))
    return Timing(float(q25), float(median), float(q75), len(times_ms), under_load, drift)


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Torch with so many threads inside; None: with as many as it has."""
    before = torch.get_num_threads()
    if n is None or n == before:
        yield
        return
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _n_switches() -> int:
    """How often the system has taken a core away from a thread of this process that wanted to go on."""
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


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
