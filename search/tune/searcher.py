"""Ray Tune's view of the work: hands out jobs, hands ends to their tasks.

Ray's OptunaSearch handles ends wrongly for several objectives; here every end of a trial
goes through `Outcome`, so that nothing partial, missing or NaN is ever reported as a finished trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.search import Searcher

from search.tune.phases import WAIT, Work
from search.tune.stop_request import StopRequest
from search.tune.tasks import Task
from search.tune.trainable import JOB, REPORT
from search.worker.jobs import Report


class WorkSearcher(Searcher):  # type: ignore[misc]  # ray is not typed here
    """Suggests one job per task.

    stop_reasons: why the scheduler stopped a trial, by Tune's id; filled by the scheduler. stop: takes
    exceptions, as Ray would log them and continue. tasks: what was handed out, by Tune's id. is_finished:
    there is no more work.
    """

    def __init__(self, work: Work, stop_reasons: Mapping[str, str], stop: StopRequest) -> None:
        super().__init__()
        self._work, self._stop_reasons, self._stop = work, stop_reasons, stop
        self.tasks: dict[str, Task] = {}
        self.is_finished = False

    def suggest(self, trial_id: str) -> Any:
        """A job, None for "not now", or FINISHED when there is no more work."""
        task = self._stop.guard(self._work.next)
        if task is None:
            self.is_finished = True
            return Searcher.FINISHED
        if task is WAIT:
            return None
        self.tasks[trial_id] = task
        return {JOB: task.job}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A task ended by itself, or the scheduler stopped it. `TuneCallback` handles errors."""
        if error or result is None:
            return
        task, report = self.tasks[trial_id], _report(result)
        if report.kind == "end":
            self._stop.guard(lambda: task.ended(report))
        else:
            self._stop.guard(lambda: task.stopped(self._stop_reasons.get(trial_id)))

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """`TuneCallback` handles reports: it also sees the one at which a trial is stopped."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the study's storage holds everything."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: see `save`."""


def _report(result: Mapping[str, Any]) -> Report:
    report: Report = result[REPORT]
    return report
