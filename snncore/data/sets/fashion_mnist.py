"""Fashion-MNIST: 28 × 28 grey images of clothes, in four idx files, gzipped or not."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import torch
from torch import Tensor

from snncore.data.file_access import open_regular, parsing, require_memory
from snncore.data.files import FILES, DamagedFileError, data_folder, find_file
from snncore.data.specs import SPECS
from snncore.data.split import Split, checked_split

NAME = "fashion_mnist"

_BYTES = 8  # the type of unsigned bytes in an idx file
_LARGEST_BYTES = 2**28  # five times the largest published file


def read(root: str | Path, is_train: bool) -> Split:
    """The training or the test images under `root`.

    Raises:
        DamagedFileError: a file is missing, truncated or not what it should be.
        DataError: it does not fit into memory.
    """
    files = FILES[NAME].train if is_train else FILES[NAME].test
    folder = data_folder(NAME, root)
    images, _ = _read_file(folder, files[0], n_axes=3)
    labels, path = _read_file(folder, files[1], n_axes=1)
    return checked_split(images.unsqueeze(1), labels, SPECS[NAME], path)


def _read_file(folder: Path, name: str, n_axes: int) -> tuple[Tensor, Path]:
    """A byte tensor of `n_axes` axes, and its file."""
    path = find_file(NAME, folder, name)
    if path is None:
        raise DamagedFileError(folder / name, "it is missing")
    with open_regular(path) as file, parsing(path):
        plain = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if path.suffix == ".gz" else file
        return torch.from_numpy(_read_idx(plain, n_axes, str(path))), path


def _read_idx(file: BinaryIO, n_axes: int, what: str) -> Any:
    """The array in an idx file: two zeros, the type, the number of axes, their sizes (big-endian), values."""
    start = file.read(4)
    if start != bytes((0, 0, _BYTES, n_axes)):
        raise ValueError(f"it begins with {start.hex(' ')}, should be 00 00 08 {n_axes:02x}")
    sizes = np.frombuffer(file.read(4 * n_axes), dtype=">u4").tolist()
    n_bytes = math.prod(sizes)
    if len(sizes) != n_axes or n_bytes > _LARGEST_BYTES:
        raise ValueError(f"sizes of {sizes}")
    require_memory(2 * n_bytes, what)
    content = file.read(n_bytes + 1)  # one more byte, to reach the end, where gzip compares its checksum
    if len(content) != n_bytes:
        raise ValueError(
            f"{n_bytes} bytes should follow for sizes {sizes}, and it holds {len(content)} or more"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(sizes).copy()
