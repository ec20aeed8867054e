"""Caches on disk of arrays that take long to compute: made once, then read by every trial and process.

A cache is a folder ROOT/KIND/STEM/ with .npy files and about.json. It is written under a temporary name and
then renamed, so that it is always complete; a lock lets one process make it while others wait. Files are
memory-mapped: the processes of a node share one copy. Imports no torch.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock

from snncore.data.file_access import open_regular, require_regular
from snncore.data.files import root_folder
from snncore.errors import DataError
from spikefront.locks import LockHeldError, acquire

ABOUT = "about.json"
_WHOLE_BYTES = 2**28  # a checksum of so many bytes takes less than a tenth of a second
_BLOCK_BYTES, _N_BLOCKS = 2**16, 64

_LARGEST_ABOUT = 2**20
_MOST_NOTES, _LONGEST_NOTE = 5, 1000
_printed: set[Path] = set()
"""Caches whose notes this process has printed."""

Content = TypeVar("Content")


class CacheError(DataError):
    """No folder can hold the cache, or it cannot be written or read back; the data themselves may be fine."""


@dataclass(frozen=True)
class CacheKind:
    """folder: of all caches of this kind. For messages, what: their content; smaller: how to reduce it."""

    folder: str
    what: str
    smaller: str


@dataclass(frozen=True)
class CacheEntry(Generic[Content]):
    """One cache.

    stem: name of its folder, different for different content. name: of the data set, for messages. about:
    kept in about.json; a cache with other values is not used. n_bytes: its minimum size. make: writes the
    files into an empty folder. read: opens them; raises ValueError if they hold something else. notes: lines
    about what was found while making it, which every process that reads it prints once.
    """

    stem: str
    name: str
    about: Mapping[str, Any]
    n_bytes: int
    make: Callable[[Path], None]
    read: Callable[[Path], Content]
    notes: Callable[[], list[str]] = list


def cached(kind: CacheKind, entry: CacheEntry[Content], root: str | Path) -> Content:
    """The content of a cache, which is made first if there is none.

    It is kept under `root`, or if that is not writable in the user's cache folder. A damaged cache is
    reported on stderr and made again.

    Raises:
        CacheError: no folder is writable, or the disk is too full.
        Exception: those of `make`.
    """
    folders = cache_folders(kind, root)
    for folder in folders:
        content = _read_entry(kind, entry, folder)
        if content is not None:
            return content
    folder = _writable(kind, folders)
    waiting = f"{entry.name}: waiting for another process that makes the {kind.what}"
    with _locked(folder / f".{entry.stem}.lock", waiting):
        content = _read_entry(kind, entry, folder)  # another process may have made them by now
        if content is None:
            _make_entry(kind, entry, folder)
            content = _read_entry(kind, entry, folder)
    if content is None:
        raise CacheError(f"{folder / entry.stem}: {kind.what} were written there but cannot be read back")
    return content


def cache_folders(kind: CacheKind, root: str | Path) -> tuple[Path, Path]:
    """The folders that may hold caches: under `root` (beside it, if it is a file), and that of the user."""
    place = root_folder(root)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return (place.parent if place.is_file() else place) / kind.folder, home / "spikefront" / kind.folder


def checksum(path: Path) -> int:
    """CRC-32 of a file up to 256 MiB, of 64 blocks of 64 KiB spread over a larger one.

    For a larger one this detects truncation and lost parts, but a single changed byte only by chance.
    """
    n_bytes = require_regular(path).st_size
    if n_bytes <= _WHOLE_BYTES:
        return _whole_checksum(path)
    last = max(0, n_bytes - _BLOCK_BYTES)
    n_blocks = min(_N_BLOCKS, -(-n_bytes // _BLOCK_BYTES))
    value = zlib.crc32(str(n_bytes).encode())
    with open_regular(path) as file:
        for block in range(n_blocks):
            file.seek(last * block // max(1, n_blocks - 1))
            value = zlib.crc32(file.read(_BLOCK_BYTES), value)
    return value


def _whole_checksum(path: Path) -> int:
    value = 0
    with open_regular(path) as file:
        while block := file.read(2**22):
            value = zlib.crc32(block, value)
    return value


def print_stderr(line: str) -> None:
    """Print a line on stderr; stdout is for results."""
    print(line, file=sys.stderr, flush=True)


def _checksums(folder: Path, names: list[str]) -> int:
    return sum(checksum(folder / name) for name in names)


def _read_entry(kind: CacheKind, entry: CacheEntry[Content], folder: Path) -> Content | None:
    """The content of the cache in `folder`, None if there is none, or it is damaged."""
    place = folder / entry.stem
    if not (place / ABOUT).exists():
        return None
    try:
        about = _read_about(place / ABOUT)
        if {name: about.get(name) for name in entry.about} != json.loads(json.dumps(dict(entry.about))):
            raise ValueError("they are of other data")
        if any(Path(name).name != name for name in about["files"]):
            raise ValueError("it names files elsewhere")
        if about["checksum"] != _checksums(place, about["files"]):
            raise ValueError("the checksum differs")
        content = entry.read(place)
        _print_notes(place, about.get("notes", []))
    except Exception as error:  # the files may have any content
        print_stderr(f"{place}: damaged {kind.what}, which will be made again: {error}")
        return None
    return content


def _read_about(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        about = json.loads(file.read(_LARGEST_ABOUT))
    if not isinstance(about, dict):
        raise ValueError(f"{ABOUT} holds no names")
    return about


def _print_notes(place: Path, notes: list[str]) -> None:
    lines = [line[:_LONGEST_NOTE] for line in notes[:_MOST_NOTES]]
    if place not in _printed:
        _printed.add(place)
        for line in lines:
            print_stderr(line)


def _writable(kind: CacheKind, folders: tuple[Path, ...]) -> Path:
    """The first writable folder; prints a line if it is not the one under the root."""
    problems = []
    for folder in folders:
        probe = folder / f".probe-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            problems.append(f"{folder}: {error.strerror}")
            continue
        if problems:
            print_stderr(f"{problems[0]}; {kind.what} are kept in {folder} instead")
        return folder
    raise CacheError(
        f"data.root: {kind.what} can be kept nowhere: {'; '.join(problems)}; make one of them writable, "
        "or set XDG_CACHE_HOME to a folder that is"
    )


@contextmanager
def _locked(path: Path, waiting: str) -> Iterator[None]:
    """A block for one process at a time; a waiting process prints that, and for whom. Making may take hours.

    Raises:
        CacheError: the process that holds the lock is stopped.
    """
    lock = FileLock(path)
    try:
        acquire(lock, on_wait=lambda who: print_stderr(f"{waiting} ({who.rstrip(',')})"))
    except LockHeldError as error:
        raise CacheError(f"{error}; end that process, or let it continue") from error
    try:
        yield
    finally:
        lock.release()


def _make_entry(kind: CacheKind, entry: CacheEntry[Content], folder: Path) -> None:
    """Write the cache under a temporary name, then rename it. Call with the lock held."""
    for left in folder.glob(f".{entry.stem}.making*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    _require_space(kind, entry, folder)
    place = folder / entry.stem
    scratch, damaged = (folder / f".{entry.stem}.making-{what}" for what in ("new", "damaged"))
    try:
        scratch.mkdir()
        entry.make(scratch)
        names = sorted(path.name for path in scratch.iterdir())
        sums = {"files": names, "checksum": _checksums(scratch, names)}
        about = {**entry.about, **sums, "notes": entry.notes()}
        (scratch / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        if place.exists():
            place.rename(damaged)
        scratch.rename(place)
    except OSError as error:
        raise CacheError(f"{folder}: {kind.what} cannot be written: {error}") from error
    finally:
        for left in (scratch, damaged):
            shutil.rmtree(left, ignore_errors=True)


def _require_space(kind: CacheKind, entry: CacheEntry[Content], folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < entry.n_bytes:
        raise CacheError(
            f"{folder}: {kind.what} of {entry.name} take {entry.n_bytes / 2**20:.0f} MiB, and "
            f"{free / 2**20:.0f} MiB are free; make room, or {kind.smaller}"
        )
