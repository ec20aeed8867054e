from __future__ import annotations

import io
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from studies.model import Direction, Study
from studies.pareto import front
from studies.plot import HEIGHT, PlotView, drawn, plot_frames
from tests.studies.make import REPEATABLE, make_study, make_trial, study_of_points


def printed(study: Study, width: int, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, color_system=None)
    console.print(PlotView(plot_frames(study)))
    file.seek(0)
    return [line.rstrip() for line in file.read().splitlines()]


def make_three() -> Study:
    """A front of three; the knee, number 1, stands in the middle; number 3 is dominated."""
    points = [(90.0, 10.0, 1.0), (96.0, 30.0, 1.0), (98.0, 60.0, 1.0), (92.0, 50.0, 1.0)]
    return make_study([make_trial(number, point) for number, point in enumerate(points)])


def test_a_plot_names_its_axes_and_their_ends_with_units() -> None:
    lines = printed(make_three(), 44)
    assert lines[1] == "val_accuracy over train_memory_mib"
    assert (lines[2][:9], lines[2][-1]) == ("98.00 % │", "●")
    assert lines[HEIGHT + 1].startswith("90.00 % │●")
    assert lines[HEIGHT + 2] == " " * 8 + "└" + "─" * 33
    assert lines[HEIGHT + 3].split() == ["10.0", "60.0", "MiB"]
    told = " ".join(lines[HEIGHT + 4 :])
    assert told == "● front  ◆ knee (trial 1)  ⠒ dominated better: up and left  1 more on a wider terminal"
    assert sum(line.count("●") for line in lines[: HEIGHT + 4]) == 2
    assert sum(line.count("◆") for line in lines[: HEIGHT + 4]) == 1
    assert sum(0x2800 < ord(letter) < 0x2900 for line in lines[: HEIGHT + 4] for letter in line) == 1


def test_without_unicode_the_plot_is_ascii() -> None:
    lines = printed(make_three(), 44, "ascii")
    assert all(line.isascii() for line in lines)
    assert [sum(line.partition("|")[2].count(mark) for line in lines) for mark in "oK."] == [2, 1, 1]


@pytest.mark.parametrize(("width", "n_plots"), [(30, 1), (44, 1), (80, 2), (200, 2)])
def test_as_many_plots_as_the_terminal_is_wide_and_no_line_wider(width: int, n_plots: int) -> None:
    lines = printed(make_three(), width)
    assert " ".join(lines).count("over ") == n_plots
    assert ("1 more on a wider terminal" in " ".join(lines)) == (n_plots == 1)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(
    "study",
    [make_study([]), make_study([make_trial(0)]), study_of_points([[1.0]], ["minimize"])],
    ids=["no trial", "none complete", "one objective"],
)
def test_where_there_is_nothing_to_draw_nothing_is_printed(study: Study) -> None:
    assert printed(study, 80) == []


def test_one_trial_stands_in_the_middle() -> None:
    (frame,) = plot_frames(study_of_points([[3.0, 4.0]], ["maximize", "minimize"]))
    assert (frame.front, frame.knee) == (((0.5, 0.5),), (0.5, 0.5))


def test_a_decade_makes_an_axis_logarithmic_and_percentages_never() -> None:
    points = [(5.0, 1.0, 1.0), (50.0, 10.0, 5.0), (90.0, 100.0, 9.0)]
    study = make_study([make_trial(number, point) for number, point in enumerate(points)])
    memory, latency = plot_frames(study)
    assert (memory.x.is_log, latency.x.is_log, memory.y.is_log) == (True, False, False)
    assert [place for place, _ in memory.front] == pytest.approx([0.0, 0.5, 1.0])
    assert "log" in "".join(line.plain for line in drawn(memory, 44, 5, is_ascii=True))


def test_what_lies_far_off_is_counted_and_not_drawn() -> None:
    points = [(90.0 + number / 10, 10.0 + number, 1.0) for number in range(12)] + [(20.0, 500.0, 1.0)]
    study = make_study([make_trial(number, point) for number, point in enumerate(points)])
    frame = plot_frames(study)[0]
    assert (frame.n_outside, frame.y.low, frame.x.high) == (1, 90.0, 21.0)
    assert "1 far off not shown" in printed(study, 80)[-1]


values = st.sampled_from([-5.0, 0.0, 1e-9, 1.0, 2.0, 3.0, 1e6, math.nan])


@REPEATABLE
@given(
    st.lists(st.tuples(values, values, values), max_size=9),
    st.lists(st.sampled_from(["maximize", "minimize"]), min_size=3, max_size=3),
    st.integers(1, 120),
)
def test_the_whole_front_is_in_view_of_every_study(
    points: Sequence[Sequence[float]], ways: Sequence[Direction], width: int
) -> None:
    study = study_of_points(points, ways)
    frames = plot_frames(study)
    assert len(frames) == (2 if front(study) else 0)
    for frame in frames:
        assert len(frame.front) == len(front(study))
        assert all(-1e-9 <= part <= 1 + 1e-9 for spot in frame.front for part in spot)
        assert len(frame.dominated) + frame.n_outside + len(frame.front) == sum(
            not any(map(math.isnan, point)) for point in points
        )
    assert all(len(line) <= width for line in printed(study, width))
