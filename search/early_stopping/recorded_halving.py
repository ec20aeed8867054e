"""Early stopping from the whole record: what earlier and other drivers have trained counts too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.constraints import Bounds, broken_limits
from search.early_stopping.halving import Halving
from search.trials.store import TrialStore
from search.trials.stored_trial import StoredTrial


class RecordedHalving:
    """The halving of a study, its rungs as the recorded epochs make them; replicates have no part in it.

    Where several drivers share the study, it looks at what the others did before each decision.
    """

    def __init__(self, halving: Halving, store: TrialStore) -> None:
        self._halving, self._store = halving, store
        self._n_recalled: dict[int, int] = {}
        self._n_ended = 0
        self._recall()

    def report(
        self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int
    ) -> str | None:
        """As `Halving.report` does."""
        if self._store.drivers.are_many and self._halving.is_rung(int(row["epoch"]), epochs):
            self._store.refresh()
            self._recall()
        self._rule_out()
        return self._halving.report(number, row, metrics, epochs)

    def _recall(self) -> None:
        for number, trial in self._store.trials.items():
            n_recalled = self._n_recalled.get(number, 0)
            if trial.replicate_of is not None or len(trial.rows) == n_recalled:
                continue
            for row in trial.rows.values():
                self._halving.recall(number, row, trial.metrics, trial.config["optim"]["epochs"])
            self._n_recalled[number] = len(trial.rows)

    def _rule_out(self) -> None:
        """Tell the halving of trials that have ended since, and can stand on no front."""
        ended, trials = self._store.ended, self._store.trials
        for number in ended[self._n_ended :]:
            if is_off_front(trials[number], self._store.limits):
                self._halving.rule_out(number)
        self._n_ended = len(ended)


def is_off_front(trial: StoredTrial, limits: Mapping[str, Bounds]) -> bool:
    """Whether an ended trial cannot be on the front, because of a constraint or of how it ended.

    A stopped trial may have been: it was only worse than others when compared.
    """
    if trial.state == "complete":
        return broken_limits(trial.metrics, limits) is not None
    return trial.state in ("infeasible", "failed")
