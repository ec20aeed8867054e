"""Waits for lock files, with a limit, and names the process that holds them.

A process that dies frees its locks; one that is stopped (SIGSTOP, Ctrl-Z, a debugger) holds them for ever.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import BaseFileLock, Timeout

SECONDS_BETWEEN_LOOKS = 1.0

STOPPED_LIMIT_S = 30.0
"""How long to wait for a process that is stopped, which may be continued."""


class LockHeldError(OSError):
    """Another process has held a lock for too long; the message names file and process."""


@contextmanager
def held(
    lock: BaseFileLock, limit_s: float = math.inf, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold a lock during the block. on_wait: called once, if the lock is not free, with who holds it.

    Raises:
        LockHeldError: another process has held it for `limit_s`, or has been stopped for
            `STOPPED_LIMIT_S` while it held it.
    """
    acquire(lock, limit_s, on_wait)
    try:
        yield
    finally:
        lock.release()


def acquire(
    lock: BaseFileLock, limit_s: float = math.inf, on_wait: Callable[[str], None] | None = None
) -> None:
    """Take a lock; see `held`."""
    began, stopped_since, has_said = time.monotonic(), math.inf, False
    while True:
        waited = time.monotonic() - began
        try:
            # Try at once, then as often as the lock itself polls.
            lock.acquire(timeout=min(SECONDS_BETWEEN_LOOKS, max(0.0, limit_s - waited)) if has_said else 0)
            return
        except Timeout:
            pass
        now = time.monotonic()
        pid = holder(Path(lock.lock_file))
        if on_wait is not None and not has_said:
            on_wait(named(pid))
        has_said = True
        stopped_since = min(stopped_since, now) if is_stopped(pid) else math.inf
        if now - began >= limit_s or now - stopped_since >= STOPPED_LIMIT_S:
            raise LockHeldError(f"{named(pid)} has held {lock.lock_file} for {now - began:.0f} s")


def holder(path: Path) -> int | None:
    """The process that holds a lock file, from the kernel; None if it does not tell (only Linux does)."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    # "1: FLOCK  ADVISORY  WRITE 708 08:02:3146 0 EOF"; the line of a waiting process has an arrow as second
    # word.
    words = [line.split() for line in lines]
    pids = [int(word[4]) for word in words if word[1] == "FLOCK" and word[5].split(":")[2] == str(inode)]
    return next((pid for pid in pids if pid > 0), None)


def is_stopped(pid: int | None) -> bool:
    """Whether a process exists and is stopped."""
    try:
        return pid is not None and psutil.Process(pid).status() in (
            psutil.STATUS_STOPPED,
            psutil.STATUS_TRACING_STOP,
        )
    except psutil.Error:
        return False


def named(pid: int | None) -> str:
    """How messages name a process."""
    if pid is None:
        return "another process"
    return f"process {pid}, which is stopped," if is_stopped(pid) else f"process {pid}"
