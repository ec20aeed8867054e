"""Why a running study ends before its budget: Ctrl-C, a signal, the time budget, or an error of our own
code."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from search.errors import RayDiedError, SearchError
from search.result import Ending
from spikefront.text import cut

_Result = TypeVar("_Result")

MAX_BUDGET_S = 3650 * 86_400
"""More seconds than any study runs; what is beyond is a slip."""
_HANGUP = getattr(signal, "SIGHUP", None)  # of a terminal that is closed; Windows has none
_ENDING = [number for number in (signal.SIGINT, signal.SIGTERM, _HANGUP) if number is not None]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)([smhd]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


class LeaveLoop(BaseException):
    """Raised to leave Ray's loop at once: on any `Exception` it would tidy up with a Ray that has died."""


class StopRequest:
    """Collects requests to stop; the engine's loop reads it many times a second.

    require: raises `RayDiedError` where results of Ray's loop are no longer valid; called before anything is
    done in it. error: the first exception of our own code inside that loop, which
    Ray would swallow. obeyed: Ray's loop has ended its trials because of this request. has_dropped: something
    was not done that should have been, such as recording a report. ray_died: because Ray has.
    """

    def __init__(self, deadline: float | None = None, require: Callable[[], None] = lambda: None) -> None:
        self._deadline, self._require = deadline, require
        self.interrupted = False
        self.error: Exception | None = None
        self.obeyed = self.has_dropped = self.ray_died = False

    def ending(self) -> Ending | None:
        """Why to stop now, or None to continue. The deadline is in `time.monotonic()` seconds."""
        if self.interrupted:
            return "interrupted"
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return "time"
        return None

    def is_wanted(self) -> bool:
        """Whether the study must stop, for whatever reason."""
        return self.error is not None or self.ending() is not None

    def guard(self, act: Callable[[], _Result]) -> _Result | None:
        """Do something inside Ray's loop; an exception is kept as `error` and stops the study.

        After an error nothing more is done: the loop ends, and what its last steps would write could depend
        on something that was not written.
        """
        if self.error is not None:
            self.has_dropped = True
            return None
        try:
            self._require()
            return act()
        except Exception as error:
            self.has_dropped = True
            self.ray_died = self.ray_died or isinstance(error, RayDiedError)
            # Whatever stops the study may stop Ray too, as systemd does: that is no error.
            if not (self.ray_died and self.ending() is not None):
                self.error = error
            return None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Turn the first SIGINT, SIGTERM or SIGHUP into a request; a second one interrupts at once.

        SIGHUP never interrupts, and stays ignored where it is: `nohup` asks for that.

        Outside the main thread Python allows no handlers, and none are set.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _ENDING}
        if _HANGUP is not None and before[_HANGUP] == signal.SIG_IGN:
            del before[_HANGUP]

        def handle(number: int, frame: Any) -> None:
            if self.interrupted and number != _HANGUP:  # a terminal that closes sends two
                raise KeyboardInterrupt
            self.interrupted = True

        for number in before:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def parse_duration(text: str) -> float:
    """Seconds of a duration such as 30s, 45m, 2h, 1h30m or 1d.

    Raises:
        SearchError: it is not one, or is zero.
    """
    if not _DURATION.fullmatch(text):
        raise SearchError(
            f"--time-budget: got {cut(text)!r}, allowed: numbers with s, m, h or d, such as 1h30m"
        )
    seconds = sum(float(value) * _UNITS[unit] for value, unit in _PART.findall(text))
    if seconds > MAX_BUDGET_S:
        raise SearchError(
            f"--time-budget: got {cut(text)!r}, it must be at most {MAX_BUDGET_S // 86400} days"
        )
    if seconds <= 0:
        raise SearchError(f"--time-budget: got {text!r}, it must be more than zero")
    return seconds
