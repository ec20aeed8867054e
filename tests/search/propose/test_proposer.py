"""What is tried next: a contract over every sampler, duplicates, and spaces that are used up."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest

from search.config_key import resolve
from search.errors import SearchError
from search.propose.proposer import Proposer, has_queue, require_sampler
from search.propose.samplers import SAMPLERS, SamplerSetup, make_sampler, mix
from search.trials.outcome import Outcome
from search.trials.prior import Prior
from search.trials.store import REJECTED
from spaces.condition import Condition
from spaces.options import Subset
from spaces.ranges import IntRange
from spaces.space import SAMPLERS as SAMPLER_NAMES
from spaces.space import Space
from studies.model import State
from tests.search.fakes import Choice, FloatRange, Limit, SamplerChoice, make_space
from tests.search.stores import complete, measured, new_store, reopened, run

CONDITIONAL = {
    "distillation.mode": Choice(("none", "reliable")),
    "distillation.branches": Subset((1, 2, 3), when={"distillation.mode": Condition(("reliable",))}),
    "distillation.alpha": FloatRange(
        0.1, 2.0, log=True, when={"distillation.mode": Condition(("reliable",))}
    ),
}


def _space(sampler: str, **changes: object) -> Space:
    return make_space(sampler=SamplerChoice(sampler, 3), **changes)


def _setup(**changes: object) -> SamplerSetup:
    space = make_space(**changes)
    return SamplerSetup(0, space, new_store(space))


def test_every_sampler_a_space_may_name_is_here() -> None:
    assert set(SAMPLERS) == set(SAMPLER_NAMES)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_every_sampler_proposes_new_valid_configs_whatever_became_of_the_others(sampler: str) -> None:
    """All outcomes, pending trials, constraints and a resume in between; no warning (they are errors)."""
    space = _space(sampler, search={"T": IntRange(1, 16)}, constraints={"train_memory_mib": Limit(max=60.0)})
    store = new_store(space)
    seen = set()
    states: list[State] = ["complete", "infeasible", "stopped", "failed", "complete", "running"]
    for life in range(2):
        proposer = Proposer(store, space)
        for count in range(10):
            trial = proposer.next()
            assert trial is not None
            assert trial.key not in seen
            seen.add(trial.key)
            state = states[count % 6]
            metrics = measured(trial) if state == "complete" else {"train_memory_mib": 70.0}
            if state != "running":
                store.finish(trial.number, Outcome(state, None, metrics))
        assert len(store.trials) == 10 * (life + 1)
        store = reopened(store)


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - {"grid"}))
def test_every_sampler_takes_a_conditional_space(sampler: str) -> None:
    space = _space(sampler, search=CONDITIONAL)
    for trial in run(new_store(space), space, 14):
        assert ("distillation.alpha" in trial.params) == (trial.params["distillation.mode"] == "reliable")


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_the_seed_decides_the_proposals(sampler: str) -> None:
    space = _space(sampler)
    first, again = ([trial.key for trial in run(new_store(space), space, 5)] for _ in range(2))
    assert first == again


@pytest.mark.parametrize("sampler", ["random", "tpe", "qmc", "grid"])
def test_a_resume_does_not_repeat_its_draws(sampler: str) -> None:
    space = _space(sampler, search={"optim.lr": FloatRange(0.01, 1.0)} if sampler != "grid" else {})
    store = new_store(space)
    run(store, space, 4)
    resumed = reopened(store)
    run(resumed, space, 4)
    rejected = [trial for trial in resumed.study.get_trials() if REJECTED in trial.user_attrs]
    assert not rejected


def test_unknown_sampler() -> None:
    with pytest.raises(SearchError, match=r"sampler\.name: got 'best', allowed: auto, cheap_first, tpe"):
        make_sampler("best", _setup(), 0)


def test_mixing_depends_on_both_numbers() -> None:
    mixed = {mix(seed, n_asks) for seed in range(5) for n_asks in range(5)}
    assert len(mixed) == 25
    assert mix(3, 4) == mix(3, 4)


def test_optunas_experimental_warnings_are_silenced_here_and_nowhere_else() -> None:
    make_sampler("tpe", _setup(search=CONDITIONAL), 0)
    make_sampler("qmc", _setup(), 0)
    with pytest.warns(optuna.exceptions.ExperimentalWarning, match="QMCSampler is experimental"):
        optuna.samplers.QMCSampler(seed=0)


def test_duplicates_take_no_number_and_are_told_as_failed() -> None:
    space = make_space(search={}, sampler=SamplerChoice("random", 0))
    store = new_store(space)
    trials = run(store, space, 16)
    assert [trial.number for trial in trials] == list(range(16))
    assert len({trial.key for trial in trials}) == 16
    rejected = [trial for trial in store.study.get_trials() if REJECTED in trial.user_attrs]
    assert rejected, "16 draws out of 16 without a repeat: choose another seed"
    assert all(trial.state == optuna.trial.TrialState.FAIL for trial in rejected)
    assert all(trial.user_attrs[REJECTED].startswith("the same as trial ") for trial in rejected)


def test_params_without_effect_make_no_new_trial() -> None:
    """alpha under mode none: two params, one config."""
    space = make_space(
        search={"T": IntRange(1, 2), "model.width": Choice((1.0,)), "distillation.alpha": FloatRange(0, 1)}
    )
    store = new_store(space)
    run(store, space, 2)
    proposer = Proposer(store, space)
    assert proposer.next() is None
    assert proposer.exhausted == "200 random draws in a row gave only configs already tried"


def test_a_duplicate_of_a_running_trial_is_not_handed_out_twice() -> None:
    space = make_space()
    store = new_store(space)
    proposer = Proposer(store, space)
    trials = [proposer.next() for _ in range(16)]
    assert len({trial.key for trial in trials if trial}) == 16


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid"])
def test_a_finite_space_is_used_up(sampler: str) -> None:
    space = _space(sampler)
    store = new_store(space)
    run(store, space, 16)
    proposer = Proposer(store, space)
    assert proposer.next() is None
    assert proposer.exhausted == "every config of the space has been tried"


def test_a_grid_that_is_resumed_goes_on_where_it_was() -> None:
    space = _space("grid")
    whole = [trial.key for trial in run(new_store(space), space, 16)]
    store = new_store(space)
    parts = [trial.key for trial in run(store, space, 5)]
    parts += [trial.key for trial in run(reopened(store), space, 11)]
    assert parts == whole


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"optim.lr": FloatRange(0.01, 1.0)}, "this one is not finite"),
        ({"seed": IntRange(0, 9999)}, "this one is of 160000 configs, more than 20000"),
    ],
)
def test_a_grid_needs_a_small_finite_space(search: dict[str, object], message: str) -> None:
    space = _space("grid", search=search)
    with pytest.raises(SearchError, match=message):
        require_sampler(space)
    require_sampler(_space("tpe", search=search))
    require_sampler(_space("grid"))


def test_asks_a_dead_driver_left_behind_do_no_harm() -> None:
    space = _space("grid")
    store = new_store(space)
    taken = run(store, space, 3)
    store.study.enqueue_trial(taken[0].params)  # died between enqueue and ask
    store.study.ask()  # died while it asked
    resumed = reopened(store)
    assert len(run(resumed, space, 13)) == 13
    assert not [t for t in resumed.study.get_trials() if t.state == optuna.trial.TrialState.RUNNING]


def test_what_a_dead_driver_took_from_the_queue_goes_back() -> None:
    space = _space("random")
    store = new_store(space)
    queue = [{"T": T, "model.width": 1.0} for T in (3, 1, 7)]
    for params in queue:
        store.study.enqueue_trial(params)
    store.study.ask()  # died while it asked
    resumed = reopened(store)
    taken = [trial.params for trial in run(resumed, space, 3)]
    assert sorted(taken, key=str) == sorted(queue, key=str)
    store = reopened(resumed)
    assert not has_queue(store.study)
    assert not [t for t in store.study.get_trials() if t.state == optuna.trial.TrialState.RUNNING]


def test_a_config_the_trainer_refuses_becomes_no_trial() -> None:
    """The space's own check cannot see everything; a study goes on all the same."""
    space = make_space(search={"T": IntRange(1, 2), "neuron.decay": Choice((0.5, 1.5))})
    store = new_store(space)
    trials = run(store, space, 4)
    assert {trial.config["neuron"]["decay"] for trial in trials} == {0.5}
    proposer = Proposer(store, space)
    assert proposer.next() is None
    assert proposer.exhausted == "every config of the space has been tried"


def test_trials_learn_from_infeasible_ones() -> None:
    """A region that cannot work is told so that TPE leaves it; told as FAIL it would not."""
    space = make_space(
        sampler=SamplerChoice("tpe", 0),
        search={
            "T": IntRange(1, 64),
            "optim.lr": FloatRange(0.01, 1.0),
            "optim.momentum": FloatRange(0.0, 0.9),
        },
    )
    store = new_store(space)
    proposer = Proposer(store, space)
    late_in_region = 0
    for count in range(50):
        trial = proposer.next()
        assert trial is not None
        if trial.params["optim.lr"] > 0.505:
            late_in_region += count >= 30
            store.finish(trial.number, Outcome("infeasible", "diverged", {"train_memory_mib": 1.0}))
        else:
            complete(store, trial)
    assert late_in_region <= 5, "random draws would give about 10 of 20"


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_a_study_from_before_fields_were_dropped_trains_nothing_again(sampler: str) -> None:
    """Its keys are of another form, and two of its trials are one today."""
    space = make_space(
        base={"T": 1},
        search={"T": Choice((1, 2)), "model.width": Choice((1.0,)), "neuron.reset": Choice(("soft", "hard"))},
        sampler=SamplerChoice(sampler, 0),
    )
    store = new_store(space)
    for number, params in enumerate(({"T": 1, "neuron.reset": "soft"}, {"T": 1, "neuron.reset": "hard"})):
        store.study.enqueue_trial({**params, "model.width": 1.0})
        optuna_trial = store.study.ask()
        config, _ = resolve(space, {**params, "model.width": 1.0})
        complete(store, store.open(optuna_trial, {**params, "model.width": 1.0}, config, f"{number}" * 32))
    again = reopened(store)
    assert set(again.by_key) == {resolve(space, {"T": 1, "model.width": 1.0, "neuron.reset": "soft"})[1]}
    proposer = Proposer(again, space)
    trials = [trial for _ in range(3) if (trial := proposer.next()) is not None]
    assert [trial.config["T"] for trial in trials] == [2, 2]
    assert proposer.exhausted == "every config of the space has been tried"


def test_a_prior_kept_under_an_older_key_is_not_learned_twice() -> None:
    space = make_space()
    source = new_store(space)
    (trial,) = run(source, space, 1)
    prior = Prior(trial.params, trial.config, "0" * 32, dict(trial.metrics))
    store = new_store(space)
    store.remember_priors([prior])
    again = reopened(store)
    again.remember_priors([replace(prior, key=trial.key)])
    assert len(again.priors) == len(reopened(again).priors) == 1
