"""Replicates: trials trained again with other seeds, and the mean and spread over them.

A replicate is a row with `replicate_of`, the number of its original. It is not part of any front, budget or
hypervolume curve; it only measures how much its original's values depend on the seed.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from spikefront.numbers import is_finite
from studies.model import Study, Trial


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (over n - 1) of n values, two or more."""

    mean: float
    sd: float
    n: int

    @property
    def standard_error(self) -> float:
        """The standard error of the mean: sd / sqrt(n)."""
        return self.sd / math.sqrt(self.n)


def searched(study: Study) -> Study:
    """The study without its replicates and their epochs: what the sampler chose and the budget counts."""
    dropped = {trial.number for trial in study.trials if trial.replicate_of is not None}
    if not dropped:
        return study
    return replace(
        study,
        trials=tuple(trial for trial in study.trials if trial.number not in dropped),
        epochs=tuple(row for row in study.epochs if row.number not in dropped),
    )


def replicates(study: Study) -> dict[int, list[Trial]]:
    """The replicates of each original that has some, in every state, both by number."""
    groups: dict[int, list[Trial]] = defaultdict(list)
    for trial in sorted(study.trials, key=lambda trial: trial.number):
        if trial.replicate_of is not None:
            groups[trial.replicate_of].append(trial)
    return dict(sorted(groups.items()))


def spreads(study: Study) -> dict[int, dict[str, Spread]]:
    """For each original with replicates, by number: the spread of every objective and metric.

    Over the original and its replicates that are complete and have a finite number, at least two of them.
    Lists and booleans have no spread.
    """
    originals = {trial.number: trial for trial in study.trials if trial.replicate_of is None}
    return {
        number: _spreads([originals[number], *group])
        for number, group in replicates(study).items()
        if number in originals
    }


def pooled_sd(groups: Iterable[Spread]) -> float | None:
    """One standard deviation for all groups, each weighted by its n - 1; None without a group.

    It assumes the same standard deviation for every config.
    """
    known = list(groups)
    if not known:
        return None
    freedom = sum(group.n - 1 for group in known)
    return math.sqrt(sum((group.n - 1) * group.sd**2 for group in known) / freedom)


def _spreads(group: Iterable[Trial]) -> dict[str, Spread]:
    values: dict[str, list[float]] = defaultdict(list)
    for trial in group:
        if trial.state == "complete":
            for name, value in _numbers(trial).items():
                values[name].append(value)
    return {
        name: Spread(statistics.fmean(numbers), statistics.stdev(numbers), len(numbers))
        for name, numbers in values.items()
        if len(numbers) > 1
    }


def _numbers(trial: Trial) -> Mapping[str, float]:
    known = {**trial.metrics, **{name: value for name, value in trial.values.items() if value is not None}}
    return {name: float(value) for name, value in known.items() if is_finite(value)}
