"""N-MNIST (Orchard et al. 2015): MNIST digits seen by an event camera that makes three saccades."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snncore.data.events.stream import Events, checked_events
from snncore.data.file_access import read_whole
from snncore.data.files import DamagedFileError
from snncore.data.specs import EVENT_SPECS

NAME = "nmnist"

_EVENT_BYTES = 5  # x, y, then one bit of polarity and 23 of time
_LARGEST_BYTES = 2**24  # some hundred times a published recording
_OVERFLOW_Y, _OVERFLOW_US = 240, 2**13
"""An entry with this row is no event: so much is added to all times after it."""


def read_file(path: Path) -> Events:
    """The events of a .bin file.

    The format has no length and no checksum: a file cut between two events reads as a shorter recording.

    Raises:
        DamagedFileError: no events, a last event that is cut, or events outside the sensor.
    """
    content = read_whole(path, _LARGEST_BYTES)
    n_bytes = len(content)
    if n_bytes == 0 or n_bytes % _EVENT_BYTES:
        reason = f"{n_bytes} bytes, should be a multiple of {_EVENT_BYTES} and not 0"
        raise DamagedFileError(path, reason)
    values = np.frombuffer(content, dtype=np.uint8)
    x, y, *high = values.reshape(-1, _EVENT_BYTES).T.astype(np.int64)
    is_overflow = y == _OVERFLOW_Y
    t = (high[0] & 127) << 16 | high[1] << 8 | high[2]
    t += _OVERFLOW_US * np.cumsum(is_overflow)
    polarity, is_event = high[0] >> 7, ~is_overflow
    return checked_events(t[is_event], polarity[is_event], y[is_event], x[is_event], EVENT_SPECS[NAME], path)
