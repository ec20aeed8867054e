"""Spiking Heidelberg Digits (Cramer et al. 2020): spoken digits as spikes of an artificial cochlea.

One HDF5 file for each part: spikes/times (seconds) and spikes/units, an array for each recording; labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snncore.data.events.files import EVENT_FILES, event_folder
from snncore.data.events.isolated import read_isolated
from snncore.data.events.packages import require_package
from snncore.data.events.stream import Events, Ints, checked_events, microseconds
from snncore.data.file_access import require_regular
from snncore.data.files import DamagedFileError
from snncore.data.specs import EVENT_SPECS

NAME = "shd"

_AT_ONCE = 64
"""Recordings per request: a request takes longer than reading one recording."""


class ShdSource:
    """The recordings of one file; a `Source`. h5py reads it in the child process."""

    def __init__(self, root: str | Path, is_train: bool) -> None:
        """Reads the labels.

        Raises:
            DamagedFileError: the file is missing or damaged, or part of it is in another file.
            DataError: h5py is not installed.
        """
        self.path = event_folder(NAME, root) / EVENT_FILES[NAME].parts[0 if is_train else 1]
        n_bytes = require_regular(self.path).st_size
        require_package("h5py", NAME)
        labels, lengths = read_isolated("shd_labels", self.path)
        self._check(labels.reshape(-1), lengths)
        self.labels: Ints = labels.reshape(-1).astype(np.int64)
        self.fingerprint = f"{self.path.name} {n_bytes} {len(self.labels)}"
        self._first, self._recordings = 0, list[tuple[Any, Any]]()

    def _check(self, labels: Any, lengths: Any) -> None:
        n = {len(labels), *lengths.tolist()}
        if len(n) != 1:
            raise DamagedFileError(self.path, f"times, units and labels differ in number: {sorted(n)}")
        if len(labels) == 0:
            raise DamagedFileError(self.path, "it holds no recordings")
        low, high = int(labels.min()), int(labels.max())
        last = EVENT_SPECS[NAME].n_classes - 1
        if low < 0 or high > last:
            raise DamagedFileError(self.path, f"labels from {low} to {high}, should be from 0 to {last}")

    def location(self, index: int) -> str:
        """The path of its file, and its number."""
        return f"{self.path}, recording {index}"

    def read(self, index: int) -> Events:
        """The recording `index`.

        Raises:
            DamagedFileError: it cannot be read, or has events outside the 700 units.
        """
        if not self._first <= index < self._first + len(self._recordings):
            self._recordings, self._first = self._read_some(index), index
        seconds, units = self._recordings[index - self._first]
        if not np.isfinite(seconds).all():
            raise DamagedFileError(self.path, f"recording {index} has times that are not finite")
        zeros = np.zeros(len(units), dtype=np.int64)
        t = microseconds(seconds, 1e6)  # stored in 16 bits
        return checked_events(t, units, zeros, zeros, EVENT_SPECS[NAME], self.path)

    def _read_some(self, start: int) -> list[tuple[Any, Any]]:
        """Times and units of the recordings from `start` on."""
        request = {"start": start, "stop": min(start + _AT_ONCE, len(self.labels))}
        times, units, n_times, n_units = read_isolated("shd", self.path, **request)
        if n_times.sum() != len(times) or n_units.sum() != len(units):
            raise DamagedFileError(self.path, f"recordings from {start} on are not whole")
        parts = (np.split(values, n.cumsum()[:-1]) for values, n in ((times, n_times), (units, n_units)))
        return list(zip(*parts, strict=True))
