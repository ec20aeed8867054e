from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from search.errors import SearchError
from search.tune.stop_request import StopRequest, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("45m", 2700), ("2h", 7200), ("1h30m", 5400), ("1d", 86400), ("1.5h", 5400), ("1m5s", 65)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "h", "1h 30m", "-5s", "1w", "0s", "two hours", "9" * 5000 + "d", "99999999999d"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(SearchError, match="--time-budget: got "):
        parse_duration(text)
    with pytest.raises(SearchError, match=r"^.{1,300}$"):
        parse_duration(text)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_the_second_interrupts(number: int) -> None:
    before = signal.getsignal(number)
    stop = StopRequest()
    with stop.on_signals():
        assert not stop.is_wanted()
        os.kill(os.getpid(), number)
        assert stop.ending() == "interrupted"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_the_deadline_ends_a_study_too() -> None:
    assert StopRequest(time.monotonic() + 100).ending() is None
    assert StopRequest(time.monotonic() - 1).ending() == "time"


def test_outside_the_main_thread_no_handler_is_set() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def other() -> None:
        with StopRequest().on_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [before]


def test_the_first_exception_is_kept_and_stops_the_study() -> None:
    stop = StopRequest()
    assert stop.guard(lambda: 3) == 3
    assert not stop.is_wanted()
    for text in ("first", "second"):

        def fail(text: str = text) -> None:
            raise OSError(text)

        assert stop.guard(fail) is None
    assert stop.is_wanted()
    assert stop.ending() is None
    assert str(stop.error) == "first"


def test_after_an_exception_nothing_more_is_done() -> None:
    stop, done = StopRequest(), []
    stop.guard(lambda: done.append(1))
    stop.guard(lambda: 1 / 0)
    assert stop.guard(lambda: done.append(2)) is None
    assert done == [1]


def test_a_terminal_that_closes_asks_and_never_interrupts() -> None:
    """The shell sends one SIGHUP, the system another."""
    stop = StopRequest()
    with stop.on_signals():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.ending() == "interrupted"


def test_under_nohup_a_closed_terminal_changes_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = StopRequest()
        with stop.on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.ending() is None
    finally:
        signal.signal(signal.SIGHUP, before)
