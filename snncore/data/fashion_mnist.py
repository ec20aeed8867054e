"""Fashion-MNIST: 28 × 28 grey images of clothes, in four idx files, gzipped or not."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from torch import Tensor

from snncore.data.files import FILES, DamagedFileError, data_folder, find_file
from snncore.data.specs import SPECS
from snncore.data.split import Split, checked_split
from snncore.data.torchvision_shim import import_torchvision

NAME = "fashion_mnist"

_UNREADABLE = (
    AssertionError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zlib.error,
)  # what torchvision's readers and gzip raise on bytes of any kind


def read(root: str | Path, is_train: bool) -> Split:
    """The training or the test images under `root`, through torchvision's readers of idx files.

    Raises:
        DamagedFileError: a file is missing, truncated or not what it should be.
        DataError: torchvision does not load.
    """
    import_torchvision()
    from torchvision.datasets import mnist

    files = FILES[NAME].train if is_train else FILES[NAME].test
    folder = data_folder(NAME, root)
    images, _ = _read_file(mnist.read_image_file, folder, files[0])
    labels, path = _read_file(mnist.read_label_file, folder, files[1])
    return checked_split(images.unsqueeze(1), labels, SPECS[NAME], path)


def _read_file(reader: Callable[[str], Any], folder: Path, name: str) -> tuple[Tensor, Path]:
    path = find_file(NAME, folder, name)
    if path is None:
        raise DamagedFileError(folder / name, "it is missing")
    try:
        with _unzipped(path) as plain:
            return reader(str(plain)), path
    except _UNREADABLE as error:
        raise DamagedFileError(path, f"{type(error).__name__} {error}".strip()) from error


@contextmanager
def _unzipped(path: Path) -> Iterator[Path]:
    """The path itself, or an unpacked copy that lives as long as the block: torchvision reads plain files."""
    if path.suffix != ".gz":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="spikefront-") as folder:
        plain = Path(folder) / path.stem
        with gzip.open(path, "rb") as packed, plain.open("wb") as file:
            copyfileobj(packed, file, 2**20)
        yield plain
