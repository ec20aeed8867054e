"""The shape of the samples of a config. Imports no torch."""

from __future__ import annotations

from dataclasses import replace

from snncore.config.schema import DataConfig
from snncore.data.specs import OWN_DATA, SPECS, DataSpec
from snncore.errors import DataError


def data_spec(config: DataConfig) -> DataSpec:
    """The shape of the samples of `config` as the network gets them, after `size` and `events`.

    Raises:
        DataError: the user's own files are missing, damaged or do not fit each other, or the data set does
            not allow `size` or `events`.
    """
    spec = _own_spec(config) if config.name in OWN_DATA else SPECS[config.name]
    if config.size is not None:
        if spec.height == spec.width == 1:
            raise DataError(f"data.size: {config.name} has no image to resize; leave it out")
        spec = replace(spec, height=config.size, width=config.size)
    if config.events == "saccades":
        if spec.has_time:
            raise DataError(f"data.events: {config.name} holds event frames already; set data.events: none")
        if config.name == "imagenet":
            raise DataError("data.events: saccades needs images in memory, and imagenet is read file by file")
        spec = replace(spec, channels=2, has_time=True)
    return spec


def _own_spec(config: DataConfig) -> DataSpec:
    if config.name == "folder":
        from snncore.data.sets.folder_index import index_folder

        return index_folder(config.root).spec(config.size)
    from snncore.data.sets.npz_header import read_header

    return read_header(config.root).spec(config.size)
