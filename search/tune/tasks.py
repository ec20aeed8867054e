"""The driver's side of the work it has handed to Ray Tune: what it does with reports, ends and failures.

Ray Tune's trials are of three kinds here: a trial of the study, a probing job before the sampler chooses,
and a quiet measurement after the search. Searcher and callback treat them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial
from search.tune.out_of_memory import MemoryJudge
from search.worker.jobs import AnyJob, Job, ProbeJob, QuietJob, Report


class Task(Protocol):
    """One piece of work. After `started` comes any number of `noted`, then one of the other three."""

    @property
    def job(self) -> AnyJob:
        """What the worker gets."""

    def started(self, worker: str | None, ray_worker: str | None = None) -> None:
        """A worker begins, or begins again after a fault.

        worker: its process id, ray_worker: its id in Ray, both as far as they are known.
        """

    def noted(self, report: Report) -> None:
        """A report came, the last one too."""

    def ended(self, report: Report) -> None:
        """It ended by itself."""

    def stopped(self, reason: str | None) -> None:
        """The scheduler stopped it."""

    def failed(self, outcome: Outcome) -> None:
        """It failed, by an exception or the death of its worker."""


class TrialTask:
    """A trial of the study, or a replicate.

    retry: called when it failed; True if it will be handed out again and continue from its last checkpoint.
    on_end: called when its end has been recorded. memory: decides its outcome where it runs out of memory.
    """

    def __init__(
        self,
        store: TrialStore,
        trial: StoredTrial,
        job: Job,
        retry: Callable[[StoredTrial], bool],
        on_end: Callable[[StoredTrial], None],
        memory: MemoryJudge,
    ) -> None:
        self._store, self._trial, self._number = store, trial, trial.number
        self.job, self._retry, self._on_end, self._memory = job, retry, on_end, memory

    def started(self, worker: str | None, ray_worker: str | None = None) -> None:
        """Counts an attempt."""
        self._trial.ray_worker = ray_worker
        self._store.started(self._number, worker)

    def noted(self, report: Report) -> None:
        """To the store."""
        self._store.note(self._number, report)
        if report.row is not None:
            self._memory.trained(self._trial)

    def ended(self, report: Report) -> None:
        """To the store, unless it ran out of memory and is to be run once more."""
        self._finish(Outcome(report.state, report.reason, report.metrics, report.out_of_memory))

    def stopped(self, reason: str | None) -> None:
        """To the store."""
        self._finish(Outcome("stopped", reason))

    def failed(self, outcome: Outcome) -> None:
        """To the store, unless it is tried again."""
        if outcome.state != "failed" or not self._retry(self._trial):
            self._finish(outcome)

    def _finish(self, outcome: Outcome) -> None:
        judged = self._memory.judge(self._trial, outcome) if outcome.out_of_memory else outcome
        if judged is None:
            return
        self._store.finish(self._number, judged)
        self._on_end(self._trial)


class ProbeTask:
    """A probing job; what another device model measured is refused.

    on_end: called with the metrics by probe key and the seconds of a slot it took. on_failure: called with
    the reason where there are none.
    """

    def __init__(
        self,
        store: TrialStore,
        job: ProbeJob,
        on_end: Callable[[Mapping[str, Mapping[str, Any]], float], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._store, self.job = store, job
        self._on_end, self._on_failure = on_end, on_failure
        self._began = time.monotonic()

    def started(self, worker: str | None, ray_worker: str | None = None) -> None:
        """The time of the slot begins."""
        self._began = time.monotonic()

    def noted(self, report: Report) -> None:
        """Only the end matters; checks that its device is this study's."""
        self._store.require_device(report)

    def ended(self, report: Report) -> None:
        """Hand over what was measured."""
        self._on_end(report.metrics, time.monotonic() - self._began)

    def stopped(self, reason: str | None) -> None:
        """Nothing was measured."""
        self._on_end({}, time.monotonic() - self._began)

    def failed(self, outcome: Outcome) -> None:
        """Nothing was measured; the sampler chooses without it."""
        n = len(self.job.configs)
        self._on_failure(f"probing {n} configs ahead failed, the next is chosen without: {outcome.reason}")
        self._on_end({}, time.monotonic() - self._began)


class QuietTask:
    """A measurement of a finished trial's times, once more. on_failure: called with how it failed.

    is_over: whether it has ended in some way.
    """

    def __init__(
        self, store: TrialStore, number: int, job: QuietJob, on_failure: Callable[[Outcome], None]
    ) -> None:
        self._store, self._number, self.job, self._on_failure = store, number, job, on_failure
        self.is_over = False

    def started(self, worker: str | None, ray_worker: str | None = None) -> None:
        """Nothing to record."""

    def noted(self, report: Report) -> None:
        """Only the end matters; checks that its device is this study's."""
        self._store.require_device(report)

    def ended(self, report: Report) -> None:
        """To the store, beside what the search measured."""
        self.is_over = True
        self._store.amend(self._number, report.metrics)

    def stopped(self, reason: str | None) -> None:
        """Measured by the next resume."""
        self.is_over = True

    def failed(self, outcome: Outcome) -> None:
        """Reported; it is measured again, now or by the next resume."""
        self.is_over = True
        self._on_failure(outcome)
