"""The index of the user's own image folders: files, classes and shape, from headers only. Imports no torch.

root/train/CLASS/IMAGE, and if there are test images root/test/CLASS/IMAGE.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from snncore.data.batches.decode import open_image
from snncore.data.files import DamagedFileError, own_data_problem, remedy, root_folder
from snncore.data.sets.image_folders import ImagePaths, list_classes, list_images
from snncore.data.specs import DataSpec
from snncore.data.stratify import draw_test_share
from snncore.errors import DataError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""In lower case; upper case is accepted too."""

_GREY = frozenset({"1", "L", "LA"})
_COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"})
"""Pillow's modes of up to 8 bits; a palette counts as colour."""


@dataclass(frozen=True, eq=False)
class FolderIndex:
    """Classes in the order of their labels, and the files of both parts.

    is_test_drawn: there is no folder `test`, and a share of `train` is used instead.
    channels: 1 if all images are grey, else 3. common_size: (width, height), None if images differ; then
    `difference` names two that do.
    """

    classes: tuple[str, ...]
    train: ImagePaths
    test: ImagePaths
    is_test_drawn: bool
    channels: int
    common_size: tuple[int, int] | None
    difference: str

    def spec(self, size: int | None) -> DataSpec:
        """The spec of the images stretched to `size`, or in their own size if it is None.

        Raises:
            DataError: size is None and the images differ in size.
        """
        width_height = (size, size) if size is not None else self.common_size
        if width_height is None:
            raise DataError(
                f"data.size: images differ in size: {self.difference}; "
                "set data.size to the side length to which all are stretched"
            )
        width, height = width_height
        return DataSpec(len(self.classes), self.channels, height, width, len(self.train), len(self.test))


def index_folder(root: str | Path) -> FolderIndex:
    """The index of `root`. Classes are the sorted names of the folders in train.

    Without a folder `test`, a stratified fifth of train, with a fixed seed, is the test part.
    Reads the header of every image; on later calls only if a folder has changed since.

    Raises:
        DataError: there are no images or a single class, there are other files, `test` has a class that
            `train` lacks, a header cannot be read, or images have more than 8 bits.
    """
    problem = own_data_problem("folder", root)
    if problem is not None:
        raise DataError(problem)
    folder = root_folder(root).absolute()
    try:
        places = [folder / part for part in ("train", "test") if (folder / part).is_dir()]
        # lstat of the names themselves: a link may be broken, which listing the classes reports.
        stamps = [place.lstat().st_mtime_ns for part in places for place in (part, *sorted(part.iterdir()))]
        stamps += [place.stat().st_mtime_ns for part in places for place in part.iterdir() if place.is_dir()]
    except OSError as error:
        raise DataError(f"data: {folder} cannot be read: {error}") from error
    return _index(folder, tuple(stamps))


@lru_cache(maxsize=8)
def _index(folder: Path, stamps: tuple[int, ...]) -> FolderIndex:
    classes = list_classes(folder / "train")
    if len(classes) == 1:
        raise DataError(f"data: {folder / 'train'} holds the class {classes[0]} alone; it takes two or more")
    train = list_images(folder / "train", classes, SUFFIXES)
    counts = np.bincount(train.labels, minlength=len(classes))
    if counts.min() == 0:
        raise DataError(f"data: {folder / 'train' / classes[counts.argmin()]} holds no images")
    is_test_drawn = not (folder / "test").is_dir()
    if is_test_drawn:
        chosen, rest = draw_test_share(train.labels)
        if len(chosen) == 0:
            raise DataError(
                f"data: {folder / 'train'} holds one image of each class, so that none is left for testing; "
                f"add images, or a folder {folder / 'test'}"
            )
        train, test = train.subset(rest), train.subset(chosen)
    else:
        unknown = sorted(set(list_classes(folder / "test")) - set(classes))
        if unknown:
            raise DataError(f"data: {folder / 'test'} holds {unknown[0]}, a class that train lacks")
        test = list_images(folder / "test", classes, SUFFIXES)
    paths = [part.path(index) for part in (train, test) for index in range(len(part))]
    return FolderIndex(classes, train, test, is_test_drawn, *_shape(paths))


def _shape(paths: list[Path]) -> tuple[int, tuple[int, int] | None, str]:
    """Channels, common (width, height) or None, and which images differ."""
    modes, sizes = zip(*(_header(path) for path in paths), strict=True)
    channels = 1 if all(mode in _GREY for mode in modes) else 3
    other = next((index for index, size in enumerate(sizes) if size != sizes[0]), None)
    if other is None:
        return channels, sizes[0], ""
    return channels, None, f"{paths[0]} is {_text(sizes[0])}, {paths[other]} is {_text(sizes[other])}"


def _header(path: Path) -> tuple[str, tuple[int, int]]:
    """Mode and (width, height)."""
    try:
        with open_image(path) as image:
            mode, size = image.mode, image.size
    except DamagedFileError as error:
        raise DataError(f"data: {error}; {remedy('folder', '')}") from error
    if mode not in _GREY | _COLOUR:
        raise DataError(f"data: {path}: pixels of mode {mode}, and only 8 bits are read; save it with 8 bits")
    return mode, size


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
