from __future__ import annotations

import pytest

from spikefront.text import duration, first_line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (12.4, "12 s"),
        (59.9, "1 min 0 s"),
        (362, "6 min 2 s"),
        (7500, "2 h 5 min"),
        (108_300, "30 h 5 min"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("message", "line"),
    [("\n  a disk is full\nsecond", "a disk is full"), ("", "OSError"), ("x" * 400, "x" * 300)],
)
def test_the_first_line_of_an_error(message: str, line: str) -> None:
    assert first_line(OSError(message)) == line
