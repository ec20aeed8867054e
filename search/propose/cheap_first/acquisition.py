"""The acquisition function: the hypervolume a candidate is expected to add, times its chance to be feasible.

Shapes: n rows of observations, c candidates, k targets, m objectives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from search.propose.cheap_first.ehvi import HypervolumeImprovement
from search.propose.cheap_first.observations import Observations
from search.propose.cheap_first.posterior import HyperparameterCache, Posterior, Surrogates
from search.propose.cheap_first.targets import Target
from search.propose.cheap_first.transform import Transform
from studies.points import MARGIN, is_non_dominated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_QUANTILES = 5
LEVELS = ndtri((np.arange(N_QUANTILES) + 0.5) / N_QUANTILES)


class Acquisition:
    """The acquisition function for one set of observations; it values any number of candidates.

    lacks_models: some objective has too few values to be modelled.
    """

    def __init__(
        self,
        targets: list[Target],
        observations: Observations,
        groups: Ints,
        cache: HyperparameterCache,
        generator: np.random.Generator,
    ) -> None:
        self._targets = targets
        self._objectives = [at for at, target in enumerate(targets) if target.is_objective]
        self._surrogates = Surrogates(targets, observations, groups, cache)
        self.lacks_models = not all(self._surrogates.knows(targets[at]) for at in self._objectives)
        feasible_costs = observations.feasible_costs[:, self._objectives]
        seen = feasible_costs if len(feasible_costs) else observations.costs[:, self._objectives]
        references = [targets[at].reference for at in self._objectives]
        self._best, self._width, reference = _scaling(seen, references)
        front = np.vstack([feasible_costs[is_non_dominated(feasible_costs)], self._expected_ends()])
        self._improvement = HypervolumeImprovement((front - self._best) / self._width, reference, generator)

    def of(self, codes: Floats, costs: Floats) -> Floats:
        """The values (c,) of candidates, more is better; 0 for those that are known to violate a limit.

        costs: (c, k) what is known of them, NaN elsewhere.
        """
        posterior = self._surrogates.posterior(codes, costs)
        quantiles = [
            (self._costs(posterior, at) - self._best[place]) / self._width[place]
            for place, at in enumerate(self._objectives)
        ]
        values: Floats = self._improvement.expected(quantiles) * self._chance(posterior, costs)
        return values

    def chance(self, codes: Floats, costs: Floats) -> Floats:
        """The probability (c,) that a candidate can be trained and violates no limit; costs as in `of`."""
        return self._chance(self._surrogates.posterior(codes, costs), costs)

    def _chance(self, posterior: Posterior, costs: Floats) -> Floats:
        chance = posterior.worked
        for at, target in enumerate(self._targets):
            if target.is_limited:
                likely: Floats | float = 1.0
                if self._surrogates.knows(target):
                    likely = _within(
                        target, self._surrogates.transforms[at], posterior.mean[:, at], posterior.sd[:, at]
                    )
                known = costs[:, at]
                chance = chance * np.where(np.isnan(known), likely, target.allows(known))
        return chance

    def _costs(self, posterior: Posterior, at: int) -> Floats:
        """Equally likely costs (c, q) of a target; one column where all are exact."""
        mean, sd = posterior.mean[:, [at]], posterior.sd[:, [at]]
        levels = LEVELS if sd.any() else np.zeros(1)
        return self._surrogates.transforms[at].back(mean + sd * levels)

    def _expected_ends(self) -> Floats:
        """The predicted medians (r, m) of the r running trials."""
        running = self._surrogates.running
        columns = [self._surrogates.transforms[at].back(running.mean[:, at]) for at in self._objectives]
        return np.column_stack(columns)


def _scaling(costs: Floats, references: list[float | None]) -> tuple[Floats, Floats, Floats]:
    """The best cost and the range of each objective, and the reference point in units of these.

    As long as no cost (s, m) is better than the user's references in all objectives, these would give every
    candidate a value of 0; until then the point is where it would be without them.
    """
    m = len(references)
    finite = [column[np.isfinite(column)] for column in costs.T] if len(costs) else [np.empty(0)] * m
    best = np.array([column.min() if len(column) else 0.0 for column in finite])
    width = np.array([np.ptp(column) if len(column) else 0.0 for column in finite])
    width = np.where(width > 0, width, np.maximum(np.abs(best), 1.0) * 1e-3)
    usual = np.full(m, 1.0 + MARGIN)
    given = np.array([np.nan if reference is None else reference for reference in references])
    corner = np.where(np.isnan(given), usual, (given - best) / width)
    is_reached = bool(len(costs)) and bool(((costs - best) / width < corner).all(axis=1).any())
    return best, width, corner if is_reached else usual


def _within(target: Target, transform: Transform, mean: Floats, sd: Floats) -> Floats:
    """The probability (c,) that a modelled target keeps its limits."""
    scale = np.maximum(sd, 1e-12)
    below = ndtr((transform.to(np.array(target.high)) - mean) / scale) if np.isfinite(target.high) else 1.0
    above = ndtr((mean - transform.to(np.array(target.low))) / scale) if np.isfinite(target.low) else 1.0
    probability: Floats = np.maximum(below + above - 1.0, 0.0)
    return probability
