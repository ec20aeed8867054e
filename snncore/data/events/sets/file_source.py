"""Data sets with one file per recording: N-MNIST, DVS-Gesture, CIFAR10-DVS."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import numpy as np

from snncore.data.events.files import event_folder, list_recordings
from snncore.data.events.stream import Events, Ints
from snncore.data.files import DamagedFileError
from snncore.data.specs import DataSpec


class FileSource:
    """A part of a data set whose files are read by `read_file`; a `Source`."""

    def __init__(
        self, name: str, root: str | Path, is_train: bool, spec: DataSpec, read_file: Callable[[Path], Events]
    ) -> None:
        """Lists the files.

        Raises:
            DamagedFileError: a folder is missing or empty, or a class is outside 0 … n_classes − 1.
        """
        recordings = list_recordings(name, root, is_train)
        self._paths = [recording.path for recording in recordings]
        self._read_file = read_file
        self.labels: Ints = np.array([recording.label for recording in recordings], dtype=np.int64)
        wrong = np.flatnonzero(self.labels >= spec.n_classes)
        if len(wrong):
            reason = f"class {self.labels[wrong[0]]}, should be from 0 to {spec.n_classes - 1}"
            raise DamagedFileError(self._paths[wrong[0]], reason)
        folder = event_folder(name, root)
        names = "\n".join(
            f"{recording.path.relative_to(folder).as_posix()} {recording.n_bytes}" for recording in recordings
        )
        self.fingerprint = blake2b(os.fsencode(names), digest_size=16).hexdigest()

    def location(self, index: int) -> str:
        """The path of its file."""
        return str(self._paths[index])

    def read(self, index: int) -> Events:
        """The recording `index`.

        Raises:
            DamagedFileError: its file is missing, truncated or not what it should be.
        """
        try:
            return self._read_file(self._paths[index])
        except OSError as error:
            raise DamagedFileError(self._paths[index], error) from error
