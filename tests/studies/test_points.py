from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from studies.model import Direction
from studies.points import (
    crowding_distance,
    hypervolume,
    is_non_dominated,
    knee_index,
    non_dominated_ranks,
    reference_point,
    to_minimise,
)
from tests.studies.make import REPEATABLE

MIN: Direction = "minimize"
MAX: Direction = "maximize"
NAN, INF = float("nan"), float("inf")


def clouds(n_objectives: int | None = None) -> st.SearchStrategy[np.ndarray]:
    """Up to 12 points on a coarse grid, so that ties and equal points are common; 1 to 5 objectives."""
    cell = st.integers(-3, 3).map(float) | st.floats(-5, 5).map(lambda value: round(value, 2))
    widths = st.integers(1, 5) if n_objectives is None else st.just(n_objectives)
    return widths.flatmap(
        lambda m: st.lists(st.lists(cell, min_size=m, max_size=m), min_size=1, max_size=12).map(np.array)
    )


def brute_mask(points: np.ndarray) -> np.ndarray:
    """The definition, pair by pair."""
    dominates = (points[:, None] <= points[None]).all(2) & (points[:, None] < points[None]).any(2)
    return ~dominates.any(axis=0)


def brute_ranks(points: np.ndarray) -> np.ndarray:
    ranks, rank = np.full(len(points), -1), 0
    while (ranks < 0).any():
        left = np.flatnonzero(ranks < 0)
        ranks[left[brute_mask(points[left])]] = rank
        rank += 1
    return ranks


def brute_volume(points: np.ndarray, corner: np.ndarray) -> float:
    """Inclusion and exclusion over all subsets; minimised."""
    total = 0.0
    for subset in range(1, 2 ** len(points)):
        chosen = [points[i] for i in range(len(points)) if subset >> i & 1]
        sides = np.maximum(corner - np.max(chosen, axis=0), 0)
        total += -float(np.prod(sides)) * (-1) ** len(chosen)
    return total


@REPEATABLE
@given(clouds())
def test_ranks_and_mask_are_those_of_the_definition(points: np.ndarray) -> None:
    assert non_dominated_ranks(points).tolist() == brute_ranks(points).tolist()
    assert is_non_dominated(points).tolist() == brute_mask(points).tolist()


@REPEATABLE
@given(clouds(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(points: np.ndarray, random: Any) -> None:
    order = list(range(len(points)))
    random.shuffle(order)
    ways = [MIN] * points.shape[1]
    shuffled = points[order]
    assert non_dominated_ranks(shuffled).tolist() == non_dominated_ranks(points)[order].tolist()
    assert crowding_distance(shuffled).tolist() == crowding_distance(points)[order].tolist()
    corner = reference_point(points, ways)
    assert corner is not None
    assert reference_point(shuffled, ways) == corner
    assert hypervolume(shuffled, ways, corner) == hypervolume(points, ways, corner)


@REPEATABLE
@given(clouds(), st.data())
def test_an_objective_negated_with_its_direction_changes_nothing(
    points: np.ndarray, data: st.DataObject
) -> None:
    flip = data.draw(st.lists(st.booleans(), min_size=points.shape[1], max_size=points.shape[1]))
    signs = np.where(flip, -1.0, 1.0)
    ways, plain = [MAX if is_flipped else MIN for is_flipped in flip], [MIN] * points.shape[1]
    flipped = points * signs
    assert (to_minimise(flipped, ways) == points).all()
    corner, other = reference_point(points, plain), reference_point(flipped, ways)
    assert corner is not None
    assert other is not None
    assert other == tuple(np.array(corner) * signs)
    assert hypervolume(flipped, ways, other) == hypervolume(points, plain, corner)
    assert knee_index(flipped, ways) == knee_index(points, plain)


@REPEATABLE
@given(clouds())
def test_hypervolume_is_that_of_inclusion_and_exclusion(points: np.ndarray) -> None:
    assume(len(points) <= 7)
    ways, corner = [MIN] * points.shape[1], (2.5,) * points.shape[1]
    expected = brute_volume(points, np.array(corner))
    assert hypervolume(points, ways, corner) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "ways", "corner", "volume"),
    [
        ([[3.0]], [MIN], (5.0,), 2.0),
        ([[90.0], [80.0]], [MAX], (70.0,), 20.0),
        ([[1, 3], [2, 2], [3, 1]], [MIN, MIN], (4, 4), 6.0),
        ([[90, 10], [80, 5]], [MAX, MIN], (70, 20), 20 * 10 + 10 * 5),
        ([[0, 0, 0], [-1, 0.5, 0.5]], [MIN] * 3, (1, 1, 1), 1 + 0.25),
        ([[0.5] * 4], [MIN] * 4, (1,) * 4, 1 / 16),
        ([[0.5] * 5, [0, 0.5, 0.5, 0.5, 1]], [MIN] * 5, (1,) * 5, 1 / 32),
        ([[2, 0], [0, 2], [1, 1]], [MIN, MIN], (1, 1), 0.0),
        ([[0.5, 0.5], [NAN, 0.0], [-INF, 0.0]], [MIN, MIN], (1, 1), 0.25),
        ([], [MIN, MAX], (1, 1), 0.0),
    ],
)
def test_hypervolumes_in_closed_form(
    values: Any, ways: Sequence[Direction], corner: tuple[float, ...], volume: float
) -> None:
    assert hypervolume(values, ways, corner) == pytest.approx(volume, abs=1e-12)


def test_a_staircase_of_many_points_has_its_closed_form() -> None:
    n = 100
    points = [[i / n, (n - 1 - i) / n] for i in range(n)]
    assert hypervolume(points, [MIN, MIN], (1, 1)) == pytest.approx((n + 1) / (2 * n))


# Degenerate cases --------------------------------------------------------------------------------


def test_no_points() -> None:
    for empty in ([], np.empty((0, 3))):
        assert non_dominated_ranks(empty).shape == (0,)
        assert is_non_dominated(empty).shape == (0,)
        assert crowding_distance(empty).shape == (0,)
        assert reference_point(empty, [MIN] * 3) is None
        assert knee_index(empty, [MIN] * 3) is None
        assert to_minimise(empty, [MIN] * 3).shape == (0, 3)


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_one_point_and_points_that_are_all_equal(n: int, n_objectives: int) -> None:
    points = np.full((n, n_objectives), 3.0)
    ways = [MIN] * n_objectives
    assert non_dominated_ranks(points).tolist() == [0] * n
    assert crowding_distance(points).tolist() == [INF] * n
    assert reference_point(points, ways) == (3.0,) * n_objectives
    assert hypervolume(points, ways, (3.0,) * n_objectives) == 0.0
    assert knee_index(points, ways) == 0


def test_ties_in_one_objective_share_a_front() -> None:
    assert is_non_dominated([[3.0], [1.0], [1.0], [2.0]]).tolist() == [False, True, True, False]
    assert non_dominated_ranks([[3.0], [1.0], [1.0], [2.0]]).tolist() == [2, 0, 0, 1]


def test_nan_comes_last_and_dominates_nothing() -> None:
    points = [[NAN, 0.0], [2.0, 2.0], [1.0, 1.0], [0.0, NAN]]
    assert non_dominated_ranks(points).tolist() == [4, 1, 0, 4]
    assert is_non_dominated([[NAN, 0.0]]).tolist() == [False]
    assert crowding_distance(points).tolist() == [0.0, INF, INF, 0.0]
    assert reference_point(points, [MIN, MIN]) == (2.1, 2.1)
    assert reference_point([[NAN, 0.0]], [MIN, MIN]) is None
    assert knee_index([[NAN, 0.0], [1.0, 1.0]], [MIN, MIN]) == 1
    assert knee_index([[NAN, 0.0]], [MIN, MIN]) is None


def test_infinities_rank_as_the_numbers_they_are() -> None:
    assert non_dominated_ranks([[INF, 1.0], [1.0, INF], [2.0, INF]]).tolist() == [0, 0, 1]
    assert crowding_distance([[INF, 1.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]).tolist() == [0, INF, INF, 2]


@REPEATABLE
@given(clouds(), st.randoms(use_true_random=False))
def test_infinities_in_any_objective_rank_by_the_definition(points: np.ndarray, random: Any) -> None:
    for row in points:
        if random.random() < 0.5:
            row[random.randrange(len(row))] = random.choice([INF, -INF])
    assert non_dominated_ranks(points).tolist() == brute_ranks(points).tolist()


@pytest.mark.parametrize("call", [non_dominated_ranks, crowding_distance])
def test_a_wrong_shape_is_told(call: Any) -> None:
    with pytest.raises(ValueError, match=r"shape \(n, m\), got \(3,\)"):
        call([1.0, 2.0, 3.0])


def test_shapes_that_disagree_with_the_directions_are_told() -> None:
    with pytest.raises(ValueError, match=r"shape \(n, 2\), got \(1, 3\)"):
        to_minimise([[1.0, 2.0, 3.0]], [MIN, MIN])
    with pytest.raises(ValueError, match=r"shape \(n, 2\), got \(1, 1\)"):
        hypervolume([[1.0, 2.0]], [MIN, MIN], (1.0,))
    with pytest.raises(ValueError, match="2 objectives need as many fixed values or none, got 1"):
        reference_point([[1.0, 2.0]], [MIN, MIN], [None])


# Words of the contract ---------------------------------------------------------------------------


def test_the_reference_is_the_worst_moved_out_by_a_tenth_of_the_range() -> None:
    values = [[90.0, 10.0, 4.0], [50.0, 30.0, 4.0], [70.0, 20.0, 4.0]]
    corner = reference_point(values, [MAX, MIN, MIN])
    assert corner == pytest.approx((50 - 4, 30 + 2, 4))
    assert reference_point(values, [MAX, MIN, MIN], [None, 25, 0.0]) == pytest.approx((46, 25, 0))
    assert reference_point([], [MAX, MIN], [40, 25]) == (40, 25)
    assert reference_point([], [MAX, MIN], [40, None]) is None


def test_the_knee_is_nearest_to_the_ideal_of_the_scaled_front() -> None:
    # Scaled: (0, 1), (1, 0) and (0.3, 0.4), at distance 1, 1 and 0.5.
    assert knee_index([[90, 20], [80, 10], [87, 14]], [MAX, MIN]) == 2
    # An objective without a range counts 0 for everyone.
    assert knee_index([[90, 20, 7], [80, 10, 7], [87, 14, 7]], [MAX, MIN, MIN]) == 2
    assert knee_index([[2.0], [1.0]], [MIN]) == 1


def test_ties_of_the_knee_go_to_the_first_row_in_spite_of_rounding() -> None:
    assert knee_index([[1.0, 0.0], [0.0, 1.0]], [MIN, MIN]) == 0
    # The same three coordinates in another order: sums of squares differ in the last bit.
    turned = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0.1, 0.7, 0.3], [0.3, 0.1, 0.7], [0.7, 0.3, 0.1]]
    for first in (3, 4, 5):
        order = [0, 1, 2, first, *({3, 4, 5} - {first})]
        assert knee_index(np.array(turned)[order], [MIN] * 3) == 3


def test_crowding_of_different_values_is_that_of_nsga_ii() -> None:
    points = np.random.default_rng(1).random((40, 3))
    expected = np.zeros(40)
    for column in points.T:
        order = np.argsort(column)
        expected[order[[0, -1]]] = INF
        for place in range(1, 39):
            gap = column[order[place + 1]] - column[order[place - 1]]
            expected[order[place]] += gap / (column.max() - column.min())
    assert crowding_distance(points) == pytest.approx(expected)


def test_crowding_shares_ties_and_skips_an_objective_without_range() -> None:
    points = [[0.0, 5.0], [1.0, 5.0], [1.0, 5.0], [4.0, 5.0]]
    assert crowding_distance(points).tolist() == [INF, 1.0, 1.0, INF]


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4, 5])
@pytest.mark.alone
def test_twenty_thousand_points_take_well_under_a_second(n_objectives: int) -> None:
    cloud = np.random.default_rng(0).normal(size=(20_000, n_objectives))
    started = time.perf_counter()
    mask = is_non_dominated(cloud)
    assert time.perf_counter() - started < 0.9
    assert mask.any()
