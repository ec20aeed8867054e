"""The folder of one study, `runs/<study>/`: what lies where in it, and the lock its driver holds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from search.errors import SearchError
from snncore.locks import held
from studies.files import remove_halves
from studies.record import EPOCHS, TRIALS

MIN_FREE_MIB = 200
"""A study is not started with less free disk: checkpoints and the journal would fail in mid-training."""

WRITING_LIMIT_S = 300.0
"""A record and its report are written in seconds, large ones in a minute."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SCRATCH = ".tune"
_SHARED_SCRATCH = re.compile(re.escape(SCRATCH) + r"-([0-9a-f]+)")
RECORD_LOCK = ".record.lock"
STORAGE_URL = "storage.url"
_NOT_CONTENT = frozenset({".lock", RECORD_LOCK, "journal.log.lock", STORAGE_URL})


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
        return self.path / STORAGE_URL

    def named_url(self) -> str | None:
        """The URL of the database the folder names, if it does."""
        return self.storage_url.read_text(encoding="utf-8").strip() if self.storage_url.exists() else None

    @property
    def space(self) -> Path:
        """The space as resolved."""
        return self.path / "space.yaml"

    def scratch(self, driver: int) -> Path:
        """Ray Tune's own files while a driver runs; drivers that share the folder have one each."""
        return self.path / (f"{SCRATCH}-{driver:x}" if driver else SCRATCH)

    def scratches(self) -> list[tuple[int, Path]]:
        """What drivers that share the folder have there, or have left behind, each with its number."""
        found = [(_SHARED_SCRATCH.fullmatch(path.name), path) for path in self.path.glob(f"{SCRATCH}-*")]
        return [(int(match.group(1), 16), path) for match, path in found if match]

    def tidy(self) -> None:
        """Remove what a killed driver left here; for the only driver. The report has other writers."""
        shutil.rmtree(self.scratch(0), ignore_errors=True)
        for name in (TRIALS, EPOCHS, self.space.name, self.storage_url.name, "front/*"):
            remove_halves(self.path / name)

    def is_empty(self) -> bool:
        """Whether the folder is missing, or holds no more than locks, an empty journal, and storage.url."""
        if not self.path.exists():
            return True
        no_record = not self.journal.exists() or self.journal.stat().st_size == 0
        return all(
            entry.name in _NOT_CONTENT or (no_record and entry.name.startswith(self.journal.name))
            for entry in self.path.iterdir()
        )

    @contextmanager
    def claim(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the driver's lock; the system frees it on any death. An unused new folder is removed again.

        shared: other drivers may use the folder too (see `search.claim`); there is no lock then.

        Raises:
            SearchError: another driver runs on this study, or the folder cannot be made.
        """
        existed = self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = None if shared else FileLock(self.path / ".lock")
            if lock:
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
            if lock:
                lock.release()
            if not existed and self.is_empty():
                shutil.rmtree(self.path, ignore_errors=True)

    def writing(self) -> FileLock:
        """Held while the record is written, for drivers that share the folder; see `turn_to_write`."""
        return FileLock(self.path / RECORD_LOCK)

    @contextmanager
    def turn_to_write(self) -> Iterator[None]:
        """A turn to write the record, waited for while another driver writes it.

        Raises:
            LockHeldError: an OSError; it has written for `WRITING_LIMIT_S`, or is stopped.
        """
        with held(self.writing(), WRITING_LIMIT_S):
            yield

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
