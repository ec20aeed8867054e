"""Reads .npy files; the header is compared with the file before memory is allocated.

The format is that of numpy.lib.format (version 1.0 to 3.0). Nothing is unpickled. Imports no torch.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as numpy_format
from numpy.typing import NDArray

from snncore.data.file_access import open_regular, parsing, require_regular

_MAGIC = b"\x93NUMPY"
_LARGEST_HEADER = 4096
"""numpy writes 118 bytes for arrays of numbers; deep nesting in a long header would overflow its parser."""


@dataclass(frozen=True)
class NpyHeader:
    """The header of an .npy file. n_header: bytes before the values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    n_header: int

    @property
    def n_bytes(self) -> int:
        """Size of the values, exact for any size."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def text(self) -> str:
        """Dtype and shape, for messages."""
        return f"{self.dtype} {self.shape}"


def read_npy_header(file: Any) -> NpyHeader:
    """Read the header at the start of a binary file; its position is then at the first value.

    Raises:
        ValueError: it is no header, or too long.
        Exception: any that numpy raises on invalid text; call this in a `parsing` block.
    """
    magic = file.read(8)
    if magic[:6] != _MAGIC or len(magic) < 8 or magic[6] not in (1, 2, 3):
        raise ValueError("it does not begin as an .npy file does")
    size = file.read(2 if magic[6] == 1 else 4)
    length = int.from_bytes(size, "little")
    if length > _LARGEST_HEADER:
        raise ValueError(f"a header of {length} bytes, at most {_LARGEST_HEADER} are read")
    text = file.read(length)
    # Version 3.0 differs in the encoding of field names, which arrays of numbers do not have.
    read = numpy_format.read_array_header_1_0 if magic[6] == 1 else numpy_format.read_array_header_2_0
    shape, is_fortran, dtype = read(io.BytesIO(size + text))
    if any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"a shape of {shape}")
    return NpyHeader(shape, dtype, is_fortran, len(magic) + len(size) + length)


def read_values(file: Any, header: NpyHeader, n_bytes: int) -> NDArray[Any]:
    """Read the values after the header. n_bytes: their size according to the size of the file.

    Raises:
        ValueError: the values are no numbers, or their size differs from the header.
        EOFError: the file ends before the values do.
    """
    _require_numbers(header, n_bytes)
    values = np.empty(math.prod(header.shape), dtype=header.dtype)
    content = values.view(np.uint8)
    n_read = 0
    while n_read < len(content):
        n = file.readinto(content[n_read : n_read + 2**24])
        if not n:
            raise EOFError(f"it ends after {n_read} of {len(content)} bytes")
        n_read += n
    if file.read(1):  # an archive compares its checksum at the end
        raise ValueError("it goes on behind its values")
    return values.reshape(header.shape, order="F" if header.is_fortran else "C")


def read_npy(path: Path, largest: int) -> NDArray[Any]:
    """The array of numbers in an .npy file, of at most `largest` bytes.

    Raises:
        DamagedFileError: it is truncated, too large, or holds something else.
    """
    n_file = require_regular(path).st_size
    with open_regular(path) as file, parsing(path):
        header = read_npy_header(file)
        _require_numbers(header, n_file - header.n_header)
        if header.n_bytes > largest:
            raise ValueError(f"{header.n_bytes} bytes, at most {largest} are read")
        return read_values(file, header, n_file - header.n_header)


def map_npy(path: Path) -> NDArray[Any]:
    """The array of numbers in an .npy file, memory-mapped copy-on-write.

    Raises:
        DamagedFileError: it is truncated, or holds something else.
    """
    n_file = require_regular(path).st_size
    with open_regular(path) as file, parsing(path):
        header = read_npy_header(file)
        _require_numbers(header, n_file - header.n_header)
        if header.n_bytes == 0:
            return np.empty(header.shape, dtype=header.dtype)
        order: Any = "F" if header.is_fortran else "C"
        # Copy-on-write instead of read-only: torch warns about arrays that cannot be written.
        return np.memmap(file, header.dtype, "c", header.n_header, header.shape, order)


def _require_numbers(header: NpyHeader, n_bytes: int) -> None:
    if header.dtype.kind not in "biuf" or header.dtype.hasobject:
        raise ValueError(f"it holds {header.text}, which are no numbers")
    if header.n_bytes != n_bytes:
        raise ValueError(f"{header.text} takes {header.n_bytes} bytes, and it holds {n_bytes}")
