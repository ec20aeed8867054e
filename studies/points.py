"""Pareto mathematics on arrays: one row a point, one column an objective. Pure functions, no study.

Shape legend: n points, m objectives (1 or more; 1 to 5 is what is tested). Functions that take
`directions` read values in the user's own direction; those that do not say what they minimise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from studies.model import Direction

Floats = NDArray[np.float64]

MARGIN = 0.1
"""The distance from the worst value to the reference point, as a share of the range."""

TIE = 1e-12
"""Distances to the ideal, 0 to sqrt(m), that differ by no more than this count as equal."""


def to_minimise(values: ArrayLike, directions: Sequence[Direction]) -> Floats:
    """A copy of the (n, m) values in which less is better: columns to maximise change their sign.

    Raises:
        ValueError: the values are not (n, m) with m the number of directions.
    """
    points = _as_points(values, len(directions))
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    minimised: Floats = points * signs
    return minimised


def is_non_dominated(points: ArrayLike) -> NDArray[np.bool_]:
    """A mask (n,) of the points that no other point dominates; every column is minimised.

    A point dominates another when it is worse in no column and better in at least one, so equal points all
    stay. A row with NaN is never in the set and dominates nothing; infinities are ordinary values.
    """
    stands: NDArray[np.bool_] = non_dominated_ranks(points) == 0
    return stands


def non_dominated_ranks(points: ArrayLike) -> NDArray[np.int64]:
    """The rank (n,) of each point; every column is minimised.

    Rank 0 is the non-dominated set, rank 1 what is non-dominated once rank 0 is taken away, and so on
    (Deb et al. 2002). Equal points share a rank. Rows with NaN come last: their rank is n, which no
    other row can have. No rows give an empty array.
    """
    rows = _as_points(points)
    ranks = np.full(len(rows), len(rows), dtype=np.int64)
    is_number = ~np.isnan(rows).any(axis=1)
    if is_number.any():
        ranks[is_number] = moocore.pareto_rank(_places(rows[is_number]))
    return ranks


def _places(rows: Floats) -> Floats:
    """The rank (n, m) of each value in its column: the same order, without infinities.

    moocore 0.3 crashes the process (SIGSEGV) on an infinity when it ranks three or more objectives.
    """
    places = [np.unique(column, return_inverse=True)[1] for column in rows.T]
    return np.stack(places, axis=1).astype(float) if places else rows


def crowding_distance(points: ArrayLike) -> Floats:
    """The crowding distance (n,) of each point from its neighbours (Deb et al. 2002); more is less crowded.

    Per objective the gap between the next smaller and the next larger value, divided by the range, summed
    over the objectives; the two ends of an objective get infinity. The direction does not matter. Unlike
    in the original, equal values share their gap, so the order of the rows does not matter. An objective
    without a range adds nothing; when none has a range (one point, all equal) every distance is infinite. A
    row that is not finite gets 0 and is nobody's neighbour.
    """
    rows = _as_points(points)
    distances = np.zeros(len(rows))
    is_finite = np.isfinite(rows).all(axis=1)
    finite = rows[is_finite]
    if len(np.unique(finite, axis=0)) < 2:
        distances[is_finite] = np.inf
    else:
        distances[is_finite] = np.sum([_gaps(column) for column in finite.T], axis=0)
    return distances


def reference_point(
    values: ArrayLike, directions: Sequence[Direction], fixed: Sequence[float | None] = ()
) -> tuple[float, ...] | None:
    """The corner (m values, in the user's direction) from which hypervolume is measured.

    Per objective the worst value, moved out by 10 % of the range; a range of zero moves nothing. `fixed`
    holds the user's own value per objective, None where the rule decides. Rows that are not finite do
    not count. Without any row to count it is None, unless every objective is fixed.

    Raises:
        ValueError: the shapes do not agree.
    """
    wanted = list(fixed) or [None] * len(directions)
    if len(wanted) != len(directions):
        raise ValueError(f"{len(directions)} objectives need as many fixed values or none, got {len(wanted)}")
    points = _finite(to_minimise(values, directions))
    if not len(points) and None in wanted:
        return None
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in directions]
    corner = []
    for column, sign, given in zip(points.T, signs, wanted, strict=True):
        if given is None:
            worst = column.max()
            given = float(sign * (worst + MARGIN * (worst - column.min())))
        corner.append(float(given))
    return tuple(corner)


def hypervolume(values: ArrayLike, directions: Sequence[Direction], reference: Sequence[float]) -> float:
    """The volume between the (n, m) values and the reference point; more is better, 0.0 without values.

    Values and reference are in the user's direction; the unit is the product of the objectives' units.
    Points that are not better than the reference in every objective, and rows that are not finite, add
    nothing; dominated and equal points change nothing, nor does the order of the rows.

    Raises:
        ValueError: the shapes do not agree.
    """
    points = np.unique(_finite(to_minimise(values, directions)), axis=0)  # sorted: no rounding by order
    corner = to_minimise([list(reference)], directions)[0]
    if not len(points):
        return 0.0
    return float(moocore.hypervolume(points, ref=corner))


def knee_index(values: ArrayLike, directions: Sequence[Direction]) -> int | None:
    """The row of a front (n, m) that lies nearest to its ideal; None without a finite row.

    Each objective is scaled to [0, 1] by the front's own best (0) and worst (1), a range of zero gives 0;
    the distance is Euclidean; ties go to the first row. Values are in the user's direction.

    Raises:
        ValueError: the values are not (n, m) with m the number of directions.
    """
    points = to_minimise(values, directions)
    rows = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(rows):
        return None
    best, worst = points[rows].min(axis=0), points[rows].max(axis=0)
    width = np.where(worst > best, worst - best, 1.0)
    distances = np.linalg.norm((points[rows] - best) / width, axis=1)
    return int(rows[np.flatnonzero(distances <= distances.min() + TIE)[0]])


def _as_points(values: ArrayLike, n_objectives: int | None = None) -> Floats:
    """The values as an (n, m) array; anything without elements counts as no rows."""
    points: Floats = np.asarray(values, dtype=np.float64)
    if points.size == 0:
        width = n_objectives or (points.shape[1] if points.ndim == 2 else 0) or 1
        return np.empty((0, width))
    if points.ndim != 2 or (n_objectives is not None and points.shape[1] != n_objectives):
        wanted = "m" if n_objectives is None else n_objectives
        raise ValueError(f"points have the shape (n, {wanted}), got {points.shape}")
    return points


def _finite(points: Floats) -> Floats:
    return points[np.isfinite(points).all(axis=1)]


def _gaps(column: Floats) -> Floats:
    """For each value the distance between its two neighbours among the different values, over the range."""
    different, position = np.unique(column, return_inverse=True)
    if len(different) == 1:
        return np.zeros(len(column))
    gaps: NDArray[Any] = np.full(len(different), np.inf)
    gaps[1:-1] = (different[2:] - different[:-2]) / (different[-1] - different[0])
    return gaps[position]
