"""DVS-Gesture (Amir et al. 2017): eleven gestures before an event camera, as tonic has cut them.

A file USER_LIGHT/CLASS.npy is an array (n, 4): column, row, polarity, and time in milliseconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snncore.data.events.specs import EVENT_SPECS
from snncore.data.events.stream import Events, checked_events
from snncore.data.files import DamagedFileError

NAME = "dvs_gesture"


def read_file(path: Path) -> Events:
    """The events of an .npy file. Nothing is unpickled.

    Raises:
        DamagedFileError: the file is truncated, holds no numbers of that shape, or events outside the sensor.
    """
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DamagedFileError(path, error) from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.shape[1] != 4:
        raise DamagedFileError(path, f"{getattr(values, 'shape', 'no array')}, should be (events, 4)")
    if values.dtype.kind not in "uif" or not np.isfinite(values).all():
        raise DamagedFileError(path, f"holds {values.dtype} that are not all numbers")
    x, y, polarity, milliseconds = values.T
    # 64 bits before times a thousand: they may be stored in fewer
    t = milliseconds.astype(np.int64) * 1000
    return checked_events(t, polarity, y, x, EVENT_SPECS[NAME], path)
