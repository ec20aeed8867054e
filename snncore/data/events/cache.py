"""Frames on the disk: made once, read by every trial and process.

A cache is a folder ROOT/event_frames/NAME-PART-T…-…/ with frames.npy and about.json. It is made beside its
place under a temporary name and then renamed, so that what stands there is whole; a lock lets one process
make it while others wait. M samples of frames (T, C, H, W). Knows no torch.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from numpy.typing import NDArray

from snncore.data.events.frame_file import checksum, map_frames, write_frames
from snncore.errors import DataError

FOLDER = "event_frames"
_FRAMES, _ABOUT = "frames.npy", "about.json"
_FORMAT = 1  # to be raised when the same key would give other frames

Frames = Callable[[], Iterator[NDArray[Any]]]
"""Makes the frames: chunks (k, T, C, H, W) of counts, in order, M samples in all."""


@dataclass(frozen=True)
class FrameKey:
    """All that decides the frames. how: frames_by, or "saccades". source: a fingerprint of the data."""

    name: str
    part: str
    shape: tuple[int, int, int, int, int]  # (M, T, C, H, W)
    how: str
    source: str
    format: int = _FORMAT

    @property
    def stem(self) -> str:
        """A folder name that tells people what it is, and differs where any part of the key does."""
        text = json.dumps(asdict(self), sort_keys=True)
        code = blake2b(text.encode(), digest_size=6).hexdigest()
        return f"{self.name}-{self.part}-T{self.shape[1]}-{self.shape[3]}x{self.shape[4]}-{self.how}-{code}"


def cached_frames(key: FrameKey, root: str | Path, make: Frames) -> NDArray[Any]:
    """The frames of `key`, uint8 or int16 (M, T, C, H, W), memory-mapped; made first if they are nowhere yet.

    Kept under `root`, or where that cannot be written in the user's cache folder. A damaged cache is made
    again. What takes time is told in one line on stderr.

    Raises:
        DataError: no place to write, or not enough of it; or what `make` raises.
    """
    folders = cache_folders(root)
    for folder in folders:
        frames = _look(folder / key.stem, key)
        if frames is not None:
            return frames
    folder = _writable(folders)
    with _locked(folder / f".{key.stem}.lock", key.name):
        frames = _look(folder / key.stem, key)  # another process may have made them by now
        if frames is None:
            _make(folder, key, make)
            frames = _look(folder / key.stem, key)
    if frames is None:
        raise DataError(f"{folder / key.stem}: event frames were written there but cannot be read back")
    return frames


def cache_folders(root: str | Path) -> tuple[Path, Path]:
    """Where caches may lie: under `root` (beside it, where it is a file), and for the user."""
    place = Path(root).expanduser()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return (place.parent if place.is_file() else place) / FOLDER, home / "spikefront" / FOLDER


def _look(folder: Path, key: FrameKey) -> NDArray[Any] | None:
    """The frames in `folder`, None when they are not there or damaged."""
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        if about["checksum"] != checksum(folder / _FRAMES):
            raise ValueError("the checksum differs")
        return map_frames(folder / _FRAMES, key.shape)
    except FileNotFoundError:
        return None
    except (KeyError, OSError, TypeError, ValueError) as error:
        tell(f"{folder}: damaged event frames, which will be made again: {error}")
        return None


def _writable(folders: tuple[Path, ...]) -> Path:
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
            tell(f"{problems[0]}; event frames are kept in {folder} instead")
        return folder
    raise DataError(
        f"data.root: event frames can be kept nowhere: {'; '.join(problems)}; make one of them writable, "
        "or set XDG_CACHE_HOME to a folder that is"
    )


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    """A block that one process at a time enters; who waits says so."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(f"{name}: waiting for another process that makes the event frames")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(folder: Path, key: FrameKey, make: Frames) -> None:
    """Write the cache under a temporary name, then put it in place. Only with the lock."""
    for left in folder.glob(f".{key.stem}.making*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    _require_space(folder, key)
    scratch, damaged = (folder / f".{key.stem}.making-{what}" for what in ("new", "damaged"))
    try:
        scratch.mkdir()
        write_frames(scratch / _FRAMES, key.shape, make())
        about = asdict(key) | {"checksum": checksum(scratch / _FRAMES)}
        (scratch / _ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        if (folder / key.stem).exists():
            (folder / key.stem).rename(damaged)
        scratch.rename(folder / key.stem)
    except OSError as error:
        raise DataError(f"{folder}: event frames cannot be written: {error}") from error
    finally:
        for left in (scratch, damaged):
            shutil.rmtree(left, ignore_errors=True)


def _require_space(folder: Path, key: FrameKey) -> None:
    n_bytes = math.prod(key.shape)
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise DataError(
            f"{folder}: event frames of {key.name} take {n_bytes / 2**20:.0f} MiB, and "
            f"{free / 2**20:.0f} MiB are free; make room, or set a smaller data.size or T"
        )


def tell(line: str) -> None:
    """One line for whoever watches, on stderr: stdout belongs to results."""
    print(line, file=sys.stderr, flush=True)
