"""Early stopping on the whole front: asynchronous rungs, judged by what a trial can still add.

The rungs are those of asynchronous successive halving, several objectives at once as in MO-ASHA (Schmucker
et al. 2021). There a trial continues when it is among the best 1/eta by non-dominated rank of (accuracy so
far, objectives known exactly by probing). That is the rule here while few trials have finished. It wastes
epochs on trials that nothing in their rung dominates yet and that some finished trial surely will, and it
stops late starters; so as soon as enough have finished, a trial continues when the hypervolume that it is
expected to add to theirs is worth its epochs. Its final accuracy is predicted from how finished trials
continued after the same epoch;
 its memory and latency are known.

A trial that is known to stand on no front (it broke a constraint, however late that was seen, or it could
not be trained) is no measure for others; only how its accuracy went on is learned from. And where an
objective is known of finished trainings alone (energy_uj, train_time_s), no trial is stopped: by the others
alone, the end of the front that is good in that objective would go.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snncore.config.metrics import is_probed
from studies.model import Direction, Objective
from studies.pareto import crowding_distance, hypervolume, is_non_dominated, non_dominated_ranks
from studies.points import MARGIN

ACCURACY = "val_accuracy"

MIN_FINISHED = 5
"""With fewer finished trials the rank in the rung decides."""

MIN_GAIN = 0.001
"""A trial that is expected to add less than this share of the front's hypervolume is stopped."""

QUANTILES = (-1.2816, -0.5244, 0.0, 0.5244, 1.2816)
"""Five equally likely ends of a trial, in standard deviations."""

PRIOR_SD = 0.3
"""Standard deviation of the final log error, as if two finished trials had shown it."""

Point = tuple[float, ...]
Floats = NDArray[np.float64]


def unknown_in_training(objectives: Iterable[Objective]) -> list[str]:
    """The names of objectives that neither probes nor epochs measure; with any of them no trial is
    stopped."""
    return [
        objective.name
        for objective in objectives
        if objective.name != ACCURACY and not is_probed(objective.name)
    ]


class Halving:
    """The rungs of one study. `report` decides, `recall` only remembers (after a resume).

    min_epochs: the first rung; eta: each next rung is eta times higher; rungs lie below the full training.
    """

    def __init__(self, min_epochs: int, eta: float, objectives: Sequence[Objective]) -> None:
        self._min_epochs, self._eta = min_epochs, eta
        self._exact = [objective for objective in objectives if is_probed(objective.name)]
        self._can_judge = not unknown_in_training(objectives)
        # Points: accuracy with its sign changed, then the exact objectives, all minimised.
        self._rungs: dict[int, dict[int, Point]] = {}
        self._ends: dict[int, Point] = {}
        self._ruled_out: set[int] = set()

    def report(
        self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int
    ) -> str | None:
        """Note an epoch of a trial; why the trial stops now, or None when it continues.

        row: of the epoch. metrics: from probing. epochs: of the trial's full training.
        """
        accuracy, epoch = float(row[ACCURACY]), int(row["epoch"])
        if math.isnan(accuracy):
            return f"{ACCURACY} is NaN after epoch {epoch}"
        if not (self.recall(number, row, metrics, epochs) and self._can_judge):
            return None
        rung = self._rungs[epoch]
        gain = expected_gain(number, rung, self._ends, self._ruled_out)
        rung = _without(self._ruled_out, rung)
        stopped = None
        if gain is not None and gain < MIN_GAIN:
            stopped = f"expected to add {gain:.3%} to the hypervolume of the front"
        elif gain is None and (place := _place(number, rung, self._eta)) is not None:
            stopped = f"dominated, place {place} of {len(rung)}"
        return f"early stopping after epoch {epoch}: {stopped}" if stopped else None

    def recall(self, number: int, row: Mapping[str, Any], metrics: Mapping[str, Any], epochs: int) -> bool:
        """Note an epoch without a decision; whether it is a rung.

        A second report replaces the first, and what the trial reported of later epochs: it has gone back.
        """
        epoch = int(row["epoch"])
        point = [-float(row[ACCURACY])]
        for objective in self._exact:
            sign = -1.0 if objective.direction == "maximize" else 1.0
            point.append(sign * float(metrics.get(objective.name, math.nan)))
        self._forget_after(epoch, number)
        if epoch == epochs:
            self._ends[number] = tuple(point)
        if not self.is_rung(epoch, epochs):
            return False
        self._rungs.setdefault(epoch, {})[number] = tuple(point)
        return True

    def _forget_after(self, epoch: int, number: int) -> None:
        self._ends.pop(number, None)
        for level, rung in self._rungs.items():
            if level > epoch:
                rung.pop(number, None)

    def rule_out(self, number: int) -> None:
        """A trial has ended in a way that keeps it off the front: it is no measure for others any more."""
        self._ruled_out.add(number)

    def is_rung(self, epoch: int, epochs: int) -> bool:
        """Whether a training of `epochs` epochs is judged after `epoch`: min_epochs * eta^k, rounded down."""
        level = float(self._min_epochs)
        while math.floor(level) < min(epoch, epochs):
            level *= self._eta
        return math.floor(level) == epoch < epochs


def expected_gain(
    number: int,
    rung: Mapping[int, Point],
    ends: Mapping[int, Point],
    ruled_out: Collection[int] = (),
) -> float | None:
    """What a trial is expected to add to the hypervolume of the finished ones, as a share of it.

    rung: accuracy so far and exact objectives of all trials that came so far, minimised. ends: the same
    of finished trials. ruled_out: those that can stand on no front. They only teach how accuracy goes on.
    None when too few others of the rung have finished, or have no hypervolume yet. A point with NaN adds
    nothing.
    """
    finished = [other for other in ends if other in rung]
    possible = np.array([ends[other] for other in finished if other not in ruled_out])
    if len(possible) < MIN_FINISHED:
        return None
    before = np.array([rung[other][0] for other in finished])
    after = np.array([ends[other][0] for other in finished])
    accuracies = _possible_ends(rung[number][0], before, after)
    corner = _corner(np.array(list(_without(ruled_out, rung).values())), possible)
    front = possible[is_non_dominated(possible)]
    directions: list[Direction] = ["minimize"] * len(corner)
    volume = hypervolume(front, directions, corner)
    if volume <= 0:
        return None
    with_it = [
        hypervolume(np.vstack([front, (accuracy, *rung[number][1:])]), directions, corner)
        for accuracy in accuracies
    ]
    return max(0.0, float(np.mean(with_it)) / volume - 1.0)


def _without(ruled_out: Collection[int], rung: Mapping[int, Point]) -> dict[int, Point]:
    return {number: point for number, point in rung.items() if number not in ruled_out}


def _possible_ends(now: float, before: Floats, after: Floats) -> list[float]:
    """Equally likely final accuracies of a trial, all with their signs changed.

    now: its own so far; before, after: those of finished trials at the same epoch and at the end. The
    logarithm of the final error is a linear function of that of the error so far, with normal deviations.
    """
    x, y = _log_error(before), _log_error(after)
    apart = x - x.mean()
    # Shrunk as if by one more trial: with little to go by, accuracy so far says less.
    slope = float(apart @ (y - y.mean())) / (float(apart @ apart) + PRIOR_SD**2)
    residuals = y - y.mean() - slope * apart
    sd = math.sqrt((float(residuals @ residuals) + 2 * PRIOR_SD**2) / len(y))
    middle = float(y.mean()) + slope * (float(_log_error(np.array([now]))[0]) - float(x.mean()))
    return [min(0.0, math.exp(middle + z * sd) - 101.0) for z in QUANTILES]


def _log_error(negative_accuracies: Floats) -> Floats:
    """Of the error in percent, and one more: 99.9 and 100 % are not worlds apart."""
    logarithms: Floats = np.log(101.0 + negative_accuracies)
    return logarithms


def _corner(rung: Floats, ends: Floats) -> list[float]:
    """The reference point: the worst of exact objectives in the rung and of final accuracies, moved out."""
    known = rung[~np.isnan(rung).any(axis=1)]
    columns = [ends[:, 0], *known.T[1:]]
    return [float(column.max() + MARGIN * (column.max() - column.min())) for column in columns]


def _place(number: int, rung: Mapping[int, Point], eta: float) -> int | None:
    """The place of a trial that is not among the best 1/eta of its rung and is dominated; else None."""
    order, on_front = _order(rung)
    place = order.index(number) + 1
    n_kept = max(1, math.floor(len(rung) / eta))
    return None if len(rung) < eta or place <= n_kept or number in on_front else place


def _order(rung: Mapping[int, Point]) -> tuple[list[int], set[int]]:
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
