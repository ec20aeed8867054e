"""How much of a study's time may go into probing configs that are not trained, maybe never."""

from __future__ import annotations

import math

FIRST_SECONDS = 60.0
"""At most so long may the first probing job take, when nothing is known yet of the time of a trial."""


class ProbeBudget:
    """Counts what probing has cost since it was made.

    n_each: probes before one choice, at most. share: of all worker time, training and probing together.
    """

    def __init__(self, n_each: int, share: float) -> None:
        self._n_each, self._share = n_each, share
        self._n_done = self._n_in_flight = 0
        self._seconds = 0.0

    def allowed(self, trained_seconds: float) -> tuple[int, float]:
        """Number and seconds of probes that may be begun now. trained_seconds: spent on epochs so far.

        The first job may probe before anything was trained; a second one begins when the first has shown
        what a probe costs.
        """
        if self._n_done + self._n_in_flight == 0:
            return (self._n_each, FIRST_SECONDS) if self._share > 0 else (0, 0.0)
        if self._n_done == 0:
            return 0, 0.0
        each = self._seconds / self._n_done
        spent = self._seconds + self._n_in_flight * each
        left = self._share * (trained_seconds + spent) - spent
        return max(0, min(self._n_each, math.floor(left / each))), max(0.0, left)

    def begun(self, n: int) -> None:
        """A job with so many probes was handed out."""
        self._n_in_flight += n

    def ended(self, n_asked: int, n_probed: int, seconds: float) -> None:
        """It ended; fewer were probed than asked for where its time did not suffice."""
        self._n_in_flight -= n_asked
        self._n_done += max(1, n_probed)
        self._seconds += max(seconds, 1e-6)
