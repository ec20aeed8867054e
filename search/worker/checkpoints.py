"""Checkpoints of one trial: written by its worker, the last two kept, the newest loadable one restored.

They lie in a folder that every node sees, or below a URI (see `search.worker.remote_checkpoints`).
"""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from search.worker.trainer import Session

if TYPE_CHECKING:
    from search.worker.remote_checkpoints import RemoteCheckpoints

KEPT_WHILE_RUNNING = 2
SECONDS_BETWEEN = 2.0
"""An epoch that ends sooner after the last checkpoint writes none: at most this much work is lost."""

UPLOAD_SHARE = 0.05
"""Uploads take at most about this share of a trial's time: a slow one is followed by a longer pause."""

_EPOCH = re.compile(r"epoch-(\d{4,})")
_log = logging.getLogger(__name__)


class CheckpointKeeper:
    """Saves and restores the checkpoints `epoch-EEEE` of one trial.

    place: the trial's folder, or a URI such as s3://bucket/study/trial-0007.
    """

    def __init__(self, place: Path | str, seconds_between: float | None = None) -> None:
        self._store = _store(place)
        self._seconds_between = SECONDS_BETWEEN if seconds_between is None else seconds_between
        self._saved_at = time.monotonic()
        self._pause = 0.0
        self._restored: int | None = None
        self._has_warned = False

    def save(self, session: Session, *, final: bool = False) -> None:
        """Write a checkpoint of the session as it is; too soon after the last, only the final one.

        A failed write does not stop training: it is logged once by the worker, older checkpoints stay as they
        are, and the next one is tried again.
        """
        began = time.monotonic()
        if not final and began - self._saved_at < max(self._seconds_between, self._pause):
            return
        if session.epochs_trained == self._restored:
            return
        try:
            self._store.write(session)
        except OSError as error:
            if not self._has_warned:
                _log.warning("%s: no checkpoint written, training continues: %s", self._store.name, error)
            self._has_warned = True
        self._saved_at = time.monotonic()
        if self._store.is_remote:
            self._pause = (self._saved_at - began) / UPLOAD_SHARE

    def restore(self, make_session: Callable[[], Session]) -> Session:
        """A session that continues from the newest checkpoint that loads; a new one when none does.

        A session is made afresh for each try, so that half of a damaged checkpoint stays in none.

        Raises:
            OSError: what lies below a URI cannot be reached; starting anew would throw work away.
        """
        for load in self._store.newest_first():
            session = make_session()
            try:
                load(session)
            except ConnectionError:
                raise
            except Exception:
                # Whatever is wrong with it, an older checkpoint or a new start continues the trial.
                continue
            self._restored = session.epochs_trained
            return session
        return make_session()


class _Store(Protocol):
    """Where checkpoints lie, and its name. write also removes all but the last two; it may raise OSError."""

    name: str
    is_remote: bool

    def write(self, session: Session) -> None: ...

    def newest_first(self) -> Iterable[Callable[[Session], None]]: ...


class _Folder:
    """Checkpoints in a folder; the session itself writes each whole or not at all."""

    is_remote = False

    def __init__(self, folder: Path) -> None:
        self._folder, self.name = folder, str(folder)

    def write(self, session: Session) -> None:
        session.save(self._folder / f"epoch-{session.epochs_trained:04d}")
        for old in epochs_saved(self._folder)[:-KEPT_WHILE_RUNNING]:
            shutil.rmtree(self._folder / f"epoch-{old:04d}", ignore_errors=True)

    def newest_first(self) -> Iterable[Callable[[Session], None]]:
        for epoch in reversed(epochs_saved(self._folder)):
            folder = self._folder / f"epoch-{epoch:04d}"
            yield lambda session, folder=folder: session.restore(folder)  # type: ignore[misc]


class _Remote:
    """Checkpoints below a URI; sessions know folders only, so each passes through a temporary one."""

    is_remote = True

    def __init__(self, remote: RemoteCheckpoints) -> None:
        self._remote, self.name = remote, remote.uri

    def write(self, session: Session) -> None:
        with tempfile.TemporaryDirectory(prefix="spikefront-") as scratch:
            folder = Path(scratch) / "checkpoint"
            session.save(folder)
            self._remote.put(session.epochs_trained, folder)
            self._remote.prune(KEPT_WHILE_RUNNING)

    def newest_first(self) -> Iterable[Callable[[Session], None]]:
        for name in self._remote.newest_first():
            yield lambda session, name=name: self._load(name, session)  # type: ignore[misc]

    def _load(self, name: str, session: Session) -> None:
        with tempfile.TemporaryDirectory(prefix="spikefront-") as scratch:
            folder = Path(scratch) / "checkpoint"
            try:
                self._remote.get(name, folder)
            except OSError as error:
                raise ConnectionError(f"{self._remote.uri}: cannot be read: {error}") from error
            session.restore(folder)


def _store(place: Path | str) -> _Store:
    if isinstance(place, str) and is_uri(place):
        from search.worker.remote_checkpoints import RemoteCheckpoints

        return _Remote(RemoteCheckpoints(place))
    return _Folder(Path(place))


def is_uri(place: str) -> bool:
    """Whether a place names a file system by its scheme; anything else is a folder."""
    return "://" in place


def epochs_saved(folder: Path) -> list[int]:
    """The epochs of the checkpoints in a trial's folder, ascending."""
    if not folder.is_dir():
        return []
    matches = (_EPOCH.fullmatch(entry.name) for entry in folder.iterdir())
    return sorted(int(match.group(1)) for match in matches if match)
