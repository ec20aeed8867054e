"""The trials of a study: what is written can be read back, whenever the driver died."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from search.propose.proposer import Proposer
from search.study.attributes import StudyAttributes
from search.study.journal import END, open_journal
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from search.trials.to_record import study_record
from search.worker.jobs import Report
from studies.model import Study
from tests.search.fakes import FloatRange, Limit, SamplerChoice, make_space
from tests.search.stores import complete, measured, new_store, reopened, row, run


def _store(n_open: int = 1, **changes: Any) -> TrialStore:
    space = make_space(**changes)
    store = new_store(space)
    proposer = Proposer(store, space)
    for _ in range(n_open):
        assert proposer.next() is not None
    return store


def _record(store: TrialStore) -> Study:
    attributes = StudyAttributes.read(store.study)
    assert attributes is not None
    return study_record(store.study, attributes)


PLACE = {"worker": "123", "node": "here", "device": "cpu: fake"}


def test_a_trial_from_ask_to_end_is_in_the_record() -> None:
    store = _store(constraints={"train_memory_mib": Limit(max=100.0)})
    stored = store.trials[0]
    store.started(0)
    store.note(0, Report("probe", metrics={"train_memory_mib": 40.0, "latency_ms": 2.0}, place=PLACE))
    store.note(0, row(1, 50.0))
    store.note(0, row(2, 60.0))
    metrics = measured(stored)
    store.finish(0, Outcome("complete", None, metrics))
    record = _record(store)
    (trial,) = record.trials
    assert (trial.number, trial.state, trial.reason) == (0, "complete", None)
    assert trial.params == stored.params
    assert trial.config == stored.config
    assert trial.config["T"] == trial.params["T"]
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


def test_optuna_is_reported_values_and_all_constraints() -> None:
    store = _store(2, constraints={"train_memory_mib": Limit(max=100.0)})
    metrics = measured(store.trials[0])
    store.finish(0, Outcome("complete", None, metrics))
    store.finish(1, Outcome("stopped", "rung", {"train_memory_mib": 30.0}))
    complete_trial, stopped = store.study.get_trials()
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
    store = _store()
    store.note(0, Report("probe", metrics={"train_memory_mib": 40.0, "latency_ms": 2.0}))
    store.note(0, row(1, 55.0))
    store.finish(0, Outcome("stopped", "rung"))
    (frozen,) = store.study.get_trials()
    assert frozen.user_attrs[END]["partial"] == {
        "val_accuracy": 55.0,
        "train_memory_mib": 40.0,
        "latency_ms": 2.0,
    }
    (trial,) = _record(store).trials
    assert trial.values == {"val_accuracy": None, "train_memory_mib": None, "latency_ms": None}
    assert trial.epochs_trained == 1


@pytest.mark.parametrize("state", ["infeasible", "failed", "stopped"])
def test_only_a_complete_trial_has_values(state: Any) -> None:
    store = _store()
    store.finish(0, Outcome(state, "why", measured(store.trials[0])))
    (trial,) = _record(store).trials
    assert trial.state == state
    assert trial.reason == "why"
    assert set(trial.values.values()) == {None}
    assert not trial.is_feasible


def test_a_complete_trial_without_an_objective_is_recorded_as_infeasible() -> None:
    store = _store()
    outcome = store.finish(0, Outcome("complete", None, {"val_accuracy": float("nan"), "latency_ms": 1.0}))
    assert outcome.state == "infeasible"
    assert store.trials[0].state == "infeasible"
    (trial,) = _record(store).trials
    assert trial.reason == "val_accuracy is nan, train_memory_mib is missing"


def test_attempts_count_every_start_and_the_first_time_stays() -> None:
    store = _store()
    store.started(0)
    first = store.trials[0].start["started_at"]
    store.started(0)
    store = reopened(store)
    store.started(0, "4321")
    assert store.trials[0].start == {"attempts": 3, "started_at": first, "worker": "4321"}


def test_running_trials_keep_number_params_and_epochs_over_a_resume() -> None:
    store = _store(3)
    complete(store, store.trials[1])
    store.note(2, Report("probe", metrics={"latency_ms": 1.0}))
    store.note(2, row(1))
    again = reopened(store)
    assert [trial.number for trial in again.running()] == [0, 2]
    for number in (0, 2):
        assert again.trials[number].params == store.trials[number].params
        assert again.trials[number].key == store.trials[number].key
    assert again.trials[2].rows[1]["val_accuracy"] == 50.0
    assert again.trials[2].metrics == {"latency_ms": 1.0}
    complete(again, again.trials[2])
    assert again.counts() == {"running": 1, "complete": 2}


def test_an_end_that_optuna_was_not_told_is_reported_at_the_resume() -> None:
    store = _store()
    trial = store.trials[0]
    assert trial.optuna_trial is not None
    end = {"state": "complete", "reason": None, "metrics": measured(trial), "finished_at": None}
    trial.optuna_trial.set_user_attr(END, end)  # and the driver died
    again = reopened(store)
    assert again.running() == []
    (frozen,) = again.study.get_trials()
    assert frozen.state == TrialState.COMPLETE
    assert frozen.constraints == {"outcome": 0.0}


def test_an_end_half_told_is_reported_to_the_end() -> None:
    store = _store(constraints={"train_memory_mib": Limit(max=100.0)})
    trial = store.trials[0]
    assert trial.optuna_trial is not None
    end = {"state": "infeasible", "reason": "x", "metrics": {}, "finished_at": None}
    trial.optuna_trial.set_user_attr(END, end)
    trial.optuna_trial.set_constraint("train_memory_mib", 0.0)  # and the driver died
    (frozen,) = reopened(store).study.get_trials()
    assert frozen.constraints == {"train_memory_mib": 0.0, "outcome": 1.0}


def test_an_ask_that_got_no_number_is_ended_at_the_resume() -> None:
    store = _store()
    store.study.ask().suggest_int("T", 1, 8)
    again = reopened(store)
    assert list(again.trials) == [0]
    assert [t.state for t in again.study.get_trials()] == [TrialState.RUNNING, TrialState.FAIL]
    assert again.n_asks == 2


def test_a_look_alone_writes_nothing() -> None:
    """A resume may be refused after it."""
    store = _store()
    trial = store.trials[0]
    assert trial.optuna_trial is not None
    end = {"state": "infeasible", "reason": "x", "metrics": {}, "finished_at": None}
    trial.optuna_trial.set_user_attr(END, end)
    store.study.ask()  # and the driver died
    study = optuna.load_study(study_name=store.study.study_name, storage=store.study._storage)
    again = TrialStore(study, store.objectives, store.limits)
    assert [frozen.state for frozen in study.get_trials()] == [TrialState.RUNNING] * 2
    assert again.trials[0].state == "infeasible"
    again.repair()
    assert [frozen.state for frozen in study.get_trials()] == [TrialState.COMPLETE, TrialState.FAIL]


def test_the_worst_seen_is_per_direction() -> None:
    store = _store(3)
    for number, accuracy in enumerate([80.0, 60.0]):
        metrics = {**measured(store.trials[number]), "val_accuracy": accuracy, "latency_ms": 5.0 + number}
        store.finish(number, Outcome("complete", None, metrics))
    store.finish(2, Outcome("infeasible", "x", {"latency_ms": float("inf")}))
    worst = store.worst
    assert (worst["val_accuracy"], worst["latency_ms"]) == (60.0, 6.0)


@pytest.mark.parametrize("is_reopened", [False, True])
def test_a_trial_that_went_back_to_an_older_checkpoint_has_only_the_epochs_it_came_to(
    is_reopened: bool,
) -> None:
    store = _store()
    store.note(0, Report("probe", metrics={"train_memory_mib": 1.0, "latency_ms": 1.0}))
    for epoch in range(1, 6):
        store.note(0, row(epoch, 60.0 + epoch))
    store.started(0)
    store.note(0, row(2, 39.0))
    assert sorted((reopened(store) if is_reopened else store).trials[0].rows) == [1, 2]
    store.note(0, row(3, 40.0))
    store.finish(0, Outcome("stopped", "dominated"))
    store = reopened(store) if is_reopened else store
    (trial,) = _record(store).trials
    assert trial.epochs_trained == 3
    assert [(own.epoch, own.val_accuracy) for own in _record(store).epochs] == [
        (1, 61.0),
        (2, 39.0),
        (3, 40.0),
    ]
    partial = store.study.trials[0].user_attrs[END]["partial"]
    assert partial == {"val_accuracy": 40.0, "train_memory_mib": 1.0, "latency_ms": 1.0}


@pytest.mark.parametrize(("n_writes", "left"), [(0, 5), (1, 4), (2, 3), (3, 2), (4, 2)])
def test_a_driver_that_dies_while_epochs_are_undone_leaves_no_gap(n_writes: int, left: int) -> None:
    store = _store()
    for epoch in range(1, 6):
        store.note(0, row(epoch))
    trial, n_left = store.trials[0].optuna_trial, iter(range(n_writes))
    assert trial is not None
    original = trial.set_user_attr

    def die(name: str, value: Any) -> None:
        if next(n_left, None) is None:
            raise KeyboardInterrupt
        original(name, value)

    trial.set_user_attr = die  # type: ignore[method-assign]
    with contextlib.suppress(KeyboardInterrupt):
        store.note(0, row(2, 70.0))
    assert list(reopened(store).trials[0].rows) == list(range(1, left + 1))


def test_few_writes_an_epoch() -> None:
    """A journal write is flushed to disk: one for the row, none when nothing changed."""
    store = _store()
    store.started(0)
    writes = []
    trial = store.trials[0].optuna_trial
    assert trial is not None
    original = trial.set_user_attr
    trial.set_user_attr = lambda *a: (writes.append(a[0]), original(*a))  # type: ignore[method-assign]
    store.note(0, Report("probe", metrics={"latency_ms": 1.0}, place=PLACE))
    store.note(0, row(1))
    store.note(0, row(2))
    store.note(0, Report("probe", metrics={"latency_ms": 1.0}, place=PLACE))
    assert writes == ["start", "probe", "epoch-0001", "epoch-0002"]


def test_trials_in_another_number_of_a_study_come_sorted() -> None:
    space = make_space()
    store = new_store(space)
    run(store, space, 5)
    assert [trial.number for trial in _record(store).trials] == list(range(5))


def test_about_survives_the_storage() -> None:
    space = make_space(constraints={"latency_ms": Limit(max=3.0, min=1.0)})
    attributes = StudyAttributes.of("toy", space)
    study = optuna.create_study(directions=["maximize"] * 3)
    attributes.write(study)
    assert StudyAttributes.read(study) == attributes
    assert StudyAttributes.read(optuna.create_study()) is None


PROBED = {"a1": {"train_memory_mib": 10.0, "latency_ms": 2.0}, "b2": {"train_memory_mib": 20.0}}


def test_probes_are_kept_one_record_a_call() -> None:
    store = _store()
    n_before = len(store.study.get_trials(deepcopy=False))
    store.remember_probes(PROBED)
    store.remember_probes({"a1": {"train_memory_mib": 11.0}})
    store.remember_probes({})
    assert len(store.study.get_trials(deepcopy=False)) == n_before + 2
    expected = {**PROBED, "a1": {"train_memory_mib": 11.0}}
    again = reopened(store)
    assert store.probed == again.probed == expected
    assert (again.n_asks, again.n_trials) == (1, 1)
    assert [trial.number for trial in _record(again).trials] == [0]


def test_a_torn_record_of_probes_is_lost_whole(tmp_path: Path) -> None:
    storage = open_journal(tmp_path / "journal.log")
    store = new_store(make_space(), storage)
    store.remember_probes({"a1": {"latency_ms": 1.0}})
    whole = (tmp_path / "journal.log").read_bytes()
    store.remember_probes({"b2": {"latency_ms": 2.0}, "c3": {"latency_ms": 3.0}})
    everything = (tmp_path / "journal.log").read_bytes()
    for cut in range(len(whole), len(everything) - 1, 7):
        path = tmp_path / f"cut-{cut}.log"
        path.write_bytes(everything[:cut])
        study = optuna.load_study(study_name="toy", storage=open_journal(path))
        assert TrialStore(study, store.objectives, store.limits).probed == {"a1": {"latency_ms": 1.0}}


def test_what_is_measured_after_the_end_stays_and_is_in_the_record() -> None:
    store = _store(2)
    complete(store, store.trials[0])
    at_the_end = dict(store.trials[0].metrics)
    store.amend(0, {"latency_ms_quiet": 1.5, "latency_ms_quiet_q25": 1.4})
    store.amend(0, {"latency_ms_quiet": 1.25})
    expected = {**at_the_end, "latency_ms_quiet": 1.25, "latency_ms_quiet_q25": 1.4}
    again = reopened(store)
    assert store.trials[0].metrics == again.trials[0].metrics == expected
    trial, running = _record(again).trials
    assert trial.metrics == expected
    assert trial.values["latency_ms"] == at_the_end["latency_ms"]
    assert running.metrics == {}
    complete(again, again.trials[1])
    assert again.worst == reopened(again).worst


def _replicate(store: TrialStore, of: int, seed: int) -> StoredTrial:
    return store.open_replicate(of, store.trials[of].config, f"replicate {seed}", seed)


def test_replicates_have_numbers_and_seeds_of_their_own_and_use_up_nothing() -> None:
    store = _store(2)
    complete(store, store.trials[0])
    before = dict(store.by_key)
    first, second = _replicate(store, 0, 7), _replicate(store, 0, 8)
    assert (first.number, second.number) == (2, 3)
    assert (store.by_key, store.n_trials) == (before, 2)
    assert store.counts() == {"complete": 1, "running": 1}
    store.started(2, "77")
    store.note(2, row(1, 61.0))
    complete(store, first)
    again = reopened(store)
    assert [trial.number for trial in again.running()] == [1, 3]
    assert [trial.number for trial in again.replicates(0)] == [2, 3]
    assert again.replicates(1) == []
    assert (again.by_key, again.n_trials, again.counts()) == (before, 2, store.counts())
    trials = _record(again).trials
    assert [trial.replicate_of for trial in trials] == [None, None, 0, 0]
    assert [trial.seed for trial in trials] == [0, 0, 7, 8]
    assert (trials[2].state, trials[2].attempts, trials[2].params) == ("complete", 2, trials[0].params)
    assert trials[2].values["val_accuracy"] == measured(first)["val_accuracy"]
    complete(again, again.trials[3])
    complete(again, again.trials[1])
    assert again.running() == []


@pytest.mark.parametrize("name", ["tpe", "gp", "nsga2", "nsga3", "qmc", "random"])
def test_no_sampler_learns_from_replicates_probes_and_amendments(name: str) -> None:
    """Asks are the same with them as without."""
    asked = []
    for has_more in (False, True):
        space = make_space(
            search={"optim.lr": FloatRange(0.001, 1.0, log=True)}, sampler=SamplerChoice(name, 3)
        )
        store = new_store(space)
        proposer = Proposer(store, space)
        for number in range(14):
            trial = proposer.next()
            assert trial is not None
            complete(store, trial)
            if has_more and number == 11:
                ended, running = _replicate(store, 3, 1), _replicate(store, 3, 2)
                store.remember_probes(PROBED)
                store.amend(3, {"latency_ms_quiet": 0.1})
                complete(store, ended)
                assert running.state == "running"
        asked.append([trial.params for trial in store.trials.values() if trial.replicate_of is None])
    assert asked[0] == asked[1]


def test_optuna_keeps_replicates_as_failed(tmp_path: Path) -> None:
    store = _store()
    complete(store, store.trials[0])
    complete(store, _replicate(store, 0, 1))
    states = [frozen.state for frozen in store.study.get_trials()]
    assert states == [TrialState.COMPLETE, TrialState.FAIL]


def test_a_driver_alone_has_every_running_trial() -> None:
    store = _store(2)
    with store.exclusive():
        assert store.adopt() is None
    assert store.mine() == store.running() == [store.trials[0], store.trials[1]]
    again = reopened(store)
    assert again.mine() == again.running()
    before = again.n_changes
    again.refresh()
    assert again.n_changes == before


def test_every_change_is_counted_and_every_end_noted_in_order() -> None:
    store = _store(3)
    acts: list[Callable[[], object]] = [
        lambda: store.started(1),
        lambda: store.note(1, row(1)),
        lambda: store.note(1, Report("probe", metrics={"latency_ms": 1.0})),
        lambda: complete(store, store.trials[2]),
        lambda: store.finish(0, Outcome("failed", "x")),
        lambda: store.amend(2, {"latency_ms_quiet": 1.0}),
        lambda: store.remember_probes(PROBED),
        lambda: _replicate(store, 2, 1),
    ]
    for act in acts:
        before = store.n_changes
        act()
        assert store.n_changes > before
    assert store.ended == [2, 0]


def test_looks_and_ends_cost_the_same_with_many_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look, note or end goes over all trials: a dict that refuses to be walked stands for them."""

    class Unwalkable(dict[int, StoredTrial]):
        def __iter__(self) -> Any:
            raise AssertionError("walked through all trials")

        values = items = keys = __iter__  # type: ignore[assignment]

    store = _store(3)
    store.trials = Unwalkable(store.trials)
    monkeypatch.setattr(store.study, "get_trials", lambda **options: pytest.fail("read all trials"))
    complete(store, store.trials[0])
    store.finish(1, Outcome("infeasible", "x"))
    store.note(2, row(1))
    store.amend(0, {"latency_ms_quiet": 1.0})
    assert (store.counts(), len(store.running())) == ({"running": 1, "complete": 1, "infeasible": 1}, 1)
    assert store.worst
