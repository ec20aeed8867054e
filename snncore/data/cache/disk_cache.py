"""Arrays on the disk that take long to make: made once, then read by every trial and process.

A cache is a folder ROOT/KIND/STEM/ with .npy files and about.json. It is made beside its place under a
temporary name and then renamed, so that what stands there is whole; a lock lets one process make it while
others wait. Files are memory-mapped: the processes of a node share one copy. Knows no torch.
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
_WHOLE_BYTES = 2**28  # a checksum over so much takes less than a tenth of a second
_BLOCK_BYTES, _N_BLOCKS = 2**16, 64

_LARGEST_ABOUT = 2**20
_MOST_NOTES, _LONGEST_NOTE = 5, 1000
_told: set[Path] = set()
"""Caches whose notes this process has told."""

Content = TypeVar("Content")


class CacheError(DataError):
    """A cache can be kept nowhere, or cannot be written or read back; the data themselves may be fine."""


@dataclass(frozen=True)
class Kind:
    """folder: of all caches of a kind. what: they hold, in messages, plural. smaller: how to make them so."""

    folder: str
    what: str
    smaller: str


@dataclass(frozen=True)
class Entry(Generic[Content]):
    """One cache.

    stem: its folder's name, which differs where the content does. name: of the data set, for messages.
    about: kept in about.json; a cache of other data is not taken. n_bytes: it takes at least. make: writes
    the files into an empty folder. read: opens them; ValueError where they hold something else. notes: what
    making it has found, in lines that every process that reads it tells once.
    """

    stem: str
    name: str
    about: Mapping[str, Any]
    n_bytes: int
    make: Callable[[Path], None]
    read: Callable[[Path], Content]
    notes: Callable[[], list[str]] = list


def cached(kind: Kind, entry: Entry[Content], root: str | Path) -> Content:
    """The content of a cache; made first if it is nowhere yet.

    Kept under `root`, or where that cannot be written in the user's cache folder. A damaged cache is told on
    stderr and made again.

    Raises:
        CacheError: no place to write, or not enough of it.
        Exception: what `make` raises.
    """
    folders = cache_folders(kind, root)
    for folder in folders:
        content = _look(kind, entry, folder)
        if content is not None:
            return content
    folder = _writable(kind, folders)
    waiting = f"{entry.name}: waiting for another process that makes the {kind.what}"
    with _locked(folder / f".{entry.stem}.lock", waiting):
        content = _look(kind, entry, folder)  # another process may have made them by now
        if content is None:
            _make(kind, entry, folder)
            content = _look(kind, entry, folder)
    if content is None:
        raise CacheError(f"{folder / entry.stem}: {kind.what} were written there but cannot be read back")
    return content


def cache_folders(kind: Kind, root: str | Path) -> tuple[Path, Path]:
    """Where caches may lie: under `root` (beside it, where it is a file), and for the user."""
    place = root_folder(root)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return (place.parent if place.is_file() else place) / kind.folder, home / "spikefront" / kind.folder


def checksum(path: Path) -> int:
    """CRC-32 of a file up to 256 MiB, of 64 blocks of 64 KiB spread over a larger one.

    Of a larger one it sees cut files and parts that a disk lost, but a single changed byte only by luck.
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


def tell(line: str) -> None:
    """One line for whoever watches, on stderr: stdout belongs to results."""
    print(line, file=sys.stderr, flush=True)


def _checksums(folder: Path, names: list[str]) -> int:
    return sum(checksum(folder / name) for name in names)


def _look(kind: Kind, entry: Entry[Content], folder: Path) -> Content | None:
    """The content in `folder`, None when it is not there or damaged."""
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
        _tell_notes(place, about.get("notes", []))
    except Exception as error:  # of files that anybody may have written
        tell(f"{place}: damaged {kind.what}, which will be made again: {error}")
        return None
    return content


def _read_about(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        about = json.loads(file.read(_LARGEST_ABOUT))
    if not isinstance(about, dict):
        raise ValueError(f"{ABOUT} holds no names")
    return about


def _tell_notes(place: Path, notes: list[str]) -> None:
    lines = [line[:_LONGEST_NOTE] for line in notes[:_MOST_NOTES]]
    if place not in _told:
        _told.add(place)
        for line in lines:
            tell(line)


def _writable(kind: Kind, folders: tuple[Path, ...]) -> Path:
    """The first folder in which files can be made; tells when it is not the one under the root."""
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
            tell(f"{problems[0]}; {kind.what} are kept in {folder} instead")
        return folder
    raise CacheError(
        f"data.root: {kind.what} can be kept nowhere: {'; '.join(problems)}; make one of them writable, "
        "or set XDG_CACHE_HOME to a folder that is"
    )


@contextmanager
def _locked(path: Path, waiting: str) -> Iterator[None]:
    """A block that one process at a time enters; who waits says so, and for whom. Making may take hours.

    Raises:
        CacheError: that process is stopped.
    """
    lock = FileLock(path)
    try:
        acquire(lock, on_wait=lambda who: tell(f"{waiting} ({who.rstrip(',')})"))
    except LockHeldError as error:
        raise CacheError(f"{error}; end that process, or let it go on") from error
    try:
        yield
    finally:
        lock.release()


def _make(kind: Kind, entry: Entry[Content], folder: Path) -> None:
    """Write the cache under a temporary name, then put it in place. Only with the lock."""
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


def _require_space(kind: Kind, entry: Entry[Content], folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < entry.n_bytes:
        raise CacheError(
            f"{folder}: {kind.what} of {entry.name} take {entry.n_bytes / 2**20:.0f} MiB, and "
            f"{free / 2**20:.0f} MiB are free; make room, or {kind.smaller}"
        )
