"""Spiking Heidelberg Digits (Cramer et al. 2020): spoken digits as spikes of an artificial cochlea.

One HDF5 file for each part: spikes/times (seconds) and spikes/units, an array for each recording; labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from snncore.data.events.files import EVENT_FILES, event_folder
from snncore.data.events.packages import load_package
from snncore.data.events.specs import EVENT_SPECS
from snncore.data.events.stream import Events, Ints, checked_events
from snncore.data.files import DamagedFileError

NAME = "shd"

_UNREADABLE = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What h5py raises on bytes of any kind."""


class ShdSource:
    """The recordings of one file; a `Source`."""

    def __init__(self, root: str | Path, is_train: bool) -> None:
        """Reads the labels.

        Raises:
            DamagedFileError: the file is missing or damaged.
            DataError: h5py is not installed.
        """
        self.path = event_folder(NAME, root) / EVENT_FILES[NAME].parts[0 if is_train else 1]
        if not self.path.is_file():
            raise DamagedFileError(self.path, "it is missing")
        self._h5py = load_package("h5py", NAME)
        self._file: Any = None  # opened once: opening costs more than reading a recording
        with self._damage_named():
            self._file = self._h5py.File(self.path, "r")
            self._times, self._units = self._file["spikes/times"], self._file["spikes/units"]
            self.labels: Ints = np.asarray(self._file["labels"]).reshape(-1).astype(np.int64)
            lengths = {len(self._times), len(self._units), len(self.labels)}
        self._check(lengths)
        self.fingerprint = f"{self.path.name} {self.path.stat().st_size} {len(self.labels)}"

    def _check(self, lengths: set[int]) -> None:
        if len(lengths) != 1:
            raise DamagedFileError(self.path, f"times, units and labels differ in number: {sorted(lengths)}")
        if len(self.labels) == 0:
            raise DamagedFileError(self.path, "it holds no recordings")
        low, high = int(self.labels.min()), int(self.labels.max())
        last = EVENT_SPECS[NAME].n_classes - 1
        if low < 0 or high > last:
            raise DamagedFileError(self.path, f"labels from {low} to {high}, should be from 0 to {last}")

    def read(self, index: int) -> Events:
        """The recording `index`.

        Raises:
            DamagedFileError: it cannot be read, or has events outside the 700 units.
        """
        with self._damage_named():
            seconds = np.asarray(self._times[index]).astype(np.float64)  # stored in 16 bits
            units = np.asarray(self._units[index]).astype(np.int64)
            if not np.isfinite(seconds).all():
                raise ValueError(f"recording {index} has times that are not finite")
        t = np.rint(seconds * 1e6)
        nothing = np.zeros(len(units), dtype=np.int64)
        return checked_events(t, units, nothing, nothing, EVENT_SPECS[NAME], self.path)

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            raise DamagedFileError(self.path, f"{type(error).__name__} {error}") from error
