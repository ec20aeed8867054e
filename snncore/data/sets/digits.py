"""Handwritten digits, 8 × 8 pixels, which come with scikit-learn, so that every machine has some data.

They are one set of 1797; the test split is ours: a stratified fifth, with a fixed seed.
"""

from __future__ import annotations

import gzip
import zlib

import numpy as np
import torch

from snncore.data.files import DamagedFileError, digits_file
from snncore.data.missing import NO_DIGITS
from snncore.data.specs import SPECS
from snncore.data.split import Split, checked_split
from snncore.data.stratify import draw_stratified
from snncore.errors import DataError

_TEST_SEED = 1797  # must not change: every published accuracy on digits depends on it


def read(is_train: bool) -> Split:
    """The training images (1438) or the test images (359), in the order of scikit-learn's file.

    Test images per class, from 0 to 9: 36, 36, 35, 37, 36, 36, 36, 36, 35, 36. The file's values 0 … 16
    become bytes 0 … 255, rounded to the nearest, halves up.

    Raises:
        DataError: scikit-learn is not installed.
        DamagedFileError: its file is not as expected.
    """
    path = digits_file()
    if path is None:
        raise DataError(NO_DIGITS)
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.int64, ndmin=2)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DamagedFileError(path, error) from error
    values, labels = table[:, :-1], table[:, -1]
    spec = SPECS["digits"]
    if values.shape != (spec.n_train + spec.n_test, spec.height * spec.width) or values.max() > 16:
        raise DamagedFileError(path, f"{values.shape} values up to {values.max()}")
    pixels = ((values * 255 + 8) // 16).astype(np.uint8).reshape(-1, *spec.image_shape)
    test, train = draw_stratified(labels, spec.n_test, _TEST_SEED)
    chosen = train if is_train else test
    return checked_split(torch.from_numpy(pixels[chosen]), torch.from_numpy(labels[chosen]), spec, path)
