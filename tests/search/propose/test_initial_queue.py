"""What a study begins with."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from search.config_key import probe_key_of, resolve
from search.propose.initial_queue import queue_baselines, use_warm_start
from search.propose.proposer import Proposer, has_queue
from search.propose.warm_start import warm_start
from search.study.drivers import OneDriver
from search.trials.outcome import Outcome
from search.trials.prior import Prior, in_portions
from search.trials.store import QUEUED, TrialStore
from search.trials.stored_trial import PRIORS
from search.worker.jobs import Report
from spaces.space import Space
from tests.search.fakes import Budget, Choice, FloatRange, IntRange, Limit, SamplerChoice, make_space
from tests.search.stores import earlier_run, measured, new_store, reopened, run


def _recipe_space(**changes: Any) -> Space:
    """The trainer's defaults lie in it."""
    search = {"T": IntRange(1, 8), "optim.lr": FloatRange(0.01, 1.0)}
    return make_space(base={"optim.lr": 0.1}, search=search, **changes)


def test_recipes_come_first_and_once_also_after_a_resume() -> None:
    space = _recipe_space()
    store = new_store(space)
    assert queue_baselines(store, space) == 1
    store = reopened(store)
    first = Proposer(store, space).next()
    assert first is not None
    assert (first.params["T"], first.params["optim.lr"]) == (4, 0.1)
    assert not has_queue(store.study)
    second = Proposer(store, space).next()
    assert second is not None
    assert second.params != first.params


def test_a_grid_with_recipes_before_it_is_still_tried_whole() -> None:
    search = {"T": Choice((1, 2, 4)), "model.width": Choice((1.0, 2.0))}
    space = make_space(search=search, sampler=SamplerChoice("grid", 0))
    store = new_store(space)
    assert queue_baselines(store, space) == 1
    trials = run(store, space, 6)
    assert len({trial.key for trial in trials}) == 6
    assert Proposer(store, space).next() is None


def _take_over(store: TrialStore, space: Space, earlier: Path) -> None:
    use_warm_start(store, space, warm_start(earlier, space, store.objectives))


def _n_told(store: TrialStore) -> int:
    """Trials that Optuna has and the study has not."""
    states = (optuna.trial.TrialState.COMPLETE,)
    n_complete = store.counts().get("complete", 0)
    return len(store.study.get_trials(deepcopy=False, states=states)) - n_complete


def test_an_earlier_studys_front_is_tried_first_and_its_trials_are_learned_from(tmp_path: Path) -> None:
    space = make_space(budget=Budget(20))
    earlier = earlier_run(tmp_path / "other", space, 12)
    store = new_store(space)
    _take_over(store, space, tmp_path / "other")
    waiting = store.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    assert 1 <= len(waiting) <= 5, "a quarter of the budget"
    assert {prior.key for prior in store.priors} == set(earlier.by_key)
    again = reopened(store)
    assert again.priors == store.priors
    assert again.n_trials == 0, "priors are no trials of this study"


def _many_priors(n: int) -> list[Prior]:
    """As large as those of the shipped spaces, which know accuracy at each step."""
    measured = {"val_accuracy": 90.0, "accuracy_at_t": [90.123456789] * 40}
    config = {f"field_{at}": "a value" * 5 for at in range(50)}
    return [Prior({"T": 1}, config, f"key {at}", dict(measured), "cpu: fake", measured) for at in range(n)]


def test_priors_are_kept_in_portions_that_any_database_holds() -> None:
    """MySQL's attributes end at 64 KiB."""
    store = new_store(make_space())
    store.remember_priors(_many_priors(100))
    kept = [frozen.user_attrs for frozen in store.study.get_trials()]
    assert max(len(json.dumps(attrs)) for attrs in kept) < 33_000
    assert 1 < len(kept) < 20
    assert reopened(store).priors == store.priors == _many_priors(100)
    store.remember_priors(_many_priors(101))
    assert len(reopened(store).priors) == 101, "each once"


def test_a_prior_larger_than_a_portion_stands_alone_and_none_take_no_record() -> None:
    large = replace(_many_priors(1)[0], key="large", config={"text": "x" * 40_000})
    portions = list(in_portions([*_many_priors(2), large, *_many_priors(1)]))
    assert [len(portion) for portion in portions] == [2, 1, 1]
    assert list(in_portions([])) == []


def test_priors_of_studies_begun_when_all_were_one_record_with_their_epochs_still_load() -> None:
    store = new_store(make_space())
    old = [{**asdict(prior), "rows": {"1": {"epoch": 1}}} for prior in _many_priors(30)]
    store.study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={PRIORS: old}))
    assert reopened(store).priors == _many_priors(30)


def test_optunas_samplers_learn_only_from_priors_whose_objectives_are_all_known(tmp_path: Path) -> None:
    objectives = {"val_accuracy": "maximize", "n_parameters": "minimize"}
    plain = make_space()
    space = make_space(
        objectives={name: type(plain.objectives["val_accuracy"])(way) for name, way in objectives.items()},  # type: ignore[arg-type]
        sampler=SamplerChoice("tpe", 1),
    )
    earlier_run(tmp_path / "other", space, 6)
    for objective_space, n_told in ((space, 6), (plain, 0)):
        store = new_store(objective_space)
        _take_over(store, objective_space, tmp_path / "other")
        trial = Proposer(store, objective_space).next()
        assert trial is not None
        assert _n_told(store) == n_told, "latency of an unknown device is no knowledge"
        store.finish(trial.number, Outcome("complete", None, measured(trial)))


def test_what_was_measured_on_this_device_is_learned_as_soon_as_the_device_is_known(tmp_path: Path) -> None:
    space = make_space(sampler=SamplerChoice("tpe", 1), budget=Budget(9))
    earlier_run(tmp_path / "other", space, 6)
    store = new_store(space)
    _take_over(store, space, tmp_path / "other")
    proposer = Proposer(store, space)
    trial = proposer.next()
    assert trial is not None
    assert _n_told(store) == 0
    store.note(trial.number, Report("probe", metrics=measured(trial), place={"device": "cpu: fake"}))
    assert all("latency_ms" in prior.metrics for prior in store.priors)
    proposer.next()
    assert _n_told(store) == 6
    again = reopened(store)
    _take_over(again, space, tmp_path / "other")
    Proposer(again, space).next()
    assert (_n_told(again), len(again.priors)) == (6, 6), "each once, after a resume too"


def test_other_devices_times_are_never_learned(tmp_path: Path) -> None:
    space = make_space(sampler=SamplerChoice("tpe", 1))
    earlier_run(tmp_path / "other", space, 6)
    store = new_store(space)
    _take_over(store, space, tmp_path / "other")
    trial = Proposer(store, space).next()
    assert trial is not None
    store.note(trial.number, Report("probe", metrics=measured(trial), place={"device": "cpu: another"}))
    Proposer(store, space).next()
    assert _n_told(store) == 0
    assert all("val_accuracy" in prior.metrics for prior in store.priors)


def test_a_driver_that_shares_a_study_reads_its_own_priors_once(tmp_path: Path) -> None:
    class Many(OneDriver):
        are_many = True

    space = make_space()
    earlier_run(tmp_path / "other", space, 6)
    store = new_store(space)
    store = TrialStore(store.study, store.objectives, store.limits, Many())
    _take_over(store, space, tmp_path / "other")
    store.refresh()
    assert len(store.priors) == 6


def test_of_two_drivers_one_tells_what_the_device_makes_known(tmp_path: Path) -> None:
    class Many(OneDriver):
        are_many = True

        def __init__(self, me: int) -> None:
            self.me = me

    space = make_space(sampler=SamplerChoice("tpe", 1), budget=Budget(9))
    earlier_run(tmp_path / "other", space, 6)
    first = new_store(space)
    _take_over(first, space, tmp_path / "other")
    drivers = [TrialStore(first.study, first.objectives, first.limits, Many(me)) for me in (1, 2)]
    proposers = [Proposer(store, space) for store in drivers]
    for store, proposer in zip(drivers, proposers, strict=True):
        with store.exclusive():
            trial = proposer.next()
        assert trial is not None
        store.note(trial.number, Report("probe", metrics=measured(trial), place={"device": "cpu: fake"}))
    for store, proposer in zip(drivers, proposers, strict=True):
        with store.exclusive():
            proposer.next()
    assert _n_told(drivers[0]) == 6


def test_what_is_known_here_to_break_a_limit_is_not_queued(tmp_path: Path) -> None:
    """Probed by this study itself, for a config that differs in the learning rate alone."""
    searched = {"T": IntRange(1, 4), "optim.lr": FloatRange(0.01, 1.0)}
    space = make_space(search=searched, budget=Budget(40), sampler=SamplerChoice("random", 3))
    earlier_run(tmp_path / "other", space, 8)
    limited = replace(space, constraints={"train_memory_mib": Limit(max=25.0)})
    store = new_store(limited)
    probed = {}
    for T in (3, 4):
        config, key = resolve(space, {"T": T, "model.width": 1.0, "optim.lr": 0.5})
        probed[probe_key_of(config, key)] = {"train_memory_mib": 10.0 * T}
    store.remember_probes(probed)
    _take_over(store, limited, tmp_path / "other")
    queued = [trial.system_attrs[QUEUED] for trial in store.study.get_trials(states=[TrialState.WAITING])]
    assert queued
    assert all(params["T"] <= 2 for params in queued)
