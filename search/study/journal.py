"""The journal of a study: a file of Optuna's records that survives any death.

Optuna's own journal loads a torn last line once, then glues the next record onto it and is lost; its
own lock can hang after a death. Both are fixed here: by `repair_journal` and `_JournalLock`.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.errors import SearchError
from spikefront.locks import acquire

START, END = "start", "end"
"""Attributes of a trial that mean nothing before the record that follows them at once."""

_BLOCK = 65_536
_MAX_LINE = 2**24
"""Bytes of a record in the journal; the largest, of a study's space, has some thousands."""
_KINDS = range(11)
"""The kinds of records (`op_code`) that Optuna's journal knows."""
LOCK_TIMEOUT_S = 60.0
"""A record is appended in milliseconds; a lock held this long means a stopped process or a broken disk."""


class _JournalLock:
    """A lock of the operating system around each append: a process that dies frees it."""

    def __init__(self, journal: Path) -> None:
        self._lock = FileLock(f"{journal}.lock")

    def acquire(self) -> bool:
        acquire(self._lock, LOCK_TIMEOUT_S)
        return True

    def release(self) -> None:
        self._lock.release()


class _JournalFile(JournalFileBackend):  # type: ignore[misc]  # optuna is not typed here
    """Optuna's file of records, flushed to disk only after records that something else relies on.

    Params, constraints, starts and ends mean nothing before the record that follows them at once (the ask,
    the probe, what is reported to Optuna), and what is flushed with that one is all that stands before it. A
    process may die between any two of them all the same: what it wrote is the system's by then.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._own_lock = path, _JournalLock(path)
        self._torn: str | None = None
        self._is_repaired = False
        super().__init__(str(path), lock_obj=self._own_lock)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """As Optuna's; and the last record, where its line end alone is missing until the next is written."""
        yield from super().read_logs(log_number_from)
        if not self._is_repaired and log_number_from <= max(self._log_number_offset):
            last = _last_line(self._path)
            if not last.endswith(b"\n") and _is_record(last):
                yield json.loads(last)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, on disk before this returns unless another follows; all of them, or none.

        Raises:
            OSError: they could not be written. Where half of one then stays in the file, each further
                append is refused: a record behind it would make the whole journal unreadable.
        """
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._own_lock.acquire()
        try:
            if self._torn is not None:
                raise OSError(self._torn)
            if not self._is_repaired:  # not before: what is only read, and perhaps refused, stays as it is
                repair_journal(self._path)
                self._is_repaired = True
            # Unbuffered: a buffer would try once more when the file is closed, behind what was taken back.
            with self._path.open("ab", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                try:
                    _write(file, text.encode())
                    if not all(_is_followed(log) for log in logs):
                        _flush(file)
                except BaseException as error:  # a Ctrl-C too
                    self._take_back(file, size, error)
                    raise
        finally:
            self._own_lock.release()

    def _take_back(self, file: FileIO, size: int, cause: BaseException) -> None:
        """Cut the file to the size it had; until that is done, nothing may be appended."""
        self._torn = (
            f"{self._path}: a record was cut off ({str(cause) or type(cause).__name__}) and could not be "
            "taken back, so no further one is written; the next start removes it"
        )
        try:
            os.ftruncate(file.fileno(), size)
        except OSError as error:
            raise OSError(self._torn) from error
        self._torn = None


def _write(file: FileIO, content: bytes) -> None:
    """All of it: a disk that fills up takes a part, and says so only when it is asked again."""
    while content:
        content = content[file.write(content) :]


def _is_followed(log: Mapping[str, Any]) -> bool:
    if "trial_id" not in log:
        return False
    return "param_name" in log or "system_attr" in log or bool({START, END} & log.get("user_attr", {}).keys())


def open_journal(path: Path) -> BaseStorage:
    """Open or create the journal at an absolute path; a torn end is left out, and cut off at the first write.

    Raises:
        SearchError: a record before the last is damaged, or the file cannot be written.
    """
    assert path.is_absolute(), path
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no file")
        _require_lines(path)
        with _without_collections():
            return JournalStorage(_JournalFile(path))
    except OSError as error:
        raise SearchError(f"{path}: the journal cannot be used: {error}") from error
    except Exception as error:  # whatever Optuna raises for a record that it did not write
        raise SearchError(f"{path}: {_damage(path)}; restore the file from a backup") from error


def _require_lines(path: Path) -> None:
    """Check that neither end of a journal is a line without an end, such as a hole of gigabytes.

    Raises:
        OSError: one is.
    """
    if path.exists():
        with path.open("rb") as file:
            first = file.readline(_MAX_LINE)
        if max(len(first), len(_last_line(path))) >= _MAX_LINE:
            raise OSError(f"it holds a line of more than {_MAX_LINE // 2**20} MiB, which is no record")


@contextmanager
def _without_collections() -> Iterator[None]:
    """Without garbage collection: loading makes millions of objects, no garbage, and is a third faster."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _damage(path: Path) -> str:
    """Which line of a journal that cannot be loaded is no record."""
    with path.open("rb") as file:
        for count, line in enumerate(iter(lambda: file.readline(_MAX_LINE), b""), start=1):
            if not (line.endswith(b"\n") and _is_record(line)):
                return f"line {count} is damaged"
            if json.loads(line).get("op_code") not in _KINDS:
                return f"line {count} is a record of a kind that this version does not know"
    return "some record is damaged"


def repair_journal(path: Path) -> Path | None:
    """Make a journal that was cut at any byte whole again; return where the torn end was kept, if any.

    A last record that lacks only its line end is completed: a JSON object has no valid proper prefix,
    so it is whole. Anything else after the last line end goes to `journal.log.torn-N` beside it. Only the
    end is looked at: a journal of 10,000 trials is a hundred MiB long.
    """
    if not path.exists():
        return None
    _complete_last(path)
    last = _last_line(path)
    if not last or (last.endswith(b"\n") and _is_record(last)):
        return None
    copy = _unused(path)
    with copy.open("xb") as file:
        file.write(last)
        _flush(file)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - len(last))
        _flush(file)
    return copy


def _complete_last(path: Path) -> None:
    """Write the line end that alone is missing of a last record."""
    last = _last_line(path) if path.exists() else b""
    if not last.endswith(b"\n") and _is_record(last):
        with path.open("ab") as file:
            file.write(b"\n")
            _flush(file)


def _last_line(path: Path) -> bytes:
    """From behind the last line end that is not the file's last byte; its end alone of one too long."""
    end = b""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        while at > 0 and b"\n" not in end[:-1] and len(end) < _MAX_LINE:
            step = min(_BLOCK, at)
            at = file.seek(at - step)
            end = file.read(step) + end
    return end[end.rfind(b"\n", 0, len(end) - 1) + 1 :] if end else end


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _unused(path: Path) -> Path:
    count = 1
    while (copy := path.with_name(f"{path.name}.torn-{count}")).exists():
        count += 1
    return copy


def _flush(file: BinaryIO | FileIO) -> None:
    """On disk before this returns."""
    file.flush()
    os.fsync(file.fileno())
