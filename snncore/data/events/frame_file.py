"""A .npy file of frames, written in order. numpy only.

M samples of frames (T, C, H, W).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from snncore.data.sets.npy import map_npy, read_npy_header
from snncore.errors import DataError

_LARGEST = int(np.iinfo(np.int16).max)
_COPIED_AT_ONCE = 2**24  # values


def write_frames(path: Path, shape: tuple[int, ...], chunks: Iterator[NDArray[Any]]) -> None:
    """Write counts of `shape` (M, T, C, H, W), which come in chunks (k, T, C, H, W), k >= 0; flushed to disk.

    uint8 while no count exceeds 255; from the first one that does, the file is converted to int16. Only one
    chunk is in memory.

    Raises:
        DataError: a count that exceeds int16.
    """
    largest = n_written = 0
    file = path.open("w+b")
    try:
        _write_header(file, shape, np.uint8)
        for chunk in chunks:
            high = int(chunk.max(initial=0))
            if high > _LARGEST:
                raise DataError(
                    f"a pixel of a frame counts {high} events, at most {_LARGEST} can be kept; "
                    "set a larger T, or leave data.size out"
                )
            if high > 255 >= largest:
                file = _widened(file, path, shape)
            largest = max(largest, high)
            file.write(chunk.astype(np.uint8 if largest <= 255 else "<i2").tobytes())
            n_written += len(chunk)
        assert n_written == shape[0], f"{n_written} of {shape[0]} samples"
        file.flush()
        os.fsync(file.fileno())
    finally:
        file.close()


def map_frames(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    """The frames, uint8 or int16 of `shape`, memory-mapped and shared by all processes; writing copies.

    Raises:
        DamagedFileError: the file is truncated, or no array of numbers.
        ValueError: it holds something else.
    """
    frames = map_npy(path)
    if frames.shape != shape or frames.dtype not in (np.uint8, np.dtype("<i2")):
        raise ValueError(f"{path.name} holds {frames.dtype} {frames.shape}, should be uint8 or int16 {shape}")
    return frames


def _write_header(file: Any, shape: tuple[int, ...], dtype: Any) -> None:
    header = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, header)


def _widened(narrow: Any, path: Path, shape: tuple[int, ...]) -> Any:
    """Rewrite the uint8 file so far as int16, open for writing; the old file is closed and replaced."""
    narrow.flush()
    narrow.seek(0)
    read_npy_header(narrow)
    wide_path = path.with_name(f"{path.name}.wide")
    wide = wide_path.open("w+b")
    _write_header(wide, shape, "<i2")
    while part := narrow.read(_COPIED_AT_ONCE):
        wide.write(np.frombuffer(part, dtype=np.uint8).astype("<i2").tobytes())
    narrow.close()
    wide_path.replace(path)
    return wide
