"""The user's own arrays in an .npz file, read into memory.

M samples, T time steps, C channels, H × W pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from snncore.data.sets.npz_header import read_array, read_header
from snncore.data.split import Split
from snncore.errors import DataError


def require_steps(root: str | Path, T: int) -> None:
    """Check that event frames in the file, if it holds any, have T steps.

    Raises:
        DamagedFileError: the file is truncated or damaged.
        DataError: see `read_header`; or they have another number of steps.
    """
    header = read_header(root)
    if header.T is not None and header.T != T:
        raise DataError(
            f"T: the config has {T} time steps, and {header.path} holds frames of {header.T} steps; "
            f"set T: {header.T}"
        )


def read(root: str | Path, is_train: bool) -> Split:
    """All training or test samples: still images (M, C, H, W), or event frames (M, T, C, H, W), uint8.

    Raises:
        DamagedFileError: the file is truncated or damaged.
        DataError: see `read_header`.
    """
    header = read_header(root)
    is_in_train = is_train or header.is_test_drawn
    part, rows = ("train" if is_in_train else "test"), (header.train if is_train else header.test)
    samples = read_array(header.path, f"x_{part}")[rows]
    labels = read_array(header.path, f"y_{part}").reshape(-1)[rows].astype(np.int64)
    if header.layout == "grey":
        samples = samples[:, None]  # (M, H, W) -> (M, 1, H, W)
    elif header.layout == "channels_last":
        samples = samples.transpose(0, 3, 1, 2)  # (M, H, W, C) -> (M, C, H, W)
    return Split(torch.from_numpy(np.ascontiguousarray(samples)), torch.from_numpy(labels))
