"""CIFAR10-DVS (Li et al. 2017): CIFAR-10 images moved in front of an event camera of 128 × 128 pixels.

Two formats are read: .aedat4, as in tonic's download, and .aedat (version 2.0), as published. They hold the
same recordings and may differ in orientation: do not mix them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snncore.data.events.isolated import read_isolated
from snncore.data.events.packages import require_package
from snncore.data.events.stream import Events, checked_events
from snncore.data.file_access import read_whole
from snncore.data.files import DamagedFileError
from snncore.data.specs import EVENT_SPECS

NAME = "cifar10_dvs"

_WORDS = np.dtype([("address", ">u4"), ("t", ">u4")])
_LAST_PIXEL = 127
_LARGEST_BYTES = 2**27  # some ten times a published recording


def read_file(path: Path) -> Events:
    """The events of an .aedat4 or .aedat file.

    Raises:
        DamagedFileError: the file is truncated, holds no events, or events outside the sensor.
        DataError: for .aedat4, aedat is not installed.
    """
    return _read_aedat4(path) if path.suffix == ".aedat4" else _read_aedat2(path)


def _read_aedat4(path: Path) -> Events:
    """By the package aedat, in the child process."""
    require_package("aedat", NAME)
    t, x, y, polarity = read_isolated("aedat4", path)
    return checked_events(t, polarity, y, x, EVENT_SPECS[NAME], path)


def _read_aedat2(path: Path) -> Events:
    """Lines that begin with "#", the first of them "#!AER-DAT2.0", then 8 bytes an event, big-endian.

    In a DVS128's address bit 0 is the polarity (1 is off), bits 1 … 7 and 8 … 14 are the axes, each counted
    from the far end, and exchanged by the way the camera was mounted; bit 15 marks entries that are no pixel
    events, which are left out.
    """
    content = read_whole(path, _LARGEST_BYTES)
    if not content.startswith(b"#!AER-DAT2"):
        raise DamagedFileError(path, "it does not begin with #!AER-DAT2")
    start = 0
    while content.startswith(b"#", start):
        start = content.find(b"\n", start) + 1
        if start == 0:
            raise DamagedFileError(path, "it ends in its header")
    n_bytes = len(content) - start
    if n_bytes == 0 or n_bytes % _WORDS.itemsize:
        raise DamagedFileError(path, f"{n_bytes} bytes of events, should be a multiple of 8 and not 0")
    words: Any = np.frombuffer(content, dtype=_WORDS, offset=start)
    address = words["address"].astype(np.int64)
    if (address >> 16).any():
        raise DamagedFileError(path, "it has addresses of more than 16 bits, which no DVS128 gives")
    is_pixel = address >> 15 == 0
    address, t = address[is_pixel], words["t"][is_pixel]
    x = _LAST_PIXEL - (address >> 8 & _LAST_PIXEL)
    y = _LAST_PIXEL - (address >> 1 & _LAST_PIXEL)
    return checked_events(t, 1 - (address & 1), y, x, EVENT_SPECS[NAME], path)
