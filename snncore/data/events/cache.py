"""Frames on the disk: made once, read by every trial and process, as `snncore.data.cache.disk_cache` does it.

A cache is a folder ROOT/event_frames/NAME-PART-T…-…/ with frames.npy and about.json.
M samples of frames (T, C, H, W). Knows no torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from snncore.data.cache import disk_cache
from snncore.data.cache.disk_cache import Entry, Kind, cached, tell
from snncore.data.events.frame_file import map_frames, write_frames

__all__ = ["FOLDER", "FrameKey", "cache_folders", "cached_frames", "tell"]

FOLDER = "event_frames"
_KIND = Kind(FOLDER, "event frames", "set a smaller data.size or T")
_FRAMES = "frames.npy"
_FORMAT = 3  # to be raised when the same key would give other frames

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


def cached_frames(
    key: FrameKey, root: str | Path, make: Frames, notes: Callable[[], list[str]] = list
) -> NDArray[Any]:
    """The frames of `key`, uint8 or int16 (M, T, C, H, W), memory-mapped; made first if they are nowhere yet.

    Kept under `root`, or where that cannot be written in the user's cache folder. A damaged cache is made
    again. What takes time is told in one line on stderr; so are the notes, lines about what was made, by
    every process that reads the frames.

    Raises:
        DataError: no place to write, or not enough of it; or what `make` raises.
    """
    entry = Entry(
        stem=key.stem,
        name=key.name,
        about=asdict(key),
        n_bytes=math.prod(key.shape),
        make=lambda folder: write_frames(folder / _FRAMES, key.shape, make()),
        read=lambda folder: map_frames(folder / _FRAMES, key.shape),
        notes=notes,
    )
    return cached(_KIND, entry, root)


def cache_folders(root: str | Path) -> tuple[Path, Path]:
    """Where frames may lie: under `root` (beside it, where it is a file), and for the user."""
    return disk_cache.cache_folders(_KIND, root)
