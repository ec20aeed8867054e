"""Comparable times: after warm-up, as quartiles, with whether other processes were busy."""

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
except ImportError:  # not on this system
    resource = None  # type: ignore[assignment]

QUIET_SHARE = 0.1
"""A machine counts as quiet when other processes used less than this share of one core."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01
"""The unit in which the system counts busy time."""

TURN_S = 0.02
"""How long a task is measured before the next one has its turn."""

_N_BETWEEN = 8
"""Calls between two checks of how well the median is known; a check takes a fifth of a millisecond."""

_N_PARTS = 5
"""Number of parts into which calls are divided to measure drift; each has at least `_N_BETWEEN` calls."""


@dataclass(frozen=True)
class Timing:
    """Quartiles in milliseconds over `n` calls; under_load: other processes were busy meanwhile.

    drift: relative standard error of the median, from the spread of the medians of consecutive parts of the
    calls. It includes slow changes, such as of clock rate and of load by others.
    """

    q25_ms: float
    median_ms: float
    q75_ms: float
    n: int
    under_load: bool
    drift: float = 0.0

    @property
    def relative_error(self) -> float:
        """Relative standard error of the median: the larger of that of independent calls and `drift`.

        For normally distributed independent calls, sigma is the quartile range over 1.349, and the median of
        n values has the error 1.2533 sigma / sqrt(n).
        """
        spread = (self.q75_ms - self.q25_ms) / 1.349
        return max(self.drift, 1.2533 * spread / (math.sqrt(self.n) * max(self.median_ms, 1e-9)))


@dataclass(frozen=True)
class Effort:
    """How long a task is measured: at least `n_min` calls and `seconds_min`, then until the median is known.

    It is known to `relative_error`; `seconds_max` or `n_max` calls end the measurement in any case. So it is
    short on a quiet machine, and longer on a noisy one. n_warmup: calls before every turn that are not timed.
    """

    n_warmup: int = 3
    n_min: int = 11
    n_max: int = 1000
    seconds_min: float = 0.05
    seconds_max: float = 0.1
    relative_error: float = 0.01


@dataclass(frozen=True)
class Task:
    """A function to time, on a device; threads: of torch while it is timed, None: unchanged."""

    function: Callable[[], object]
    device: str
    effort: Effort = Effort()
    threads: int | None = None


def measure(function: Callable[[], object], device: str, effort: Effort | None = None) -> Timing:
    """Quartiles of the time of one call of `function`, measured with the given effort."""
    return measure_in_turns([Task(function, device, effort or Effort())])[0]


def measure_in_turns(tasks: Sequence[Task]) -> list[Timing]:
    """Quartiles of the time of one call of each task's function, each measured with its own effort.

    Tasks take turns of `TURN_S`, so that the calls of each are spread over the whole measurement, and a short
    disturbance affects only some of them.
    """
    clocks = [_Clock(task) for task in tasks]
    load = ForeignLoad()
    while unfinished := [clock for clock in clocks if not clock.is_enough()]:
        for clock in unfinished:
            clock.take_turn(math.inf if len(unfinished) == 1 else TURN_S)
    is_busy = load.is_busy()
    return [clock.timing(is_busy) for clock in clocks]


class _Clock:
    """The times of one task's calls so far."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._times_ms: list[float] = []
        self._was_undisturbed: list[bool] = []
        self._seconds = 0.0

    def take_turn(self, seconds: float) -> None:
        """Time calls for so many seconds, at least one, or until they are enough."""
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
        self._was_undisturbed.append(_n_switches() == n_switches)

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
        """Of the calls in which the system did not preempt this process if they are at least half, else of
        all."""
        calls = zip(self._times_ms, self._was_undisturbed, strict=True)
        undisturbed = [ms for ms, is_undisturbed in calls if is_undisturbed]
        is_most = 2 * len(undisturbed) >= len(self._times_ms)
        return timing_of(undisturbed if is_most else self._times_ms, under_load)


def timing_of(times_ms: Sequence[float], under_load: bool = False) -> Timing:
    """Quartiles of times, which are in the order in which they were measured."""
    q25, median, q75 = np.quantile(times_ms, [0.25, 0.5, 0.75])
    drift = 0.0
    if len(times_ms) >= _N_PARTS * _N_BETWEEN:
        medians = [np.median(part) for part in np.array_split(np.asarray(times_ms), _N_PARTS)]
        drift = float(np.std(medians, ddof=1) / (math.sqrt(_N_PARTS) * max(median, 1e-9)))
    return Timing(float(q25), float(median), float(q75), len(times_ms), under_load, drift)


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Set torch's number of threads in the block; None: leave it."""
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
    """Number of involuntary context switches of this process so far; 0 if the system does not count them."""
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


class ForeignLoad:
    """Measures how many cores other processes have kept busy since this object was made."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._started = time.perf_counter()
        self._before = self._busy_seconds()

    def _busy_seconds(self) -> float:
        total = psutil.cpu_times()
        # user time holds guest time already; steal is time another machine took from this one.
        parts = ("user", "nice", "system", "irq", "softirq", "steal")
        this = self._process.cpu_times()
        everyone = sum(float(getattr(total, part, 0.0)) for part in parts)
        return everyone - (float(this.user) + float(this.system))

    def busy_cores(self) -> float:
        """Mean number of busy cores, at least 0; ticks of 10 ms limit its accuracy over short times."""
        elapsed = time.perf_counter() - self._started
        return max(0.0, (self._busy_seconds() - self._before) / max(elapsed, 1e-9))

    def is_busy(self) -> bool:
        """Whether other processes used more than `QUIET_SHARE` of a core.

        Two ticks are subtracted, by which the two counts in the difference may disagree: over 0.2 s that is
        another 0.1 of a core.
        """
        elapsed = time.perf_counter() - self._started
        return self.busy_cores() * elapsed > QUIET_SHARE * elapsed + 2 * _TICK_S
