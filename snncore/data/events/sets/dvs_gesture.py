"""DVS-Gesture (Amir et al. 2017): eleven gestures in front of an event camera, cut as by tonic.

A file USER_LIGHT/CLASS.npy is an array (n, 4): column, row, polarity, and time in milliseconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snncore.data.events.stream import Events, checked_events, microseconds
from snncore.data.files import DamagedFileError
from snncore.data.sets.npy import read_npy
from snncore.data.specs import EVENT_SPECS

NAME = "dvs_gesture"

_LARGEST_BYTES = 2**28  # some ten times a published recording


def read_file(path: Path) -> Events:
    """The events of an .npy file, without unpickling.

    Raises:
        DamagedFileError: the file is truncated, holds no numbers of that shape, or events outside the sensor.
    """
    values = read_npy(path, _LARGEST_BYTES)
    if values.ndim != 2 or values.shape[1] != 4:
        raise DamagedFileError(path, f"{values.shape}, should be (events, 4)")
    if values.dtype.kind not in "uif" or not np.isfinite(values).all():
        raise DamagedFileError(path, f"holds {values.dtype} that are not all numbers")
    x, y, polarity, milliseconds = values.T
    # Before times a thousand: they may be stored in few bits.
    return checked_events(microseconds(np.trunc(milliseconds), 1e3), polarity, y, x, EVENT_SPECS[NAME], path)
