"""The corner of a point that a word covers least."""

from __future__ import annotations

import pytest

from reports.format.label_placement import HEIGHT, WIDTH, freest_corner

MIDDLE = (0.5, 0.5)


@pytest.mark.parametrize(
    ("point", "corner"),
    [
        (MIDDLE, "bottom right"),
        ((0.95, 0.5), "bottom left"),
        ((0.5, 0.02), "top right"),
        ((0.95, 0.02), "top left"),
        ((0.02, 0.98), "bottom right"),
    ],
)
def test_without_neighbours_the_word_stays_inside(point: tuple[float, float], corner: str) -> None:
    assert freest_corner(point, []) == corner


def test_neighbours_turn_the_word_away_one_corner_after_the_other() -> None:
    right, left = 0.5 + WIDTH / 2, 0.5 - WIDTH / 2
    below, above = 0.5 - HEIGHT / 2, 0.5 + HEIGHT / 2
    others: list[tuple[float, float]] = []
    for neighbour, corner in (
        ((right, below), "bottom left"),
        ((left, below), "top right"),
        ((right, above), "top left"),
        ((left, above), "bottom right"),
        ((right, below), "bottom left"),
    ):
        others.append(neighbour)
        assert freest_corner(MIDDLE, others) == corner


def test_what_is_far_or_at_the_same_place_turns_nothing() -> None:
    far = [(0.5 + 1.1 * WIDTH, 0.5), (0.5, 0.5 - 1.1 * HEIGHT), MIDDLE]
    assert freest_corner(MIDDLE, far) == "bottom right"
