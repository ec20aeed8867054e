"""Trials that run out of memory: when that is their config's doing, without Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from search.cluster.resources import Allotments, Node
from search.errors import StudyFailedError
from search.study.drivers import OneDriver
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.tune.phases import MAX_RETRIES, WAIT, QuietWork, ReplicateWork
from search.tune.repeated_failures import MAX_ALIKE
from search.tune.tasks import QuietTask, TrialTask
from search.worker.jobs import Allotment, Report
from tests.search.fakes import Budget, make_space
from tests.search.stores import job_factory, measured, new_store, reopened, row, run, search_work

HOST = "out of memory: the kernel killed it"
CUDA = "out of memory: CUDA out of memory. Tried to allocate 20 MiB"
ONE_GPU = Allotments(1, "auto", (Node("a", 8, 1, gpu_memory_mib=4000.0),))


def task_of(found: Any) -> TrialTask:
    assert isinstance(found, TrialTask), found
    found.started("1")
    return found


def runs_out(task: TrialTask, reason: str = HOST) -> None:
    """As the worker tells it."""
    task.ended(Report("end", state="infeasible", reason=reason, out_of_memory=True))


def trains(task: TrialTask, store: TrialStore) -> None:
    task.noted(row(1))
    task.ended(Report("end", metrics=measured(store.trials[task.job.number])))


def states(store: TrialStore) -> list[str]:
    return [trial.state for trial in store.trials.values()]


def drive(work: Any, store: TrialStore, has_room: Callable[[int, int], bool], n_slots: int = 2) -> list[int]:
    """Run all of the work, some at once; the order. has_room: of a trial's number and how many run."""
    at_work: list[TrialTask] = []
    order: list[int] = []
    while True:
        found = work.next()
        if isinstance(found, TrialTask):
            order.append(found.job.number)
            at_work.append(task_of(found))
            if len(at_work) < n_slots:
                continue
        elif not at_work:
            assert found is None, "waits for nothing"
            return order
        task = at_work[0]
        fits = has_room(task.job.number, len(at_work))
        at_work.remove(task)
        trains(task, store) if fits else runs_out(task)


@pytest.mark.parametrize("n_slots", [1, 2, 3])
@pytest.mark.parametrize("n_bad", [1, 2, 3, 4, 6, 8])
def test_no_config_is_blamed_for_what_passes(n_slots: int, n_bad: int) -> None:
    """The first starts find no memory, whatever they train."""
    store = new_store(make_space())
    work = search_work(store, make_space(), 8)
    bad = iter(range(n_bad))
    drive(work, store, lambda number, n: next(bad, None) is None, n_slots)
    assert states(store) == ["complete"] * 8
    assert all(trial.out_of_memory is None for trial in store.trials.values())


@pytest.mark.parametrize("n_slots", [1, 2])
def test_nor_for_what_comes_and_goes_while_others_train(n_slots: int) -> None:
    store = new_store(make_space())
    work = search_work(store, make_space(), 10)
    starts = iter(range(1000))
    drive(work, store, lambda number, n: not 4 <= next(starts) <= 8, n_slots)
    assert states(store) == ["complete"] * 10


def test_a_trial_that_has_no_room_beside_others_is_complete_when_it_is_alone() -> None:
    store = new_store(make_space())
    order = drive(search_work(store, make_space(), 6), store, lambda number, n: number != 2 or n == 1)
    assert states(store) == ["complete"] * 6
    assert order.count(2) == 2
    assert len(order) == 7


def test_a_config_that_runs_out_alone_where_others_train_is_infeasible_and_says_what_was_probed() -> None:
    store = new_store(make_space())
    work = search_work(store, make_space(), 6)

    def has_room(number: int, n: int) -> bool:
        if number == 2:
            store.note(2, Report("probe", metrics={"train_memory_mib": 812.345}))
        return number not in (2, 4)

    order = drive(work, store, has_room)
    assert states(store) == ["complete", "complete", "infeasible", "complete", "infeasible", "complete"]
    assert order.count(2) == order.count(4) == 2, "once beside others, once alone"
    assert store.trials[2].reason == f"{HOST}; probed: train_memory_mib 812.35; it was alone"
    assert store.trials[4].reason == f"{HOST}; its memory had not been probed; it was alone"


@pytest.mark.parametrize("budget", [1, 2, MAX_ALIKE - 1, 16])
@pytest.mark.parametrize("n_slots", [1, 2])
def test_where_no_trial_finds_memory_the_environment_is_broken(budget: int, n_slots: int) -> None:
    store = new_store(make_space())
    work = search_work(store, make_space(), budget)
    with pytest.raises(StudyFailedError) as caught:
        drive(work, store, lambda number, n: False, n_slots)
    told = str(caught.value)
    assert "ran out of memory, also alone, and no trial has trained an epoch" in told
    assert HOST in told
    assert "End what else uses the memory" in told
    assert "--resume" in told
    assert set(states(store)) == {"running"}
    assert len(store.trials) <= MAX_ALIKE + 1
    again = reopened(store)
    drive(search_work(again, make_space(), budget), again, lambda number, n: True, n_slots)
    assert states(again) == ["complete"] * budget, "all of them are tried again"


def test_a_resume_tries_others_first_so_that_it_gets_further_each_time() -> None:
    """The first seven configs have no room, and each driver gives up after five."""
    store = new_store(make_space())
    with pytest.raises(StudyFailedError, match=r"5 trials in a row"):
        drive(search_work(store, make_space(), 12), store, lambda number, n: number > 6)
    again = reopened(store)
    drive(search_work(again, make_space(), 12), again, lambda number, n: number > 6)
    assert states(again) == ["infeasible"] * 7 + ["complete"] * 5


def test_the_last_trial_of_a_study_that_trained_before_may_be_to_blame() -> None:
    """A new driver has nothing else to train, but the study has."""
    store = new_store(make_space())
    work = search_work(store, make_space(), 3)
    for _ in range(2):
        trains(task_of(work.next()), store)
    task_of(work.next())
    again = reopened(store)
    drive(search_work(again, make_space(), 3), again, lambda number, n: False)
    assert states(again) == ["complete", "complete", "infeasible"]


def test_nothing_runs_beside_a_trial_that_ran_out_of_the_machines_memory() -> None:
    store = new_store(make_space())
    work = search_work(store, make_space(), 8)
    first, second = task_of(work.next()), task_of(work.next())
    second.noted(row(1))
    runs_out(first)
    third = task_of(work.next())
    assert third.job.number == 2, "no trial begun since has trained: the next is a new one"
    third.noted(row(1))
    assert work.next() is WAIT, "until the others have ended"
    trains(second, store)
    assert work.next() is WAIT
    trains(third, store)
    alone = task_of(work.next())
    assert alone.job.number == 0
    assert work.next() is WAIT
    trains(alone, store)
    assert task_of(work.next()).job.number == 3


def test_a_worker_that_dies_alone_leaves_its_trial_alone() -> None:
    store = new_store(make_space())
    work = search_work(store, make_space(), 8)
    runs_out(task_of(work.next()))
    for _ in range(MAX_RETRIES):
        alone = task_of(work.next())
        assert (alone.job.number, work.next()) == (0, WAIT)
        alone.failed(Outcome("failed", "worker died: killed"))
    alone = task_of(work.next())
    runs_out(alone)
    assert store.trials[0].state == "running"
    assert task_of(work.next()).job.number == 1


def test_a_trial_that_ran_out_of_a_gpu_gets_all_of_one() -> None:
    store = new_store(make_space())
    work = search_work(store, make_space(), 9, ONE_GPU)
    tasks = [task_of(work.next()) for _ in range(4)]
    assert [task.job.allotment.gpu for task in tasks] == [0.25] * 4
    for task in tasks[:3]:
        task.noted(row(1))
    runs_out(tasks[3], CUDA)
    fifth = task_of(work.next())
    fifth.noted(row(1))
    assert work.next() is WAIT, "the GPU has no room for it yet"
    for task in (*tasks[:3], fifth):
        trains(task, store)
    alone = task_of(work.next())
    assert (alone.job.number, alone.job.allotment) == (3, Allotment(1, 1.0))
    assert work.next() is WAIT, "nor for another beside it"
    trains(alone, store)
    assert task_of(work.next()).job.allotment.gpu < 1


def test_other_gpus_go_on_meanwhile() -> None:
    store = new_store(make_space())
    allotments = Allotments(1, 0.5, (Node("a", 8, 2, gpu_memory_mib=4000.0),))
    work = search_work(store, make_space(), 9, allotments)
    first = task_of(work.next())
    runs_out(first, CUDA)
    alone, second = task_of(work.next()), task_of(work.next())
    assert (alone.job.number, alone.job.allotment.gpu) == (0, 1.0)
    assert (second.job.number, second.job.allotment.gpu) == (1, 0.5)


def test_a_replicate_is_never_called_infeasible() -> None:
    """Its config has been trained with another seed."""
    space = make_space(replicates=2, budget=Budget(2))
    store = new_store(space)
    run(store, space, 2)
    work = ReplicateWork(store, [0], 2, job_factory(store, space))
    drive(work, store, lambda number, n: number != 2)
    assert [store.trials[number].state for number in (2, 3)] == ["failed", "complete"]
    assert (store.trials[2].reason or "").startswith(HOST)


def test_replicates_wait_too() -> None:
    space = make_space(replicates=2, budget=Budget(2))
    store = new_store(space)
    run(store, space, 2)
    bad = iter(range(3))
    drive(
        ReplicateWork(store, [0, 1], 2, job_factory(store, space)),
        store,
        lambda n, m: next(bad, None) is None,
    )
    assert states(store) == ["complete"] * 6


def test_a_quiet_measurement_that_runs_out_of_memory_is_tried_again() -> None:
    space = make_space()
    store = new_store(space)
    run(store, space, 1)
    told: list[str] = []
    work = QuietWork(store, [0], job_factory(store, space), told.append)
    for _ in range(MAX_RETRIES + 1):
        task = work.next()
        assert isinstance(task, QuietTask)
        assert told == []
        task.failed(Outcome("infeasible", CUDA, out_of_memory=True))
    assert work.next() is None
    assert told == [f"trial 0 could not be measured again: {CUDA}"]


class Several(OneDriver):
    """One of two drivers, both alive."""

    are_many = True

    def __init__(self, me: int) -> None:
        self.me = me

    def is_alive(self, driver: int) -> bool:
        return True


def two_drivers() -> tuple[TrialStore, TrialStore]:
    first = new_store(make_space())
    stores = [TrialStore(first.study, first.objectives, first.limits, Several(me)) for me in (1, 2)]
    return stores[0], stores[1]


def place(task: TrialTask, node: str) -> None:
    task.noted(Report("probe", metrics={"train_memory_mib": 1.0}, place={"node": node, "device": "cpu: a"}))


@pytest.mark.parametrize(("node", "is_beside"), [("here", True), ("there", False)])
def test_a_trial_of_another_driver_is_a_neighbour_where_it_runs(node: str, is_beside: bool) -> None:
    mine, others = two_drivers()
    work, other_work = (search_work(store, make_space(), 2) for store in (mine, others))
    other = task_of(other_work.next())
    place(other, node)
    task = task_of(work.next())
    place(task, "here")
    runs_out(task)
    found = work.next()
    assert (found is WAIT) == is_beside
    if is_beside:
        trains(other, others)
        found = work.next()
    assert task_of(found).job.number == task.job.number


def test_two_drivers_that_both_wait_do_not_wait_for_one_another() -> None:
    mine, others = two_drivers()
    works = [search_work(store, make_space(), 2) for store in (mine, others)]
    tasks = [task_of(work.next()) for work in works]
    for task in tasks:
        place(task, "here")
        runs_out(task)
    alone = task_of(works[0].next())
    assert works[1].next() is WAIT, "now the other's trial runs"
    trains(alone, mine)
    assert task_of(works[1].next()).job.number == tasks[1].job.number


def test_what_waits_is_left_to_another_driver_by_one_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, others = two_drivers()
    task = task_of(search_work(mine, make_space(), 1).next())
    runs_out(task)
    monkeypatch.setattr(Several, "is_alive", lambda self, driver: driver == 2)
    drive(search_work(others, make_space(), 1), others, lambda number, n: True)
    assert states(others) == ["complete"]


def test_probing_jobs_end_before_a_trial_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_store(make_space())
    work: Any = search_work(store, make_space(), 8)
    task = task_of(work.next())
    work._n_probing = 1
    runs_out(task)
    assert work.next() is WAIT
    work._n_probing = 0
    assert task_of(work.next()).job.number == 0
