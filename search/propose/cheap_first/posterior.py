"""What is believed about the goals of configs: exact where a probe or a training has told, else modelled.

Cheap goals are modelled from the config alone. They are then features of the models of the others: a
network's accuracy has much to do with its size. Running trials are taken to end as predicted, so that the
next choice is another one.

Shapes: n rows of evidence, c configs asked about, d columns of codes, k goals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from search.propose.cheap_first.gp import GaussianProcess, Hyper, fit
from search.propose.cheap_first.observations import Evidence
from search.propose.cheap_first.targets import Goal
from search.propose.cheap_first.transform import Warp, fitted, logarithm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_ROWS = 3
"""With fewer values of a goal nothing is believed about it."""
MAX_ROWS_FITTED = 200
"""Hyperparameters are fitted on so many rows: each of some forty steps is cubic in them."""
REFIT_GROWTH = 1.1
"""They are fitted again when there are so many times more rows."""
CHEAP_WEIGHT = 0.5
"""The standard deviation of a cheap metric's logarithm as a feature; a code's columns range over 1."""
SUCCESS = "worked"


@dataclass(frozen=True)
class Belief:
    """About c configs: mean and standard deviation (c, k) on the warped scales, sd 0 where it is exact.

    worked: (c,) the probability that a config can be trained at all.
    """

    mean: Floats
    sd: Floats
    worked: Floats


@dataclass(frozen=True)
class Lesson:
    """What a model learns from: features (n, f), values (n,) with NaN, their doubt, groups (f,)."""

    x: Floats
    y: Floats
    extra: Floats
    groups: Ints

    @property
    def is_enough(self) -> bool:
        """Whether there is anything to learn from it."""
        return int(np.isfinite(self.y).sum()) >= MIN_ROWS


class Memory:
    """Hyperparameters by goal, kept from one ask to the next."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, Hyper]] = {}

    def hyper(self, name: str, x: Floats, y: Floats, groups: Ints, extra: Floats) -> Hyper:
        """Fitted anew when there is enough news, starting from what was found before."""
        n_before, hyper = self._kept.get(name, (0, Hyper.start(int(groups.max()) + 1)))
        if len(y) >= n_before * REFIT_GROWTH or len(y) < n_before / 2:
            rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), MAX_ROWS_FITTED)).astype(np.int64))
            hyper = fit(x[rows], y[rows], groups, hyper, extra[rows])
            self._kept[name] = (len(y), hyper)
        return hyper


class Beliefs:
    """Made of one state of the evidence; asked about any number of configs.

    groups: (d,) the searched field that each column of the codes belongs to. warps: one a goal.
    running: what is believed about the running trials, in the order of the evidence.
    """

    def __init__(self, goals: list[Goal], evidence: Evidence, groups: Ints, memory: Memory) -> None:
        self._goals, self._memory, self._is_running = goals, memory, evidence.is_running
        self._lessons: dict[str, Lesson] = {}
        self._processes: dict[str, GaussianProcess | None] = {}
        self.warps = [_warp(goal, evidence.costs[:, at]) for at, goal in enumerate(goals)]
        known = self._warped(evidence.costs)
        extra = (self._steepness(evidence.costs) * evidence.doubt) ** 2
        self._cheap = [at for at, goal in enumerate(goals) if goal.is_cheap]
        for at in self._cheap:
            self._lessons[goals[at].name] = Lesson(evidence.codes, known[:, at], extra[:, at], groups)
        filled, _ = self._cheap_goals(evidence.codes, known)
        self._center = filled.sum(axis=0) / max(len(filled), 1)
        self._width = filled.std(axis=0) + 1e-9 if len(filled) else np.ones(len(self._cheap))
        features = self._features(evidence.codes, filled)
        n_groups = int(groups.max(initial=-1)) + 1
        wide = np.concatenate([groups, n_groups + np.arange(len(self._cheap))])
        for at, goal in enumerate(goals):
            if not goal.is_cheap:
                self._lessons[goal.name] = Lesson(features, known[:, at], extra[:, at], wide)
        if (evidence.worked == 0).any():
            self._lessons[SUCCESS] = Lesson(features, evidence.worked, np.zeros(len(known)), wide)
        self.running = self.about(evidence.codes[self._is_running], evidence.costs[self._is_running])

    def knows(self, goal: Goal) -> bool:
        """Whether enough values of it are known to model it."""
        return self._lessons[goal.name].is_enough

    def about(self, codes: Floats, costs: Floats) -> Belief:
        """The belief about c configs, whose codes are (c, d).

        costs: (c, k) what is known of them, NaN elsewhere.
        """
        known = self._warped(costs)
        mean, sd = known.copy(), np.zeros_like(known)
        mean[:, self._cheap], sd[:, self._cheap] = self._cheap_goals(codes, known)
        features = self._features(codes, mean[:, self._cheap])
        for at, goal in enumerate(self._goals):
            if not goal.is_cheap:
                mean[:, at], sd[:, at] = self._predict(goal.name, features, known[:, at])
        worked = np.ones(len(codes))
        success = self._process(SUCCESS)
        if success is not None:
            label, doubt = success.predict(features)
            worked = ndtr((label - 0.5) / np.maximum(doubt, 0.05))
        return Belief(mean, sd, worked)

    def _cheap_goals(self, codes: Floats, known: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations (c, number of cheap goals)."""
        columns = [self._predict(self._goals[at].name, codes, known[:, at]) for at in self._cheap]
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
        """The model of a goal, made when it is first asked for; None where there is too little to learn."""
        if name not in self._processes:
            lesson = self._lessons.get(name)
            is_modelled = lesson is not None and lesson.is_enough
            self._processes[name] = self._learn(name, self._lessons[name]) if is_modelled else None
        return self._processes[name]

    def _learn(self, name: str, lesson: Lesson) -> GaussianProcess:
        """Learn y where it is finite, then once more with the running trials at their predictions."""
        x, y, extra, groups = lesson.x, lesson.y, lesson.extra, lesson.groups
        rows = np.isfinite(y)
        hyper = self._memory.hyper(name, x[rows], y[rows], groups, extra[rows])
        process = GaussianProcess(x[rows], y[rows], groups, hyper, extra[rows])
        pending = self._is_running & ~rows
        if not pending.any():
            return process
        believed = np.concatenate([y[rows], process.predict(x[pending])[0]])
        doubt = np.concatenate([extra[rows], np.zeros(pending.sum())])
        return GaussianProcess(np.vstack([x[rows], x[pending]]), believed, groups, hyper, doubt)

    def _features(self, codes: Floats, cheap: Floats) -> Floats:
        return np.hstack([codes, CHEAP_WEIGHT * (cheap - self._center) / self._width])

    def _warped(self, costs: Floats) -> Floats:
        columns = [warp.to(costs[:, at]) for at, warp in enumerate(self.warps)]
        return np.column_stack(columns).reshape(costs.shape)

    def _steepness(self, costs: Floats) -> Floats:
        columns = [warp.steepness(np.nan_to_num(costs[:, at])) for at, warp in enumerate(self.warps)]
        return np.column_stack(columns).reshape(costs.shape)


def _warp(goal: Goal, costs: Floats) -> Warp:
    finite = costs[np.isfinite(costs)]
    return logarithm(finite) if goal.is_cheap else fitted(finite)
