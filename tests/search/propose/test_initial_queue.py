"""What a study begins with."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from search.config_key import probe_key_of, resolve
from search.propose.initial_queue import queue_anchors, take_over
from search.propose.proposer import Proposer, has_queue
from search.propose.warm_start import warm_start
from search.study.drivers import OneDriver
from search.trials.outcome import Outcome
from search.trials.prior import Prior, in_portions
from search.trials.store import QUEUED, Ledger
from search.trials.stored_trial import PRIORS
from search.worker.jobs import Report
from spaces.space import Space
from tests.search.books import earlier_run, measured, new_ledger, reopened, run
from tests.search.fakes import Budget, Choice, FloatRange, IntRange, Limit, SamplerChoice, make_space


def _recipe_space(**changes: Any) -> Space:
    """The trainer's defaults lie in it."""
    search = {"T": IntRange(1, 8), "optim.lr": FloatRange(0.01, 1.0)}
    return make_space(base={"optim.lr": 0.1}, search=search, **changes)


def test_recipes_come_first_and_once_also_after_a_resume() -> None:
    space = _recipe_space()
    ledger = new_ledger(space)
    assert queue_anchors(ledger, space) == 1
    ledger = reopened(ledger)
    first = Proposer(ledger, space).next()
    assert first is not None
    assert (first.params["T"], first.params["optim.lr"]) == (4, 0.1)
    assert not has_queue(ledger.study)
    second = Proposer(ledger, space).next()
    assert second is not None
    assert second.params != first.params


def test_a_grid_with_recipes_before_it_is_still_tried_whole() -> None:
    search = {"T": Choice((1, 2, 4)), "model.width": Choice((1.0, 2.0))}
    space = make_space(search=search, sampler=SamplerChoice("grid", 0))
    ledger = new_ledger(space)
    assert queue_anchors(ledger, space) == 1
    entries = run(ledger, space, 6)
    assert len({entry.key for entry in entries}) == 6
    assert Proposer(ledger, space).next() is None


def _take_over(ledger: Ledger, space: Space, earlier: Path) -> None:
    take_over(ledger, space, warm_start(earlier, space, ledger.objectives))


def _n_told(ledger: Ledger) -> int:
    """Trials that Optuna has and the study has not."""
    states = (optuna.trial.TrialState.COMPLETE,)
    n_complete = ledger.counts().get("complete", 0)
    return len(ledger.study.get_trials(deepcopy=False, states=states)) - n_complete


def test_an_earlier_studys_front_is_tried_first_and_its_trials_are_learned_from(tmp_path: Path) -> None:
    space = make_space(budget=Budget(20))
    earlier = earlier_run(tmp_path / "other", space, 12)
    ledger = new_ledger(space)
    _take_over(ledger, space, tmp_path / "other")
    waiting = ledger.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    assert 1 <= len(waiting) <= 5, "a quarter of the budget"
    assert {prior.key for prior in ledger.priors} == set(earlier.by_key)
    again = reopened(ledger)
    assert again.priors == ledger.priors
    assert again.n_trials == 0, "priors are no trials of this study"


def _many_priors(n: int) -> list[Prior]:
    """As large as those of the shipped spaces, which know accuracy at each step."""
    measured = {"val_accuracy": 90.0, "accuracy_at_t": [90.123456789] * 40}
    config = {f"field_{at}": "a value" * 5 for at in range(50)}
    return [Prior({"T": 1}, config, f"key {at}", dict(measured), "cpu: fake", measured) for at in range(n)]


def test_priors_are_kept_in_portions_that_any_database_holds() -> None:
    """MySQL's attributes end at 64 KiB."""
    ledger = new_ledger(make_space())
    ledger.remember_priors(_many_priors(100))
    kept = [frozen.user_attrs for frozen in ledger.study.get_trials()]
    assert max(len(json.dumps(attrs)) for attrs in kept) < 33_000
    assert 1 < len(kept) < 20
    assert reopened(ledger).priors == ledger.priors == _many_priors(100)
    ledger.remember_priors(_many_priors(101))
    assert len(reopened(ledger).priors) == 101, "each once"


def test_a_prior_larger_than_a_portion_stands_alone_and_none_take_no_record() -> None:
    large = replace(_many_priors(1)[0], key="large", config={"text": "x" * 40_000})
    portions = list(in_portions([*_many_priors(2), large, *_many_priors(1)]))
    assert [len(portion) for portion in portions] == [2, 1, 1]
    assert list(in_portions([])) == []


def test_priors_of_studies_begun_when_all_were_one_record_with_their_epochs_still_load() -> None:
    ledger = new_ledger(make_space())
    old = [{**asdict(prior), "rows": {"1": {"epoch": 1}}} for prior in _many_priors(30)]
    ledger.study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={PRIORS: old}))
    assert reopened(ledger).priors == _many_priors(30)


def test_optunas_samplers_learn_only_from_priors_whose_objectives_are_all_known(tmp_path: Path) -> None:
    objectives = {"val_accuracy": "maximize", "n_parameters": "minimize"}
    plain = make_space()
    space = make_space(
        objectives={name: type(plain.objectives["val_accuracy"])(way) for name, way in objectives.items()},  # type: ignore[arg-type]
        sampler=SamplerChoice("tpe", 1),
    )
    earlier_run(tmp_path / "other", space, 6)
    for objective_space, n_told in ((space, 6), (plain, 0)):
        ledger = new_ledger(objective_space)
        _take_over(ledger, objective_space, tmp_path / "other")
        entry = Proposer(ledger, objective_space).next()
        assert entry is not None
        assert _n_told(ledger) == n_told, "latency of an unknown device is no knowledge"
        ledger.finish(entry.number, Outcome("complete", None, measured(entry)))


def test_what_was_measured_on_this_device_is_learned_as_soon_as_the_device_is_known(tmp_path: Path) -> None:
    space = make_space(sampler=SamplerChoice("tpe", 1), budget=Budget(9))
    earlier_run(tmp_path / "other", space, 6)
    ledger = new_ledger(space)
    _take_over(ledger, space, tmp_path / "other")
    proposer = Proposer(ledger, space)
    entry = proposer.next()
    assert entry is not None
    assert _n_told(ledger) == 0
    ledger.note(entry.number, Report("probe", metrics=measured(entry), place={"device": "cpu: fake"}))
    assert all("latency_ms" in prior.metrics for prior in ledger.priors)
    proposer.next()
    assert _n_told(ledger) == 6
    again = reopened(ledger)
    _take_over(again, space, tmp_path / "other")
    Proposer(again, space).next()
    assert (_n_told(again), len(again.priors)) == (6, 6), "each once, after a resume too"


def test_other_devices_times_are_never_learned(tmp_path: Path) -> None:
    space = make_space(sampler=SamplerChoice("tpe", 1))
    earlier_run(tmp_path / "other", space, 6)
    ledger = new_ledger(space)
    _take_over(ledger, space, tmp_path / "other")
    entry = Proposer(ledger, space).next()
    assert entry is not None
    ledger.note(entry.number, Report("probe", metrics=measured(entry), place={"device": "cpu: another"}))
    Proposer(ledger, space).next()
    assert _n_told(ledger) == 0
    assert all("val_accuracy" in prior.metrics for prior in ledger.priors)


def test_a_driver_that_shares_a_study_reads_its_own_priors_once(tmp_path: Path) -> None:
    class Many(OneDriver):
        are_many = True

    space = make_space()
    earlier_run(tmp_path / "other", space, 6)
    ledger = new_ledger(space)
    ledger = Ledger(ledger.study, ledger.objectives, ledger.limits, Many())
    _take_over(ledger, space, tmp_path / "other")
    ledger.refresh()
    assert len(ledger.priors) == 6


def test_of_two_drivers_one_tells_what_the_device_makes_known(tmp_path: Path) -> None:
    class Many(OneDriver):
        are_many = True

        def __init__(self, me: int) -> None:
            self.me = me

    space = make_space(sampler=SamplerChoice("tpe", 1), budget=Budget(9))
    earlier_run(tmp_path / "other", space, 6)
    first = new_ledger(space)
    _take_over(first, space, tmp_path / "other")
    drivers = [Ledger(first.study, first.objectives, first.limits, Many(me)) for me in (1, 2)]
    proposers = [Proposer(ledger, space) for ledger in drivers]
    for ledger, proposer in zip(drivers, proposers, strict=True):
        with ledger.turn():
            entry = proposer.next()
        assert entry is not None
        ledger.note(entry.number, Report("probe", metrics=measured(entry), place={"device": "cpu: fake"}))
    for ledger, proposer in zip(drivers, proposers, strict=True):
        with ledger.turn():
            proposer.next()
    assert _n_told(drivers[0]) == 6


def test_what_is_known_here_to_break_a_limit_is_not_queued(tmp_path: Path) -> None:
    """Probed by this study itself, for a config that differs in the learning rate alone."""
    searched = {"T": IntRange(1, 4), "optim.lr": FloatRange(0.01, 1.0)}
    space = make_space(search=searched, budget=Budget(40), sampler=SamplerChoice("random", 3))
    earlier_run(tmp_path / "other", space, 8)
    limited = replace(space, constraints={"train_memory_mib": Limit(max=25.0)})
    ledger = new_ledger(limited)
    probed = {}
    for T in (3, 4):
        config, key = resolve(space, {"T": T, "model.width": 1.0, "optim.lr": 0.5})
        probed[probe_key_of(config, key)] = {"train_memory_mib": 10.0 * T}
    ledger.remember_probes(probed)
    _take_over(ledger, limited, tmp_path / "other")
    queued = [trial.system_attrs[QUEUED] for trial in ledger.study.get_trials(states=[TrialState.WAITING])]
    assert queued
    assert all(params["T"] <= 2 for params in queued)
