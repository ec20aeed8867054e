"""Reads the published training or test samples of a config, with the right reader, size and frames."""

from __future__ import annotations

from pathlib import Path

from snncore.config.schema import DataConfig
from snncore.data.cache.image_cache import decoded
from snncore.data.specs import EVENT_SPECS
from snncore.data.split import AnySplit, Split
from snncore.errors import DataError


def read_split(config: DataConfig, T: int, is_train: bool) -> AnySplit:
    """All training or test samples of `config` in the order of the files, before any division.

    T: time steps, for data sets of events and for `events: saccades`.

    Raises:
        DamagedFileError: a file is missing or damaged.
        DataError: the package that reads the data set is not installed, or the samples cannot have `size`,
            `events` or T.
    """
    if config.name in EVENT_SPECS:
        from snncore.data.events.read import read as read_events

        return read_events(config.name, config.root, is_train, T, config.size, config.frames_by)
    if config.name == "imagenet":
        from snncore.data.sets.imagenet import read as read_imagenet

        return read_imagenet(config, is_train)
    if config.name == "npz":
        from snncore.data.sets.npz import require_steps

        require_steps(config.root, T)
    images = decoded(config, is_train, lambda: _decode(config, is_train))
    return _as_frames(images, config, T, is_train)


def read_published(name: str, root: str | Path, is_train: bool) -> Split:
    """All training or test images of a published set of still images, in their own size.

    Raises:
        DamagedFileError: a file is missing or damaged.
        DataError: the package that contains or reads the data set is not installed.
    """
    if name == "digits":
        from snncore.data.sets import digits

        return digits.read(is_train)
    if name == "fashion_mnist":
        from snncore.data.sets import fashion_mnist

        return fashion_mnist.read(root, is_train)
    from snncore.data.sets import cifar

    return cifar.read(name, root, is_train)


def _decode(config: DataConfig, is_train: bool) -> Split:
    """Images or frames of `config.size`."""
    if config.name == "folder":
        from snncore.data.sets.folder import read as read_folder

        return read_folder(config.root, is_train, config.size)
    if config.name == "npz":
        from snncore.data.sets.npz import read as read_npz

        split = read_npz(config.root, is_train)
    else:
        split = read_published(config.name, config.root, is_train)
    if config.size is None:
        return split
    from snncore.data.resize import resize

    return Split(resize(split.images, config.size), split.labels)


def _as_frames(split: Split, config: DataConfig, T: int, is_train: bool) -> Split:
    if config.events == "none":
        return split
    if split.images.dim() == 5:
        raise DataError(f"data.events: {config.name} holds event frames already; set data.events: none")
    from snncore.data.events.saccades import split_of_images

    return split_of_images(split, T, config.name, is_train, config.root)
