"""Early stopping that knows the whole record: what an earlier driver, or another one now, has trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.halving import Halving
from search.ledger import Ledger


class RecordedHalving:
    """The halving of a study, its rungs as the recorded epochs make them; replicates have no part in it.

    Where several drivers share the study, it looks at what the others did before each decision.
    """

    def __init__(self, halving: Halving, ledger: Ledger) -> None:
        self._halving, self._ledger = halving, ledger
        self._n_recalled: dict[int, int] = {}
        self._recall()

    def report(
        self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int
    ) -> str | None:
        """As `Halving.report` does."""
        if self._ledger.drivers.are_many and self._halving.is_rung(int(row["epoch"]), epochs):
            self._ledger.refresh()
            self._recall()
        return self._halving.report(number, row, metrics, epochs)

    def _recall(self) -> None:
        for number, entry in self._ledger.entries.items():
            n_recalled = self._n_recalled.get(number, 0)
            if entry.replicate_of is not None or len(entry.rows) == n_recalled:
                continue
            for row in entry.rows.values():
                self._halving.recall(number, row, entry.metrics, entry.config["optim"]["epochs"])
            self._n_recalled[number] = len(entry.rows)
