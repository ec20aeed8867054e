"""Accuracy over time steps: after each of the first steps, and the best when stopping there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from reports.data.digest import Digest
from reports.html.figure import Card
from studies.model import Trial

METRIC = "accuracy_at_t"
MOST_DRAWN = 60
"""At most this many front trials have a curve, the best in the first objective."""


@dataclass(frozen=True)
class StepsFrame:
    """accuracy: by number of a front trial, its validation accuracy (%) after its first 1..T steps.

    n_left_out: front trials beyond `MOST_DRAWN`, or without such a list of two steps or more.
    """

    accuracy: dict[int, list[float | None]]
    n_left_out: int


@dataclass(frozen=True)
class Best:
    """The best validation accuracy (%) after `step` time steps; the trial that has it and its own T."""

    step: int
    accuracy: float
    number: int
    T: int


@dataclass(frozen=True)
class ExitsFrame:
    """The best of all measured trials at each step t; steps without a trial are left out.

    whole: among trials trained with T = t. stopped: among trials with more steps, stopped after t.
    """

    whole: list[Best]
    stopped: list[Best]
    n_trials: int


def steps_frame(digest: Digest) -> StepsFrame | Card:
    """The frame of the front trials, or why there is none."""
    title = "Accuracy over time steps"
    if not digest.front:
        return Card(title, "No trial has finished within the limits.")
    curves = {trial.number: accuracy_at_t(trial) for trial in digest.front}
    if not any(curves.values()):
        return Card(title, "The record holds no accuracy by time step for the front.")
    if not any(map(math.isfinite, chain(*curves.values()))):
        return Card(title, "No accuracy by time step of the front is a number.")
    longer = {number: list(values) for number, values in curves.items() if len(values) > 1}
    if not longer:
        return Card(
            title, "Each trial of the front has one time step, so there is no earlier one to look at."
        )
    drawn = dict(list(longer.items())[:MOST_DRAWN])
    return StepsFrame(
        {
            number: [round(value, 3) if math.isfinite(value) else None for value in accuracies]
            for number, accuracies in drawn.items()
        },
        len(digest.front) - len(drawn),
    )


def exits_frame(digest: Digest) -> ExitsFrame | Card:
    """The best accuracies by time step over all measured trials, or why there are none."""
    title = "Stopping after fewer steps"
    known = {trial.number: accuracy_at_t(trial) for trial in digest.measured}
    known = {number: values for number, values in known.items() if values}
    if not known:
        return Card(title, "The record holds no accuracy by time step.")
    longest = max(len(values) for values in known.values())
    if longest == 1:
        return Card(title, "Every measured trial has one time step, so none can stop earlier.")
    whole: list[Best] = []
    stopped: list[Best] = []
    for step in range(1, longest + 1):
        whole += _best(step, {n: values for n, values in known.items() if len(values) == step})
        stopped += _best(step, {n: values for n, values in known.items() if len(values) > step})
    if not whole and not stopped:
        return Card(title, "No accuracy by time step is a number.")
    return ExitsFrame(whole, stopped, len(known))


def accuracy_at_t(trial: Trial) -> tuple[float, ...]:
    """The recorded accuracies (%) after the first 1..T steps; empty where there are none."""
    recorded = trial.metrics.get(METRIC)
    if not isinstance(recorded, (list, tuple)):
        return ()
    return tuple(math.nan if value is None else float(value) for value in recorded)


def _best(step: int, known: dict[int, tuple[float, ...]]) -> Iterable[Best]:
    """The best after `step` steps; ties go to the smaller T, then the lower number; NaN is left out."""
    candidates = [
        (-values[step - 1], len(values), number)
        for number, values in known.items()
        if math.isfinite(values[step - 1])
    ]
    if candidates:
        loss, T, number = min(candidates)
        yield Best(step, -loss, number, T)
