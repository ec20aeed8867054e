"""From the storage to the record: the study as `studies` knows it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import optuna

from search.constraints import violations
from search.study.attributes import StudyAttributes, parse_time
from search.study.storage import reading
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial, read_trials
from studies.model import EpochRow, Study, Trial


def study_record(study: optuna.Study, attributes: StudyAttributes) -> Study:
    """The whole study as its storage has it now, trials by number.

    Raises:
        SearchError: the storage holds something that SpikeFront did not write.
    """
    with reading(f"study {attributes.name!r}"):
        trials = read_trials(study.get_trials(deepcopy=False))
        epochs = [row for trial in trials for row in epochs_of(trial)]
        return Study(attributes.info(), tuple(trial_of(trial, attributes) for trial in trials), tuple(epochs))


EPOCH_FIELDS = [field.name for field in fields(EpochRow) if field.name != "number"]


class StoreRecord:
    """The record of a store, equal to that of its storage. Trials that have ended are converted once."""

    def __init__(self, store: TrialStore) -> None:
        self._store = store
        self._ended: dict[int, tuple[Trial, tuple[EpochRow, ...]]] = {}

    def study(self, attributes: StudyAttributes) -> Study:
        """The whole study, trials by number. attributes: the same objectives and limits at each call."""
        parts = [self._part(number, attributes) for number in sorted(self._store.trials)]
        rows = tuple(row for _, epochs in parts for row in epochs)
        return Study(attributes.info(), tuple(trial for trial, _ in parts), rows)

    def _part(self, number: int, attributes: StudyAttributes) -> tuple[Trial, tuple[EpochRow, ...]]:
        trial = self._store.trials[number]
        known = self._ended.get(number)
        if known is not None and known[0].metrics is trial.metrics:  # `amend` makes a new dict
            return known
        part = trial_of(trial, attributes), epochs_of(trial)
        if trial.state != "running":
            self._ended[number] = part
        return part


def trial_of(stored: StoredTrial, attributes: StudyAttributes) -> Trial:
    """A trial as the record holds it."""
    values: dict[str, float | None] = {objective.name: None for objective in attributes.objectives}
    if stored.state == "complete":
        values = {name: float(stored.metrics[name]) for name in values}
    place = {key: stored.start.get(key) for key in ("worker", "node", "device")}
    return Trial(
        number=stored.number,
        state=stored.state,
        config=stored.config,
        params=stored.params,
        reason=stored.reason,
        values=values,
        constraints=violations(stored.metrics, attributes.limits),
        metrics=stored.metrics,
        epochs_trained=max(stored.rows, default=0),
        seed=stored.config["seed"],
        replicate_of=stored.replicate_of,
        attempts=stored.start.get("attempts", 0),
        started_at=parse_time(stored.start.get("started_at")),
        finished_at=parse_time(stored.finished_at),
        **place,
    )


def epochs_of(stored: StoredTrial) -> tuple[EpochRow, ...]:
    """The epochs of a trial as the record holds them, in order."""
    return tuple(_epoch(stored.number, row) for _, row in sorted(stored.rows.items()))


def _epoch(number: int, row: dict[str, Any]) -> EpochRow:
    known = {name: row[name] for name in EPOCH_FIELDS}  # a later version may record more
    lists = {name: tuple(row[name]) for name in ("reliable_share", "firing_rate")}
    return EpochRow(number=number, **{**known, **lists})
