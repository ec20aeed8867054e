"""Stores in memory, and answers to their trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna

from search.cluster.resources import Allotments, Node
from search.propose.probe_ahead import ProbeAhead
from search.propose.proposer import Proposer
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from search.trials.to_record import study_record
from search.tune.job_factory import JobFactory, Setting
from search.tune.phases import SearchWork
from search.worker.checkpoint_place import study_place
from search.worker.jobs import Report
from spaces.space import Budget, Space
from studies.record import write_study
from tests.search.fakes import TRAINER, FakeSession, FakeTrainer

ONE_CPU = Allotments(1, 0, (Node("here", 2, 0),))


def new_store(space: Space, storage: optuna.storages.BaseStorage | None = None) -> TrialStore:
    """A new study of the space, in memory unless told otherwise."""
    attributes = StudyAttributes.of(space.name, space)
    study = optuna.create_study(
        study_name=space.name,
        storage=storage or optuna.storages.InMemoryStorage(),
        directions=[objective.direction for objective in attributes.objectives],
    )
    attributes.write(study)
    return TrialStore(study, attributes.objectives, attributes.limits)


def reopened(store: TrialStore) -> TrialStore:
    """The same study, as a driver after this one finds it."""
    study = optuna.load_study(study_name=store.study.study_name, storage=store.study._storage)
    again = TrialStore(study, store.objectives, store.limits)
    again.repair()
    return again


def job_factory(
    store: TrialStore, space: Space, folder: Path | str = "/nowhere", allotments: Allotments = ONE_CPU
) -> JobFactory:
    """What tells workers of the fake trainer what to do."""
    run = RunFolder.of(folder, "toy")
    place = study_place(None, run.path, "toy", "")
    return JobFactory(Setting(space, run, place, TRAINER, allotments), store)


def search_work(store: TrialStore, space: Space, budget: int, allotments: Allotments = ONE_CPU) -> SearchWork:
    """The search itself, as Ray Tune's loop works through it."""
    space = replace(space, budget=Budget(budget))
    ahead = ProbeAhead(store, space)
    made = job_factory(store, space, allotments=allotments)
    return SearchWork(store, Proposer(store, space), ahead, made, print)


def measured(trial: StoredTrial) -> dict[str, Any]:
    """What the fake trainer would measure of a trial's config."""
    session = FakeSession(trial.config)
    session.epochs_trained = 3
    return {**FakeTrainer("cpu", 1).probe(trial.config), **session.metrics()}


def complete(store: TrialStore, trial: StoredTrial) -> None:
    """Run a trial to its end."""
    store.started(trial.number)
    store.finish(trial.number, Outcome("complete", None, measured(trial)))


def run(store: TrialStore, space: Space, n_trials: int) -> list[StoredTrial]:
    """Propose and complete so many trials."""
    proposer = Proposer(store, space)
    trials = []
    for _ in range(n_trials):
        trial = proposer.next()
        assert trial is not None, proposer.exhausted
        complete(store, trial)
        trials.append(trial)
    return trials


def earlier_run(folder: Path, space: Space, n_trials: int) -> TrialStore:
    """A finished study in a folder, measured on "cpu: fake"."""
    store = new_store(space)
    proposer = Proposer(store, space)
    for _ in range(n_trials):
        trial = proposer.next()
        assert trial is not None
        store.note(trial.number, Report("probe", place={"device": "cpu: fake"}))
        complete(store, trial)
    write_study(study_record(store.study, StudyAttributes.of(space.name, space)), folder)
    return store


def row(epoch: int, accuracy: float = 50.0) -> Report:
    """A report of an epoch."""
    values = {
        "epoch": epoch,
        "lr": 0.1,
        "train_loss": 1.0,
        "train_accuracy": 40.0,
        "val_accuracy": accuracy,
        "seconds": 0.5,
        "ce": 1.0,
        "kd": 0.0,
        "reliable_share": [0.5],
        "firing_rate": [0.1, 0.2],
    }
    return Report("epoch", row=values)
