"""The folder of one study, `runs/<study>/`: its paths, and the lock its driver holds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from search.errors import SearchError
from spikefront.errors import InputError
from spikefront.files import read_text, remove_halves
from spikefront.locks import held
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


class RefusalLock:
    """A driver's lock, entered once it is acquired; a refusal (`InputError`) leaves no new lock file."""

    def __init__(self, path: Path) -> None:
        self._path, self._was_there = path, path.exists()
        self._lock = FileLock(path)

    def acquire(self) -> None:
        """Acquire it at once.

        Raises:
            Timeout: another process holds it.
        """
        self._lock.acquire(timeout=0)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, InputError) and not self._was_there:
            self._path.unlink(missing_ok=True)
        self._lock.release()


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
        """The path as a user would type it from here: relative where it lies below the working directory."""
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
        return read_text(self.storage_url, 8192).strip() if self.storage_url.exists() else None

    @property
    def space(self) -> Path:
        """The space as resolved."""
        return self.path / "space.yaml"

    def scratch(self, driver: int) -> Path:
        """Ray Tune's own files while a driver runs; drivers that share the folder have one each."""
        return self.path / (f"{SCRATCH}-{driver:x}" if driver else SCRATCH)

    def scratches(self) -> list[tuple[int, Path]]:
        """The scratch folders of drivers that share the folder, dead ones too, each with its driver's
        number."""
        matches = [(_SHARED_SCRATCH.fullmatch(path.name), path) for path in self.path.glob(f"{SCRATCH}-*")]
        return [(int(match.group(1), 16), path) for match, path in matches if match]

    def tidy(self) -> None:
        """Remove what a killed driver left here; only for a single driver. The report has other writers."""
        if not (self.journal.exists() or self.storage_url.exists()):
            return  # not a study's folder: these files are not ours
        shutil.rmtree(self.scratch(0), ignore_errors=True)
        for name in (TRIALS, EPOCHS, self.space.name, self.storage_url.name, "front/*"):
            remove_halves(self.path / name)

    def is_empty(self) -> bool:
        """Whether the folder is missing, or holds no more than locks, an empty journal, and storage.url."""
        if not self.path.exists():
            return True
        no_record = not self.journal.exists() or _is_torn_at_first(self.journal)
        return all(
            entry.name in _NOT_CONTENT or (no_record and entry.name.startswith(self.journal.name))
            for entry in self.path.iterdir()
        )

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the driver's lock; the system frees it however the driver dies. A refusal changes nothing.

        A new folder that stays unused is removed again, with those above it that were made for it; so is a
        new lock in a folder that is no study's.

        shared: other drivers may use the folder too (see `search.study.lock`); there is no lock then.

        Raises:
            SearchError: another driver runs on this study, or the folder cannot be made.
        """
        made = [path for path in (self.path, *self.path.parents) if not path.exists()]
        lock = None if shared else RefusalLock(self.path / ".lock")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if lock:
                lock.acquire()
        except Timeout:
            raise SearchError(
                f"{self.path}: another process runs this study; wait for it, or choose another --study"
            ) from None
        except OSError as error:
            raise SearchError(f"{self.path}: cannot be used as a run folder: {error}") from error
        try:
            with lock or nullcontext():
                yield
        finally:
            if made and self.is_empty():
                shutil.rmtree(self.path, ignore_errors=True)
                with suppress(OSError):  # until one that holds something
                    for parent in made[1:]:
                        parent.rmdir()

    def writing(self) -> FileLock:
        """Held while the record is written, for drivers that share the folder; see `exclusive_write`."""
        return FileLock(self.path / RECORD_LOCK)

    @contextmanager
    def exclusive_write(self) -> Iterator[None]:
        """Hold the lock on the record; waits while another driver writes it.

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


def _is_torn_at_first(journal: Path) -> bool:
    """Whether a journal ends within its first record: its driver died, and nothing was ever begun."""
    if not journal.is_file():
        return False
    with journal.open("rb") as file:
        begin = file.read(65_536)
    return begin[:1] in (b"", b"{") and b"\n" not in begin and not begin.endswith(b"}")


def fresh_name(out: str | Path, study: str) -> str:
    """The first of NAME, NAME-2, NAME-3, ... whose run folder is missing or empty."""
    name, count = study, 1
    while not RunFolder.of(out, name).is_empty():
        count += 1
        name = f"{study}-{count}"
    return name
