"""How much a candidate is worth: the hypervolume it is expected to add, times its chance to count.

Shapes: n rows of evidence, c candidates, k goals, m objectives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from search.propose.cheap_first.ehvi import Improvement
from search.propose.cheap_first.observations import Evidence
from search.propose.cheap_first.posterior import Belief, Beliefs, Memory
from search.propose.cheap_first.targets import Goal
from search.propose.cheap_first.transform import Warp
from studies.points import MARGIN, is_non_dominated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_QUANTILES = 5
LEVELS = ndtri((np.arange(N_QUANTILES) + 0.5) / N_QUANTILES)


class Worth:
    """Made of one state of the evidence; asked about any number of candidates."""

    def __init__(
        self,
        goals: list[Goal],
        evidence: Evidence,
        groups: Ints,
        memory: Memory,
        generator: np.random.Generator,
    ) -> None:
        self._goals = goals
        self._objectives = [at for at, goal in enumerate(goals) if goal.is_objective]
        self._beliefs = Beliefs(goals, evidence, groups, memory)
        self.is_blind = not all(self._beliefs.knows(goals[at]) for at in self._objectives)
        standing = evidence.standing[:, self._objectives]
        seen = standing if len(standing) else evidence.costs[:, self._objectives]
        references = [goals[at].reference for at in self._objectives]
        self._best, self._width, reference = _frame(seen, references)
        front = np.vstack([standing[is_non_dominated(standing)], self._expected_ends()])
        self._improvement = Improvement((front - self._best) / self._width, reference, generator)

    def of(self, codes: Floats, costs: Floats) -> Floats:
        """The worth (c,) of candidates, 0 for those that are known to violate a limit.

        costs: (c, k) what is known of them, NaN elsewhere.
        """
        belief = self._beliefs.about(codes, costs)
        quantiles = [
            (self._costs(belief, at) - self._best[place]) / self._width[place]
            for place, at in enumerate(self._objectives)
        ]
        worth: Floats = self._improvement.expected(quantiles) * self._chance(belief, costs)
        return worth

    def chance(self, codes: Floats, costs: Floats) -> Floats:
        """The probability (c,) that a candidate can be trained and violates no limit; costs as in `of`."""
        return self._chance(self._beliefs.about(codes, costs), costs)

    def _chance(self, belief: Belief, costs: Floats) -> Floats:
        chance = belief.worked
        for at, goal in enumerate(self._goals):
            if goal.is_limited:
                likely: Floats | float = 1.0
                if self._beliefs.knows(goal):
                    likely = _within(goal, self._beliefs.warps[at], belief.mean[:, at], belief.sd[:, at])
                known = costs[:, at]
                chance = chance * np.where(np.isnan(known), likely, goal.allows(known))
        return chance

    def _costs(self, belief: Belief, at: int) -> Floats:
        """Equally likely costs (c, q) of a goal; one column where all are exact."""
        mean, sd = belief.mean[:, [at]], belief.sd[:, [at]]
        levels = LEVELS if sd.any() else np.zeros(1)
        return self._beliefs.warps[at].back(mean + sd * levels)

    def _expected_ends(self) -> Floats:
        """The predicted medians (r, m) of the r running trials."""
        running = self._beliefs.running
        columns = [self._beliefs.warps[at].back(running.mean[:, at]) for at in self._objectives]
        return np.column_stack(columns)


def _frame(costs: Floats, references: list[float | None]) -> tuple[Floats, Floats, Floats]:
    """The best cost and the range of each objective, and the reference point in units of these.

    Until some cost (s, m) is better than the user's references, these say nothing about which way to go, and
    the point stands where it would without them.
    """
    m = len(references)
    finite = [column[np.isfinite(column)] for column in costs.T] if len(costs) else [np.empty(0)] * m
    best = np.array([column.min() if len(column) else 0.0 for column in finite])
    width = np.array([np.ptp(column) if len(column) else 0.0 for column in finite])
    width = np.where(width > 0, width, np.maximum(np.abs(best), 1.0) * 1e-3)
    usual = np.full(m, 1.0 + MARGIN)
    own = np.array([np.nan if reference is None else reference for reference in references])
    corner = np.where(np.isnan(own), usual, (own - best) / width)
    is_reached = bool(len(costs)) and bool(((costs - best) / width < corner).all(axis=1).any())
    return best, width, corner if is_reached else usual


def _within(goal: Goal, warp: Warp, mean: Floats, sd: Floats) -> Floats:
    """The probability (c,) that a modelled goal keeps its limits."""
    spread = np.maximum(sd, 1e-12)
    below = ndtr((warp.to(np.array(goal.high)) - mean) / spread) if np.isfinite(goal.high) else 1.0
    above = ndtr((mean - warp.to(np.array(goal.low))) / spread) if np.isfinite(goal.low) else 1.0
    probability: Floats = np.maximum(below + above - 1.0, 0.0)
    return probability
