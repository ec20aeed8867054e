"""Which configs are probed before a choice, without Ray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from optuna.samplers import RandomSampler

from search.propose.probe_ahead import MAX_FAILURES, ProbeAhead, ProbeRequest, _TrainedSeconds
from search.propose.proposer import Proposer
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from spaces.space import Space
from tests.search.fakes import SamplerChoice, make_space
from tests.search.stores import complete, new_store, row, run

SPACE = make_space(sampler=SamplerChoice("random", 0, probes=4, probe_share=0.5))


class ProbingSampler(RandomSampler):  # type: ignore[misc]  # optuna carries no types here
    """Wants to know some params, whatever is known of them."""

    def __init__(self, params: Sequence[dict[str, Any]]) -> None:
        super().__init__(seed=0)
        self.params = params

    def wanted(self, n: int) -> list[dict[str, Any]]:
        return list(self.params[:n])


def _params(*Ts: int) -> list[dict[str, Any]]:
    return [{"T": T, "model.width": 1.0} for T in Ts]


def _ahead(space: Space = SPACE, *Ts: int) -> tuple[TrialStore, ProbeAhead]:
    store = new_store(space)
    store.study.sampler = ProbingSampler(_params(*Ts))
    return store, ProbeAhead(store, space)


def _request(ahead: ProbeAhead) -> ProbeRequest:
    request = ahead.next()
    assert request is not None
    return request


def _train(store: TrialStore, seconds: float) -> StoredTrial:
    """A trial that took so long."""
    sampler = store.study.sampler
    trial = run(store, SPACE, 1)[0]
    store.study.sampler = sampler
    trial.rows[1] = {**(row(1).row or {}), "seconds": seconds}
    return trial


def test_epochs_that_a_trial_trained_again_are_time_spent_twice() -> None:
    store, _ = _ahead()
    trial = Proposer(store, SPACE).next()
    assert trial is not None
    for epoch in (1, 2, 3):
        store.note(trial.number, row(epoch))
    trained = _TrainedSeconds(store)
    for epoch in (2, 3, 4):
        store.note(trial.number, row(epoch))
    assert trained.total() == pytest.approx(3 * 0.5)
    complete(store, trial)
    assert trained.total() == pytest.approx(3 * 0.5)


def _answer(request: ProbeRequest) -> dict[str, dict[str, Any]]:
    return {key: {"latency_ms": 1.0} for key in request.configs}


def test_a_job_then_the_choice_it_was_run_for() -> None:
    store, ahead = _ahead(SPACE, 1, 2, 3, 4, 5, 6)
    request = _request(ahead)
    assert sorted(config["T"] for config in request.configs.values()) == [1, 2, 3, 4], "at most `probes`"
    assert ahead.next() is None, "what a probe costs is not known yet: other slots choose without"
    ahead.ended(request, _answer(request), 0.01)
    assert store.probed == _answer(request)
    assert ahead.next() is None


def test_what_is_known_is_not_probed_again() -> None:
    store, ahead = _ahead(SPACE, 1, 2)
    request = _request(ahead)
    ahead.ended(request, _answer(request), 1.0)
    assert ahead.next() is None
    _train(store, 100.0)
    assert ahead.next() is None
    store.study.sampler = ProbingSampler(_params(2, 3))
    assert [config["T"] for config in _request(ahead).configs.values()] == [3]


def test_an_indifferent_sampler_and_a_queue_need_no_probes() -> None:
    store, ahead = _ahead(SPACE, 1)
    store.study.enqueue_trial({"T": 3, "model.width": 1.0})
    assert ahead.next() is None
    store.study.ask()
    store.study.sampler = RandomSampler(seed=0)
    assert ahead.next() is None
    store.study.sampler = ProbingSampler(_params(1))
    assert ahead.next() is not None


def test_jobs_that_died_with_the_loop_are_not_handed_out_at_once_again() -> None:
    """One of their configs may have taken the memory of the node; a trial of its own is recorded so."""
    store, ahead = _ahead(SPACE, 1, 2)
    _request(ahead)
    ahead.lost()
    store.study.sampler = ProbingSampler(_params(1, 2))  # begun anew, with the same seed
    assert ahead.next() is None


def test_each_driver_probes_by_the_time_of_its_own_trials() -> None:
    budgets = []
    for driver in (0, 7):
        store, ahead = _ahead(SPACE, 1, 2, 3, 4)
        request = _request(ahead)
        ahead.ended(request, {}, 1.0)
        assert ahead.next() is None, "the choice after the job that failed"
        _train(store, 100.0).driver = driver
        budgets.append(ahead.next())
    assert budgets[0] is not None
    assert budgets[1] is None


def test_after_a_few_jobs_in_a_row_that_told_nothing_no_more_are_run() -> None:
    store, ahead = _ahead(SPACE, 1, 2)
    _train(store, 1e6)
    for n_failures in (2, MAX_FAILURES):
        for _ in range(n_failures):
            ahead.ended(_request(ahead), {}, 0.1)
            assert ahead.next() is None, "the choice after the job"
        if n_failures < MAX_FAILURES:
            request = _request(ahead)
            ahead.ended(request, _answer(request), 0.1)
            assert ahead.next() is None
            store.study.sampler = ProbingSampler(_params(3, 4))
    assert ahead.next() is None
    assert MAX_FAILURES > 2
