"""What Ray Tune's loop works through, without Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from search.cluster.resources import Allotments, Node
from search.errors import StudyFailedError
from search.propose.probe_ahead import ProbeAhead, ProbeRequest
from search.propose.proposer import Proposer
from search.study.drivers import OneDriver
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.tune.phases import (
    MAX_RETRIES,
    WAIT,
    Phases,
    QuietWork,
    ReplicateWork,
    SearchWork,
    has_work,
    missing_replicates,
    to_measure_quietly,
)
from search.tune.repeated_failures import MAX_ALIKE
from search.tune.tasks import ProbeTask, QuietTask, Task, TrialTask
from search.worker.jobs import Job, ProbeJob, Report
from spaces.space import Objective, Space
from tests.search.fakes import Budget, make_space
from tests.search.stores import complete, job_factory, measured, new_store, reopened, row, run, search_work


class _Ahead(ProbeAhead):
    """Asks for probes before every trial."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.heard: list[Mapping[str, Any]] = []
        self._is_ready = False

    def next(self) -> ProbeRequest | None:
        if self._is_ready:
            self._is_ready = False
            return None
        return ProbeRequest({"key": {"data": {"root": "data"}}}, 1.0)

    def ended(self, request: ProbeRequest, metrics: Mapping[str, Any], seconds: float) -> None:
        self.heard.append(metrics)
        self._is_ready = True


def _work(store: TrialStore, budget: int = 3) -> SearchWork:
    space = make_space()
    return search_work(store, space, budget)


def _task(found: Any) -> TrialTask:
    assert isinstance(found, TrialTask)
    return found


def _complete(store: TrialStore, task: Task) -> None:
    assert isinstance(task.job, Job)
    metrics = measured(store.trials[task.job.number])
    task.started("1")
    task.ended(Report("end", metrics=metrics))


def test_a_trial_that_failed_comes_back_under_its_number_so_often_and_is_then_recorded() -> None:
    store = new_store(make_space())
    work = _work(store, budget=1)
    for attempt in range(MAX_RETRIES + 1):
        task = _task(work.next())
        assert task.job.number == 0
        task.started(str(attempt))
        assert work.next() is WAIT, "the budget is used up, but this one may come back"
        task.failed(Outcome("failed", "worker died: killed"))
    assert work.next() is None
    trial = store.trials[0]
    assert (trial.state, trial.reason, trial.start["attempts"]) == ("failed", "worker died: killed", 3)


def _end(work: SearchWork, *ends: str) -> None:
    """The next trials end so: "complete", "infeasible", "diverged" after an epoch, or failed of a reason."""
    for end in ends:
        for attempt in range(MAX_RETRIES + 1):
            task = _task(work.next())
            number = task.job.number
            task.started(str(attempt))
            if end == "complete":
                _complete(work._store, task)
            elif end == "infeasible":
                task.failed(Outcome("infeasible", "out of memory: killed"))
            elif end == "diverged":
                task.noted(row(1))
                task.ended(Report("end", state="infeasible", reason="diverged"))
            else:
                task.failed(Outcome("failed", end))
            if work._store.trials[number].state != "running":
                break


def test_an_environment_that_is_broken_does_not_use_up_the_budget() -> None:
    store = new_store(make_space())
    with pytest.raises(
        StudyFailedError, match=r"5 trials in a row failed .* trial 5: PermissionError: /data; fix it"
    ):
        _end(_work(store, budget=16), "complete", *["PermissionError: /data"] * 15)
    assert store.counts() == {"complete": 1, "failed": MAX_ALIKE}
    again = _work(reopened(store), budget=16)
    _end(again, *["PermissionError: /data"] * (MAX_ALIKE - 1), "complete")


def test_probes_that_break_a_limit_say_nothing_of_the_environment() -> None:
    ends = [end for _ in range(MAX_ALIKE) for end in ("infeasible", "OSError: gone")]
    with pytest.raises(StudyFailedError, match="OSError: gone"):
        _end(_work(new_store(make_space()), budget=16), *ends)


@pytest.mark.parametrize(
    "ends",
    [
        ["infeasible"] * 16,
        ["diverged"] * 16,
        [f"KeyError: {at}" for at in range(16)],
        ["KeyError: 1", "KeyError: 2"] * 8,
        [*["KeyError: 1"] * (MAX_ALIKE - 1), "complete"] * 3,
        [*["KeyError: 1"] * (MAX_ALIKE - 1), "diverged"] * 3,
        ["KeyError: 1", "complete", *["KeyError: 1"] * 14],
    ],
    ids=[
        "memory",
        "diverge",
        "all other",
        "in turns",
        "some work",
        "some train",
        "known as the configs' own",
    ],
)
def test_configs_that_fail_use_up_their_budget(ends: list[str]) -> None:
    store = new_store(make_space())
    _end(_work(store, budget=16), *ends)
    assert len(store.ended) == len(ends)


def test_a_config_that_has_no_room_is_not_tried_again() -> None:
    store = new_store(make_space())
    task = _task(_work(store, budget=1).next())
    task.failed(Outcome("infeasible", "out of memory: killed"))
    assert (store.trials[0].state, store.trials[0].reason) == ("infeasible", "out of memory: killed")


def test_a_space_that_is_used_up_waits_for_its_last_trials() -> None:
    store = new_store(make_space())
    work = _work(store, budget=99)
    tasks = [_task(work.next()) for _ in range(16)]
    assert work.next() is WAIT
    n_asks = store.n_asks
    assert work.next() is WAIT
    assert store.n_asks == n_asks, "Ray Tune asks many times a second while the last trials run"
    for task in tasks:
        _complete(store, task)
    assert work.next() is None


def test_probing_jobs_come_first_and_never_more_than_trials_are_left() -> None:
    space = make_space(budget=Budget(2))
    store = new_store(space)
    ahead = _Ahead(store, space)
    said: list[str] = []
    work = SearchWork(store, Proposer(store, space), ahead, job_factory(store, space), said.append)
    first, second = work.next(), work.next()
    assert isinstance(first, ProbeTask)
    assert isinstance(second, ProbeTask)
    assert isinstance(first.job, ProbeJob)
    assert work.next() is WAIT
    first.started("1")
    first.ended(Report("end", metrics={"key": {"latency_ms": 1.0}}))
    assert ahead.heard == [{"key": {"latency_ms": 1.0}}]
    assert _task(work.next()).job.number == 0
    second.failed(Outcome("failed", "worker died"))
    assert ahead.heard[1] == {}, "the sampler chooses without"
    assert said == ["probing 1 configs ahead failed, the next is chosen without: worker died"]
    assert _task(work.next()).job.number == 1
    assert work.next() is WAIT


def test_replicates_take_the_next_seeds_and_belong_to_no_budget() -> None:
    space = make_space()
    store = new_store(space)
    run(store, space, 2)
    work = ReplicateWork(store, [0, 1], 2, job_factory(store, space))
    tasks = [_task(work.next()) for _ in range(4)]
    assert work.next() is WAIT
    told = [(store.trials[task.job.number].replicate_of, task.job.config["seed"]) for task in tasks]
    assert told == [(0, 1), (1, 1), (0, 2), (1, 2)]
    for task in tasks:
        _complete(store, task)
    assert work.next() is None
    assert (store.n_trials, len(store.trials)) == (2, 6)
    assert missing_replicates(reopened(store), [0, 1], 3) == [(0, 3), (1, 3)]


def test_replicates_left_running_are_gone_on_with() -> None:
    space = make_space()
    store = new_store(space)
    run(store, space, 1)
    number = _task(ReplicateWork(store, [0], 1, job_factory(store, space)).next()).job.number
    store = reopened(store)
    assert search_work(store, space, 1).next() is None
    work = ReplicateWork(store, [0], 1, job_factory(store, space))
    assert _task(work.next()).job.number == number


def _phases(store: TrialStore, space: Space, budget: int) -> Phases:
    made = job_factory(store, space)
    return Phases(
        store,
        [
            lambda: search_work(store, space, budget),
            lambda: ReplicateWork(store, [0], 1, made),
            lambda: QuietWork(store, [0], made, print),
        ],
    )


def test_a_replicate_left_running_is_gone_on_with_after_the_search_and_the_rest_follows() -> None:
    """Ctrl-C while replicates train, then a resume; so too when Ray Tune's loop is started again."""
    space = make_space()
    store = new_store(space)
    run(store, space, 1)
    left = _task(_phases(store, space, 1).next()).job
    assert store.trials[left.number].replicate_of == 0
    store = reopened(store)
    phases = _phases(store, space, 2)
    searched = _task(phases.next())
    assert store.trials[searched.job.number].replicate_of is None, "the larger budget comes first"
    assert phases.next() is WAIT
    _complete(store, searched)
    again = _task(phases.next())
    assert again.job.number == left.number
    assert phases.next() is WAIT
    _complete(store, again)
    quiet = phases.next()
    assert isinstance(quiet, QuietTask)
    quiet.ended(Report("end", metrics={"latency_ms_quiet": 1.0}))
    assert phases.next() is None


class _Many(OneDriver):
    """One of several drivers, by number; the others live as long as one says so."""

    are_many = True
    others_live = True

    def __init__(self, me: int) -> None:
        self.me = me

    def is_alive(self, driver: int) -> bool:
        return driver == self.me or self.others_live


def _two_drivers(space: Space, n_trials: int) -> tuple[TrialStore, TrialStore, _Many]:
    """Two views of a study with so many complete trials; the drivers of the first."""
    store, mine = new_store(space), _Many(1)
    run(store, space, n_trials)
    views = [TrialStore(store.study, store.objectives, store.limits, drivers) for drivers in (mine, _Many(7))]
    return views[0], views[1], mine


def test_only_the_last_of_several_drivers_does_what_comes_after_the_search() -> None:
    space = make_space()
    first, second, _ = _two_drivers(space, 2)
    theirs = _task(_phases(second, space, 3).next())
    assert _phases(first, space, 3).next() is None, "the other one's trial still runs"
    _complete(second, theirs)
    job = _task(_phases(first, space, 3).next()).job
    assert first.trials[job.number].replicate_of == 0


def test_a_replicate_that_a_dead_driver_left_is_gone_on_with() -> None:
    space = make_space()
    first, second, drivers = _two_drivers(space, 1)
    number = _task(_phases(second, space, 1).next()).job.number
    assert _phases(first, space, 1).next() is None
    drivers.others_live = False
    assert _task(_phases(first, space, 1).next()).job.number == number
    assert first.trials[number].driver == 1


def test_the_front_is_measured_again_once() -> None:
    space = make_space()
    store = new_store(space)
    run(store, space, 2)
    said: list[str] = []
    work = QuietWork(store, [0, 1], job_factory(store, space), said.append)
    first = work.next()
    assert isinstance(first, QuietTask)
    assert work.next() is WAIT, "one at a time"
    first.ended(Report("end", metrics={"latency_ms_quiet": 1.0}))
    for _ in range(MAX_RETRIES + 1):
        second = work.next()
        assert isinstance(second, QuietTask)
        assert said == []
        second.failed(Outcome("failed", "worker died"))
    assert work.next() is None
    assert said == ["trial 1 could not be measured again: worker died"]
    store = reopened(store)
    assert store.trials[0].metrics["latency_ms_quiet"] == 1.0
    again = QuietWork(store, [0, 1], job_factory(store, space), said.append)
    assert again.next() is not None
    assert again.next() is WAIT


@pytest.mark.parametrize("kind", ["noted", "stopped"])
def test_other_news_of_a_probing_job(kind: str) -> None:
    heard: list[Any] = []
    store, job = new_store(make_space()), ProbeJob({}, [], 1.0)
    task = ProbeTask(store, job, lambda metrics, seconds: heard.append(metrics), print)
    task.started("1")
    if kind == "noted":
        task.noted(row(1))
        assert heard == []
    else:
        task.stopped(None)
        assert heard == [{}]


def test_a_trial_that_gets_further_between_its_faults_is_tried_again() -> None:
    space = make_space()
    store = new_store(space)
    work = search_work(store, space, 1)
    fault = Outcome("failed", "worker died")
    for n_rows in range(1, MAX_RETRIES + 3):
        task = _task(work.next())
        task.noted(row(n_rows))
        task.failed(fault)
    assert store.trials[0].state == "running", "more faults than retries, an epoch between any two"
    for _ in range(MAX_RETRIES):
        _task(work.next()).failed(fault)
    assert store.trials[0].state == "failed"
    assert work.next() is None


def test_what_another_device_model_measured_ends_the_study_unrecorded() -> None:
    space = make_space()
    store = new_store(space)
    work = search_work(store, space, 3)
    first, second = _task(work.next()), _task(work.next())
    first.noted(Report("probe", metrics={"latency_ms": 1.0}, place={"device": "cpu: a"}))
    other = Report("probe", metrics={"latency_ms": 9.0}, place={"device": "cpu: b", "node": "far"})
    probing = ProbeTask(store, ProbeJob({}, [], 1.0), lambda metrics, seconds: None, print)
    quiet = QuietTask(store, 0, job_factory(store, space).quiet(store.trials[0]), print)
    for task in (second, probing, quiet):
        with pytest.raises(StudyFailedError, match=r"far trains on cpu: b.*latency_ms.*measured on cpu: a"):
            task.noted(other)
    assert (store.trials[1].metrics, store.trials[1].start.get("device")) == ({}, None)
    second.noted(replace(other, place={"device": "cpu: a"}))


def test_where_no_value_depends_on_the_device_any_will_do() -> None:
    space = make_space(objectives={"val_accuracy": Objective("maximize"), "macs": Objective("minimize")})
    store = new_store(space)
    work = search_work(store, space, 3)
    for device in ("cpu: a", "cpu: b"):
        _task(work.next()).noted(Report("probe", metrics={"macs": 1.0}, place={"device": device}))
    assert store.trials[1].start["device"] == "cpu: b"


def test_a_config_is_chosen_when_a_gpu_has_room_for_it() -> None:
    store = new_store(make_space())
    work = search_work(
        store, make_space(), 9, Allotments(1, "auto", (Node("a", 8, 1, gpu_memory_mib=4000.0),))
    )
    tasks = [_task(work.next()) for _ in range(4)]  # a quarter each, as nothing is known of them
    assert [task.job.allotment.gpu for task in tasks] == [0.25] * 4
    assert work.next() is WAIT
    assert len(store.trials) == 4
    _complete(store, tasks[0])
    assert _task(work.next()).job.number == 4


def test_whether_anything_is_left_of_a_study() -> None:
    space = make_space(budget=Budget(2))
    store = new_store(space)
    assert has_work(store, space, [])
    run(store, space, 2)
    assert has_work(store, space, [0]), "its times were not measured again"
    store.amend(0, {"latency_ms_quiet": 1.0})
    assert not has_work(store, space, [0])
    del store.trials[1].metrics["latency_ms"]
    assert not has_work(store, space, [1]), "a table without times has none to measure again"
    assert has_work(store, replace(space, replicates=1), [0])
    replicate = store.open_replicate(0, store.trials[0].config, "key", 1)
    assert has_work(store, space, [0]), "it still runs"
    complete(store, replicate)
    assert not has_work(store, replace(space, replicates=1), [0])
    assert has_work(store, replace(space, budget=Budget(3)), [0])


def test_a_config_is_not_chosen_for_what_is_left_of_several_gpus() -> None:
    store = new_store(make_space())
    nodes = (Node("a (10.0.0.1)", 8, 1), Node("b (10.0.0.2)", 8, 1))
    work = search_work(store, make_space(), 9, Allotments(1, 0.6, nodes))
    tasks = [_task(work.next()) for _ in range(2)]
    assert work.next() is WAIT, "0.4 and 0.4 are no room for 0.6"
    _complete(store, tasks[0])
    assert _task(work.next()).job.number == 2


def test_one_of_several_drivers_measures_quietly() -> None:
    space = make_space()
    store = new_store(space)
    run(store, space, 2)
    assert to_measure_quietly(store, lambda: [0, 1]) == [0, 1]
    store.amend(0, {"latency_ms_quiet": 1.0})
    assert to_measure_quietly(store, lambda: [0, 1]) == [1]

    class _Other(OneDriver):
        def lock_measuring(self) -> bool:
            return False

    store.drivers = _Other()
    assert to_measure_quietly(store, lambda: [0, 1]) == []
