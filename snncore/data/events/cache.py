"""The disk cache of event frames, by `snncore.data.cache.disk_cache`.

A cache is a folder ROOT/event_frames/NAME-PART-T…-…/ with frames.npy and about.json.
M samples of frames (T, C, H, W). Imports no torch.
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
from snncore.data.cache.disk_cache import CacheEntry, CacheKind, cached, print_stderr
from snncore.data.events.frame_file import map_frames, write_frames

__all__ = ["FOLDER", "FrameKey", "cache_folders", "cached_frames", "print_stderr"]

FOLDER = "event_frames"
_KIND = CacheKind(FOLDER, "event frames", "set a smaller data.size or T")
_FRAMES = "frames.npy"
_FORMAT = 3  # increase when the same key would give other frames

Frames = Callable[[], Iterator[NDArray[Any]]]
"""Makes the frames: chunks (k, T, C, H, W) of counts, in order, M samples in total."""


@dataclass(frozen=True)
class FrameKey:
    """All that frames depend on. how: frames_by, or "saccades". source: a fingerprint of the data."""

    name: str
    part: str
    shape: tuple[int, int, int, int, int]  # (M, T, C, H, W)
    how: str
    source: str
    format: int = _FORMAT

    @property
    def stem(self) -> str:
        """A readable folder name, different for different keys."""
        text = json.dumps(asdict(self), sort_keys=True)
        code = blake2b(text.encode(), digest_size=6).hexdigest()
        return f"{self.name}-{self.part}-T{self.shape[1]}-{self.shape[3]}x{self.shape[4]}-{self.how}-{code}"


def cached_frames(
    key: FrameKey, root: str | Path, make: Frames, notes: Callable[[], list[str]] = list
) -> NDArray[Any]:
    """The frames of `key`, uint8 or int16 (M, T, C, H, W), memory-mapped; made first if there are none.

    Kept under `root`, or if that is not writable in the user's cache folder. A damaged cache is made again.
    notes: lines about what was found while making the frames; every process that reads them prints these.

    Raises:
        DataError: no folder is writable, or the disk is too full; or those of `make`.
    """
    entry = CacheEntry(
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
    """The folders that may hold frames: under `root` (beside it, if it is a file), and that of the user."""
    return disk_cache.cache_folders(_KIND, root)
