"""Frames of how networks learned: lists by head and layer, accuracy over time steps, early exits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from reports.data import epochs as rooms
from reports.data.digest import digest
from reports.data.epochs import MOST_LISTED, curves, listed, lists, row_heads
from reports.html.figure import Card
from reports.training.branches import HeadsFrame, LayersFrame, heads_frame, layers_frame
from reports.training.branches_figure import draw_heads, draw_layers
from reports.training.curves import CurvesFrame, curves_frame
from reports.training.curves_figure import draw_curves
from reports.training.exits import Best, ExitsFrame, StepsFrame, exits_frame, steps_frame
from reports.training.exits_figure import draw_exits, draw_steps, gains_words
from studies.model import EpochRow, Study
from tests.reports.studies_for_tests import ACCURACY, MEMORY, ODD, digits_study, small


def with_steps(*accuracies: Sequence[float] | None) -> Study:
    """Trials that all are on the front, with these accuracies by time step."""
    study = small([[90.0 + n, 10.0 + n] for n in range(len(accuracies))], (ACCURACY, MEMORY))
    trials = [
        trial if own is None else replace(trial, metrics={"accuracy_at_t": list(own)})
        for trial, own in zip(study.trials, accuracies, strict=True)
    ]
    return replace(study, trials=tuple(trials))


def test_lists_hold_the_rows_of_the_listed_trials() -> None:
    study = digits_study(80)
    found = digest(study)
    numbers = list(listed(found))
    front = [trial.number for trial in found.front]
    assert numbers[: len(front)] == front
    assert len(numbers) == MOST_LISTED
    table = lists(found)
    assert {len(column) for column in table.values()} == {len(table["number"])}
    assert list(dict.fromkeys(table["number"])) == numbers
    rows = {(row.number, row.epoch): row for row in study.epochs}
    seen: dict[int, int] = {}
    for place, number in enumerate(table["number"]):
        seen[number] = seen.get(number, 0) + 1
        row = rows[number, seen[number]]
        assert [table[f"firing_rate.{layer}"][place] for layer in (1, 2)] == list(row.firing_rate)
        heads = study.trials[number].config["distillation"]["branches"]
        shares = dict(zip([*map(str, heads), "network"], row.reliable_share, strict=False))
        for head in ("1", "2", "3", "network"):
            held = table[f"reliable_share.{head}"][place]
            assert held == (pytest.approx(shares[head], rel=1e-2) if head in shares else None)


def test_lists_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    found = digest(digits_study(40))
    first = next(iter(listed(found)))
    n_numbers = sum(
        len(row.reliable_share) + len(row.firing_rate) for row in found.study.epochs if row.number == first
    )
    monkeypatch.setattr(rooms, "MOST_NUMBERS", n_numbers)
    assert list(listed(found)) == [first]
    monkeypatch.setattr(rooms, "MOST_NUMBERS", 1)
    assert list(listed(found)) == [first], "the first one in any case"


def test_heads_have_the_names_of_their_branches() -> None:
    trial = digits_study(1).trials[0]
    row = EpochRow(0, 1, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, reliable_share=(0.1, 0.2, 0.3))
    two = replace(trial, config={"distillation": {"branches": [1, 3]}})
    assert row_heads(two, row) == ["1", "3", "network"]
    one = replace(trial, config={"distillation": {"branches": [1]}})
    assert row_heads(one, row) == row_heads(replace(trial, config={}), row) == ["1", "2", "3"]


def test_heads_of_a_trial_are_drawn_and_the_others_can_be_chosen() -> None:
    study = digits_study(60)
    frame = heads_frame(digest(study))
    assert isinstance(frame, HeadsFrame)
    assert frame.heads == ["1", "2", "3", "network"]
    for number, heads in frame.by_trial.items():
        branches = study.trials[number].config["distillation"]["branches"]
        assert heads == [*map(str, branches), "network"]
    assert frame.first == frame.front[0]
    drawing = draw_heads(frame).drawing
    assert [trace["name"] for trace in drawing["data"]] == ["network", "branch 3", "branch 2", "branch 1"]
    for number, heads in frame.by_trial.items():
        choice = drawing["choices"][str(number)]
        assert choice["rows"] == [number]
        assert [part["visible"] for part in choice["data"]] == [
            head in heads for head in ("network", "3", "2", "1")
        ]


def test_layers_of_networks_of_unlike_depth() -> None:
    study = digits_study(30)
    deep = replace(study.epochs[-1], number=0, epoch=1, firing_rate=(0.1, 0.2, math.nan, 0.9))
    rows = [row for row in study.epochs if row.number != 0]
    frame = layers_frame(digest(replace(study, epochs=(deep, *rows))))
    assert isinstance(frame, LayersFrame)
    assert (frame.n_layers[0], frame.highest[0], frame.n_epochs[0]) == (4, 0.9, 1)
    other = next(number for number in frame.n_layers if number)
    assert (frame.n_layers[other], frame.highest[other]) == (2, 0.12)
    drawing = draw_layers(frame).drawing
    assert len(drawing["data"][0]["z"]) == 4
    assert drawing["choices"]["0"]["layout"]["yaxis"]["range"] == [0.5, 4.5]
    assert drawing["choices"][str(other)]["data"] == [{"zmax": 0.12}]


def test_no_heads_and_no_layers_are_cards() -> None:
    study = digits_study(20)
    bare = [replace(row, reliable_share=(), firing_rate=()) for row in study.epochs]
    for frame in (heads_frame, layers_frame):
        none = frame(digest(replace(study, epochs=())))  # type: ignore[operator]
        assert isinstance(none, Card)
        assert none.why == "No epoch was recorded."
        card = frame(digest(replace(study, epochs=tuple(bare))))  # type: ignore[operator]
        assert isinstance(card, Card)
        assert card.why.startswith(("No listed trial has branches", "No firing rate"))


def test_curves_without_a_number_are_a_card() -> None:
    study = digits_study(10)
    nothing = [
        replace(row, val_accuracy=math.nan, train_loss=math.inf, reliable_share=(math.nan,))
        for row in study.epochs
    ]
    card = curves_frame(digest(replace(study, epochs=tuple(nothing))))
    assert isinstance(card, Card)
    assert "is a number" in card.why
    rows = [replace(row, reliable_share=(math.nan,)) for row in study.epochs]
    frame = curves_frame(digest(replace(study, epochs=tuple(rows))))
    assert isinstance(frame, CurvesFrame)
    assert frame.panels == ["val_accuracy", "train_loss"]
    selected = [trace for trace in draw_curves(frame).drawing["data"] if trace["name"] == "selected"]
    assert [trace["y"]["$curve"] for trace in selected] == frame.panels
    assert {trace["x"]["rows"] for trace in selected} == {"selected"}
    assert len(curves(digest(study))["epoch"]) == len(study.epochs)


def test_accuracy_over_time_steps_is_that_of_the_front() -> None:
    found = digest(with_steps([80.0, 90.0], [91.0], None, [70.0, math.nan, 93.0]))
    frame = steps_frame(found)
    assert frame == StepsFrame({3: [70.0, None, 93.0], 0: [80.0, 90.0]}, 2)
    figure = draw_steps(frame)  # type: ignore[arg-type]
    assert [trace["x"] for trace in figure.drawing["data"]] == [[1, 2], [1, 2, 3]]
    assert "2 front trials with one time step" in figure.caption


@pytest.mark.parametrize(
    ("accuracies", "steps", "exits"),
    [
        ([None], "holds no accuracy", "holds no accuracy"),
        ([[90.0], [91.0]], "has one time step", "has one time step"),
        ([[math.nan, math.nan]], "is a number", "is a number"),
    ],
)
def test_no_steps_are_cards(accuracies: list[list[float] | None], steps: str, exits: str) -> None:
    found = digest(with_steps(*accuracies))
    for card, why in ((steps_frame(found), steps), (exits_frame(found), exits)):
        assert isinstance(card, Card)
        assert why in card.why
    none = steps_frame(digest(ODD["none"]()))
    assert isinstance(none, Card)
    assert none.why == "No trial has finished within the limits."


def test_exits_are_the_best_of_all_measured_trials() -> None:
    study = with_steps([80.0, 90.0], [85.0], [84.0, 89.0, 93.0], [60.0, math.nan], [86.0, 90.5, 91.0])
    frame = exits_frame(digest(study))
    assert frame == ExitsFrame(
        whole=[Best(1, 85.0, 1, 1), Best(2, 90.0, 0, 2), Best(3, 93.0, 2, 3)],
        stopped=[Best(1, 86.0, 4, 3), Best(2, 90.5, 4, 3)],
        n_trials=5,
    )
    assert isinstance(frame, ExitsFrame)
    assert "at least as accurate as one trained with t = 1 and 2." in gains_words(frame)
    worse = ExitsFrame([Best(1, 99.0, 0, 1)], [Best(1, 98.0, 1, 2)], 2)
    assert gains_words(worse).startswith(" Nowhere")
    assert gains_words(ExitsFrame([Best(2, 99.0, 0, 2)], [Best(1, 98.0, 0, 2)], 1)) == ""
    assert "was not measured" in draw_exits(frame).caption


def test_exits_against_every_trial_one_by_one() -> None:
    found = digest(digits_study(60))
    frame = exits_frame(found)
    assert isinstance(frame, ExitsFrame)
    known = [list(trial.metrics["accuracy_at_t"]) for trial in found.measured]
    for best, is_whole in [*((b, True) for b in frame.whole), *((b, False) for b in frame.stopped)]:
        like = [
            own[best.step - 1]
            for own in known
            if len(own) >= best.step and (len(own) == best.step) == is_whole
        ]
        assert best.accuracy == max(like)
