"""The book of a study: what is written can be read back, whenever the driver died."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from search.about import About
from search.ledger import END, Ledger
from search.messages import Report
from search.outcome import Outcome
from search.proposer import Proposer
from search.record import study_record
from studies.model import Study
from tests.search.books import complete, measured, new_ledger, reopened, row, run
from tests.search.fakes import Limit, make_space


def _ledger(n_open: int = 1, **changes: Any) -> Ledger:
    space = make_space(**changes)
    ledger = new_ledger(space)
    proposer = Proposer(ledger, space)
    for _ in range(n_open):
        assert proposer.next() is not None
    return ledger


def _record(ledger: Ledger) -> Study:
    about = About.read(ledger.study)
    assert about is not None
    return study_record(ledger.study, about)


PLACE = {"worker": "123", "node": "here", "device": "cpu: fake"}


def test_a_trial_from_ask_to_end_is_in_the_record() -> None:
    ledger = _ledger(constraints={"train_memory_mib": Limit(max=100.0)})
    entry = ledger.entries[0]
    ledger.started(0)
    ledger.note(0, Report("probe", metrics={"train_memory_mib": 40.0, "latency_ms": 2.0}, place=PLACE))
    ledger.note(0, row(1, 50.0))
    ledger.note(0, row(2, 60.0))
    metrics = measured(entry)
    ledger.finish(0, Outcome("complete", None, metrics))
    record = _record(ledger)
    (trial,) = record.trials
    assert (trial.number, trial.state, trial.reason) == (0, "complete", None)
    assert trial.params == entry.params
    assert trial.config == entry.config
    assert trial.config["T"] == entry.params["T"]
    names = ("val_accuracy", "train_memory_mib", "latency_ms")
    assert trial.values == {name: metrics[name] for name in names}
    assert trial.constraints == {"train_memory_mib": metrics["train_memory_mib"] / 100 - 1}
    assert trial.metrics["accuracy_at_t"] == metrics["accuracy_at_t"]
    assert (trial.attempts, trial.epochs_trained, trial.seed) == (1, 2, 0)
    assert (trial.worker, trial.node, trial.device) == ("123", "here", "cpu: fake")
    assert trial.started_at is not None
    assert trial.finished_at is not None
    assert trial.started_at <= trial.finished_at
    assert [(epoch.number, epoch.epoch, epoch.val_accuracy) for epoch in record.epochs] == [
        (0, 1, 50.0),
        (0, 2, 60.0),
    ]
    assert record.epochs[0].firing_rate == (0.1, 0.2)


def test_optuna_is_told_values_and_all_constraints() -> None:
    ledger = _ledger(2, constraints={"train_memory_mib": Limit(max=100.0)})
    metrics = measured(ledger.entries[0])
    ledger.finish(0, Outcome("complete", None, metrics))
    ledger.finish(1, Outcome("stopped", "rung", {"train_memory_mib": 30.0}))
    complete_trial, stopped = ledger.study.get_trials()
    assert complete_trial.state == TrialState.COMPLETE
    assert complete_trial.values == [
        metrics["val_accuracy"],
        metrics["train_memory_mib"],
        metrics["latency_ms"],
    ]
    assert stopped.state == TrialState.PRUNED
    for trial in (complete_trial, stopped):
        assert list(trial.constraints) == ["train_memory_mib", "outcome"]


def test_a_stopped_trial_keeps_what_is_known_of_its_objectives() -> None:
    ledger = _ledger()
    ledger.note(0, Report("probe", metrics={"train_memory_mib": 40.0, "latency_ms": 2.0}))
    ledger.note(0, row(1, 55.0))
    ledger.finish(0, Outcome("stopped", "rung"))
    (frozen,) = ledger.study.get_trials()
    assert frozen.user_attrs[END]["partial"] == {
        "val_accuracy": 55.0,
        "train_memory_mib": 40.0,
        "latency_ms": 2.0,
    }
    (trial,) = _record(ledger).trials
    assert trial.values == {"val_accuracy": None, "train_memory_mib": None, "latency_ms": None}
    assert trial.epochs_trained == 1


@pytest.mark.parametrize("state", ["infeasible", "failed", "stopped"])
def test_only_a_complete_trial_has_values(state: Any) -> None:
    ledger = _ledger()
    ledger.finish(0, Outcome(state, "why", measured(ledger.entries[0])))
    (trial,) = _record(ledger).trials
    assert trial.state == state
    assert trial.reason == "why"
    assert set(trial.values.values()) == {None}
    assert not trial.is_feasible


def test_a_complete_trial_without_an_objective_is_recorded_as_infeasible() -> None:
    ledger = _ledger()
    outcome = ledger.finish(0, Outcome("complete", None, {"val_accuracy": float("nan"), "latency_ms": 1.0}))
    assert outcome.state == "infeasible"
    assert ledger.entries[0].state == "infeasible"
    (trial,) = _record(ledger).trials
    assert trial.reason == "val_accuracy is nan, train_memory_mib is missing"


def test_attempts_count_every_start_and_the_first_time_stays() -> None:
    ledger = _ledger()
    ledger.started(0)
    first = ledger.entries[0].start["started_at"]
    ledger.started(0)
    ledger = reopened(ledger)
    ledger.started(0, "4321")
    assert ledger.entries[0].start == {"attempts": 3, "started_at": first, "worker": "4321"}


def test_running_trials_keep_number_params_and_epochs_over_a_resume() -> None:
    ledger = _ledger(3)
    complete(ledger, ledger.entries[1])
    ledger.note(2, Report("probe", metrics={"latency_ms": 1.0}))
    ledger.note(2, row(1))
    again = reopened(ledger)
    assert [entry.number for entry in again.running()] == [0, 2]
    for number in (0, 2):
        assert again.entries[number].params == ledger.entries[number].params
        assert again.entries[number].key == ledger.entries[number].key
    assert again.entries[2].rows[1]["val_accuracy"] == 50.0
    assert again.entries[2].metrics == {"latency_ms": 1.0}
    complete(again, again.entries[2])
    assert again.counts() == {"running": 1, "complete": 2}


def test_an_end_that_optuna_was_not_told_is_told_at_the_resume() -> None:
    ledger = _ledger()
    entry = ledger.entries[0]
    assert entry.trial is not None
    end = {"state": "complete", "reason": None, "metrics": measured(entry), "finished_at": None}
    entry.trial.set_user_attr(END, end)  # and the driver died
    again = reopened(ledger)
    assert again.running() == []
    (frozen,) = again.study.get_trials()
    assert frozen.state == TrialState.COMPLETE
    assert frozen.constraints == {"outcome": 0.0}


def test_an_end_half_told_is_told_to_the_end() -> None:
    ledger = _ledger(constraints={"train_memory_mib": Limit(max=100.0)})
    entry = ledger.entries[0]
    assert entry.trial is not None
    entry.trial.set_user_attr(END, {"state": "infeasible", "reason": "x", "metrics": {}, "finished_at": None})
    entry.trial.set_constraint("train_memory_mib", 0.0)  # and the driver died
    (frozen,) = reopened(ledger).study.get_trials()
    assert frozen.constraints == {"train_memory_mib": 0.0, "outcome": 1.0}


def test_an_ask_that_got_no_number_is_ended_at_the_resume() -> None:
    ledger = _ledger()
    ledger.study.ask().suggest_int("T", 1, 8)
    again = reopened(ledger)
    assert list(again.entries) == [0]
    assert [t.state for t in again.study.get_trials()] == [TrialState.RUNNING, TrialState.FAIL]
    assert again.n_asks == 2


def test_the_worst_seen_is_per_direction() -> None:
    ledger = _ledger(3)
    for number, accuracy in enumerate([80.0, 60.0]):
        metrics = {**measured(ledger.entries[number]), "val_accuracy": accuracy, "latency_ms": 5.0 + number}
        ledger.finish(number, Outcome("complete", None, metrics))
    ledger.finish(2, Outcome("infeasible", "x", {"latency_ms": float("inf")}))
    worst = ledger.worst_seen()
    assert (worst["val_accuracy"], worst["latency_ms"]) == (60.0, 6.0)


def test_few_writes_an_epoch() -> None:
    """A journal write is flushed to disk: one for the row, none when nothing changed."""
    ledger = _ledger()
    ledger.started(0)
    writes = []
    trial = ledger.entries[0].trial
    assert trial is not None
    original = trial.set_user_attr
    trial.set_user_attr = lambda *a: (writes.append(a[0]), original(*a))  # type: ignore[method-assign]
    ledger.note(0, Report("probe", metrics={"latency_ms": 1.0}, place=PLACE))
    ledger.note(0, row(1))
    ledger.note(0, row(2))
    ledger.note(0, Report("probe", metrics={"latency_ms": 1.0}, place=PLACE))
    assert writes == ["start", "probe", "epoch-0001", "epoch-0002"]


def test_trials_in_another_number_of_a_study_come_sorted() -> None:
    space = make_space()
    ledger = new_ledger(space)
    run(ledger, space, 5)
    assert [trial.number for trial in _record(ledger).trials] == list(range(5))


def test_about_survives_the_storage() -> None:
    space = make_space(constraints={"latency_ms": Limit(max=3.0, min=1.0)})
    about = About.of("toy", space)
    study = optuna.create_study(directions=["maximize"] * 3)
    about.write(study)
    assert About.read(study) == about
    assert About.read(optuna.create_study()) is None
