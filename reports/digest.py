"""What all figures share: the trials sorted into front, dominated and the rest, and the knobs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from reports.knobs import Knob, knobs
from studies.model import Objective, Study, Trial
from studies.noise import Near, near_front
from studies.pareto import front, knee, rankable
from studies.replicates import Spread, searched, spreads


@dataclass(frozen=True)
class Digest:
    """A study, read once.

    front: complete feasible trials that are not dominated, best first objective first.
    dominated: the other complete feasible trials that have a number for every objective.
    measured: both together, in the order of their numbers.
    knee: None where there is no front.
    study: without its replicates; recorded: with them. spreads: see `studies.replicates.spreads`.
    near: the dominated trials that are within the noise of the front, in the order of `dominated`.
    """

    study: Study
    recorded: Study
    front: tuple[Trial, ...]
    dominated: tuple[Trial, ...]
    knee: Trial | None
    knobs: tuple[Knob, ...]
    near: tuple[Near, ...] = ()
    spreads: Mapping[int, Mapping[str, Spread]] = field(default_factory=dict)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives; the first one leads the report."""
        return self.study.info.objectives

    @property
    def measured(self) -> tuple[Trial, ...]:
        """Front and dominated trials together, by number."""
        return tuple(sorted((*self.front, *self.dominated), key=lambda trial: trial.number))

    @property
    def near_numbers(self) -> list[int]:
        """The numbers of the trials within the noise of the front."""
        return [one.trial.number for one in self.near]

    @property
    def others(self) -> list[int]:
        """The numbers of the trials with recorded epochs that are not on the front."""
        on_front = {trial.number for trial in self.front}
        return sorted({row.number for row in self.study.epochs} - on_front)


def digest(study: Study) -> Digest:
    """Sort the trials of a study; works for a study without any."""
    recorded, study = study, searched(study)
    if not study.info.objectives:
        return Digest(study, recorded, (), (), None, tuple(knobs(study)))
    first = study.info.objectives[0]
    on_front = sorted(front(study), key=lambda trial: (loss(trial, first), trial.number))
    numbers = {trial.number for trial in on_front}
    rest = [trial for trial in rankable(study) if trial.number not in numbers]
    return Digest(
        study=study,
        recorded=recorded,
        front=tuple(on_front),
        dominated=tuple(rest),
        knee=knee(study),
        knobs=tuple(knobs(study)),
        near=tuple(near_front(recorded)),
        spreads=spreads(recorded),
    )


def value(trial: Trial, name: str) -> float:
    """An objective's value in the user's direction; NaN where the trial has none."""
    found = trial.values.get(name)
    return math.nan if found is None else float(found)


def loss(trial: Trial, objective: Objective) -> float:
    """An objective's value with its sign turned so that less is better."""
    sign = -1.0 if objective.direction == "maximize" else 1.0
    return sign * value(trial, objective.name)
