"""Opens an event data set with its reader."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from snncore.data.events.sets import cifar10_dvs, dvs_gesture, nmnist, shd
from snncore.data.events.sets.file_source import FileSource
from snncore.data.events.stream import Source
from snncore.data.specs import EVENT_SPECS

_READERS = {
    module.NAME: partial(FileSource, spec=EVENT_SPECS[module.NAME], read_file=module.read_file)
    for module in (cifar10_dvs, dvs_gesture, nmnist)
}


def open_source(name: str, root: str | Path, is_train: bool) -> Source:
    """The training or test part of data set `name` under `root`; only labels are read yet.

    Raises:
        DamagedFileError: files are missing, or labels are not those of the data set.
        DataError: the package that reads it is not installed.
    """
    if name == shd.NAME:
        return shd.ShdSource(root, is_train)
    return _READERS[name](name, root, is_train)
