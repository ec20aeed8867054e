from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snncore.data.stratify import draw_stratified

some_labels = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(lambda labels: np.array(labels))


@given(some_labels, st.floats(0, 1), st.integers(0, 3))
def test_drawn_and_rest_partition_the_images_in_proportion(labels: Any, share: float, seed: int) -> None:
    total = round(share * len(labels))
    drawn, rest = draw_stratified(labels, total, seed)
    assert len(drawn) == total
    assert sorted([*drawn, *rest]) == list(range(len(labels)))
    assert (np.diff(drawn) > 0).all()
    assert (np.diff(rest) > 0).all()
    taken = Counter(labels[drawn].tolist())
    for label, count in Counter(labels.tolist()).items():
        assert abs(taken[label] - count * total / len(labels)) < 1


@given(some_labels, st.floats(0, 1), st.integers(0, 3))
def test_leave_one_keeps_every_class_on_both_sides_where_it_can(labels: Any, share: float, seed: int) -> None:
    drawn, rest = draw_stratified(labels, round(share * len(labels)), seed, leave_one=True)
    assert sorted([*drawn, *rest]) == list(range(len(labels)))
    on_both = {label for label, count in Counter(labels.tolist()).items() if count > 1}
    assert set(labels[rest].tolist()) == set(labels.tolist())
    assert set(labels[drawn].tolist()) == on_both


def test_leave_one_keeps_the_share_of_large_classes() -> None:
    labels = np.repeat([0, 1], [50, 1])
    drawn, _ = draw_stratified(labels, 5, seed=0, leave_one=True)
    assert labels[drawn].tolist() == [0] * 5


def test_the_draw_is_the_same_in_every_version() -> None:
    # Worked out once; a change of these numbers changes every validation split there is.
    drawn, _ = draw_stratified(np.arange(30) % 3, 9, seed=20_251)
    assert drawn.tolist() == [12, 14, 17, 19, 20, 21, 22, 27, 28]


def test_another_seed_draws_others() -> None:
    labels = np.zeros(100, dtype=int)
    first, second = (draw_stratified(labels, 50, seed)[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("place", [0, 37, 99])
def test_every_image_is_drawn_as_often_as_any_other(place: int) -> None:
    labels = np.zeros(100, dtype=int)
    hits = sum(place in draw_stratified(labels, 30, seed)[0] for seed in range(400))
    assert pytest.approx(hits, abs=45) == 400 * 0.3  # five standard deviations of a binomial draw


def test_ties_go_to_the_lower_class() -> None:
    labels = np.repeat([0, 1, 2, 3], 5)
    drawn, _ = draw_stratified(labels, 2, seed=0)
    assert labels[drawn].tolist() == [0, 1]
