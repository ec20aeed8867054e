"""Early stopping on the whole front: asynchronous successive halving by non-dominated rank.

After MO-ASHA (Schmucker et al. 2021): a trial that reaches a rung goes on when it is among the best
1/eta of all trials that reached it so far. The order within a rung is the non-dominated rank of
(accuracy so far, exact objectives known by probing), then the crowding distance, then the number.
Other than there, a trial that nothing in its rung dominates always goes on: with three objectives the
front is larger than 1/eta, and on digits the crowding distance alone stopped its most accurate trials.
Objectives that only a finished training knows (firing_rate, train_time_s) take no part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snncore.metrics import METRICS
from studies.model import Objective
from studies.pareto import crowding_distance, non_dominated_ranks

ACCURACY = "val_accuracy"


class Halving:
    """The rungs of one study. `report` decides, `recall` only remembers (after a resume).

    min_epochs: the first rung; eta: each next rung is eta times higher; rungs lie below the full training.
    """

    def __init__(self, min_epochs: int, eta: float, objectives: Sequence[Objective]) -> None:
        self._min_epochs, self._eta = min_epochs, eta
        self._exact = [
            objective
            for objective in objectives
            if objective.name in METRICS and METRICS[objective.name].known == "probe"
        ]
        self._rungs: dict[int, dict[int, tuple[float, ...]]] = {}

    def report(
        self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int
    ) -> str | None:
        """Note an epoch of a trial; why the trial stops now, or None when it goes on.

        row: of the epoch. metrics: from probing. epochs: of the trial's full training.
        """
        accuracy, epoch = float(row[ACCURACY]), int(row["epoch"])
        if math.isnan(accuracy):
            return f"{ACCURACY} is NaN after epoch {epoch}"
        if not self.recall(number, row, metrics, epochs):
            return None
        rung = self._rungs[epoch]
        order, on_front = _order(rung)
        n_kept = max(1, math.floor(len(rung) / self._eta))
        place = order.index(number) + 1
        if len(rung) < self._eta or place <= n_kept or number in on_front:
            return None
        return f"early stopping after epoch {epoch}: dominated, place {place} of {len(rung)}"

    def recall(self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int) -> bool:
        """Note an epoch without a decision; whether it is a rung. A second report replaces the first."""
        epoch = int(row["epoch"])
        if not self.is_rung(epoch, epochs):
            return False
        point = [-float(row[ACCURACY])]
        for objective in self._exact:
            sign = -1.0 if objective.direction == "maximize" else 1.0
            point.append(sign * float(metrics.get(objective.name, math.nan)))
        self._rungs.setdefault(epoch, {})[number] = tuple(point)
        return True

    def is_rung(self, epoch: int, epochs: int) -> bool:
        """Whether a training of `epochs` epochs is judged after `epoch`: min_epochs * eta^k, rounded down."""
        level = float(self._min_epochs)
        while math.floor(level) < min(epoch, epochs):
            level *= self._eta
        return math.floor(level) == epoch < epochs


def _order(rung: Mapping[int, tuple[float, ...]]) -> tuple[list[int], set[int]]:
    """The trials of a rung, best first, and those that none dominates; a point with NaN comes last."""
    numbers = sorted(rung)
    points = np.array([rung[number] for number in numbers])
    ranks = non_dominated_ranks(points)
    lonely = np.zeros(len(numbers))
    for rank in np.unique(ranks):
        of_rank = np.flatnonzero(ranks == rank)
        lonely[of_rank] = crowding_distance(points[of_rank])
    places = sorted(range(len(numbers)), key=lambda at: (ranks[at], -lonely[at], at))
    return [numbers[at] for at in places], {numbers[at] for at in np.flatnonzero(ranks == 0)}
