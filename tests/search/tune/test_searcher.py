"""Ray Tune's views of a study, called as Tune calls them, without a cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from search.cluster.ray_watch import RayWatch
from search.early_stopping.halving import Halving
from search.early_stopping.recorded_halving import RecordedHalving
from search.errors import StudyFailedError
from search.propose.proposer import Proposer
from search.study.drivers import OneDriver
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.tune import loop as tuning
from search.tune.callbacks import StopOnRequest, TuneCallback, failure
from search.tune.loop import _judge_memory_victim, _make_halving
from search.tune.scheduler import HalvingScheduler
from search.tune.searcher import WorkSearcher
from search.tune.stop_request import LeaveLoop, StopRequest
from search.tune.tasks import TrialTask
from search.tune.trainable import JOB, REPORT
from search.worker.jobs import Job, Report
from spaces.space import Space
from tests.search.fakes import Budget, Fidelity, Limit, make_space
from tests.search.stores import complete, job_factory, measured, new_store, reopened, row, run, search_work


def _searcher(
    store: TrialStore, space: Space, budget: int = 3, stop: StopRequest | None = None
) -> WorkSearcher:
    return WorkSearcher(search_work(store, space, budget), {"tune-1": "too slow"}, stop or StopRequest())


def _numbers(searcher: WorkSearcher, n: int) -> list[int]:
    return [searcher.suggest(f"tune-{at}")[JOB].number for at in range(n)]


def _end(searcher: WorkSearcher, n: int) -> None:
    for at in range(n):
        searcher.on_trial_complete(f"tune-{at}", {REPORT: Report("end", state="infeasible", reason="no")})


def test_jobs_until_the_budget_is_used_up() -> None:
    space = make_space()
    searcher = _searcher(new_store(space), space)
    assert _numbers(searcher, 3) == [0, 1, 2]
    assert searcher.suggest("one more") is None, "one that fails comes back"
    _end(searcher, 3)
    assert searcher.suggest("one more") == Searcher.FINISHED


def test_trials_of_every_state_count() -> None:
    space = make_space()
    store = new_store(space)
    run(store, space, 2)
    searcher = _searcher(store, space)
    assert _numbers(searcher, 1) == [2]
    _end(searcher, 1)
    assert searcher.suggest("one more") == Searcher.FINISHED


def test_trials_left_running_come_first_with_their_numbers_even_beyond_the_budget() -> None:
    space = make_space()
    store = new_store(space)
    proposer = Proposer(store, space)
    trials = [proposer.next() for _ in range(4)]
    assert trials[1] is not None
    complete(store, trials[1])
    searcher = _searcher(reopened(store), space, budget=2)
    assert _numbers(searcher, 3) == [0, 2, 3]
    _end(searcher, 3)
    assert searcher.suggest("one more") == Searcher.FINISHED


def test_a_used_up_space_finishes() -> None:
    space = make_space()
    store = new_store(space)
    run(store, space, 16)
    assert _searcher(store, space, budget=99).suggest("x") == Searcher.FINISHED


def test_a_trial_that_ended_by_itself() -> None:
    space = make_space()
    store = new_store(space)
    searcher = _searcher(store, space)
    _numbers(searcher, 2)
    end = Report("end", metrics=measured(store.trials[0]))
    searcher.on_trial_complete("tune-0", {REPORT: end})
    searcher.on_trial_complete("tune-1", {REPORT: Report("end", state="infeasible", reason="diverged")})
    assert [trial.state for trial in store.trials.values()] == ["complete", "infeasible"]
    assert store.trials[1].reason == "diverged"


def test_a_trial_the_scheduler_stopped_has_the_schedulers_reason() -> None:
    space = make_space()
    store = new_store(space)
    searcher = _searcher(store, space)
    _numbers(searcher, 2)
    searcher.on_trial_complete("tune-1", {REPORT: row(1)})
    assert (store.trials[1].state, store.trials[1].reason) == ("stopped", "too slow")


@pytest.mark.parametrize("metrics", [{}, {"val_accuracy": None}, {"val_accuracy": float("nan")}])
def test_missing_or_nan_objectives_never_raise(metrics: dict[str, Any]) -> None:
    space = make_space()
    store, stop = new_store(space), StopRequest()
    searcher = _searcher(store, space, stop=stop)
    _numbers(searcher, 1)
    searcher.on_trial_complete("tune-0", {REPORT: Report("end", metrics=metrics)})
    assert stop.error is None
    assert store.trials[0].state == "infeasible"


def test_errors_are_left_to_the_callback() -> None:
    space = make_space()
    store = new_store(space)
    searcher = _searcher(store, space)
    _numbers(searcher, 1)
    searcher.on_trial_complete("tune-0", None, error=True)
    assert store.trials[0].state == "running"


def test_a_storage_fault_while_asking_stops_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    space, stop = make_space(), StopRequest()
    searcher = _searcher(new_store(space), space, stop=stop)

    def fail(self: Proposer) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Proposer, "next", fail)
    assert searcher.suggest("x") == Searcher.FINISHED
    assert str(stop.error) == "disk full"


def test_ray_keeps_no_state_of_the_searcher(tmp_path: Any) -> None:
    space = make_space()
    searcher = _searcher(new_store(space), space)
    searcher.save_to_dir(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def _tune_trial(number: int, epochs: int = 9) -> Any:
    job = Job(number, {}, epochs, "/nowhere")
    return SimpleNamespace(trial_id=f"tune-{number}", config={JOB: job})


def test_the_scheduler_judges_with_the_metrics_of_the_probe() -> None:
    space = make_space()
    scheduler = HalvingScheduler(Halving(1, 2, new_store(space).objectives))
    decisions = []
    for number, (accuracy, memory) in enumerate([(90.0, 1.0), (50.0, 9.0), (10.0, 0.5)]):
        trial = _tune_trial(number)
        probe = Report("probe", metrics={"train_memory_mib": memory, "latency_ms": 1.0})
        assert scheduler.on_trial_result(None, trial, {REPORT: probe}) == TrialScheduler.CONTINUE
        decisions.append(scheduler.on_trial_result(None, trial, {REPORT: row(1, accuracy)}))
    assert decisions == [TrialScheduler.CONTINUE, TrialScheduler.STOP, TrialScheduler.CONTINUE]
    assert scheduler.reasons == {"tune-1": "early stopping after epoch 1: dominated, place 2 of 2"}


def test_early_stopping_knows_what_other_drivers_train_meanwhile() -> None:
    class Many(OneDriver):
        are_many = True

        def __init__(self, me: int) -> None:
            self.me = me

    space = make_space(fidelity=Fidelity(1, 2))
    study = new_store(space).study
    ours, theirs = (TrialStore(study, new_store(space).objectives, {}, Many(me)) for me in (1, 2))
    scheduler = HalvingScheduler(_make_halving(space, ours))
    cheap, dear = ({"train_memory_mib": x, "latency_ms": x} for x in (1.0, 2.0))
    with theirs.exclusive():
        trial = Proposer(theirs, space).next()
    assert trial is not None
    theirs.note(trial.number, Report("probe", metrics=cheap))
    theirs.note(trial.number, row(1, 90.0))
    tune_trial = _tune_trial(1, epochs=3)
    scheduler.on_trial_result(None, tune_trial, {REPORT: Report("probe", metrics=dear)})
    assert scheduler.on_trial_result(None, tune_trial, {REPORT: row(1, 50.0)}) == TrialScheduler.STOP


def test_replicates_are_on_no_rung() -> None:
    space = make_space(fidelity=Fidelity(1, 2))
    store = new_store(space)
    run(store, space, 1)
    replicate = store.open_replicate(0, store.trials[0].config, "key", 1)
    store.note(replicate.number, row(1, 99.0))
    halving = _make_halving(space, store)
    assert halving is not None
    metrics = {"train_memory_mib": 1e9, "latency_ms": 1e9}
    assert halving.report(7, row(1, 1.0).row or {}, metrics, 3) is None, "the first on its rung goes on"


def _ended(
    store: TrialStore, space: Space, n: int, outcome: Outcome, halving: RecordedHalving | None
) -> None:
    """Trials that are trained for three epochs, then end with this outcome, whatever the halving says."""
    proposer = Proposer(store, space)
    for _ in range(n):
        trial = proposer.next()
        assert trial is not None
        store.note(trial.number, Report("probe", metrics={"train_memory_mib": 1.0, "latency_ms": 1.0}))
        for epoch in (1, 2, 3):
            store.note(trial.number, row(epoch, 90.0 + epoch))
            if halving is not None:
                halving.report(trial.number, trial.rows[epoch], trial.metrics, 3)
        store.finish(trial.number, outcome)


@pytest.mark.parametrize(
    ("outcome", "is_stopped"),
    [
        (Outcome("complete", None, {"val_accuracy": 93.0, "energy_uj": 9.0}), True),
        (Outcome("complete", None, {"val_accuracy": 93.0, "energy_uj": 50.0}), False),
        (Outcome("complete", None, {"val_accuracy": 93.0, "energy_uj": float("nan")}), False),
        (Outcome("infeasible", "silent"), False),
        (Outcome("failed", "worker died"), False),
        (Outcome("stopped", "dominated"), True),
    ],
)
@pytest.mark.parametrize("when", ["before the driver", "while it runs"])
def test_trials_that_can_stand_on_no_front_stop_nobody(outcome: Outcome, is_stopped: bool, when: str) -> None:
    """A limit on a metric that is known only after training is seen when the trial is complete."""
    space = make_space(fidelity=Fidelity(1, 2), constraints={"energy_uj": Limit(max=10)})
    store = new_store(space)
    halving = _make_halving(space, store) if when == "while it runs" else None
    _ended(store, space, 8, outcome, halving)
    halving = halving or _make_halving(space, reopened(store))
    assert halving is not None
    metrics = {"train_memory_mib": 2.0, "latency_ms": 2.0}
    told = halving.report(20, row(1, 50.0).row or {}, metrics, 3)
    assert (told is not None) == is_stopped


def test_without_fidelity_nothing_stops_not_even_nan() -> None:
    scheduler = HalvingScheduler(None)
    result = {REPORT: row(1, float("nan"))}
    assert scheduler.on_trial_result(None, _tune_trial(0), result) == TrialScheduler.CONTINUE


class OutOfMemoryError(Exception):
    """Named as Ray names it."""


KILLED = """2 worker(s) were killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.2, ID: 77aa) was 60.1GB used / 63.0GB limit (0.95)
Considered workers: [
{workers}
]
Top 10 memory users: PID	MEM(GB)	COMMAND
7	9.10	ray::ImplicitFunc.train"""
WORKER = "(Actor(ab): job ID=01, task name=A.__init__, pid=7, actual memory used={}GB, worker ID={})"


def _memory_crash(store: TrialStore, space: Space, *lines: str) -> list[bool]:
    """Which of three trials, whose workers on three nodes have the same process id, wait after a crash."""
    proposer, made = Proposer(store, space), job_factory(store, space)
    for ray_worker in ("aa", "bb", "cc"):
        trial = proposer.next()
        assert trial is not None
        trial.handed_out = True
        ends = (lambda trial: False), (lambda trial: None)
        TrialTask(store, trial, made.trial(trial), *ends, made.memory).started("7", ray_worker)
    crash = RuntimeError("Caught unexpected exception")
    crash.__cause__ = OutOfMemoryError(KILLED.format(workers="\n".join(lines)))
    has_victim = _judge_memory_victim(store, crash, made.memory)
    waits = [trial.out_of_memory is not None for trial in store.trials.values()]
    assert has_victim == any(waits)
    assert [trial.state for trial in store.trials.values()] == ["running"] * 3
    return waits


def test_a_worker_killed_for_memory_is_judged_its_own_trial_only() -> None:
    """Ray Tune's whole loop dies of this error. In containers of several nodes process ids are equal."""
    space = make_space()
    store = new_store(space)
    waits = _memory_crash(
        store, space, WORKER.format("1.5", "cc"), "Selected to kill: " + WORKER.format("1.13", "bb")
    )
    assert waits == [False, True, False], "cc was considered, and lives"
    reason = "out of memory: 2 worker(s) were killed due to the node running low on memory."
    assert (store.trials[1].out_of_memory or "").startswith(reason)


def test_of_workers_killed_at_once_for_memory_the_largest_is_to_blame() -> None:
    space = make_space()
    killed = [f"Selected to kill: {WORKER.format(*own)}" for own in (("0.06", "aa"), ("11.3", "cc"))]
    assert _memory_crash(new_store(space), space, *killed) == [False, False, True]


def test_a_worker_of_no_trial_killed_for_memory_ends_none() -> None:
    space = make_space()
    store = new_store(space)
    assert not any(_memory_crash(store, space, f"Selected to kill: {WORKER.format('9.1', 'dd')}"))
    other = RuntimeError(f"Selected to kill: {WORKER.format('9.1', 'aa')}")
    assert not _judge_memory_victim(store, other, job_factory(store, space).memory), "no reason"


def test_each_life_of_the_loop_begins_with_a_life_of_its_own_in_the_jobs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    space = make_space()
    store = new_store(space)
    loop_ids = []

    def die(trainable: Any, search_alg: WorkSearcher, **options: Any) -> None:
        loop_ids.append([search_alg.suggest(f"tune-{at}")[JOB].loop_id for at in range(2)])
        raise RuntimeError("the loop dies")

    monkeypatch.setattr(tuning.tune, "run", die)
    with pytest.raises(StudyFailedError, match="died 4 times in a row: the loop dies"):
        tuning.search(
            job_factory(store, space, tmp_path).setting, store, StopRequest(), lambda: None, print, list
        )
    assert [len(set(loop_id)) for loop_id in loop_ids] == [1, 1, 1, 1]
    assert len({loop_id[0] for loop_id in loop_ids}) == 4


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ValueError("a\nb"), "failed", "b"),
        (ZeroDivisionError("division by zero"), "failed", "ZeroDivisionError: division by zero"),
        (MemoryError("no room"), "infeasible", "out of memory: no room"),
        (None, "failed", "the worker died without a message"),
        (RuntimeError("x" * 9000), "failed", "RuntimeError: xxx"),
    ],
)
def test_what_a_failed_trial_is_recorded_as(error: Any, state: str, reason: str) -> None:
    outcome = failure(error)
    assert outcome.state == state
    assert (outcome.reason or "").startswith(reason)
    assert len(outcome.reason or "") <= 500


def test_the_cause_of_a_remote_error_is_what_counts() -> None:
    wrapped = RuntimeError("a traceback of the worker")
    wrapped.cause = KeyError("missing")  # type: ignore[attr-defined]
    assert failure(wrapped).reason == "KeyError: 'missing'"


def test_stopping_leaves_single_trials_alone() -> None:
    stop = StopRequest()
    stopper = StopOnRequest(stop)
    assert not stopper.stop_all()
    assert not stopper("trial", {})
    stop.interrupted = True
    assert not stopper("trial", {})
    assert stopper.stop_all()
    assert stop.obeyed


def test_the_trial_whose_report_was_not_recorded_takes_no_further_step() -> None:
    """Its worker would save a checkpoint of an epoch that the record lacks, and a resume begin after it."""
    dead: list[str] = []
    stop = StopRequest(require=RayWatch(None, lambda: dead).require)
    task, trial = Mock(), Mock(trial_id="tune-1")
    callback = TuneCallback({"tune-1": task}, stop, lambda: None)
    callback.on_trial_result(1, [trial], trial, {REPORT: row(1)})
    task.noted.side_effect = OSError("no space left")
    with pytest.raises(RuntimeError, match="not recorded"):  # Ray then gives the trial up
        callback.on_trial_result(1, [trial], trial, {REPORT: row(2)})
    assert isinstance(stop.error, OSError)


def test_the_loop_is_left_at_once_when_ray_has_died() -> None:
    stop = StopRequest(require=RayWatch(None, lambda: ["gcs_server"]).require)
    with pytest.raises(LeaveLoop):
        TuneCallback({}, stop, lambda: None).on_step_end(1, [])
    assert not isinstance(LeaveLoop(), Exception), "Ray tidies up at an Exception, with what is dead"


@pytest.mark.parametrize("has_work", [True, False])
def test_a_loop_that_ends_with_work_left_was_interrupted(
    has_work: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ray Tune ends its loop at a SIGUSR1; such a study was called done."""
    space = make_space(budget=Budget(1))
    store = new_store(space)

    def end(trainable: Any, search_alg: WorkSearcher, **options: Any) -> None:
        job = search_alg.suggest("tune-1")[JOB]
        if not has_work:
            complete(store, store.trials[job.number])
            store.amend(job.number, {"latency_ms_quiet": 1.0})
            assert search_alg.suggest("tune-2") == Searcher.FINISHED

    monkeypatch.setattr(tuning.tune, "run", end)
    setting = job_factory(store, space, tmp_path).setting
    ending, _ = tuning.search(setting, store, StopRequest(), lambda: None, print, lambda: [0])
    assert ending == ("interrupted" if has_work else "budget")
