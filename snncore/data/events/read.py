"""Reads an event data set as frames: `load_data` for the names in EVENT_SPECS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from snncore.data.events.cache import FOLDER, FrameKey, cached_frames, print_stderr
from snncore.data.events.frames import frames_of_events
from snncore.data.events.sets.open_source import open_source
from snncore.data.events.stream import Ints
from snncore.data.events.timestamps import Oddities
from snncore.data.specs import EVENT_SPECS
from snncore.data.split import Split
from snncore.errors import DataError


def read(name: str, root: str | Path, is_train: bool, T: int, size: int | None, frames_by: str) -> Split:
    """The training or test part of `name`: frames (M, T, C, h, w) of counts, memory-mapped, and labels.

    uint8 if no pixel has more than 255 events in a frame, else int16. Frames are made once and kept, see
    `cached_frames`; one recording at a time is in memory. size, frames_by: see `frames_of_events`.

    Raises:
        DamagedFileError: a file is missing, truncated or not what it should be.
        DataError: a package is not installed, `size` exceeds the sensor, or no folder can hold the frames.
    """
    spec = EVENT_SPECS[name]
    if size is not None and size > min(spec.height, spec.width):
        raise DataError(
            f"data.size: {size} is more than the {spec.height} × {spec.width} pixels of {name}; event frames "
            "are only made smaller"
        )
    source = open_source(name, root, is_train)
    part = "train" if is_train else "test"
    oddities = Oddities(f"{name}: {len(source.labels)} {part} recordings")
    h, w = (spec.height, spec.width) if size is None else (size, size)
    key = FrameKey(name, part, (len(source.labels), T, spec.channels, h, w), frames_by, source.fingerprint)

    def frames() -> Iterator[Ints]:
        published = spec.n_train if is_train else spec.n_test
        n = len(source.labels)
        share = f"{n}" if n == published else f"{n} (published: {published})"
        print_stderr(
            f"{name}: cutting {share} {part} recordings into T={T} frames, kept in {FOLDER} for the next time"
        )
        for index in range(n):
            events = oddities.without_far_events(source.read(index), source.location(index))
            yield frames_of_events(events, T, spec, size, frames_by)[None]  # (1, T, C, h, w)

    images = cached_frames(key, root, frames, oddities.lines)
    return Split(torch.from_numpy(images), torch.from_numpy(source.labels))
