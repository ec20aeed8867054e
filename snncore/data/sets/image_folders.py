"""Lists image files in folders of classes: train/CLASS/IMAGE. Imports no torch.

M images.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snncore.errors import DataError

IMAGENET_FOLDER = "imagenet"
"""Under the root: train/ and val/, each with a folder of JPEG files per class."""

_CLUTTER = frozenset({"thumbs.db", "desktop.ini"})
"""Files of file browsers, which are ignored; so are names that begin with a dot."""


@dataclass(frozen=True, eq=False)
class ImagePaths:
    """Image files of one part. names: (M,) bytes, CLASS/IMAGE relative to `folder`; labels: int64 (M,).

    Names are one array of bytes; a list of a million strings would be copied into every worker process.
    """

    folder: Path
    names: NDArray[np.bytes_]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, index: int) -> Path:
        """The file of an image."""
        return self.folder / os.fsdecode(bytes(self.names[index]))

    def subset(self, indices: NDArray[np.int64]) -> ImagePaths:
        """The images at `indices`, in that order."""
        return ImagePaths(self.folder, self.names[indices], self.labels[indices])


def list_images(folder: Path, classes: tuple[str, ...], suffixes: Collection[str]) -> ImagePaths:
    """The images of the classes, by class and then by name; the label is the index in `classes`.

    A class without a folder has no images.

    Raises:
        DataError: a class folder cannot be read, or holds anything else than files with one of the lower-case
            `suffixes`, or there is no image.
    """
    names: list[bytes] = []
    labels: list[int] = []
    for label, class_name in enumerate(classes):
        class_folder = folder / class_name
        images = sorted(_image_names(class_folder, suffixes)) if class_folder.is_dir() else []
        names += [os.fsencode(f"{class_name}/{name}") for name in images]
        labels += [label] * len(images)
    if not names:
        raise DataError(f"data: {folder} holds no images")
    return ImagePaths(folder, np.array(names, dtype=np.bytes_), np.array(labels, dtype=np.int64))


def list_classes(folder: Path) -> tuple[str, ...]:
    """The names of the class folders, sorted by code point.

    Raises:
        DataError: there is none, or the folder holds anything else.
    """
    entries = list(_entries(folder))
    stray = next((f"the {what} {name}" for name, what in entries if what != "folder"), None)
    if stray is not None:
        raise DataError(f"data: {folder} holds {stray}; it should hold one folder per class")
    if not entries:
        raise DataError(f"data: {folder} is empty; it should hold one folder per class")
    return tuple(sorted(name for name, _ in entries))


def _image_names(folder: Path, suffixes: Collection[str]) -> list[str]:
    names = []
    for name, what in _entries(folder):
        if what != "file":
            raise DataError(f"data: {folder} holds the {what} {name}; a class folder holds image files only")
        if os.path.splitext(name)[1].lower() not in suffixes:  # noqa: PTH122 - a million times, for ImageNet
            raise DataError(
                f"data: {folder} holds {name}, which is not read; allowed: {', '.join(sorted(suffixes))}"
            )
        names.append(name)
    return names


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Names in a folder, without clutter, and their kinds.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name.lower() not in _CLUTTER:
                    yield entry.name, _kind(entry)
    except OSError as error:
        raise DataError(f"data: {folder} cannot be read: {error.strerror}") from error


def _kind(entry: os.DirEntry[str]) -> str:
    """The kind of file that a name in a folder leads to; needs no disk access, except for links."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError:  # a circular link, or one into a folder that cannot be entered
        return "broken link"
    return "FIFO, socket or device" if Path(entry.path).exists() else "broken link"
