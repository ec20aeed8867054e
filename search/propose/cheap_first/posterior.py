"""The posterior of the targets of configs: exact where a probe or a training has measured them, else
modelled.

Cheap targets are modelled from the config alone. They are then features of the models of the others: a
network's accuracy has much to do with its size. Running trials are taken to end as predicted, so that the
next choice is another one.

Shapes: n rows of observations, c configs asked about, d columns of codes, k targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from search.propose.cheap_first.gp import GaussianProcess, Hyperparameters, fit
from search.propose.cheap_first.observations import Observations
from search.propose.cheap_first.targets import Target
from search.propose.cheap_first.transform import Transform, fitted, logarithm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_ROWS = 3
"""With fewer values of a target it is not modelled."""
MAX_ROWS_FITTED = 200
"""Hyperparameters are fitted on so many rows: each of some forty steps is cubic in them."""
REFIT_GROWTH = 1.1
"""They are fitted again when there are so many times more rows."""
CHEAP_WEIGHT = 0.5
"""The standard deviation of a cheap metric's logarithm as a feature; a code's columns range over 1."""
SUCCESS = "worked"


@dataclass(frozen=True)
class Posterior:
    """Of c configs: mean and standard deviation (c, k) on the transformed scales, sd 0 where it is exact.

    worked: (c,) the probability that a config can be trained at all.
    """

    mean: Floats
    sd: Floats
    worked: Floats


@dataclass(frozen=True)
class TrainingSet:
    """What a model learns from: features (n, f), values (n,) with NaN, the variance of each, groups (f,)."""

    x: Floats
    y: Floats
    extra: Floats
    groups: Ints

    @property
    def is_enough(self) -> bool:
        """Whether there are enough values to model it."""
        return int(np.isfinite(self.y).sum()) >= MIN_ROWS


class HyperparameterCache:
    """Hyperparameters by target, kept from one ask to the next."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, Hyperparameters]] = {}

    def get(self, name: str, x: Floats, y: Floats, groups: Ints, extra: Floats) -> Hyperparameters:
        """Fitted again when there is enough new data, starting from the previous values."""
        n_before, hyperparameters = self._kept.get(name, (0, Hyperparameters.start(int(groups.max()) + 1)))
        if len(y) >= n_before * REFIT_GROWTH or len(y) < n_before / 2:
            rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), MAX_ROWS_FITTED)).astype(np.int64))
            hyperparameters = fit(x[rows], y[rows], groups, hyperparameters, extra[rows])
            self._kept[name] = (len(y), hyperparameters)
        return hyperparameters


class Surrogates:
    """The models of all targets, made from one set of observations; asked about any number of configs.

    groups: (d,) the searched field that each column of the codes belongs to. transforms: one a target.
    running: the posterior of the running trials, in the order of the observations.
    """

    def __init__(
        self, targets: list[Target], observations: Observations, groups: Ints, cache: HyperparameterCache
    ) -> None:
        self._targets, self._cache, self._is_running = targets, cache, observations.is_running
        self._training_sets: dict[str, TrainingSet] = {}
        self._processes: dict[str, GaussianProcess | None] = {}
        self.transforms = [
            _transform_of(target, observations.costs[:, at]) for at, target in enumerate(targets)
        ]
        known = self._transformed(observations.costs)
        extra = (self._steepness(observations.costs) * observations.cost_sd) ** 2
        self._cheap = [at for at, target in enumerate(targets) if target.is_cheap]
        for at in self._cheap:
            self._training_sets[targets[at].name] = TrainingSet(
                observations.codes, known[:, at], extra[:, at], groups
            )
        filled, _ = self._cheap_targets(observations.codes, known)
        self._center = filled.sum(axis=0) / max(len(filled), 1)
        self._width = filled.std(axis=0) + 1e-9 if len(filled) else np.ones(len(self._cheap))
        features = self._features(observations.codes, filled)
        n_groups = int(groups.max(initial=-1)) + 1
        wide = np.concatenate([groups, n_groups + np.arange(len(self._cheap))])
        for at, target in enumerate(targets):
            if not target.is_cheap:
                self._training_sets[target.name] = TrainingSet(features, known[:, at], extra[:, at], wide)
        if (observations.worked == 0).any():
            self._training_sets[SUCCESS] = TrainingSet(
                features, observations.worked, np.zeros(len(known)), wide
            )
        self.running = self.posterior(
            observations.codes[self._is_running], observations.costs[self._is_running]
        )

    def knows(self, target: Target) -> bool:
        """Whether enough values of it are known to model it."""
        return self._training_sets[target.name].is_enough

    def posterior(self, codes: Floats, costs: Floats) -> Posterior:
        """The posterior of c configs, whose codes are (c, d).

        costs: (c, k) what is known of them, NaN elsewhere.
        """
        known = self._transformed(costs)
        mean, sd = known.copy(), np.zeros_like(known)
        mean[:, self._cheap], sd[:, self._cheap] = self._cheap_targets(codes, known)
        features = self._features(codes, mean[:, self._cheap])
        for at, target in enumerate(self._targets):
            if not target.is_cheap:
                mean[:, at], sd[:, at] = self._predict(target.name, features, known[:, at])
        worked = np.ones(len(codes))
        success = self._process(SUCCESS)
        if success is not None:
            label, label_sd = success.predict(features)
            worked = ndtr((label - 0.5) / np.maximum(label_sd, 0.05))
        return Posterior(mean, sd, worked)

    def _cheap_targets(self, codes: Floats, known: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations (c, number of cheap targets)."""
        columns = [self._predict(self._targets[at].name, codes, known[:, at]) for at in self._cheap]
        empty = np.empty((len(codes), 0))
        return (
            np.column_stack([empty, *(mean for mean, _ in columns)]),
            np.column_stack([empty, *(sd for _, sd in columns)]),
        )

    def _predict(self, name: str, x: Floats, known: Floats) -> tuple[Floats, Floats]:
        """Mean and sd (c,): the known values, elsewhere those of the model; 0 and 1 without one."""
        mean, sd = known.copy(), np.zeros(len(known))
        is_open = np.isnan(known)
        if is_open.any():
            process = self._process(name)
            mean[is_open], sd[is_open] = process.predict(x[is_open]) if process else (0.0, 1.0)
        return mean, sd

    def _process(self, name: str) -> GaussianProcess | None:
        """The model of a target, made when it is first asked for; None where there are too few values."""
        if name not in self._processes:
            training_set = self._training_sets.get(name)
            is_modelled = training_set is not None and training_set.is_enough
            self._processes[name] = self._learn(name, self._training_sets[name]) if is_modelled else None
        return self._processes[name]

    def _learn(self, name: str, training_set: TrainingSet) -> GaussianProcess:
        """Learn y where it is finite, then once more with the running trials at their predictions."""
        x, y, extra, groups = training_set.x, training_set.y, training_set.extra, training_set.groups
        rows = np.isfinite(y)
        hyperparameters = self._cache.get(name, x[rows], y[rows], groups, extra[rows])
        process = GaussianProcess(x[rows], y[rows], groups, hyperparameters, extra[rows])
        pending = self._is_running & ~rows
        if not pending.any():
            return process
        predicted = np.concatenate([y[rows], process.predict(x[pending])[0]])
        variance = np.concatenate([extra[rows], np.zeros(pending.sum())])
        return GaussianProcess(np.vstack([x[rows], x[pending]]), predicted, groups, hyperparameters, variance)

    def _features(self, codes: Floats, cheap: Floats) -> Floats:
        return np.hstack([codes, CHEAP_WEIGHT * (cheap - self._center) / self._width])

    def _transformed(self, costs: Floats) -> Floats:
        columns = [transform.to(costs[:, at]) for at, transform in enumerate(self.transforms)]
        return np.column_stack(columns).reshape(costs.shape)

    def _steepness(self, costs: Floats) -> Floats:
        columns = [
            transform.steepness(np.nan_to_num(costs[:, at])) for at, transform in enumerate(self.transforms)
        ]
        return np.column_stack(columns).reshape(costs.shape)


def _transform_of(target: Target, costs: Floats) -> Transform:
    finite = costs[np.isfinite(costs)]
    return logarithm(finite) if target.is_cheap else fitted(finite)
