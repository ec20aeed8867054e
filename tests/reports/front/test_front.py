"""The frames of the front, against a brute-force reading of the definition."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.data.axes import axis_frame, scaling
from reports.data.columns import columns, groups
from reports.data.digest import digest
from reports.format.ticks import tick_text, ticks
from reports.front.front import PairFrame, pair_frame, stairs
from reports.front.front3d import SpaceFrame, space_frame
from reports.front.front3d_figure import draw_space
from reports.front.front_figure import draw_pair
from reports.html.figure import Card
from studies.model import Objective, Study
from studies.noise import near_front
from tests.reports.studies_for_tests import ACCURACY, LATENCY, MEMORY, ODD, digits_study, noisy_study, small


def undominated(study: Study, names: list[str]) -> set[int]:
    """Numbers of complete feasible trials that no other beats, by comparing all pairs."""
    signs = [
        -1 if item.direction == "maximize" else 1 for item in study.info.objectives if item.name in names
    ]
    points = {
        trial.number: [sign * trial.values[name] for sign, name in zip(signs, names, strict=True)]
        for trial in study.trials
        if trial.state == "complete" and all(value <= 0 for value in trial.constraints.values())
    }
    return {
        number
        for number, point in points.items()
        if not any(
            all(a <= b for a, b in zip(other, point, strict=True)) and other != point
            for other in points.values()
        )
    }


def test_front_dominated_and_stairs_of_a_real_looking_study() -> None:
    study = digits_study()
    found = digest(study)
    frame = pair_frame(found, MEMORY, ACCURACY)
    assert isinstance(frame, PairFrame)
    complete = {trial.number for trial in study.trials if trial.state == "complete"}
    assert set(frame.front) == undominated(study, ["val_accuracy", "train_memory_mib", "latency_ms"])
    assert set(frame.dominated) | set(frame.near) == complete - set(frame.front)
    assert not set(frame.dominated) & set(frame.near)
    assert frame.knee in frame.front
    values = {trial.number: trial.values for trial in study.trials}
    accuracies = [values[number]["val_accuracy"] for number in frame.front]
    assert accuracies == sorted(accuracies, reverse=True)
    pair = undominated(study, ["val_accuracy", "train_memory_mib"])
    points = {(values[n]["train_memory_mib"], values[n]["val_accuracy"]) for n in pair}
    assert [(values[n]["train_memory_mib"], values[n]["val_accuracy"]) for n in frame.stairs] == sorted(
        points
    )


def test_trials_within_the_noise_have_marks_of_their_own() -> None:
    study = noisy_study()
    found = digest(study)
    frame = pair_frame(found, MEMORY, ACCURACY)
    assert isinstance(frame, PairFrame)
    expected = [near.trial.number for near in near_front(study)]
    assert frame.near == groups(found)["near"] == expected
    assert len(expected) > 3
    marks = {trace["name"]: trace["marker"] for trace in draw_pair(frame, "f").drawing["data"][2:]}
    assert marks["near"]["symbol"] == "circle-open"
    space = space_frame(found)
    assert isinstance(space, SpaceFrame)
    assert set(space.near) <= set(expected)
    assert len(found.measured) == len(space.front) + len(space.near) + len(space.dominated) + space.n_outside


def test_replicates_are_in_no_figure() -> None:
    study = noisy_study()
    again = {trial.number for trial in study.trials if trial.replicate_of is not None}
    found = digest(study)
    assert len(again) == 2 * len(found.front)
    assert not again & {number for rows in groups(found).values() for number in rows}
    assert not again & set(columns(found)["number"])


def test_an_axis_opens_on_the_interesting_part() -> None:
    rows = [[90.0 + n % 9, 10.0 + n, 1.0] for n in range(20)]
    found = digest(small([*rows, [11.0, 25.0, 1.0]]))
    frame = pair_frame(found, MEMORY, ACCURACY)
    assert isinstance(frame, PairFrame)
    assert frame.outside == [20]
    assert frame.x_view is None
    assert frame.y_view is not None
    low, high = frame.y_view
    assert 50 < low < 90
    assert 98 < high < 100
    figure = draw_pair(frame, "f")
    assert figure.drawing["layout"]["yaxis"]["range"] == [low, high]
    assert "1 dominated trial lies far outside" in str(figure.aside)
    space = space_frame(found)
    assert isinstance(space, SpaceFrame)
    assert space.n_outside == 1
    assert 20 not in space.dominated
    assert min(z for z in space.stems["z"] if z is not None) == 90.0
    assert draw_space(space, "f").caption.endswith("1 dominated trial far off is left out.")


def test_an_axis_shows_all_where_a_part_would_hide_the_front_or_little_else() -> None:
    wide = digest(small([[50.0, 1.0, 1.0], *([90.0 + n % 9, 10.0 + n, 1.0] for n in range(20))]))
    even = digest(small([[80.0 + n, 1.0 + n, 1.0] for n in range(20)]))
    for found in (wide, even):
        frame = pair_frame(found, MEMORY, ACCURACY)
        assert isinstance(frame, PairFrame)
        assert (frame.outside, frame.y_view) == ([], None)
        figure = draw_pair(frame, "f")
        assert "data-whole" not in str(figure.aside)
        assert "range" not in figure.drawing["layout"]["yaxis"]


@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(1, 99)), min_size=1, max_size=12))
def test_a_view_always_holds_the_front(rows: list[tuple[float, float]]) -> None:
    found = digest(small(rows, (MEMORY, ACCURACY)))
    frame = pair_frame(found, ACCURACY, MEMORY)
    assert isinstance(frame, PairFrame)
    assert not set(frame.outside) & set(frame.front)
    assert set(frame.outside) <= {*frame.near, *frame.dominated}


def test_a_near_trial_far_off_does_not_widen_the_view() -> None:
    study = small([[90.0 + n % 9, 10.0 + n, 1.0 + n / 10] for n in range(20)])
    doubtful = {"latency_ms": 3.0, "latency_ms_q25": 0.5, "latency_ms_q75": 9.0}
    values = {"val_accuracy": 57.0, "train_memory_mib": 28.0, "latency_ms": 3.0}
    slow = replace(study.trials[0], number=20, values=values, metrics=doubtful)
    found = digest(replace(study, trials=(*study.trials, slow)))
    assert 20 in found.near_numbers
    frame = pair_frame(found, MEMORY, ACCURACY)
    assert isinstance(frame, PairFrame)
    assert frame.outside == [20]
    space = space_frame(found)
    assert isinstance(space, SpaceFrame)
    assert 20 not in space.near


VALUE = st.integers(0, 4).map(float)
DIRECTION = st.sampled_from(["maximize", "minimize"])


@given(st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=12), DIRECTION, DIRECTION)
def test_stairs_are_the_front_of_the_pair(rows: list[tuple[float, float]], way_x: str, way_y: str) -> None:
    x, y = Objective("x", way_x), Objective("y", way_y)  # type: ignore[arg-type]
    study = small(rows, (x, y))
    chosen = stairs(study.trials, x, y)
    points = [(trial.values["x"], trial.values["y"]) for trial in chosen]
    assert points == sorted({rows[number] for number in undominated(study, ["x", "y"])})


def test_the_step_line_turns_as_the_cost_does() -> None:
    found = digest(digits_study(30))
    for direction, shape in (("minimize", "hv"), ("maximize", "vh")):
        frame = pair_frame(found, Objective("latency_ms", direction), ACCURACY)  # type: ignore[arg-type]
        assert isinstance(frame, PairFrame)
        line = draw_pair(frame, "f").drawing["data"][1]
        assert line["line"]["shape"] == shape


def test_space_frame_stands_stems_on_the_floor() -> None:
    study = digits_study(30)
    frame = space_frame(digest(study))
    assert isinstance(frame, SpaceFrame)
    values = {trial.number: trial.values for trial in study.trials}
    floor = min(trial.values["val_accuracy"] for trial in study.trials if trial.state == "complete")
    tops = [values[number]["val_accuracy"] for number in frame.front]
    assert frame.stems["z"] == [part for top in tops for part in (floor, top, None)]
    assert frame.stems["x"][0] == frame.stems["x"][1] == values[frame.front[0]]["train_memory_mib"]
    assert [trace["name"] for trace in draw_space(frame, "f").drawing["data"][-2:]] == ["knee", "selected"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("none", "no front yet"), ("all_failed", "no front yet"), ("nan", "no front yet")],
)
def test_without_a_front_there_is_a_card(name: str, why: str) -> None:
    found = digest(ODD[name]())
    for card in (pair_frame(found, MEMORY, ACCURACY), space_frame(found)):
        assert isinstance(card, Card)
        assert why in card.why


def test_space_needs_three_objectives() -> None:
    card = space_frame(digest(ODD["two_objectives"]()))
    assert isinstance(card, Card)
    assert "has 2 objectives" in card.why


def test_an_axis_is_logarithmic_from_a_decade_on_but_never_for_percentages() -> None:
    rows = [[1.0, 1.0, 0.0], [99.0, 10.0, 50.0]]
    trials = small(rows).trials
    assert not axis_frame(trials, ACCURACY).is_log
    memory = axis_frame(trials, MEMORY)
    assert memory.is_log
    assert memory.span == (0.0, 1.0)
    assert memory.place(10**0.5) == pytest.approx(0.5)
    assert scaling(memory)["tickvals"] == pytest.approx([1, 2, 5, 10, 20, 50])
    assert not axis_frame(trials, LATENCY).is_log, "zero has no logarithm"
    assert axis_frame(trials[:1], MEMORY).place(1.0) == 0.5


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.booleans())
def test_ticks_lie_inside_and_rise(low: float, width: float, is_whole: bool) -> None:
    places = [place for place, _ in ticks(low, low + width, is_whole=is_whole)]
    assert 2 <= len(places) <= 8
    assert places == sorted(set(places))
    assert low - 1e-6 <= places[0]
    assert places[-1] <= low + width + 1e-6


def test_ticks_of_known_ranges() -> None:
    assert [text for _, text in ticks(1, 8, is_whole=True)] == ["2", "4", "6", "8"]
    assert [place for place, _ in ticks(1, 2, is_whole=True)] == [1.0, 2.0]
    assert [text for _, text in ticks(math.log10(0.01), math.log10(0.5), is_log=True)] == [
        "0.01", "0.02", "0.05", "0.1", "0.2", "0.5",
    ]  # fmt: skip
    assert ticks(3.0, 3.0) == [(3.0, "3")]
    assert [tick_text(value) for value in (0.05, 2000.0, 20_000.0, 1e6)] == [
        "0.05",
        "2,000",
        "20\u00a0k",
        "1\u00a0M",
    ]


def test_a_trial_without_a_value_is_neither_on_the_front_nor_dominated() -> None:
    study = ODD["some_nan"]()
    found = digest(study)
    shown = {trial.number for trial in found.measured}
    expected = {t.number for t in study.trials if np.isfinite(list(t.values.values())).all()}
    assert shown == expected
