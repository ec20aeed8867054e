"""Ledgers in memory, and answers to their trials."""

from __future__ import annotations

from typing import Any

import optuna

from search.about import About
from search.ledger import Entry, Ledger
from search.messages import Report
from search.outcome import Outcome
from search.proposer import Proposer
from spaces.space import Space
from tests.search.fakes import FakeSession, FakeTrainer


def new_ledger(space: Space, storage: optuna.storages.BaseStorage | None = None) -> Ledger:
    """A new study of the space, in memory unless told otherwise."""
    about = About.of(space.name, space)
    study = optuna.create_study(
        study_name=space.name,
        storage=storage or optuna.storages.InMemoryStorage(),
        directions=[objective.direction for objective in about.objectives],
    )
    about.write(study)
    return Ledger(study, about.objectives, about.limits)


def reopened(ledger: Ledger) -> Ledger:
    """The same study, as a driver after this one finds it."""
    study = optuna.load_study(study_name=ledger.study.study_name, storage=ledger.study._storage)
    return Ledger(study, ledger.objectives, ledger.limits)


def measured(entry: Entry) -> dict[str, Any]:
    """What the fake trainer would measure of an entry's config."""
    session = FakeSession(entry.config)
    session.epochs_trained = 3
    return {**FakeTrainer("cpu", 1).probe(entry.config), **session.metrics()}


def complete(ledger: Ledger, entry: Entry) -> None:
    """Run an entry to its end."""
    ledger.started(entry.number)
    ledger.finish(entry.number, Outcome("complete", None, measured(entry)))


def run(ledger: Ledger, space: Space, n_trials: int) -> list[Entry]:
    """Propose and complete so many trials."""
    proposer = Proposer(ledger, space)
    entries = []
    for _ in range(n_trials):
        entry = proposer.next()
        assert entry is not None, proposer.exhausted
        complete(ledger, entry)
        entries.append(entry)
    return entries


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
