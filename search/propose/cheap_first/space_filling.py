"""How the first trials are chosen: far from one another, in what they cost if that is known.

Shapes: b trials that have begun, c candidates, k targets, d columns of codes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.propose.cheap_first.observations import Observations
from search.propose.cheap_first.transform import logarithm

Floats = NDArray[np.float64]


def distances(observations: Observations, codes: Floats, costs: Floats) -> Floats:
    """The distance (c,) of each candidate to the nearest trial; more is better, 1 without any trial.

    Measured in the logarithms of the costs (c, k) where some candidates are probed; those that are not get
    0. Without any probed candidate it is measured in the codes (c, d).
    """
    is_known = ~np.isnan(costs).all(axis=0)
    is_probed = ~np.isnan(costs[:, is_known]).any(axis=1)
    if not is_known.any() or not is_probed.any():
        return _nearest(codes, observations.codes[observations.is_trial])
    trials = observations.costs[observations.is_trial][:, is_known]
    points = np.vstack([costs[is_probed][:, is_known], trials[~np.isnan(trials).any(axis=1)]])
    for column in points.T:
        column[:] = logarithm(column).to(column)
        column /= column.std() or 1.0
    result = np.zeros(len(codes))
    n = int(is_probed.sum())
    result[is_probed] = _nearest(points[:n], points[n:])
    return result


def _nearest(points: Floats, others: Floats) -> Floats:
    """The distance (c,) of each point to the nearest of the others; 1 where there are none."""
    if not len(others):
        return np.ones(len(points))
    nearest = np.full(len(points), np.inf)
    for other in others:
        np.minimum(nearest, ((points - other) ** 2).sum(axis=1), out=nearest)
    result: Floats = np.sqrt(nearest)
    return result
