"""The storage of a study: an Optuna journal that survives any death, or a database by URL.

Optuna's own journal loads a torn last line once, then glues the next record onto it and is lost; its
own lock can hang after a death. Both are mended here: `repair_journal` and `_JournalLock`.
"""

from __future__ import annotations

import gc
import json
import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.drivers import alone_on_server, server_connection
from search.entry import END, START
from search.errors import SearchError
from search.urls import cannot_be_opened, is_server, with_driver
from snncore.locks import acquire

_BLOCK = 65_536
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
    """Optuna's file of records, but the disk is waited for only where a record promises something.

    Params, constraints, starts and ends mean nothing before the record that follows them at once (the ask,
    the probe, what Optuna is told), and what is flushed with that one is all that stands before it. A
    process may die between any two of them all the same: what it wrote is the system's by then.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._own_lock = path, _JournalLock(path)
        self._torn: str | None = None
        super().__init__(str(path), lock_obj=self._own_lock)

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
    """Open or create the journal at an absolute path; a torn end is cut off first.

    Raises:
        SearchError: a record before the last is damaged, or the file cannot be written.
    """
    assert path.is_absolute(), path
    try:
        repair_journal(path)
        with _without_collections():
            return JournalStorage(_JournalFile(path))
    except OSError as error:
        raise SearchError(f"{path}: the journal cannot be used: {error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise SearchError(f"{path}: {_damage(path)}; restore the file from a backup") from error


@contextmanager
def _without_collections() -> Iterator[None]:
    """Loading makes millions of objects and no garbage; looking for some takes a third of the time."""
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
        for count, line in enumerate(file, start=1):
            if not (line.endswith(b"\n") and _is_record(line)):
                return f"line {count} is damaged"
    return "some record is damaged"


def repair_journal(path: Path) -> Path | None:
    """Make a journal that was cut at any byte whole again; return where the torn end was kept, if any.

    A last record that lacks only its line end is completed: a JSON object has no valid proper prefix,
    so it is whole. Anything else after the last line end goes to `journal.log.torn-N` beside it. Only the
    end is looked at: a journal of 10,000 trials is a hundred MiB long.
    """
    if not path.exists():
        return None
    last = _last_line(path)
    if not last or (last.endswith(b"\n") and _is_record(last)):
        return None
    if _is_record(last):
        with path.open("ab") as file:
            file.write(b"\n")
            _flush(file)
        return None
    copy = _unused(path)
    with copy.open("xb") as file:
        file.write(last)
        _flush(file)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - len(last))
        _flush(file)
    return copy


def _last_line(path: Path) -> bytes:
    """From behind the last line end that is not the file's last byte."""
    end = b""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        while at > 0 and b"\n" not in end[:-1]:
            step = min(_BLOCK, at)
            at = file.seek(at - step)
            end = file.read(step) + end
    return end[end.rfind(b"\n", 0, len(end) - 1) + 1 :] if end else end


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
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


def open_url(url: str) -> BaseStorage:
    """Open the database behind an Optuna storage URL, such as sqlite:////abs/study.db or postgresql://...

    Raises:
        SearchError: the URL is malformed, its driver is missing, or the database does not answer.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with ExitStack() as stack:
            if is_server(url):
                # Optuna makes its tables on first use; two drivers that do so at once fail.
                connection = stack.enter_context(server_connection(url))
                stack.enter_context(alone_on_server(connection, "making tables"))
            backend = optuna.storages.RDBStorage(with_driver(url))
    except (SQLAlchemyError, ImportError, ValueError, optuna.exceptions.StorageInternalError) as error:
        raise cannot_be_opened(url, error) from error
    storage = optuna.storages.get_storage(backend)
    weakref.finalize(storage, backend.engine.dispose)  # Optuna never closes its connections
    return storage


def find_study(storage: BaseStorage, name: str) -> int | None:
    """The id of the study with this name in a storage, or None."""
    try:
        study_id: Any = storage.get_study_id_from_name(name)
    except KeyError:
        return None
    return int(study_id)
