"""Draws a stratified share of labelled images, always and everywhere the same. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_TEST_SEED = 2_025  # must not change: accuracies on a drawn test part depend on it


def draw_stratified(labels: Ints, total: int, seed: int, leave_one: bool = False) -> tuple[Ints, Ints]:
    """Split images into `total` drawn ones and the rest: two ascending arrays of indices.

    Each class gets its share of `total`, rounded up or down so that the sum is `total`.
    leave_one: of a class with two images or more at least one is drawn and one is left, and the single image
    of a class is left; the number drawn may then differ from `total`.
    The draw depends only on `labels`, `total` and `seed`.
    """
    _, counts = np.unique(labels, return_counts=True)
    taken = _shares(counts, total)
    if leave_one:
        taken = np.clip(taken, np.minimum(1, counts - 1), counts - 1)
    # Raw bits of PCG64 are the same in every version of numpy; Generator.permutation may change.
    order = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    by_class = order[np.argsort(labels[order], kind="stable")]
    rank_in_class = np.arange(len(labels)) - np.repeat(counts.cumsum() - counts, counts)
    is_drawn = np.zeros(len(labels), dtype=bool)
    is_drawn[by_class] = rank_in_class < np.repeat(taken, counts)
    return np.flatnonzero(is_drawn), np.flatnonzero(~is_drawn)


def draw_test_share(labels: Ints) -> tuple[Ints, Ints]:
    """A stratified fifth as the test part of data without one, and the rest, which has every class."""
    return draw_stratified(labels, round(len(labels) / 5), _TEST_SEED, leave_one=True)


def _shares(counts: Ints, total: int) -> Ints:
    """Integers in proportion to `counts` that sum to `total`: largest remainders, ties to the lower class."""
    shares, remainders = np.divmod(counts * total, counts.sum())
    by_remainder = np.argsort(-remainders, kind="stable")
    shares[by_remainder[: total - int(shares.sum())]] += 1
    return shares
