"""Drawing a stratified share of labelled images, the same one always and everywhere. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_TEST_SEED = 2_025  # never to be changed: accuracies on a drawn test share depend on it


def draw_stratified(labels: Ints, total: int, seed: int, leave_one: bool = False) -> tuple[Ints, Ints]:
    """Divide images into `total` drawn ones and the rest: two ascending arrays of indices.

    Each class gives its share of `total`, rounded to neighbouring integers so that the sum is `total`.
    leave_one: where a class has two images or more, at least one is drawn and one is left, and a single
    one is left; then the number drawn may differ from `total`.
    The draw depends on `labels`, `total` and `seed` alone.
    """
    _, counts = np.unique(labels, return_counts=True)
    taken = _shares(counts, total)
    if leave_one:
        taken = np.clip(taken, np.minimum(1, counts - 1), counts - 1)
    # Raw bits of PCG64 are the same in every version of numpy; Generator.permutation promises no such thing.
    order = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    by_class = order[np.argsort(labels[order], kind="stable")]
    place_in_class = np.arange(len(labels)) - np.repeat(counts.cumsum() - counts, counts)
    is_drawn = np.zeros(len(labels), dtype=bool)
    is_drawn[by_class] = place_in_class < np.repeat(taken, counts)
    return np.flatnonzero(is_drawn), np.flatnonzero(~is_drawn)


def draw_test_share(labels: Ints) -> tuple[Ints, Ints]:
    """A stratified fifth for data that come without a test part, and the rest, which keeps every class."""
    return draw_stratified(labels, round(len(labels) / 5), _TEST_SEED, leave_one=True)


def _shares(counts: Ints, total: int) -> Ints:
    """Integers in proportion to `counts` that sum to `total`: largest remainders, ties to the lower class."""
    shares, remainders = np.divmod(counts * total, counts.sum())
    by_remainder = np.argsort(-remainders, kind="stable")
    shares[by_remainder[: total - int(shares.sum())]] += 1
    return shares
