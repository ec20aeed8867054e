"""What all figures start from: the trials sorted into front, dominated and the rest, and the params."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from reports.data.params import Param, searched_params
from studies.model import Objective, Study, Trial
from studies.noise import NearTrial, near_front
from studies.pareto import front, knee, rankable
from studies.replicates import Spread, searched, spreads

MANY = 5000
"""Above this number of trials, figures count or sample dominated ones; the page keeps fewer epochs."""

MOST_CURVES = 200
"""How many trials off the front keep their epochs on the page of such a study."""


@dataclass(frozen=True)
class Digest:
    """A study with its trials sorted.

    front: complete feasible trials that are not dominated, best first objective first.
    dominated: the other complete feasible trials that have a number for every objective.
    measured: both together, in the order of their numbers.
    knee: None where there is no front.
    study: without its replicates; recorded: with them. spreads: see `studies.replicates.spreads`.
    n_thinned: trials off the front whose epochs were left out of `study`, as there are too many trials;
    the epochs of `MOST_CURVES` others, chosen at random, stay.
    near: the dominated trials that are within the noise of the front, in the order of `dominated`.
    """

    study: Study
    recorded: Study
    front: tuple[Trial, ...]
    dominated: tuple[Trial, ...]
    knee: Trial | None
    params: tuple[Param, ...]
    near: tuple[NearTrial, ...] = ()
    spreads: Mapping[int, Mapping[str, Spread]] = field(default_factory=dict)
    n_thinned: int = 0

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives; the first one leads the report."""
        return self.study.info.objectives

    @cached_property
    def measured(self) -> tuple[Trial, ...]:
        """Front and dominated trials together, by number."""
        return tuple(sorted((*self.front, *self.dominated), key=lambda trial: trial.number))

    def known(self, name: str) -> tuple[Trial, ...]:
        """The finished trials with a number for an objective among their values, by number.

        Memory and latency are measured before the first epoch, so trials that were stopped or refused have
        them too; they are taken from their metrics.
        """
        trials = (knowing(trial, name) for trial in self.study.trials if trial.state != "running")
        return tuple(trial for trial in trials if trial is not None)

    @property
    def near_numbers(self) -> list[int]:
        """The numbers of the trials within the noise of the front."""
        return [near.trial.number for near in self.near]

    @property
    def others(self) -> list[int]:
        """The numbers of the trials with recorded epochs that are not on the front."""
        on_front = {trial.number for trial in self.front}
        return sorted({row.number for row in self.study.epochs} - on_front)


def digest(study: Study) -> Digest:
    """Sort the trials of a study; works for a study without any."""
    recorded, study = study, searched(study)
    if not study.info.objectives:
        return Digest(study, recorded, (), (), None, tuple(searched_params(study)))
    first = study.info.objectives[0]
    on_front = sorted(front(study), key=lambda trial: (loss(trial, first), trial.number))
    numbers = {trial.number for trial in on_front}
    rest = [trial for trial in rankable(study) if trial.number not in numbers]
    study, n_thinned = _thinned(study, numbers)
    return Digest(
        study=study,
        recorded=recorded,
        front=tuple(on_front),
        dominated=tuple(rest),
        knee=knee(study),
        params=tuple(searched_params(study)),
        near=tuple(near_front(recorded)),
        spreads=spreads(recorded),
        n_thinned=n_thinned,
    )


def sampled(numbers: Sequence[int], most: int) -> list[int]:
    """All numbers, or `most` of them chosen at random with a fixed seed, in their order."""
    if len(numbers) <= most:
        return list(numbers)
    places = sorted(random.Random(0).sample(range(len(numbers)), most))
    return [numbers[place] for place in places]


def _thinned(study: Study, on_front: Collection[int]) -> tuple[Study, int]:
    """The study with the epochs that its page keeps, and how many trials had theirs left out."""
    others = sorted({row.number for row in study.epochs} - set(on_front))
    if len(study.trials) <= MANY or len(others) <= MOST_CURVES:
        return study, 0
    kept = {*on_front, *sampled(others, MOST_CURVES)}
    rows = tuple(row for row in study.epochs if row.number in kept)
    return replace(study, epochs=rows), len(others) - MOST_CURVES


def value(trial: Trial, name: str) -> float:
    """An objective's value in the user's direction; NaN where the trial has none."""
    number = trial.values.get(name)
    return math.nan if number is None else float(number)


def knowing(trial: Trial, name: str) -> Trial | None:
    """The trial with an objective's number among its values, taken from its metrics if it has no value."""
    if math.isfinite(value(trial, name)):
        return trial
    metric = trial.metrics.get(name)
    if not isinstance(metric, (int, float)) or not math.isfinite(metric):
        return None
    return replace(trial, values={**trial.values, name: float(metric)})


def loss(trial: Trial, objective: Objective) -> float:
    """An objective's value with its sign turned so that less is better."""
    sign = -1.0 if objective.direction == "maximize" else 1.0
    return sign * value(trial, objective.name)
