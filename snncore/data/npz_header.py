"""The user's own arrays in an .npz file: their shapes, and which axis is which. Knows no torch.

M samples, T time steps, C channels, H × W pixels.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from snncore.data.dataspec import DataSpec
from snncore.data.files import DamagedFileError, own_data_problem
from snncore.data.stratify import Ints, draw_test_share
from snncore.errors import DataError

Layout = Literal["grey", "channels_first", "channels_last", "frames"]

_UNREADABLE = (
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)  # what zipfile and numpy raise on bytes of any kind, and on arrays that only unpickling could read
_SHAPES = (
    "uint8 (M, H, W), (M, H, W, C) or (M, C, H, W) with 1 to 4 channels, or event frames (M, T, C, H, W)"
)


@dataclass(frozen=True, eq=False)
class NpzHeader:
    """What an .npz file holds. T: steps of its event frames, None for still images.

    train, test: rows of each part, of x_train alone when is_test_drawn.
    """

    path: Path
    layout: Layout
    shape: tuple[int, int, int]
    T: int | None
    n_classes: int
    train: Ints
    test: Ints
    is_test_drawn: bool

    def spec(self, size: int | None) -> DataSpec:
        """Of the samples as they are, or stretched to `size`.

        Raises:
            DataError: a size for event frames.
        """
        if size is not None and self.T is not None:
            raise DataError(f"data.size: {self.path} holds event frames, which are not resized; leave it out")
        sizes = (len(self.train), len(self.test))
        return DataSpec(self.n_classes, *self.shape, *sizes, has_time=self.T is not None)


def read_header(root: str | Path) -> NpzHeader:
    """Look into the file `root`, or `data.npz` in the folder `root`: shapes from headers, labels whole.

    Without x_test and y_test, a stratified fifth of the samples is the test part, drawn once and for all.

    Raises:
        DamagedFileError: the file is truncated or damaged.
        DataError: it is missing, or its arrays are not of the right kind; the message says which are.
    """
    problem = own_data_problem("npz", root)
    if problem is not None:
        raise DataError(problem)
    path = npz_file(root)
    stat = path.stat()
    return _header(path, stat.st_mtime_ns, stat.st_size)


def npz_file(root: str | Path) -> Path:
    """The file that `root` names: itself, or `data.npz` in the folder `root`."""
    path = Path(root).expanduser()
    return path / "data.npz" if path.is_dir() else path


def read_array(path: Path, name: str) -> NDArray[np.uint8]:
    """One array of the file; never unpickled.

    Raises:
        DamagedFileError: it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            array: NDArray[np.uint8] = arrays[name]
            return array
    except _UNREADABLE as error:
        raise DamagedFileError(path, f"{name}: {type(error).__name__} {error}") from error


@lru_cache(maxsize=8)
def _header(path: Path, mtime_ns: int, n_bytes: int) -> NpzHeader:
    found = _array_headers(path)
    absent = [name for name in ("x_train", "y_train") if name not in found]
    if absent or ("x_test" in found) != ("y_test" in found):
        raise DataError(
            f"data: {path} holds {', '.join(sorted(found)) or 'nothing'}; "
            "it should hold x_train, y_train and, if there are test samples, x_test and y_test"
        )
    shape, dtype = found["x_train"]
    layout = _layout(path, shape, dtype)
    labels = _labels(path, "y_train", shape[0])
    n_classes = int(labels.max()) + 1
    counts = np.bincount(labels, minlength=n_classes)
    if n_classes < 2 or counts.min() == 0:
        what = f"class {int(counts.argmin())} has no sample" if n_classes > 1 else "there is class 0 alone"
        raise DataError(f"data: {path}: y_train should hold each of the classes 0, 1, …: {what}")
    rows = np.arange(len(labels))
    is_test_drawn = "x_test" not in found
    if is_test_drawn:
        test, train = draw_test_share(labels)
    else:
        train, test = rows, np.arange(_check_test(path, found, n_classes))
    T, image = _axes(layout, shape)
    return NpzHeader(path, layout, image, T, n_classes, train, test, is_test_drawn)


def _array_headers(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]:
    """Shape and type of every array, by name, without its values."""
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    version = npy.read_magic(file)
                    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                    shape, _, dtype = read(file)
                found[name.removesuffix(".npy")] = (shape, dtype)
    except _UNREADABLE as error:
        raise DamagedFileError(path, f"{type(error).__name__} {error}") from error
    return found


def _layout(path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Layout:
    if dtype == np.uint8 and min(shape, default=0) > 0:
        if len(shape) == 3:
            return "grey"
        if len(shape) == 5:
            return "frames"
        if len(shape) == 4:
            first, last = shape[1] <= 4, shape[3] <= 4
            if first and last:
                raise DataError(
                    f"data: {path}: x_train {shape} may be (M, C, H, W) or (M, H, W, C); "
                    "images should have more than 4 pixels on a side"
                )
            if first or last:
                return "channels_first" if first else "channels_last"
    raise DataError(f"data: {path}: x_train is {dtype} {shape}; it should be {_SHAPES}")


def _axes(layout: Layout, shape: tuple[int, ...]) -> tuple[int | None, tuple[int, int, int]]:
    """T and (C, H, W)."""
    if layout == "grey":
        return None, (1, shape[1], shape[2])
    if layout == "frames":
        return shape[1], (shape[2], shape[3], shape[4])
    if layout == "channels_last":
        return None, (shape[3], shape[1], shape[2])
    return None, (shape[1], shape[2], shape[3])


def _labels(path: Path, name: str, n: int) -> Ints:
    labels = read_array(path, name)
    if labels.dtype.kind not in "iu" or labels.shape not in ((n,), (n, 1)) or n == 0:
        raise DataError(
            f"data: {path}: {name} is {labels.dtype} {labels.shape}; it should be whole numbers ({n},), "
            f"one for each of the {n} samples"
        )
    if labels.min() < 0:
        raise DataError(f"data: {path}: {name} holds {int(labels.min())}; classes are numbered from 0")
    return labels.astype(np.int64).reshape(n)


def _check_test(
    path: Path, found: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]], n_classes: int
) -> int:
    """The number of test samples."""
    (shape, dtype), (train_shape, train_dtype) = found["x_test"], found["x_train"]
    if shape[1:] != train_shape[1:] or dtype != train_dtype:
        raise DataError(
            f"data: {path}: x_test is {dtype} {shape}; it should be like x_train, {train_dtype} {train_shape}"
        )
    labels = _labels(path, "y_test", shape[0])
    if labels.max() >= n_classes:
        raise DataError(
            f"data: {path}: y_test holds class {int(labels.max())}, y_train only 0 to {n_classes - 1}"
        )
    return shape[0]
