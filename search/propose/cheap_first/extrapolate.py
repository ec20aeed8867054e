"""The final cost of a trial that was stopped early, extrapolated. Used in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIN_CURVES = 3
"""With fewer finished trials to compare with, there is no estimate."""
QUANTILE = 0.75
"""Of the changes of finished trials (a falling cost changes by less than 0): only a quarter is worse."""


@dataclass(frozen=True)
class Change:
    """What is still to come after some epoch: an estimate of final cost minus cost then, and its sd."""

    cost: float
    sd: float


def change_to_come(changes: Sequence[float]) -> Change | None:
    """What a trial stopped after some epoch would still have changed; None with too few curves.

    changes: how much finished trials still changed after the same epoch. Conservative: those that went on
    were the better ones, so the estimate is a gain that three quarters of them surpassed.
    """
    if len(changes) < MIN_CURVES:
        return None
    return Change(float(np.quantile(changes, QUANTILE)), float(np.std(changes)))
