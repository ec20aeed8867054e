"""Functional ANOVA: how much of the variance each param, and each pair of params, explains.

F. Hutter, H. Hoos, K. Leyton-Brown: An Efficient Approach for Assessing Hyperparameter Importance,
ICML 2014. Their marginals over trees are computed here by averaging the forest's predictions over a
background sample, which treats the trees as one function and needs no access to their splits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from reports.data.digest import Digest
from reports.params.encoding import Floats
from reports.params.forest import Forest, fitted
from studies.model import Objective, Trial

N_BACKGROUND = 1024
N_HELD = 256
MAX_SETTINGS = 20
N_PAIRED = 5
N_HELD_PAIR = 128
MAX_SETTINGS_PAIR = 8

Predict = Callable[[Floats], Floats]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Shares:
    """Shares of the forest's variance, each in [0, 1].

    single: by param. together: their sum, at most 1; the rest is interactions.
    pairs: the interaction of two params, what they explain together beyond what each explains by itself,
    named in the order of the params; only for the five params with the largest single shares.
    """

    single: dict[str, float]
    together: float
    pairs: dict[Pair, float]


@dataclass(frozen=True)
class Analysis:
    """The forest of one objective and the shares of its variance; all figures about params use it."""

    objective: Objective
    forest: Forest
    shares: Shares


def analysed(digest: Digest, objective: Objective, trials: Sequence[Trial] | None = None) -> Analysis | str:
    """A forest for an objective with its shares, or a sentence that says why there is none.

    trials: those it learns from; by default all that know the objective.
    """
    forest = fitted(digest, objective, trials)
    if isinstance(forest, str):
        return forest
    variance_shares = shares(forest)
    if variance_shares is None:
        return "The forest predicts the same for all settings, so nothing can be attributed."
    return Analysis(objective, forest, variance_shares)


def shares(forest: Forest, seed: int = 0) -> Shares | None:
    """Divide the variance of a forest over its params; None where it predicts the same everywhere."""
    return divided(forest.predict, forest.columns.matrix, forest.columns.slices, np.random.default_rng(seed))


def divided(
    predict: Predict, matrix: Floats, slices: dict[str, slice], generator: np.random.Generator
) -> Shares | None:
    """Divide the variance of a function over params that vary independently, each distributed as in `matrix`.

    The background has every setting of a param as often as the trials have it, shuffled for each param
    separately; a param's share is the variance of the mean prediction with the param held at each setting.
    """
    background = _shuffled(matrix, slices, generator)
    total = float(np.var(predict(background)))
    if total <= 0:
        return None
    single = {
        name: _first_order(predict, background[:N_HELD], matrix[:, columns], columns) / total
        for name, columns in slices.items()
    }
    least = sorted(single.values(), reverse=True)[:N_PAIRED][-1]
    leading = [name for name in slices if single[name] >= least][:N_PAIRED]
    rows = background[:N_HELD_PAIR]
    pairs = {
        pair: _second_order(predict, rows, matrix, [slices[name] for name in pair]) / total
        for pair in combinations(leading, 2)
    }
    # The background is a sample, so that the parts of a function without interactions can add up to
    # a little more than the whole.
    excess = max(1.0, sum(single.values()))
    single = {name: share / excess for name, share in single.items()}
    pairs = {pair: min(1.0, share / excess) for pair, share in pairs.items()}
    return Shares(single, min(1.0, sum(single.values())), pairs)


def _shuffled(matrix: Floats, slices: dict[str, slice], generator: np.random.Generator) -> Floats:
    copies = -(-N_BACKGROUND // len(matrix))
    background = np.tile(matrix, (copies, 1))
    for columns in slices.values():
        background[:, columns] = background[generator.permutation(len(background)), columns]
    return background


def _first_order(predict: Predict, rows: Floats, settings: Floats, columns: slice) -> float:
    """The variance, over a param's settings, of the mean prediction with the param held there."""
    distinct, weights = _distinct(settings, MAX_SETTINGS)
    held = np.tile(rows, (len(distinct), 1))
    held[:, columns] = np.repeat(distinct, len(rows), axis=0)
    means = predict(held).reshape(len(distinct), len(rows)).mean(axis=1)
    middle = np.average(means, weights=weights)
    return float(np.average((means - middle) ** 2, weights=weights))


def _second_order(predict: Predict, rows: Floats, matrix: Floats, pair: Sequence[slice]) -> float:
    """The variance, over the settings of two params, of the mean prediction less both single effects."""
    (first, first_weights), (second, second_weights) = (
        _distinct(matrix[:, columns], MAX_SETTINGS_PAIR) for columns in pair
    )
    held = np.tile(rows, (len(first) * len(second), 1))
    held[:, pair[0]] = np.repeat(first, len(second) * len(rows), axis=0)
    held[:, pair[1]] = np.tile(np.repeat(second, len(rows), axis=0), (len(first), 1))
    means = predict(held).reshape(len(first), len(second), len(rows)).mean(axis=2)
    down = np.average(means, axis=1, weights=second_weights)[:, None]
    across = np.average(means, axis=0, weights=first_weights)[None, :]
    beyond = means - down - across + np.average(down[:, 0], weights=first_weights)
    weights = np.outer(first_weights, second_weights) / (first_weights.sum() * second_weights.sum())
    return float((weights * beyond**2).sum())


def _distinct(settings: Floats, most: int) -> tuple[Floats, NDArray[np.int64]]:
    """The different settings with their counts; a number with more than `most` of them by quantiles."""
    distinct, counts = np.unique(settings, axis=0, return_counts=True)
    if settings.shape[1] > 1 or len(distinct) <= most:
        return distinct, counts
    ordered = np.sort(settings, axis=0)
    places = np.linspace(0, len(ordered) - 1, most).round().astype(int)
    return ordered[places], np.ones(most, dtype=np.int64)
