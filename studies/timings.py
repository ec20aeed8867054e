"""Timed metrics: their quartiles, and the second measurement with the machine quiet.

A search times a trial while other trials run. Afterwards the front is timed again with nothing else running:
`latency_ms` is the search's median and stays the objective, `latency_ms_quiet` is the later median, each
with its quartiles under `_q25` and `_q75` where these were measured. If `latency_quiet_under_load` says that
the machine was busy during the later measurement, it is shown, but nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spikefront.numbers import is_finite
from studies.model import Study, Trial
from studies.pareto import (
    directions,
    front,
    is_non_dominated,
    knee_index,
    objective_values,
    rankable,
    to_minimise,
)
from studies.text import QUARTILES, QUIET, is_under_load


@dataclass(frozen=True)
class Timing:
    """One measurement: its median, and its quartiles where both were taken."""

    median: float
    quartiles: tuple[float, float] | None


def timing(trial: Trial, name: str) -> Timing | None:
    """The search's own measurement of a metric; None where the trial has no finite number for it."""
    return _timing({**trial.metrics, **trial.values}, name)


def quiet_timing(trial: Trial, name: str) -> Timing | None:
    """The measurement after the search, even if the machine was busy then; None without one."""
    return _timing(trial.metrics, name + QUIET)


def undisturbed_timing(trial: Trial, name: str) -> Timing | None:
    """The measurement after the search if the machine was quiet according to the record; else None."""
    return None if is_under_load(trial, name + QUIET) else quiet_timing(trial, name)


def is_timed(trial: Trial, name: str) -> bool:
    """Whether the metric has a spread of its own: quartiles, or a quiet measurement beside the search's."""
    in_search = timing(trial, name)
    return in_search is not None and (
        in_search.quartiles is not None or quiet_timing(trial, name) is not None
    )


def timing_range(trial: Trial, name: str) -> tuple[float, float] | None:
    """From the lowest to the highest of the medians and quartiles of both measurements.

    None where the metric is not timed.
    """
    if not is_timed(trial, name):
        return None
    both = (timing(trial, name), quiet_timing(trial, name))
    known = [value for timed in both if timed for value in (timed.median, *(timed.quartiles or ()))]
    return min(known), max(known)


def is_disturbed(trial: Trial, name: str) -> bool:
    """Whether both measurements differ: the ranges between their quartiles do not overlap.

    False if one of them has no quartiles, as the size of the noise is then not known, and if the machine was
    not quiet.
    """
    in_search, quiet = timing(trial, name), undisturbed_timing(trial, name)
    if in_search is None or quiet is None or in_search.quartiles is None or quiet.quartiles is None:
        return False
    return in_search.quartiles[0] > quiet.quartiles[1] or quiet.quartiles[0] > in_search.quartiles[1]


def measured_again(study: Study) -> list[str]:
    """The metrics that some trial of the front has a quiet measurement of: objectives first, then by name."""
    trials = front(study)
    names = {name.removesuffix(QUIET) for trial in trials for name in trial.metrics if name.endswith(QUIET)}
    objectives = [objective.name for objective in study.info.objectives if objective.name in names]
    return objectives + sorted(names - set(objectives))


@dataclass(frozen=True)
class QuietFront:
    """What the front would be by quiet measurements. left: trials no longer on it. joined: new ones.

    n_known: how many trials of the front have them, taken on a machine that was quiet.
    knee: the knee it would have; None when that is not the whole front, or it is unchanged.
    """

    names: tuple[str, ...]
    left: tuple[int, ...]
    joined: tuple[int, ...]
    knee: int | None
    n_known: int


def quiet_front(study: Study) -> QuietFront | None:
    """The front with quiet values in place of the search's, as far as trials have them; None without any.

    Quiet values are compared only with quiet values, and those measured under load do not count: a trial
    leaves when another one with all quiet values dominates it. `joined` and `knee` are given only if the
    whole front has quiet values.
    """
    present = front(study)
    names = {objective.name for objective in study.info.objectives}
    again = tuple(name for name in measured_again(study) if name in names)
    known = [trial for trial in rankable(study) if all(undisturbed_timing(trial, name) for name in again)]
    before, measured = {trial.number for trial in present}, {trial.number for trial in known}
    if not again or not before & measured:
        return None
    ways, values = directions(study), objective_values(study, known)
    for column, objective in enumerate(study.info.objectives):
        if objective.name in again:
            values[:, column] = [trial.metrics[objective.name + QUIET] for trial in known]
    stands = is_non_dominated(to_minimise(values, ways))
    after = {trial.number for trial, stay in zip(known, stands, strict=True) if stay}
    is_whole = before <= measured
    middle = knee_index(values[stands], ways)
    knee = [trial for trial, stay in zip(known, stands, strict=True) if stay][middle or 0].number
    old = present[knee_index(objective_values(study, present), ways) or 0].number
    return QuietFront(
        names=again,
        left=tuple(sorted((before & measured) - after)),
        joined=tuple(sorted(after - before)) if is_whole else (),
        knee=knee if is_whole and knee != old else None,
        n_known=len(before & measured),
    )


def _timing(known: Mapping[str, Any], name: str) -> Timing | None:
    if not is_finite(known.get(name)):
        return None
    ends = [float(known[name + suffix]) for suffix in QUARTILES if is_finite(known.get(name + suffix))]
    return Timing(float(known[name]), (ends[0], ends[1]) if len(ends) == len(QUARTILES) else None)
