"""The storage of a study: an Optuna journal that survives any death, or a database by URL.

Optuna's own journal loads a torn last line once, then glues the next record onto it and is lost; its
own lock can hang after a death. Both are mended here: `repair_journal` and `_JournalLock`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.errors import SearchError

LOCK_TIMEOUT_S = 60.0
"""A record is appended in milliseconds; a lock held this long means a stopped process or a broken disk."""


class _JournalLock:
    """A lock of the operating system around each append: a process that dies frees it."""

    def __init__(self, journal: Path) -> None:
        self._lock = FileLock(f"{journal}.lock", timeout=LOCK_TIMEOUT_S)

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


def open_journal(path: Path) -> BaseStorage:
    """Open or create the journal at an absolute path; a torn end is cut off first.

    Raises:
        SearchError: a record before the last is damaged, or the file cannot be written.
    """
    assert path.is_absolute(), path
    try:
        repair_journal(path)
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_JournalLock(path)))
    except OSError as error:
        raise SearchError(f"{path}: the journal cannot be used: {error}") from error


def repair_journal(path: Path) -> Path | None:
    """Make a journal that was cut at any byte whole again; return where the torn end was kept, if any.

    A last record that lacks only its line end is completed: a JSON object has no valid proper prefix,
    so it is whole. Anything else after the last whole record goes to `journal.log.torn-N` beside it.

    Raises:
        SearchError: a record before the last is damaged: that is no torn write, and no guess is made.
    """
    if not path.exists():
        return None
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    for count, line in enumerate(lines[:-1], start=1):
        if not (line.endswith(b"\n") and _is_record(line)):
            raise SearchError(f"{path}: line {count} is damaged; restore the file from a backup")
    if not lines or (lines[-1].endswith(b"\n") and _is_record(lines[-1])):
        return None
    if _is_record(lines[-1]):
        _write_through(path, content + b"\n")
        return None
    copy = _unused(path)
    _write_through(copy, lines[-1])
    _write_through(path, content[: len(content) - len(lines[-1])])
    return copy


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


def _write_through(path: Path, content: bytes) -> None:
    """Replace a file's content, on disk before this returns; a death leaves the old or the new."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def open_url(url: str) -> BaseStorage:
    """Open the database behind an Optuna storage URL, such as sqlite:////abs/study.db or postgresql://...

    Raises:
        SearchError: the URL is malformed, its driver is missing, or the database does not answer.
    """
    from sqlalchemy.exc import SQLAlchemyError

    shown = without_password(url)
    try:
        return optuna.storages.get_storage(url)
    except (SQLAlchemyError, ImportError, ValueError, optuna.exceptions.StorageInternalError) as error:
        line = str(error).strip().splitlines()[0]
        raise SearchError(f"--storage: {shown} cannot be opened: {line}") from error


def without_password(url: str) -> str:
    """A storage URL as it may be shown and kept; text that is no URL comes back as it is."""
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    try:
        full = make_url(url)
    except ArgumentError:
        return url
    query = {key: value for key, value in full.query.items() if key not in ("password", "passwd")}
    bare = URL.create(full.drivername, full.username, None, full.host, full.port, full.database, query)
    return bare.render_as_string(hide_password=False)


def find_study(storage: BaseStorage, name: str) -> int | None:
    """The id of the study with this name in a storage, or None."""
    try:
        study_id: Any = storage.get_study_id_from_name(name)
    except KeyError:
        return None
    return int(study_id)
