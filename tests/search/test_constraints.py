from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.constraints import Bounds, broken_limits, is_measured, violation, violations

NUMBERS = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    [
        (12.0, Bounds(max=10.0), 0.2),
        (10.0, Bounds(max=10.0), 0.0),
        (5.0, Bounds(max=10.0), -0.5),
        (60.0, Bounds(min=80.0), 0.25),
        (0.5, Bounds(max=0.0), 0.5),
        (-3.0, Bounds(max=-2.0), -0.5),
        (7.0, Bounds(max=6.0, min=2.0), 1 / 6),
        (1.0, Bounds(max=6.0, min=2.0), 0.5),
        (7.0, Bounds(), 0.0),
    ],
)
def test_violation_is_relative_to_the_limit(value: float, bounds: Bounds, expected: float) -> None:
    assert violation(value, bounds) == pytest.approx(expected)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_feasible_is_exactly_within_the_bounds(value: float, low: float, high: float) -> None:
    assert (violation(value, Bounds(max=high, min=low)) <= 0) == (low <= value <= high)


def test_unknown_and_not_finite_metrics_violate_nothing() -> None:
    limits = {"a": Bounds(max=1.0), "b": Bounds(max=1.0), "c": Bounds(max=1.0), "d": Bounds(min=5.0)}
    metrics = {"a": 2.0, "b": math.nan, "c": None}
    assert violations(metrics, limits) == {"a": 1.0}
    assert broken_limits(metrics, limits) == "a 2 > 1"


def test_broken_limits_names_each_side() -> None:
    limits = {"memory": Bounds(max=16.0), "rate": Bounds(min=0.5, max=0.9)}
    assert broken_limits({"memory": 20.0, "rate": 0.25}, limits) == "memory 20 > 16, rate 0.25 < 0.5"
    assert broken_limits({"memory": 16.0, "rate": 0.5}, limits) is None


def test_is_measured() -> None:
    numbers = [0, 1.5, -2, True]
    others = [None, "1", math.nan, math.inf, -math.inf, [1.0]]
    assert [is_measured(value) for value in numbers + others] == [True] * 4 + [False] * 6
