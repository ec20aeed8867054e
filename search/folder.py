"""The folder of one study, `runs/<study>/`: what lies where in it, and the lock its one driver holds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from search.errors import SearchError
from studies.text import trial_stem

MIN_FREE_MIB = 200
"""A study is not started with less free disk: checkpoints and the journal would fail in mid-training."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_CONTENT = frozenset({".lock", "journal.log.lock"})


@dataclass(frozen=True)
class RunFolder:
    """Paths of one study. `path` is absolute, so that workers and a changed directory find it too."""

    path: Path

    @classmethod
    def of(cls, out: str | Path, study: str) -> RunFolder:
        """The folder of a study below `out`.

        Raises:
            SearchError: the name cannot be the name of a folder.
        """
        if not _NAME.fullmatch(study):
            message = "allowed: letters, digits, dot, dash and underscore, a letter or digit first"
            raise SearchError(f"--study: got {study!r}, {message}")
        return cls(Path(out).expanduser().absolute() / study)

    @property
    def typed(self) -> Path:
        """The path as one would type it from here: relative where it lies below the working directory."""
        here = Path.cwd()
        return self.path.relative_to(here) if self.path.is_relative_to(here) else self.path

    @property
    def journal(self) -> Path:
        """The default storage."""
        return self.path / "journal.log"

    @property
    def storage_url(self) -> Path:
        """Names the database, without its password, where `--storage` chose one."""
        return self.path / "storage.url"

    @property
    def space(self) -> Path:
        """The space as resolved."""
        return self.path / "space.yaml"

    @property
    def checkpoints(self) -> Path:
        """One folder per trial that is running or on the front."""
        return self.path / "checkpoints"

    def trial_checkpoints(self, number: int) -> Path:
        """The folder of a trial's checkpoints."""
        return self.checkpoints / trial_stem(number)

    def is_empty(self) -> bool:
        """Whether the folder is missing or holds nothing but locks and a journal without a record."""
        if not self.path.exists():
            return True
        no_record = not self.journal.exists() or self.journal.stat().st_size == 0
        return all(
            entry.name in _NOT_CONTENT or (no_record and entry.name.startswith(self.journal.name))
            for entry in self.path.iterdir()
        )

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold the driver's lock; the system frees it on any death. An unused new folder is removed again.

        Raises:
            SearchError: another driver runs on this study, or the folder cannot be made.
        """
        existed = self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise SearchError(
                f"{self.path}: another process runs this study; wait for it, or choose another --study"
            ) from None
        except OSError as error:
            raise SearchError(f"{self.path}: cannot be used as a run folder: {error}") from error
        try:
            yield
        finally:
            lock.release()
            if not existed and self.is_empty():
                shutil.rmtree(self.path, ignore_errors=True)

    def require_free_disk(self) -> None:
        """Check that the disk has room to start.

        Raises:
            SearchError: less than `MIN_FREE_MIB` are free.
        """
        free_mib = shutil.disk_usage(self.path).free / 2**20
        if free_mib < MIN_FREE_MIB:
            raise SearchError(
                f"{self.path}: {free_mib:.0f} MiB of disk are free, at least {MIN_FREE_MIB} MiB are needed"
            )


def fresh_name(out: str | Path, study: str) -> str:
    """The first of NAME, NAME-2, NAME-3, ... whose run folder is missing or empty."""
    name, count = study, 1
    while not RunFolder.of(out, name).is_empty():
        count += 1
        name = f"{study}-{count}"
    return name
