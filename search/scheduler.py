"""Ray Tune's view of early stopping: asks `Halving` after each epoch, keeps why a trial was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.halving import Halving
from search.messages import Report, Ticket
from search.trainable import REPORT, TICKET


class HalvingScheduler(FIFOScheduler):  # type: ignore[misc]  # ray is not typed here
    """Stops trials at rungs. Without `halving` (a space without fidelity) nothing stops.

    reasons: why each stopped trial was stopped, by number.
    """

    def __init__(self, halving: Halving | None) -> None:
        super().__init__()
        self._halving = halving
        self.reasons: dict[int, str] = {}
        self._metrics: dict[int, Mapping[str, Any]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """STOP or CONTINUE after a report."""
        report: Report = result[REPORT]
        ticket: Ticket = trial.config[TICKET]
        if report.kind == "probe":
            self._metrics[ticket.number] = report.metrics
        if self._halving is None or report.row is None:
            return str(TrialScheduler.CONTINUE)
        metrics = self._metrics.get(ticket.number, {})
        reason = self._halving.report(ticket.number, report.row, metrics, ticket.epochs)
        if reason is None:
            return str(TrialScheduler.CONTINUE)
        self.reasons[ticket.number] = reason
        return str(TrialScheduler.STOP)
