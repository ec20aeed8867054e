"""Locks that another process holds: one that lives, one that is stopped, one that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from snncore.measure import alone
from snncore.measure.alone import alone_on_machine
from snncore.measure.probe import _timed
from snncore.measure.timing import Effort, Task
from spikefront import locks
from spikefront.locks import LockHeldError, held, holder

HOLD = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(100)
"""


class Holder:
    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"
        self.pid = self.process.pid

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


@pytest.fixture
def other(path: Path) -> Iterator[Holder]:
    made = Holder(path)
    yield made
    made.end()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(locks, "STOPPED_LIMIT_S", 0.2)


def test_a_lock_that_is_free_is_taken_and_given_back(path: Path) -> None:
    with held(FileLock(path)):
        assert holder(path) == os.getpid()
    assert holder(path) is None
    assert holder(path.with_name("none")) is None


def test_after_the_limit_the_holder_is_named(path: Path, other: Holder) -> None:
    waits: list[str] = []
    with (
        pytest.raises(LockHeldError, match=rf"^process {other.pid} has held .*a\.lock for 0 s$"),
        held(FileLock(path), 0.3, waits.append),
    ):
        pass
    assert waits == [f"process {other.pid}"], "told once"


def test_a_stopped_holder_is_not_waited_for_to_the_limit(path: Path, other: Holder) -> None:
    other.stop()
    began = time.monotonic()
    with (
        pytest.raises(LockHeldError, match=rf"process {other.pid}, which is stopped, has held"),
        held(FileLock(path)),
    ):
        pass
    assert time.monotonic() - began < 20


def test_who_waits_gets_it_when_the_holder_dies(path: Path, other: Holder) -> None:
    with held(FileLock(path), 60, lambda who: other.end()):
        assert holder(path) == os.getpid()


def test_beside_a_stopped_measurement_times_count_as_taken_under_load(
    path: Path, other: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "lock_file", lambda: path)
    other.stop()
    tasks = [Task(lambda: None, "cpu", Effort(0, 1, 1, 0.0, 0.0))]
    with pytest.warns(
        UserWarning, match=f"beside another measurement: process {other.pid}, which is stopped"
    ):
        (timing,) = _timed(tasks)
    assert timing.under_load


def test_blocks_inside_one_another_are_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "lock_file", lambda: path)
    with alone_on_machine() as outer, alone_on_machine() as inner:
        assert (outer, inner) == (True, True)
        assert holder(path) == os.getpid()
    assert holder(path) is None


def test_inside_of_a_block_that_gave_up_nobody_waits_again(
    path: Path, other: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "lock_file", lambda: path)
    monkeypatch.setattr(alone, "LIMIT_S", 0.1)
    beside = pytest.warns(UserWarning, match="beside another measurement")
    with beside as warned, alone_on_machine() as outer, alone_on_machine() as inner:
        assert (outer, inner) == (False, False)
    assert len(warned) == 1


def test_all_processes_of_a_user_share_one_lock_whatever_their_tmpdir(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = alone.lock_file()
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    monkeypatch.setattr("tempfile.tempdir", None)
    assert alone.lock_file() == before
