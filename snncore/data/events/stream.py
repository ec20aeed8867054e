"""A recording as a stream of events, and the check that every reader's result passes. numpy only.

n events, C channels, H × W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from snncore.data.dataspec import DataSpec
from snncore.data.files import DamagedFileError

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Events:
    """One recording: when (t, in microseconds), in which channel and at which pixel; int64 (n,) each.

    n may be 0. t need not ascend.
    """

    t: Ints
    channel: Ints
    y: Ints
    x: Ints

    def __len__(self) -> int:
        return len(self.t)


class Source(Protocol):
    """The recordings of one part of a data set, read one at a time."""

    @property
    def labels(self) -> Ints:
        """The class of each recording, int64 (M,)."""

    @property
    def fingerprint(self) -> str:
        """Tells this part from others without reading it: names and sizes of its files."""

    def read(self, index: int) -> Events:
        """The recording `index`.

        Raises:
            DamagedFileError: its file is missing, truncated or not what it should be.
        """


def checked_events(t: Any, channel: Any, y: Any, x: Any, spec: DataSpec, path: Path) -> Events:
    """Events from arrays of whole numbers of any type, all inside the sensor.

    Raises:
        DamagedFileError: of `path`, when the arrays differ in length, or an event is outside the sensor.
    """
    events = Events(*(np.asarray(values).astype(np.int64) for values in (t, channel, y, x)))
    if len({len(values) for values in (events.t, events.channel, events.y, events.x)}) != 1:
        raise DamagedFileError(path, "its events lack parts")
    sensor = (
        ("channels", events.channel, spec.channels),
        ("rows", events.y, spec.height),
        ("columns", events.x, spec.width),
    )
    for what, values, size in sensor:
        low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        if low < 0 or high >= size:
            raise DamagedFileError(path, f"{what} from {low} to {high}, should be from 0 to {size - 1}")
    return events
