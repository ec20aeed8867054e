"""Checks that samples differ: nothing can be learned from equal ones, and accuracy on them means nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from snncore.data.cache.disk_cache import print_stderr
from snncore.data.split import MemorySplit
from snncore.errors import DataError

_N_LOOKED_AT = 9
"""Number of evenly spaced samples: if half of a part is equal, two of so many nearly always are."""

_BYTES_AT_ONCE = 2**24


def require_variety(split: MemorySplit, part: str, is_train: bool) -> None:
    """Check that samples differ; print a line on stderr if half of them or more are equal.

    part: for the message, such as "digits: training samples". If all test samples are equal, that is also
    only printed.

    Raises:
        DataError: all training samples are equal.
    """
    n_equal, is_zero = largest_equal_part(split)
    if n_equal < 2 or n_equal * 2 < len(split):
        return
    line = (
        f"{part}: {n_equal} of {len(split)} are equal to one another{', zero everywhere' if is_zero else ''}"
    )
    if n_equal == len(split) and is_train:
        raise DataError(f"data: {line}; nothing can be learned from them")
    print_stderr(line)


def largest_equal_part(split: MemorySplit) -> tuple[int, bool]:
    """Size of the largest group of equal samples, and whether these are all zero; (0, False) if it is small.

    Compares nine samples, and all of them only if two of the nine are equal.
    """
    M = len(split)
    rows = torch.arange(min(M, _N_LOOKED_AT)) * max(0, M - 1) // max(1, min(M, _N_LOOKED_AT) - 1)
    checked = split.take(rows)
    counts = [sum(torch.equal(sample, other) for other in checked) for sample in checked]
    if not counts or max(counts) < 2:
        return 0, False
    most = checked[counts.index(max(counts))]
    at_once = max(1, _BYTES_AT_ONCE // max(1, most.nbytes))
    n_equal = sum(_n_equal(split.take(part), most) for part in torch.arange(M).split(at_once))
    return n_equal, not bool(most.any())


def _n_equal(samples: Tensor, sample: Tensor) -> int:
    return int((samples == sample).flatten(1).all(1).sum())
