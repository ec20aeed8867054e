"""Folders of classes with image files in them: train/CLASS/IMAGE. Knows no torch.

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
"""What file browsers leave behind; so do names that begin with a dot."""


@dataclass(frozen=True, eq=False)
class ImagePaths:
    """Image files of one part. names: (M,) bytes, CLASS/IMAGE relative to `folder`; labels: int64 (M,).

    Names are one array of bytes, since a list of a million texts is copied into every worker process.
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
    """The images of the classes, by class and then by name; the label is the place in `classes`.

    A class without a folder has no images here.

    Raises:
        DataError: a class folder cannot be read, or holds something else than files with one of the
            lower-case `suffixes`, or there is no image at all.
    """
    names: list[bytes] = []
    labels: list[int] = []
    for label, class_name in enumerate(classes):
        place = folder / class_name
        found = sorted(_image_names(place, suffixes)) if place.is_dir() else []
        names += [os.fsencode(f"{class_name}/{name}") for name in found]
        labels += [label] * len(found)
    if not names:
        raise DataError(f"data: {folder} holds no images")
    return ImagePaths(folder, np.array(names, dtype=np.bytes_), np.array(labels, dtype=np.int64))


def list_classes(folder: Path) -> tuple[str, ...]:
    """The names of the class folders, sorted by code point.

    Raises:
        DataError: there is none, or something else lies between them.
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
    """Names in a folder, without clutter, and what they are.

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
    """Of what a name in a folder leads to. Costs no look at the disk, except for links."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError:  # a link that names itself, or one into a folder that cannot be entered
        return "broken link"
    return "FIFO, socket or device" if Path(entry.path).exists() else "broken link"
