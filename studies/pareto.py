"""The front of a study, its knee, and its hypervolume over time; re-exports the array functions.

Everything here looks at *rankable* trials: complete, feasible, with a finite value for each objective,
and no replicate of another trial.
Loads numpy and moocore only, so that workers and tables stay quick to start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from studies.model import Direction, Study, Trial
from studies.points import (
    Floats,
    crowding_distance,
    hypervolume,
    is_non_dominated,
    knee_index,
    non_dominated_ranks,
    reference_point,
    to_minimise,
)

__all__ = [
    "crowding_distance",
    "directions",
    "finishing_order",
    "front",
    "hypervolume",
    "hypervolume_curve",
    "is_non_dominated",
    "knee",
    "knee_index",
    "non_dominated_ranks",
    "objective_values",
    "rankable",
    "reference_point",
    "study_hypervolume",
    "study_reference_point",
    "to_minimise",
]


def directions(study: Study) -> list[Direction]:
    """The direction of each objective, in the study's order."""
    return [objective.direction for objective in study.info.objectives]


def objective_values(study: Study, trials: Sequence[Trial]) -> Floats:
    """The values (n, m) of the trials in the user's direction, NaN where a trial has none."""
    rows = [[_value(trial, objective.name) for objective in study.info.objectives] for trial in trials]
    return np.array(rows, dtype=np.float64).reshape(len(trials), len(study.info.objectives))


def rankable(study: Study) -> list[Trial]:
    """Complete feasible trials with a finite value for each objective, by number; replicates are left out."""
    originals = (trial for trial in study.trials if trial.is_feasible and trial.replicate_of is None)
    feasible = sorted(originals, key=lambda trial: trial.number)
    values = objective_values(study, feasible)
    return [feasible[row] for row in np.flatnonzero(np.isfinite(values).all(axis=1))]


def front(study: Study) -> list[Trial]:
    """The rankable trials that no other dominates, by number; trials with equal values all stay.

    Empty without a rankable trial. With one objective: all trials that share the best value.
    """
    trials = rankable(study)
    stands = is_non_dominated(to_minimise(objective_values(study, trials), directions(study)))
    return [trials[row] for row in np.flatnonzero(stands)]


def knee(study: Study) -> Trial | None:
    """The trial of the front nearest to the ideal (see `knee_index`), ties to the lower number.

    None when the front is empty.
    """
    trials = front(study)
    index = knee_index(objective_values(study, trials), directions(study))
    return None if index is None else trials[index]


def study_reference_point(study: Study) -> tuple[float, ...] | None:
    """The reference point over all rankable trials, in the user's direction; objectives' own come first.

    None when there is no rankable trial and some objective has no `reference` of its own.
    """
    values = objective_values(study, rankable(study))
    return reference_point(
        values, directions(study), [objective.reference for objective in study.info.objectives]
    )


def study_hypervolume(study: Study) -> float:
    """The hypervolume of the front against `study_reference_point`; 0.0 when the front is empty."""
    reference = study_reference_point(study)
    if reference is None:
        return 0.0
    return hypervolume(objective_values(study, front(study)), directions(study), reference)


def finishing_order(study: Study) -> list[Trial]:
    """All trials that are not running, by `finished_at`, then number; those without a time come last.

    Replicates are left out, as they are not part of the search.
    """
    finished = [trial for trial in study.trials if trial.state != "running" and trial.replicate_of is None]
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(finished, key=lambda trial: (trial.finished_at or never, trial.number))


def hypervolume_curve(study: Study) -> list[float]:
    """The hypervolume after each trial of `finishing_order`, never falling.

    The whole curve has one reference point, that of the whole study. Trials that are not rankable repeat the
    value before them; the first may be 0.0. The last value is `study_hypervolume`, to rounding.
    """
    reference = study_reference_point(study)
    if reference is None:
        return [0.0] * len(finishing_order(study))
    ways, curve, volume = directions(study), [], 0.0
    numbers = {trial.number for trial in rankable(study)}
    corner = to_minimise([reference], ways)[0]
    less_is_better: list[Direction] = ["minimize"] * len(ways)
    kept = np.empty((0, len(ways)))  # the front so far, minimised
    for trial in finishing_order(study):
        if trial.number in numbers:
            point = to_minimise(objective_values(study, [trial]), ways)
            if not (kept <= point).all(axis=1).any():
                kept = np.vstack([kept[~(kept >= point).all(axis=1)], point])
                volume = max(volume, hypervolume(kept, less_is_better, tuple(corner)))
        curve.append(volume)
    return curve


def _value(trial: Trial, name: str) -> float:
    value = trial.values.get(name)
    return float("nan") if value is None else float(value)
