"""Ray Tune's view of the search: hands out tickets, hands ends to the ledger.

First come the trials that a driver before this one left running, then new ones, until the budget is
used up. What Ray's own OptunaSearch does with ends is wrong for several objectives; here every end
goes through `Outcome`, so that nothing partial, missing or NaN is ever told as a finished trial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ray.tune.search import Searcher

from search.ledger import Entry, Ledger
from search.messages import Report, Ticket
from search.outcome import Outcome
from search.proposer import Proposer
from search.stopping import StopRequest
from search.trainable import REPORT, TICKET


class StudySearcher(Searcher):  # type: ignore[misc]  # ray is not typed here
    """Suggests one ticket per trial.

    budget: trials of all states together. make_ticket: the ticket of an entry. stop_reasons: why the
    scheduler stopped a trial, by number; filled by the scheduler. stop: told of exceptions, as Ray
    would log them and go on.
    """

    def __init__(
        self,
        ledger: Ledger,
        proposer: Proposer,
        budget: int,
        make_ticket: Callable[[Entry], Ticket],
        stop_reasons: Mapping[int, str],
        stop: StopRequest,
    ) -> None:
        super().__init__()
        self._ledger, self._proposer, self._budget = ledger, proposer, budget
        self._make_ticket, self._stop_reasons, self._stop = make_ticket, stop_reasons, stop
        self.numbers: dict[str, int] = {}

    def suggest(self, trial_id: str) -> Any:
        """A ticket, or FINISHED when the budget or the space is used up."""
        entry = self._stop.guard(self._next)
        if entry is None:
            return Searcher.FINISHED
        entry.handed_out = True
        self.numbers[trial_id] = entry.number
        return {TICKET: self._make_ticket(entry)}

    def _next(self) -> Entry | None:
        for entry in self._ledger.running():
            if not entry.handed_out:
                return entry
        if len(self._ledger.entries) >= self._budget:
            return None
        return self._proposer.next()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A trial came to its own end, or the scheduler stopped it. Errors are recorded by the watcher."""
        if error or result is None:
            return
        number = self.numbers[trial_id]
        report: Report = result[REPORT]
        if report.kind == "end":
            outcome = Outcome(report.state, report.reason, report.metrics)
        else:
            outcome = Outcome("stopped", self._stop_reasons.get(number))
        self._stop.guard(lambda: self._ledger.finish(number, outcome))

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Reports are recorded by the watcher, which also sees the one a trial is stopped at."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the study's storage holds everything."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: see `save`."""
