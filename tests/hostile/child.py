"""One case in a process of its own: forked, with limits on memory and time, its output kept."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile import commands
from tests.hostile.case import CANARY, Case

MIB = 2**20
_CACHES = ("__pycache__", "event_frames", "decoded_images")
PAGE = resource.getpagesize()

MADE = "made"
"""An empty file that a child leaves when its case is made: what comes before is the fuzzer's own doing."""


@dataclass(frozen=True)
class Limits:
    """seconds: of a command, after which it hangs. mib: of memory, beyond what this process has already."""

    seconds: float = 10.0
    mib: int = 2048


@dataclass(frozen=True)
class Ended:
    """How a case ended.

    code: what the command returned or exited with, "raised" for an exception out of it, None where it never
    ended by itself. signal: that ended the process, 0 for none. was_killed: "hang" or "memory" where this
    module ended it. is_made: False where making the case failed. ran_code: whether the canary was found.
    left: files that a refusal (code 2) has made, changed or removed; caches and locks are nobody's loss.
    """

    code: object
    output: str
    seconds: float
    signal: int = 0
    was_killed: str = ""
    is_made: bool = True
    ran_code: bool = False
    left: tuple[str, ...] = ()


class Child:
    """A running case. `poll` from time to time; it gives `Ended` once."""

    def __init__(self, make: Callable[[], Case], folder: Path, limits: Limits) -> None:
        """Fork. make: called in the child. folder: an empty one; the case lies in folder/here/x."""
        self._folder, self._limits = folder, limits
        self._base = _resident(os.getpid())
        self._started = time.monotonic()
        self._killed = ""
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _run(make, folder, limits)
            finally:
                os._exit(70)

    def poll(self) -> Ended | None:
        """How it ended, or None while it runs; ends it where it passes a limit."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            self._watch()
            return None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what it may have started
        return self._ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)

    def end(self) -> None:
        """End it now, whatever it does."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _watch(self) -> None:
        if self._killed:
            return
        if time.monotonic() - self._started > 3 * self._limits.seconds + 30:
            self._kill("hang")  # its own timer has not ended it
        elif _resident(self.pid) - self._base > self._limits.mib * MIB:
            self._kill("memory")

    def _kill(self, why: str) -> None:
        self._killed = why
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR1)  # says where it is
            time.sleep(0.2)
            os.kill(self.pid, signal.SIGKILL)

    def _ended(self, by_signal: int) -> Ended:
        output = (self._folder / "output").read_text(encoding="utf-8", errors="replace")
        status: dict[str, Any] = {"code": None}
        with suppress(OSError, ValueError):
            status = json.loads((self._folder / "status").read_text())
        killed = self._killed
        if not killed and not by_signal and status["code"] is None and "Timeout (" in output:
            killed = "hang"
        return Ended(
            code=status["code"],
            output=output,
            seconds=time.monotonic() - self._started,
            signal=0 if killed else by_signal,
            was_killed=killed,
            is_made=(self._folder / MADE).exists(),
            left=tuple(status.get("left", ())),
            ran_code=any(CANARY in files for _, _, files in os.walk(self._folder)),
        )


def _run(make: Callable[[], Case], folder: Path, limits: Limits) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    output = os.open(folder / "output", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(old, new)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")
    code, left = None, []
    try:
        here = _enter(folder)
        case = make()
        case.write(here)
        (folder / MADE).touch()
        before = _listing(here)
        _limit(limits)
        code = commands.run(case.argv)
        left = sorted(dict(before ^ _listing(here))) if code == 2 else []
        if isinstance(code, str):  # as the interpreter does with SystemExit of a text
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = "raised"
    faulthandler.cancel_dump_traceback_later()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    (folder / "status").write_text(json.dumps({"code": code, "left": left}))
    os._exit(0)


def _enter(folder: Path) -> Path:
    """Into the place of the case, two levels below what is searched for the canary; the home is empty."""
    here = folder / "here" / "x"
    for path in (here, folder / "home", folder / "tmp"):
        path.mkdir(parents=True)
    os.environ.update(HOME=str(folder / "home"), TMPDIR=str(folder / "tmp"), COLUMNS="110", LINES="40")
    os.environ.pop("XDG_CACHE_HOME", None)
    os.chdir(here)
    return here


def _listing(folder: Path) -> set[tuple[str, tuple[int, int, int]]]:
    """Every file and folder with its size and time of change; a folder's own do not count."""
    found = set()
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _CACHES]
        for name in (*folders, *files):
            path = Path(place, name)
            stat = path.lstat()
            is_folder = path.is_dir() and not path.is_symlink()
            state = (stat.st_mode, 0, 0) if is_folder else (stat.st_mode, stat.st_size, stat.st_mtime_ns)
            if path.suffix != ".lock":
                found.add((path.relative_to(folder).as_posix(), state))
    return found


def _limit(limits: Limits) -> None:
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    faulthandler.dump_traceback_later(limits.seconds, exit=True)
    most = _virtual() + limits.mib * MIB * 3 // 2  # what is asked for and never touched counts here
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**33, 2**33))


def _virtual() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[0]) * PAGE


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
