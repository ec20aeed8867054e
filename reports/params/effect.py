"""Partial dependence: how a forest's prediction changes with one param while the others stay as they are.

J. H. Friedman: Greedy Function Approximation: A Gradient Boosting Machine, Annals of Statistics 2001,
section 8.2. The average is over real trials in which the param is active; params that are active only
under some settings of a category take settings that trials with that category had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from reports.data.params import Param, Setting
from reports.params.encoding import Floats
from reports.params.forest import Forest

N_ROWS = 200
N_STEPS = 12
ERROR_RATE = 0.05
"""Probability, over all comparisons made at once, to report a difference where there is none."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Effect:
    """The effect of one param on the prediction.

    settings: numbers ascending, categories in the order of the space.
    by_tree: (trees, settings), the mean prediction of each tree with the param held at each setting.
    n_at: trials at each setting. n_active, n_trials: trials in which the param is active, and all.
    """

    param: Param
    settings: list[Setting]
    by_tree: Floats
    n_at: list[int]
    n_active: int
    n_trials: int

    @property
    def mean(self) -> Floats:
        """The forest's prediction at each setting: (settings,)."""
        mean: Floats = self.by_tree.mean(axis=0)
        return mean

    def quartiles(self) -> Floats:
        """The lower and upper quartile of the trees' predictions: (2, settings)."""
        return np.quantile(self.by_tree, (0.25, 0.75), axis=0)

    def difference(self, place: int, other: int, n_comparisons: int = 1) -> Difference:
        """The prediction at setting `place` minus that at `other`, with its spread over the trees.

        n_comparisons: by how many the error rate is divided (Bonferroni).
        """
        gains = self.by_tree[:, place] - self.by_tree[:, other]
        width = NormalDist().inv_cdf(1 - ERROR_RATE / (2 * max(1, n_comparisons))) * gains.std(ddof=1)
        middle = float(gains.mean())
        return Difference(middle, middle - float(width), middle + float(width))


@dataclass(frozen=True)
class Difference:
    """A difference of predictions: its mean over the trees, and an interval from their spread."""

    middle: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def effect(forest: Forest, param: Param) -> Effect | None:
    """The effect of a param; None where fewer than two of its settings are known.

    A number with many settings is held at 12 of them, at even quantiles of the trials.
    """
    rows = active(forest, [param])
    settings = grid(forest, param, rows, N_STEPS)
    if len(settings) < 2:
        return None
    background = spread_evenly(rows, N_ROWS)
    held = np.vstack([moved(forest, background, {param.name: setting}) for setting in settings])
    by_tree = forest.by_tree(held).reshape(len(forest.trees), len(settings), len(background)).mean(axis=2)
    at_trials = [forest.settings[param.name][row] for row in rows]
    return Effect(
        param, settings, by_tree, [at_trials.count(item) for item in settings], len(rows), len(forest.trials)
    )


def active(forest: Forest, params: Sequence[Param]) -> Places:
    """The indices of the trials in which all these params are active."""
    columns = [forest.settings[param.name] for param in params]
    return np.array(
        [place for place, row in enumerate(zip(*columns, strict=True)) if None not in row], np.int64
    )


def grid(forest: Forest, param: Param, rows: Places, most: int) -> list[Setting]:
    """The settings of a param among some trials: all of a category, up to `most` quantiles of a number."""
    at_trials = [forest.settings[param.name][row] for row in rows]
    if param.kind == "category":
        return [option for option in param.options if option in set(at_trials)]
    numbers = sorted(float(item) for item in at_trials if isinstance(item, (int, float)))
    distinct = sorted(set(numbers))
    if len(distinct) <= most:
        return list(distinct)
    places = np.linspace(0, len(numbers) - 1, most).round().astype(int)
    return list(dict.fromkeys(numbers[place] for place in places))


def spread_evenly(rows: Places, most: int) -> Places:
    """All rows, or `most` of them at even distances."""
    if len(rows) <= most:
        return rows
    chosen: Places = rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]
    return chosen


def moved(forest: Forest, rows: Places, held: Mapping[str, Setting]) -> Floats:
    """The encoded trials `rows`, with some params held at given settings: (rows, columns).

    Params that depend on a held category take their settings from trials that have that category.
    """
    matrix = forest.columns.matrix[rows].copy()
    slices = forest.columns.slices
    for name, setting in held.items():
        donors = np.flatnonzero([item == setting for item in forest.settings[name]])
        matrix[:, slices[name]] = forest.columns.matrix[donors[0], slices[name]]
        lent = donors[np.arange(len(rows)) % len(donors)]
        for follower in followers(forest, name, rows):
            if follower not in held:
                matrix[:, slices[follower]] = forest.columns.matrix[lent, slices[follower]]
    return matrix


def followers(forest: Forest, name: str, rows: Places) -> list[str]:
    """The params that depend on a category: never active under some of its settings, active under others."""
    if next(param for param in forest.params if param.name == name).kind == "number":
        return []
    parents = [forest.settings[name][row] for row in rows]
    names = []
    for param in forest.params:
        column = forest.settings[param.name]
        alive = {parent for parent, row in zip(parents, rows, strict=True) if column[row] is not None}
        if param.name != name and alive and alive != set(parents):
            names.append(param.name)
    return names
