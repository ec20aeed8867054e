"""Ray Tune's view of early stopping: asks after each epoch, keeps why a trial was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.tune.trainable import JOB, REPORT
from search.worker.jobs import Job, Report


class Stopper(Protocol):
    """Decides which trials stop, such as `search.early_stopping.recorded_halving.RecordedHalving`."""

    def report(
        self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int
    ) -> str | None:
        """Why a trial stops after this epoch, or None."""


class HalvingScheduler(FIFOScheduler):  # type: ignore[misc]  # ray is not typed here
    """Stops trials at rungs. Without `halving` (a space without fidelity) nothing stops.

    reasons: why each stopped trial was stopped, by Tune's id.
    """

    def __init__(self, halving: Stopper | None) -> None:
        super().__init__()
        self._halving = halving
        self.reasons: dict[str, str] = {}
        self._metrics: dict[str, Mapping[str, Any]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """STOP or CONTINUE after a report."""
        report: Report = result[REPORT]
        job = trial.config[JOB]
        if self._halving is None or not (isinstance(job, Job) and job.may_stop):
            return str(TrialScheduler.CONTINUE)
        if report.kind == "probe":
            self._metrics[trial.trial_id] = report.metrics
        if report.row is None:
            return str(TrialScheduler.CONTINUE)
        metrics = self._metrics.get(trial.trial_id, {})
        reason = self._halving.report(job.number, report.row, metrics, job.epochs)
        if reason is None:
            return str(TrialScheduler.CONTINUE)
        self.reasons[trial.trial_id] = reason
        return str(TrialScheduler.STOP)
