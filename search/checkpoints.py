"""Checkpoints of one trial: written by its worker, the last two kept, the newest loadable one restored."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from search.trainer import Session

KEPT_WHILE_RUNNING = 2
SECONDS_BETWEEN = 2.0
"""An epoch that ends sooner after the last checkpoint writes none: at most this much work is lost."""

_EPOCH = re.compile(r"epoch-(\d{4,})")


class CheckpointKeeper:
    """Saves and restores the checkpoints `epoch-EEEE` of one trial in its folder."""

    def __init__(self, folder: Path, seconds_between: float | None = None) -> None:
        self._folder = folder
        self._seconds_between = SECONDS_BETWEEN if seconds_between is None else seconds_between
        self._saved_at = time.monotonic()
        self._restored: int | None = None

    def save(self, session: Session, *, final: bool = False) -> None:
        """Write a checkpoint of the session as it is; too soon after the last, only the final one."""
        if not final and time.monotonic() - self._saved_at < self._seconds_between:
            return
        if session.epochs_trained == self._restored:
            return
        session.save(self._folder / f"epoch-{session.epochs_trained:04d}")
        self._saved_at = time.monotonic()
        for old in epochs_saved(self._folder)[:-KEPT_WHILE_RUNNING]:
            shutil.rmtree(self._folder / f"epoch-{old:04d}", ignore_errors=True)

    def restore(self, make_session: Callable[[], Session]) -> Session:
        """A session that continues from the newest checkpoint that loads; a new one when none does.

        A session is made afresh for each try, so that half of a damaged checkpoint stays in none.
        """
        for epoch in reversed(epochs_saved(self._folder)):
            session = make_session()
            try:
                session.restore(self._folder / f"epoch-{epoch:04d}")
            except Exception:
                # Whatever is wrong with it, an older checkpoint or a new start continues the trial.
                continue
            self._restored = epoch
            return session
        return make_session()


def epochs_saved(folder: Path) -> list[int]:
    """The epochs of the checkpoints in a trial's folder, ascending."""
    if not folder.is_dir():
        return []
    matches = (_EPOCH.fullmatch(entry.name) for entry in folder.iterdir())
    return sorted(int(match.group(1)) for match in matches if match)


def remove_checkpoints(folders: Iterable[Path]) -> None:
    """Remove the checkpoint folders of finished trials; missing ones are fine."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
