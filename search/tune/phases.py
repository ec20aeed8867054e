"""The work queue of one Tune run: the search itself, then replicates, then quiet measuring.

Each is made again when the loop is started again; the store says what is left to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Protocol

from search.cluster.placement import Placement
from search.config_key import key_of
from search.propose.probe_ahead import ProbeAhead, ProbeRequest
from search.propose.proposer import Proposer
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from search.tune.job_factory import JobFactory
from search.tune.repeated_failures import RepeatedFailures
from search.tune.tasks import ProbeTask, QuietTask, Task, TrialTask
from search.worker.jobs import Allotment
from snncore.config.load import make_config
from spaces.space import Space

MAX_RETRIES = 2
"""A trial that failed is tried again under the same number so often in one Tune run."""


class Wait(Enum):
    """Nothing to hand out now, but there will be something later."""

    WAIT = 0


WAIT = Wait.WAIT


class Work(Protocol):
    """A source of tasks."""

    def next(self) -> Task | Wait | None:
        """The next task; None when there will be no more."""


class SearchWork:
    """Trials until the budget or the space is used up; those that a driver before left running come first.

    on_failure: called with a line on each probing job that failed.
    """

    def __init__(
        self,
        store: TrialStore,
        proposer: Proposer,
        ahead: ProbeAhead,
        jobs: JobFactory,
        on_failure: Callable[[str], None],
    ) -> None:
        self._store, self._proposer, self._ahead = store, proposer, ahead
        self._jobs, self._on_failure = jobs, on_failure
        self._budget = jobs.setting.space.budget.trials
        self._expected = jobs.setting.allotments.of()
        self._trials = _Trials(store, jobs)
        self._n_probing = 0

    def next(self) -> Task | Wait | None:
        """A trial, or a probing job that comes before one."""
        with self._store.exclusive():
            return self._next()

    def _next(self) -> Task | Wait | None:
        left = self._trials.left_over(_is_searched, self._n_probing)
        if left is not None:
            return left
        n_left = self._budget - self._store.n_trials
        if n_left <= self._n_probing:
            # The trials that are left are being probed for, or run; one that fails is tried again.
            return WAIT if self._n_probing else self._trials.last(_is_searched)
        if not self._trials.has_room(self._expected):
            return WAIT
        request = self._ahead.next()
        if request is not None:
            self._n_probing += 1
            on_end = partial(self._probed, request)
            return ProbeTask(self._store, self._jobs.probe(request), on_end, self._on_failure)
        trial = self._proposer.next()
        if trial is None:
            return WAIT if self._n_probing else self._trials.last(_is_searched)
        task = self._trials.task(trial)
        self._expected = task.job.allotment  # the next one may need about as much
        return task

    def _probed(
        self, request: ProbeRequest, metrics: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> None:
        self._n_probing -= 1
        self._ahead.ended(request, metrics, seconds)


class ReplicateWork:
    """Trains each of some trials with `n` further seeds: its own + 1, + 2, ..."""

    def __init__(self, store: TrialStore, numbers: Sequence[int], n: int, jobs: JobFactory) -> None:
        self._store, self._trials = store, _Trials(store, jobs)
        self._numbers, self._n = numbers, n

    def next(self) -> Task | Wait | None:
        """A replicate that was left running, else one that has not begun."""
        with self._store.exclusive():
            left = self._trials.left_over(_is_replicate)
            if left is not None:
                return left
            missing = missing_replicates(self._store, self._numbers, self._n)
            if not missing:
                return self._trials.last(_is_replicate)
            number, seed = missing[0]
            config = self._store.trials[number].config
            key = key_of(make_config({**config, "seed": seed}))
            return self._trials.task(self._store.open_replicate(number, config, key, seed))


class QuietWork:
    """Measures the times of some trials again, one at a time. on_failure: called with a line on each that
    fails.

    One whose worker died is measured again, as often as a trial would be.
    """

    def __init__(
        self, store: TrialStore, numbers: Sequence[int], jobs: JobFactory, on_failure: Callable[[str], None]
    ) -> None:
        self._store, self._jobs, self._on_failure = store, jobs, on_failure
        self._left = not_quietly_measured(store, numbers)
        self._n_retries: Counter[int] = Counter()
        self._now: QuietTask | None = None

    def next(self) -> Task | Wait | None:
        """The next of the trials, when nothing runs."""
        if self._now is not None and not self._now.is_over:
            return WAIT
        if not self._left:
            return None
        number = self._left.pop(0)
        job = self._jobs.quiet(self._store.trials[number])
        self._now = QuietTask(self._store, number, job, partial(self._failed, number))
        return self._now

    def _failed(self, number: int, outcome: Outcome) -> None:
        may_pass = outcome.state == "failed" or outcome.out_of_memory
        if may_pass and self._n_retries[number] < MAX_RETRIES:
            self._n_retries[number] += 1
            self._left.insert(0, number)
            return
        self._on_failure(f"trial {number} could not be measured again: {outcome.reason}")


class Phases:
    """One work after the other; each is made when the one before it has come to its end.

    Where several drivers share the study, the last one to end does what comes after the search.
    """

    def __init__(self, store: TrialStore, phases: Sequence[Callable[[], Work]]) -> None:
        self._store = store
        first, *self._left = phases
        self._now = first()

    def next(self) -> Task | Wait | None:
        """The next task of the phase that is on, else of the one after it."""
        task = self._now.next()
        while task is None and self._left and not self._is_for_others():
            self._now = self._left.pop(0)()
            task = self._now.next()
        return task

    def _is_for_others(self) -> bool:
        """Replicates that a dead driver or an earlier Tune run left running belong to a later phase."""
        with self._store.exclusive():
            return self._store.others_at_work()


def has_work(store: TrialStore, space: Space, front: Sequence[int]) -> bool:
    """Whether a study has work left, as far as can be seen without asking the sampler.

    front: numbers of the front's trials.
    """
    return bool(
        store.running()
        or store.n_trials < space.budget.trials
        or missing_replicates(store, front, space.replicates)
        or not_quietly_measured(store, front)
    )


def missing_replicates(store: TrialStore, numbers: Sequence[int], n: int) -> list[tuple[int, int]]:
    """Number and seed of the replicates that have not begun: one of each trial before a second of any."""
    began = {(number, trial.config["seed"]) for number in numbers for trial in store.replicates(number)}
    seeds = {number: store.trials[number].config["seed"] for number in numbers}
    wanted = [(number, seeds[number] + at) for at in range(1, n + 1) for number in numbers]
    return [pair for pair in wanted if pair not in began]


def not_quietly_measured(store: TrialStore, numbers: Sequence[int]) -> list[int]:
    """Those of the trials whose times were measured, and not yet measured again."""
    metrics = {number: store.trials[number].metrics for number in numbers}
    timed = [number for number in numbers if "latency_ms" in metrics[number]]
    return [number for number in timed if "latency_ms_quiet" not in metrics[number]]


def to_measure_quietly(store: TrialStore, front: Callable[[], Sequence[int]]) -> list[int]:
    """What is left to measure again of the front's trials, for one of the study's drivers; [] for the others.

    Two drivers that end together would disturb each other's measurements, and measure the same trials.
    """
    if not store.drivers.lock_measuring():
        return []
    store.refresh()
    return not_quietly_measured(store, front())


def _is_searched(trial: StoredTrial) -> bool:
    return trial.replicate_of is None


def _is_replicate(trial: StoredTrial) -> bool:
    return trial.replicate_of is not None


class _Trials:
    """Makes tasks of trials, and brings back those that failed or ran out of memory and are tried again."""

    def __init__(self, store: TrialStore, jobs: JobFactory) -> None:
        self._store, self._jobs, self._memory = store, jobs, jobs.memory
        self._n_retries: dict[int, tuple[int, int]] = {}  # in a row, and the epochs recorded at the last
        self._placement = Placement(jobs.setting.allotments.nodes)
        self._failures = RepeatedFailures()

    def task(self, trial: StoredTrial) -> TrialTask:
        """The task of a trial that no worker has."""
        self._memory.began(trial)
        trial.handed_out = True
        job = self._jobs.trial(trial)
        ends = (self._retry, self._failures.ended)
        self._placement.put(trial.number, job.allotment)
        return TrialTask(self._store, trial, job, *ends, self._memory)

    def left_over(self, wanted: Callable[[StoredTrial], bool], n_probing: int = 0) -> TrialTask | Wait | None:
        """The first of the running trials that no worker has: an earlier driver left it, or it failed.

        Then those that ran out of memory and are to be run again now, alone. n_probing: jobs that run.
        """
        mine = self._store.mine()
        if any(self._memory.has_all(trial) for trial in mine if trial.handed_out):
            return WAIT
        free = [trial for trial in mine if not trial.handed_out and wanted(trial)]
        ready = [trial for trial in free if trial.out_of_memory is None]
        trial = ready[0] if ready else self._store.adopt(wanted)
        if trial is None or trial.out_of_memory is not None:
            trial = next((waiting for waiting in free if self._memory.is_due(waiting)), None)
        if trial is None:
            return None
        is_to_be_alone = trial.out_of_memory is not None or self._memory.is_alone(trial)
        return self._task_alone(trial, n_probing) if is_to_be_alone else self.task(trial)

    def last(self, wanted: Callable[[StoredTrial], bool]) -> TrialTask | Wait | None:
        """The task when there will be nothing new: wait, or run again what ran out of memory."""
        left = [trial for trial in self._store.mine() if wanted(trial)]
        if self.in_flight() or not left:
            return WAIT if self.in_flight() else None
        free = [trial for trial in left if not self._memory.has_neighbours(trial)]
        return self._task_alone(free[0], is_last=True) if free else WAIT

    def _task_alone(self, trial: StoredTrial, n_probing: int = 0, is_last: bool = False) -> TrialTask | Wait:
        """The task of a trial that ran out of memory, when nothing else uses any."""
        allotment = self._jobs.allotment(trial).alone()
        if self._memory.needs_all(trial, allotment):
            is_crowded = n_probing > 0 or self.in_flight()
        else:
            is_crowded = not self.has_room(allotment)
        if is_crowded:
            return WAIT
        if trial.out_of_memory is not None:
            self._memory.begins_alone(trial, allotment, is_last)
            self._n_retries.pop(trial.number, None)
        return self.task(trial)

    def has_room(self, allotment: Allotment) -> bool:
        """Whether a trial of this allotment could start beside those that are being worked on."""
        in_flight = [trial for trial in self._store.mine() if trial.handed_out]
        self._placement.update({trial.number: trial.start.get("node") for trial in in_flight})
        return self._placement.has_room(allotment)

    def in_flight(self) -> bool:
        """Whether a worker has a trial."""
        return any(trial.handed_out for trial in self._store.mine())

    def _retry(self, trial: StoredTrial) -> bool:
        n, n_rows = self._n_retries.get(trial.number, (0, 0))
        if len(trial.rows) > n_rows:  # it got further: another failure than the last
            n = 0
        if n >= MAX_RETRIES:
            return False
        self._n_retries[trial.number] = n + 1, len(trial.rows)
        trial.handed_out = False
        return True
