"""The shapes and axes of the user's own arrays in an .npz file. Imports no torch.

M samples, T time steps, C channels, H × W pixels.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from snncore.data.file_access import open_regular, parsing, require_memory
from snncore.data.files import own_data_problem, root_folder
from snncore.data.sets.npy import NpyHeader, read_npy_header, read_values
from snncore.data.specs import DataSpec
from snncore.data.stratify import Ints, draw_test_share
from snncore.errors import DataError

Layout = Literal["grey", "channels_first", "channels_last", "frames"]

_NAMES = ("x_train", "y_train", "x_test", "y_test")
_LARGEST_RATIO = 1032  # of deflate, by its format
_SHAPES = (
    "uint8 (M, H, W), (M, H, W, C) or (M, C, H, W) with 1 to 4 channels, or event frames (M, T, C, H, W)"
)


@dataclass(frozen=True, eq=False)
class NpzHeader:
    """The content of an .npz file. T: steps of event frames, None for still images.

    train, test: rows of each part; both of x_train if is_test_drawn.
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
        """The spec of the samples in the file; `data_spec` applies `size`.

        Raises:
            DataError: size is given, and the samples are event frames.
        """
        if size is not None and self.T is not None:
            raise DataError(f"data.size: {self.path} holds event frames, which are not resized; leave it out")
        sizes = (len(self.train), len(self.test))
        return DataSpec(self.n_classes, *self.shape, *sizes, has_time=self.T is not None)


def read_header(root: str | Path) -> NpzHeader:
    """Read shapes (from headers) and labels of the file `root`, or `data.npz` in the folder `root`.

    Without x_test and y_test, a stratified fifth of the samples, with a fixed seed, is the test part.

    Raises:
        DamagedFileError: the file is truncated or damaged.
        DataError: it is missing, or its arrays are not of the right kind; the message says what is.
    """
    problem = own_data_problem("npz", root)
    if problem is not None:
        raise DataError(problem)
    path = npz_file(root)
    stat = path.stat()
    return _header(path, stat.st_mtime_ns, stat.st_size)


def npz_file(root: str | Path) -> Path:
    """The file that `root` names: itself, or `data.npz` in the folder `root`."""
    path = root_folder(root)
    return path / "data.npz" if path.is_dir() else path


def read_array(path: Path, name: str) -> NDArray[Any]:
    """One array of the file; never unpickled.

    Raises:
        DamagedFileError: it cannot be read, or holds no numbers.
        DataError: it does not fit into memory.
    """
    with _archive(path) as archive, parsing(path, name):
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as file:
            header = read_npy_header(file)
            # Twice: the rows of a part are copied from it.
            require_memory(2 * header.n_bytes, f"{path}: {name}, {header.text},", "take fewer samples")
            return read_values(file, header, info.file_size - header.n_header)


@lru_cache(maxsize=8)
def _header(path: Path, mtime_ns: int, n_bytes: int) -> NpzHeader:
    arrays = _array_headers(path)
    shape = arrays["x_train"].shape
    layout = _layout(path, arrays["x_train"])
    labels = _labels(path, "y_train", arrays, shape[0])
    n_classes = _count_classes(path, labels)
    rows = np.arange(len(labels))
    is_test_drawn = "x_test" not in arrays
    if is_test_drawn:
        test, train = draw_test_share(labels)
        if len(test) == 0:
            raise DataError(
                f"data: {path} holds one sample of each class, so that none is left for testing; "
                "add samples, or x_test and y_test"
            )
    else:
        train, test = rows, np.arange(_check_test(path, arrays, n_classes))
    T, image = _axes(layout, shape)
    return NpzHeader(path, layout, image, T, n_classes, train, test, is_test_drawn)


def _array_headers(path: Path) -> dict[str, NpyHeader]:
    """Headers of the arrays that are used, by name, each compared with its member of the archive."""
    with _archive(path) as archive:
        names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
        present = [name for name in _NAMES if f"{name}.npy" in archive.namelist()]
        if not {"x_train", "y_train"} <= set(present) or ("x_test" in present) != ("y_test" in present):
            some = ", ".join(sorted(names)[:10]) + (", …" if len(names) > 10 else "")
            raise DataError(
                f"data: {path} holds {some or 'nothing'}; "
                "it should hold x_train, y_train and, if there are test samples, x_test and y_test"
            )
        headers = {}
        for name in present:
            with parsing(path, name):
                if names.count(name) > 1:
                    raise ValueError(f"the archive holds it {names.count(name)} times")
                headers[name] = _member_header(archive, archive.getinfo(f"{name}.npy"))
    return headers


def _member_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NpyHeader:
    """The header of an array, checked against the size of the member and its compression ratio."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is packed in a way that numpy does not use")
    ratio = 1 if info.compress_type == zipfile.ZIP_STORED else _LARGEST_RATIO
    with archive.open(info) as file:
        header = read_npy_header(file)
    n_bytes = info.file_size - header.n_header
    # Pickled objects may have another size; they are refused later because of their dtype.
    if not header.dtype.hasobject and header.n_bytes != n_bytes:
        raise ValueError(f"{header.text} takes {header.n_bytes} bytes, and it holds {n_bytes}")
    if info.file_size > ratio * info.compress_size + 2**16:
        raise ValueError(f"{info.compress_size} bytes in the file cannot be {info.file_size} bytes")
    return header


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    with open_regular(path) as file:
        with parsing(path):
            archive = zipfile.ZipFile(file)
        with archive:
            yield archive


def _layout(path: Path, header: NpyHeader) -> Layout:
    shape = header.shape
    if header.dtype == np.uint8 and min(shape, default=0) > 0:
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
    raise DataError(f"data: {path}: x_train is {header.text}; it should be {_SHAPES}")


def _axes(layout: Layout, shape: tuple[int, ...]) -> tuple[int | None, tuple[int, int, int]]:
    """T and (C, H, W)."""
    if layout == "grey":
        return None, (1, shape[1], shape[2])
    if layout == "frames":
        return shape[1], (shape[2], shape[3], shape[4])
    if layout == "channels_last":
        return None, (shape[3], shape[1], shape[2])
    return None, (shape[1], shape[2], shape[3])


def _labels(path: Path, name: str, arrays: dict[str, NpyHeader], n: int) -> Ints:
    header = arrays[name]
    if header.dtype.kind not in "iu" or header.shape not in ((n,), (n, 1)) or n == 0:
        raise DataError(
            f"data: {path}: {name} is {header.text}; it should be whole numbers ({n},), "
            f"one for each of the {n} samples"
        )
    labels = read_array(path, name)
    if labels.min() < 0:
        raise DataError(f"data: {path}: {name} holds {int(labels.min())}; classes are numbered from 0")
    # Each class must have a sample. Checked before counting, which needs memory for the largest label.
    if name == "y_train" and labels.max() >= n:
        raise DataError(
            f"data: {path}: {name} should hold each of the classes 0, 1, …: it holds {int(labels.max())}, "
            f"and {n} samples cannot show so many classes; number the classes without gaps"
        )
    return labels.astype(np.int64).reshape(n)


def _count_classes(path: Path, labels: Ints) -> int:
    n_classes = int(labels.max()) + 1
    absent = np.flatnonzero(np.bincount(labels, minlength=n_classes) == 0)
    if n_classes < 2 or len(absent):
        what = f"class {absent[0]} has no sample" if n_classes > 1 else "there is class 0 alone"
        more = f", nor have {len(absent) - 1} others" if len(absent) > 1 else ""
        raise DataError(f"data: {path}: y_train should hold each of the classes 0, 1, …: {what}{more}")
    return n_classes


def _check_test(path: Path, arrays: dict[str, NpyHeader], n_classes: int) -> int:
    """The number of test samples."""
    header, train = arrays["x_test"], arrays["x_train"]
    if header.shape[1:] != train.shape[1:] or header.dtype != train.dtype or not header.shape:
        raise DataError(f"data: {path}: x_test is {header.text}; it should be like x_train, {train.text}")
    if header.shape[0] == 0:
        raise DataError(
            f"data: {path}: x_test holds no samples; leave x_test and y_test out, and a fifth of the "
            "training samples is kept for testing"
        )
    labels = _labels(path, "y_test", arrays, header.shape[0])
    if labels.max() >= n_classes:
        raise DataError(
            f"data: {path}: y_test holds class {int(labels.max())}, y_train only 0 to {n_classes - 1}"
        )
    return header.shape[0]
