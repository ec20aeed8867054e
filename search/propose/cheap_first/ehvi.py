"""Expected hypervolume improvement, exact for up to three objectives.

Everything is minimised. Shapes: f points of a front, n candidates, m objectives, b boxes, q quantiles.

What a front leaves undominated below the reference point is cut into boxes. A point adds to the
hypervolume, in each box, the product over the objectives of how far it lies below the box's upper side, so
with independent posteriors of the objectives the expectation of the product is the product of the
expectations (as in Yang et al. 2019 and Daulton et al. 2020): no samples of whole points are needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_EXACT = 3
N_SAMPLES = 1024
"""With more than three objectives at most so many points stand for the undominated region, out of N_DRAWN."""
N_DRAWN = 16_384


class HypervolumeImprovement:
    """The gain over one front.

    front: (f, m), may be empty, may hold dominated points and points beyond the reference.
    reference: (m,). generator: only used for more than three objectives.
    """

    def __init__(self, front: Floats, reference: Floats, generator: np.random.Generator) -> None:
        inside = front[(front < reference).all(axis=1)]
        self._n_objectives = len(reference)
        self._reference = reference
        if self._n_objectives <= MAX_EXACT:
            self._lower, self._upper = undominated_boxes(inside, reference)
        else:
            self._samples, self._cell = _undominated_samples(inside, reference, generator)

    def expected(self, quantiles: list[Floats]) -> Floats:
        """The expected gain (n,) of candidates in hypervolume, never negative.

        quantiles: per objective (n, q) equally likely values; q may differ, 1 for a value known exactly.
        """
        if self._n_objectives > MAX_EXACT:
            return self._sampled(quantiles)
        gain: Floats | None = None
        for at, values in enumerate(quantiles):
            reach = _mean_reach(values, self._lower[:, at], self._upper[:, at])  # (n, b)
            gain = reach if gain is None else np.multiply(gain, reach, out=gain)
        assert gain is not None
        total: Floats = gain.sum(axis=1)
        return total

    def _sampled(self, quantiles: list[Floats]) -> Floats:
        """The share of the samples that a candidate would dominate, times the volume they stand for."""
        covers = np.ones((len(quantiles[0]), len(self._samples)))
        for at, values in enumerate(quantiles):
            column = self._samples[:, at]  # (s,)
            is_below = [(quantile[:, None] <= column[None, :]) for quantile in values.T]  # q of (n, s)
            covers *= np.mean(is_below, axis=0)
        total: Floats = covers.sum(axis=1) * self._cell
        return total


def _mean_reach(values: Floats, lower: Floats, upper: Floats) -> Floats:
    """The mean over q of how much (n, b) of each interval lies above the values (n, q)."""
    reach = np.zeros((len(values), len(upper)))
    for quantile in values.T:
        reach += np.maximum(upper - np.maximum(quantile[:, None], lower), 0.0)
    reach /= values.shape[1]
    return reach


def undominated_boxes(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Disjoint boxes, lower and upper corners (b, m), that fill what no point of the front dominates.

    They lie below the reference point and are open downwards (lower corners of -inf). m is 1, 2 or 3;
    there are at most 2f + 1 of them.
    """
    m = len(reference)
    assert 1 <= m <= MAX_EXACT, m
    # Fewer objectives are three of which the others never matter: 0 below a reference of 1.
    padded = np.zeros((len(front), MAX_EXACT))
    padded[:, :m] = front
    corner = np.ones(MAX_EXACT)
    corner[:m] = reference
    lower, upper = _boxes_of_three(padded, corner)
    holds_zero = (upper[:, m:] > 0.0).all(axis=1)
    return lower[holds_zero, :m], upper[holds_zero, :m]


def _boxes_of_three(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """A sweep upwards along the third objective, over strips of the first two.

    A strip (left, right, top, since) is the undominated rectangle of x in [left, right) and y below `top`
    at the present height z, and has had this shape since z = `since`. A point that enters at (x, y) ends
    the strips, or their right parts, that it cuts down to y, and opens one strip in their place.
    """
    boxes: list[tuple[float, float, float, float, float]] = []  # left, right, top, since, until
    x_end, y_end, z_end = map(float, reference)
    strips = [(-np.inf, x_end, y_end, -np.inf)]  # tops fall from left to right
    for x, y, z in front[np.lexsort((front[:, 0], front[:, 1], front[:, 2]))].tolist():
        kept: list[tuple[float, float, float, float]] = []
        opened_right = None
        for left, right, top, since in strips:
            if right <= x or top <= y:
                kept.append((left, right, top, since))
                continue
            if left < x:
                kept.append((left, x, top, since))
            if since < z:
                boxes.append((max(left, x), right, top, since, z))
            opened_right = right
        if opened_right is not None:
            kept.append((x, opened_right, y, z))
            kept.sort()
        strips = kept
    boxes += [(left, right, top, since, z_end) for left, right, top, since in strips if since < z_end]
    table = np.array(boxes, dtype=np.float64).reshape(len(boxes), 5)
    below = np.full(len(table), -np.inf)
    lower = np.column_stack([table[:, 0], below, table[:, 3]])
    upper = table[:, [1, 2, 4]]
    return lower, upper


def _undominated_samples(
    front: Floats, reference: Floats, generator: np.random.Generator
) -> tuple[Floats, float]:
    """Uniform points (s, m) of the undominated region below the reference, and the volume of each.

    The region is bounded below by the front's best values, moved out by a tenth of the range.
    """
    best = front.min(axis=0) if len(front) else reference - 1.0
    low = best - 0.1 * (reference - best)
    samples = generator.uniform(low, reference, (N_DRAWN, len(reference)))
    for point in front:
        samples = samples[(samples < point).any(axis=1)]
    volume = float(np.prod(reference - low)) * len(samples) / N_DRAWN
    kept = samples[:N_SAMPLES]
    return kept, volume / max(len(kept), 1)
