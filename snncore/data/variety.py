"""Samples that are all alike teach nothing, and an accuracy on them says nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from snncore.data.cache.disk_cache import tell
from snncore.data.split import MemorySplit
from snncore.errors import DataError

_N_LOOKED_AT = 9
"""Of samples spread over a part: where half of it is alike, two of so many nearly always are."""

_BYTES_AT_ONCE = 2**24


def require_variety(split: MemorySplit, part: str, is_train: bool) -> None:
    """Check that samples differ; where half of them or more are alike, say so in one line on stderr.

    part: in words, such as "digits: training samples". Test samples that are all equal are told too.

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
    tell(line)


def largest_equal_part(split: MemorySplit) -> tuple[int, bool]:
    """How many samples equal the one that most are equal to, and whether that one is zero; (0, False) if few.

    Looks at nine samples, and at all of them only where two of the nine are equal.
    """
    M = len(split)
    rows = torch.arange(min(M, _N_LOOKED_AT)) * max(0, M - 1) // max(1, min(M, _N_LOOKED_AT) - 1)
    some = split.take(rows)
    counts = [sum(torch.equal(one, other) for other in some) for one in some]
    if not counts or max(counts) < 2:
        return 0, False
    most = some[counts.index(max(counts))]
    at_once = max(1, _BYTES_AT_ONCE // max(1, most.nbytes))
    n_equal = sum(_n_equal(split.take(part), most) for part in torch.arange(M).split(at_once))
    return n_equal, not bool(most.any())


def _n_equal(samples: Tensor, one: Tensor) -> int:
    return int((samples == one).flatten(1).all(1).sum())
