"""N-MNIST (Orchard et al. 2015): MNIST digits seen by an event camera that makes three saccades."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snncore.data.events.packages import load_package
from snncore.data.events.specs import EVENT_SPECS
from snncore.data.events.stream import Events, checked_events
from snncore.data.files import DamagedFileError

NAME = "nmnist"

_EVENT_BYTES = 5  # x, y, then one bit of polarity and 23 of time
_DTYPE = np.dtype([("x", np.int64), ("y", np.int64), ("t", np.int64), ("p", np.int64)])


def read_file(path: Path) -> Events:
    """The events of a .bin file, through tonic's reader.

    The format has no length and no checksum: a file cut between two events reads as a shorter recording.

    Raises:
        DamagedFileError: no events, a last event that is cut, or events outside the sensor.
        DataError: tonic is not installed.
    """
    n_bytes = path.stat().st_size
    if n_bytes == 0 or n_bytes % _EVENT_BYTES:
        reason = f"{n_bytes} bytes, should be a multiple of {_EVENT_BYTES} and not 0"
        raise DamagedFileError(path, reason)
    events = load_package("tonic.io", NAME).read_mnist_file(str(path), dtype=_DTYPE)
    return checked_events(events["t"], events["p"], events["y"], events["x"], EVENT_SPECS[NAME], path)
