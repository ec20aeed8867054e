"""A random forest that predicts one objective from the params; all figures about params use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.data.digest import Digest, value
from reports.data.params import Param, Setting, setting
from reports.format.quantities import quantity
from reports.params.encoding import Coded, Floats, coded
from studies.model import Objective, Trial

MIN_TRIALS = 8
N_TREES = 100
MAX_ROWS = 1500


@dataclass(frozen=True)
class Forest:
    """One objective as a function of the params that vary among n trials.

    trials: those it was fitted to; settings: their settings, by param; columns: the same encoded; target:
    the objective, (n,).
    trees: fitted to bootstrap samples of the trials; their spread measures the uncertainty.
    explained: R² of the out-of-bag predictions; 1 means that unseen trials are predicted exactly, 0 or less
    that they are predicted no better than by the mean.
    """

    trials: tuple[Trial, ...]
    params: tuple[Param, ...]
    settings: dict[str, list[Setting]]
    columns: Coded
    target: Floats
    trees: tuple[Any, ...]
    explained: float

    def by_tree(self, matrix: Floats) -> Floats:
        """What each tree predicts for rows like those of `columns`: (trees, rows)."""
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        return np.stack([tree.predict(rows)[:, 0] for tree in self.trees])

    def predict(self, matrix: Floats) -> Floats:
        """The mean over the trees: (rows,)."""
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        total: Floats = sum(tree.predict(rows)[:, 0] for tree in self.trees)
        return total / len(self.trees)


def fitted(
    digest: Digest, objective: Objective, trials: Sequence[Trial] | None = None, seed: int = 0
) -> Forest | str:
    """The forest of an objective over some trials, or a sentence that says why there is none.

    trials: by default all that have the objective. Above 1,500 a seeded sample of them is used.
    """
    trials = digest.known(objective.name) if trials is None else trials
    if len(trials) < MIN_TRIALS:
        label = quantity(objective.name).label
        return f"Importance needs at least {MIN_TRIALS} trials with known {label}; there are {len(trials)}."
    if len(trials) > MAX_ROWS:
        chosen = np.random.default_rng(seed).choice(len(trials), MAX_ROWS, replace=False)
        trials = tuple(trials[place] for place in chosen)
    target = np.array([value(trial, objective.name) for trial in trials])
    if np.ptp(target) == 0:
        return "Every trial has the same value, so no param made a difference."
    forest = grown(trials, digest.params, target, seed)
    if not forest.params or np.ptp(forest.predict(forest.columns.matrix)) == 0:
        return "No searched param separates the trials, so nothing can be attributed."
    return forest


def grown(trials: Sequence[Trial], params: Sequence[Param], target: Floats, seed: int = 0) -> Forest:
    """A forest fitted to a target (n,), one number for each trial; no trees if no param varies."""
    columns = coded(trials, params)
    varying = tuple(param for param in params if param.name in columns.slices)
    settings = {param.name: [setting(trial, param) for trial in trials] for param in varying}
    trees, explained = _trees(columns.matrix, target, seed) if varying else ((), 0.0)
    return Forest(tuple(trials), varying, settings, columns, target, trees, explained)


def _trees(matrix: Floats, target: Floats, seed: int) -> tuple[tuple[Any, ...], float]:
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(N_TREES, min_samples_leaf=2, oob_score=True, random_state=seed, n_jobs=1)
    model.fit(matrix, target)
    return tuple(estimator.tree_ for estimator in model.estimators_), float(model.oob_score_)
