"""Which trials are dominated beyond the noise, and which may be dominated by chance.

The front itself is exact: it is computed from the recorded values. This module asks for each dominated
trial whether the difference to the trials that dominate it exceeds the noise. docs/studies.md states the
assumptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studies.model import Study, Trial
from studies.pareto import directions, front, objective_values, rankable, to_minimise
from studies.points import Floats
from studies.replicates import Spread, pooled_sd, spreads
from studies.timings import is_timed, timing_range

BEYOND = 2.0
"""A difference between trainings counts when it exceeds this many standard errors."""


@dataclass(frozen=True)
class Noise:
    """The noise of one objective, and how it was estimated.

    source: timings (quartiles and quiet measurements), replicates, or none (values count as exact).
    typical: from replicates the pooled standard deviation in the objective's unit; from timings the median
    of half the range as a share of the value.
    """

    objective: str
    source: Literal["timings", "replicates", "none"]
    typical: float


@dataclass(frozen=True)
class NearTrial:
    """A trial that is dominated, but not beyond the noise.

    dominated_by: the trial of the front that comes closest to dominating it beyond the noise.
    in_doubt: the objectives in which the difference between the two does not exceed the noise.
    """

    trial: Trial
    dominated_by: int
    in_doubt: tuple[str, ...]


def noises(study: Study) -> list[Noise]:
    """The noise of each objective, in the study's order."""
    trials, known = rankable(study), spreads(study)
    return [_noise(trials, known, objective.name) for objective in study.info.objectives]


def near_front(study: Study) -> list[NearTrial]:
    """The rankable trials off the front that no other dominates beyond the noise, by number.

    A trial dominates another beyond the noise when it dominates it by the recorded values, and is better
    beyond the noise in each objective that has noise: for timings the ranges do not overlap (unless both are
    the same measurement), for others the means differ by more than `BEYOND` standard errors of the
    difference. Empty when no objective has noise.
    """
    table = _table(study)
    if not (table.errors.any() or (table.high > table.low).any()):
        return []
    standing, everyone = np.flatnonzero(table.on_front), np.arange(len(table.trials))
    near = []
    for row in map(int, np.flatnonzero(~table.on_front)):
        at_front = table.dominators(row, standing)
        doubts = table.doubts(row, at_front)
        if doubts.any(axis=1).all() and table.is_in_doubt(row, table.dominators(row, everyone)):
            closest = int(np.argmin(doubts.sum(axis=1)))
            names = tuple(name for name, doubt in zip(table.names, doubts[closest], strict=True) if doubt)
            near.append(NearTrial(table.trials[row], table.trials[at_front[closest]].number, names))
    return near


def seed_spread(trial: Trial, name: str, known: Mapping[int, Mapping[str, Spread]]) -> Spread | None:
    """The spread of a trial's metric over seeds, from `known`, the result of `spreads(study)`.

    None without replicates, for a metric that is equal in all of them (memory), and for a timing, whose
    spread comes from the clock, not from the seed.
    """
    spread = known.get(trial.number, {}).get(name)
    return spread if spread is not None and spread.sd > 0 and not is_timed(trial, name) else None


@dataclass(frozen=True)
class _Table:
    """Rankable trials in rows, objectives in columns; less is better in `values`, `low` and `high`.

    low, high: the range of a timing; both the mean of what has replicates, or the value itself.
    errors: the standard error of the mean, 0 for a timing. is_timed: (m,).
    """

    trials: Sequence[Trial]
    names: Sequence[str]
    values: Floats
    low: Floats
    high: Floats
    errors: Floats
    is_timed: NDArray[np.bool_]
    on_front: NDArray[np.bool_]

    def dominators(self, row: int, among: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows among those given that dominate a row by the recorded values."""
        values, point = self.values[among], self.values[row]
        dominators: NDArray[np.int64] = among[(values <= point).all(axis=1) & (values < point).any(axis=1)]
        return dominators

    def doubts(self, row: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(others, m): whether the other trial is not better than the row beyond the noise."""
        noise = BEYOND * np.hypot(self.errors[row], self.errors[others])
        widths = (self.high - self.low)[others] + (self.high - self.low)[row]
        # A cached probe gives two trials one timing; a measurement does not differ from itself.
        is_one = self.is_timed & (self.values[others] == self.values[row])
        gains = self.low[row] - self.high[others]
        doubts: NDArray[np.bool_] = ~is_one & (noise + widths > 0) & (gains <= noise)
        return doubts

    def is_in_doubt(self, row: int, others: NDArray[np.int64]) -> bool:
        """Whether none of the others is better than the row beyond the noise."""
        return bool(self.doubts(row, others).any(axis=1).all())


def _table(study: Study) -> _Table:
    trials, known, ways = rankable(study), spreads(study), directions(study)
    values = objective_values(study, trials)
    low, high, errors = values.copy(), values.copy(), np.zeros_like(values)
    known_noises = noises(study)
    for column, noise in enumerate(known_noises):
        for row, trial in enumerate(trials):
            low[row, column], high[row, column], errors[row, column] = _estimate(
                trial, known.get(trial.number, {}), noise, values[row, column]
            )
    ends = to_minimise(low, ways), to_minimise(high, ways)
    numbers = {trial.number for trial in front(study)}
    return _Table(
        trials=trials,
        names=[noise.objective for noise in known_noises],
        values=to_minimise(values, ways),
        low=np.minimum(*ends),
        high=np.maximum(*ends),
        errors=errors,
        is_timed=np.array([noise.source == "timings" for noise in known_noises], dtype=bool),
        on_front=np.array([trial.number in numbers for trial in trials], dtype=bool),
    )


def _estimate(
    trial: Trial, by_name: Mapping[str, Spread], noise: Noise, value: float
) -> tuple[float, float, float]:
    """The range of one objective of a trial, low and high, and the standard error of the mean."""
    if noise.source == "timings":
        half = noise.typical * abs(value)
        low, high = timing_range(trial, noise.objective) or (value - half, value + half)
        return low, high, 0.0
    spread = by_name.get(noise.objective)
    return (spread.mean, spread.mean, spread.standard_error) if spread else (value, value, noise.typical)


def _noise(trials: Sequence[Trial], known: Mapping[int, Mapping[str, Spread]], name: str) -> Noise:
    ranges = [(trial.values[name], timing_range(trial, name)) for trial in trials]
    shares = [(ends[1] - ends[0]) / 2 / abs(value) for value, ends in ranges if ends and value]
    if shares:
        return Noise(name, "timings", float(np.median(shares)))
    pooled = pooled_sd(by_name[name] for by_name in known.values() if name in by_name)
    return Noise(name, "replicates" if pooled else "none", pooled or 0.0)
