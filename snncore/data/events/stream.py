"""A recording as a stream of events, and the check that all readers use. numpy only.

n events, C channels, H × W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from snncore.data.files import DamagedFileError
from snncore.data.specs import DataSpec

Ints = NDArray[np.int64]

_FAR_US = 2**53
"""285 years: times are limited to this, so that calculations do not overflow."""


@dataclass(frozen=True, eq=False)
class Events:
    """One recording: time (t, in microseconds), channel and pixel of each event; int64 (n,) each.

    n may be 0. t need not be sorted.
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
        """Identifies this part without reading it, by names and sizes of its files."""

    def location(self, index: int) -> str:
        """The location of the recording `index`, for messages."""

    def read(self, index: int) -> Events:
        """The recording `index`.

        Raises:
            DamagedFileError: its file is missing, truncated or not what it should be.
        """


def microseconds(values: Any, per_unit: float) -> Ints:
    """Times (n,) in units of `per_unit` microseconds as whole microseconds, int64, limited to ±`_FAR_US`."""
    return np.clip(np.rint(np.asarray(values, dtype=np.float64) * per_unit), -_FAR_US, _FAR_US).astype(
        np.int64
    )


def checked_events(t: Any, channel: Any, y: Any, x: Any, spec: DataSpec, path: Path) -> Events:
    """Events from arrays of numbers of any dtype, all inside the sensor. Times may have any value.

    Raises:
        DamagedFileError: for `path`, if the arrays differ in length, or an event is outside the sensor.
    """
    if len({len(values) for values in (t, channel, y, x)}) != 1:
        raise DamagedFileError(path, "its events lack parts")
    sensor = (
        ("channels", channel, spec.channels),
        ("rows", y, spec.height),
        ("columns", x, spec.width),
    )
    for what, values, size in sensor:  # before the conversion to int64, which may overflow
        low, high = (values.min(), values.max()) if len(values) else (0, 0)
        if not 0 <= low <= high < size:
            raise DamagedFileError(
                path, f"{what} from {int(low)} to {int(high)}, should be from 0 to {size - 1}"
            )
    far = np.asarray(t).clip(max=_FAR_US) if np.asarray(t).dtype.kind == "u" else np.asarray(t)
    whole = np.clip(far.astype(np.int64), -_FAR_US, _FAR_US)
    return Events(whole, *(np.asarray(values).astype(np.int64) for values in (channel, y, x)))
