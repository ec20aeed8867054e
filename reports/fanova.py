"""How much each knob alone explains: first-order functional ANOVA over a random forest.

F. Hutter, H. Hoos, K. Leyton-Brown: An Efficient Approach for Assessing Hyperparameter Importance,
ICML 2014. Their marginals over trees are taken here by averaging the forest's predictions over a
background sample, which treats the trees as one function and needs no tree internals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.coding import Coded, Floats

N_TREES = 100
N_BACKGROUND = 1024
MAX_ROWS = 2000
MAX_SETTINGS = 32

Predict = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Shares:
    """Shares of the forest's variance, each in [0, 1].

    single: by knob. together: their sum, at most 1; the rest is interactions.
    explained: R² of the out-of-bag predictions; 1 is a forest that predicts unseen trials exactly,
    0 or less one that has learned nothing.
    """

    single: dict[str, float]
    together: float
    explained: float


def shares(coded: Coded, target: Floats, seed: int = 0) -> Shares | None:
    """Fit a forest to the target (n,) and divide its variance; None where the forest is constant.

    Above 2,000 trials a seeded sample of them is used.
    """
    from sklearn.ensemble import RandomForestRegressor

    generator = np.random.default_rng(seed)
    matrix = coded.matrix
    if len(matrix) > MAX_ROWS:
        rows = generator.choice(len(matrix), MAX_ROWS, replace=False)
        matrix, target = matrix[rows], target[rows]
    forest = RandomForestRegressor(N_TREES, min_samples_leaf=2, oob_score=True, random_state=seed, n_jobs=1)
    forest.fit(matrix, target)
    return divided(forest.predict, matrix, coded.slices, float(forest.oob_score_), generator)


def divided(
    predict: Predict,
    matrix: Floats,
    slices: dict[str, slice],
    explained: float,
    generator: np.random.Generator,
) -> Shares | None:
    """Divide the variance of a function over knobs that vary independently, each as in `matrix`.

    The background holds every setting of a knob as often as the trials do, in an order of its own for
    each knob; a knob's share is the variance of the mean prediction with the knob held at each setting.
    """
    background = _shuffled(matrix, slices, generator)
    total = float(np.var(predict(background)))
    if total <= 0:
        return None
    single = {
        name: _first_order(predict, background, matrix[:, columns], columns) / total
        for name, columns in slices.items()
    }
    # The background is a sample, so that the parts of a function without interactions can add up to
    # a little more than the whole.
    excess = max(1.0, sum(single.values()))
    single = {name: share / excess for name, share in single.items()}
    return Shares(single, min(1.0, sum(single.values())), explained)


def _shuffled(matrix: Floats, slices: dict[str, slice], generator: np.random.Generator) -> Floats:
    copies = -(-N_BACKGROUND // len(matrix))
    background = np.tile(matrix, (copies, 1))
    for columns in slices.values():
        background[:, columns] = background[generator.permutation(len(background)), columns]
    return background


def _first_order(predict: Predict, background: Floats, settings: Floats, columns: slice) -> float:
    """The variance, over a knob's settings, of the mean prediction with the knob held there."""
    distinct, weights = _distinct(settings)
    rows = background[:N_BACKGROUND]
    held = np.tile(rows, (len(distinct), 1))
    held[:, columns] = np.repeat(distinct, len(rows), axis=0)
    means = predict(held).reshape(len(distinct), len(rows)).mean(axis=1)
    middle = np.average(means, weights=weights)
    return float(np.average((means - middle) ** 2, weights=weights))


def _distinct(settings: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The different settings with their counts; a number with very many of them by 32 quantiles."""
    distinct, counts = np.unique(settings, axis=0, return_counts=True)
    if settings.shape[1] > 1 or len(distinct) <= MAX_SETTINGS:
        return distinct, counts
    ordered = np.sort(settings, axis=0)
    places = np.linspace(0, len(ordered) - 1, MAX_SETTINGS).round().astype(int)
    return ordered[places], np.ones(MAX_SETTINGS, dtype=np.int64)
