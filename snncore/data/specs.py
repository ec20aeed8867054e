"""What each data set holds, known without reading its samples. Knows no torch."""

from __future__ import annotations

from dataclasses import replace

from snncore.config import DataConfig
from snncore.data.dataspec import DataSpec
from snncore.data.events.specs import EVENT_SPECS
from snncore.errors import DataError

__all__ = ["EVENT_SPECS", "OWN_DATA", "SPECS", "DataSpec", "data_spec"]

IMAGE_SPECS = {
    "digits": DataSpec(n_classes=10, channels=1, height=8, width=8, n_train=1438, n_test=359),
    "fashion_mnist": DataSpec(n_classes=10, channels=1, height=28, width=28, n_train=60_000, n_test=10_000),
    "cifar10": DataSpec(n_classes=10, channels=3, height=32, width=32, n_train=50_000, n_test=10_000),
    "cifar100": DataSpec(n_classes=100, channels=3, height=32, width=32, n_train=50_000, n_test=10_000),
    "imagenet": DataSpec(n_classes=1000, channels=3, height=224, width=224, n_train=1_281_167, n_test=50_000),
}
"""Sets of still images, at the size in which they are published; ImageNet at the usual one."""

SPECS = IMAGE_SPECS | EVENT_SPECS
"""The published sets, by the name that `data.name` takes in a config."""

OWN_DATA = frozenset({"folder", "npz"})
"""The user's own data, whose shape is read from the headers of the files."""


def data_spec(config: DataConfig) -> DataSpec:
    """What a sample of `config` looks like when it reaches a network, after `size` and `events`.

    Raises:
        DataError: the user's own files are missing, damaged or do not fit each other, or `size` or
            `events` asks for what the data set cannot give.
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
        from snncore.data.folder_index import index_folder

        return index_folder(config.root).spec(config.size)
    from snncore.data.npz_header import read_header

    return read_header(config.root).spec(config.size)
