"""Early stopping by non-dominated rank."""

from __future__ import annotations

import math
from typing import Any

import pytest

from search.early_stopping.halving import Halving, expected_gain, unknown_in_training
from snncore.config.metrics import METRICS
from studies.model import Objective

OBJECTIVES = (
    Objective("val_accuracy", "maximize"),
    Objective("train_memory_mib", "minimize"),
)


def _row(epoch: int, accuracy: float) -> dict[str, Any]:
    return {"epoch": epoch, "val_accuracy": accuracy}


def _report(halving: Halving, number: int, accuracy: float, memory: float, epoch: int = 2) -> str | None:
    return halving.report(number, _row(epoch, accuracy), {"train_memory_mib": memory}, 20)


@pytest.mark.parametrize(
    ("min_epochs", "eta", "epochs", "expected"),
    [
        (1, 3, 27, [1, 3, 9]),
        (2, 2, 20, [2, 4, 8, 16]),
        (30, 3, 300, [30, 90, 270]),
        (30, 3, 30, []),
        (30, 3, 90, [30]),
        (5, 1.5, 12, [5, 7, 11]),
    ],
)
def test_rungs_lie_at_min_epochs_times_powers_of_eta_below_the_full_training(
    min_epochs: int, eta: float, epochs: int, expected: list[int]
) -> None:
    halving = Halving(min_epochs, eta, OBJECTIVES)
    assert [epoch for epoch in range(1, epochs + 1) if halving.is_rung(epoch, epochs)] == expected


def test_a_rung_with_fewer_than_eta_trials_stops_nobody() -> None:
    halving = Halving(2, 3, OBJECTIVES)
    assert _report(halving, 0, 90.0, 1.0) is None
    assert _report(halving, 1, 10.0, 9.0) is None


def test_the_dominated_third_stops() -> None:
    halving = Halving(2, 3, OBJECTIVES)
    _report(halving, 0, 90.0, 1.0)
    _report(halving, 1, 50.0, 5.0)
    assert _report(halving, 2, 10.0, 9.0) == "early stopping after epoch 2: dominated, place 3 of 3"


def test_a_trial_that_dominates_goes_on() -> None:
    halving = Halving(2, 3, OBJECTIVES)
    _report(halving, 0, 50.0, 5.0)
    _report(halving, 1, 10.0, 9.0)
    assert _report(halving, 2, 90.0, 1.0) is None


def test_the_small_end_of_the_front_goes_on_with_a_low_accuracy() -> None:
    """A stop by accuracy alone would cull it."""
    halving = Halving(2, 2, OBJECTIVES)
    for number, (accuracy, memory) in enumerate([(90.0, 100.0), (80.0, 200.0), (70.0, 300.0)]):
        _report(halving, number, accuracy, memory)
    assert _report(halving, 3, 20.0, 1.0) is None


def test_a_trial_that_nothing_dominates_goes_on_however_large_the_front() -> None:
    halving = Halving(2, 3, OBJECTIVES)
    points = [(90.0, 90.0), (10.0, 10.0), (52.0, 52.0), (51.0, 51.0), (50.0, 50.0), (51.5, 51.5)]
    assert [_report(halving, number, *point) for number, point in enumerate(points)] == [None] * 6


def test_the_lonelier_of_a_dominated_rank_goes_on() -> None:
    halving = Halving(2, 1.5, OBJECTIVES)
    points = [(99.0, 1.0), (90.0, 90.0), (10.0, 10.0), (52.0, 52.0), (51.0, 51.0)]
    for number, point in enumerate(points):
        _report(halving, number, *point)
    # Four of six go on: the one in front and, of the five behind it, not the newest amid the crowd.
    assert _report(halving, 5, 51.5, 51.5) == "early stopping after epoch 2: dominated, place 6 of 6"


def test_equal_trials_are_not_told_apart() -> None:
    halving = Halving(2, 2, OBJECTIVES)
    assert _report(halving, 7, 50.0, 5.0) is None
    assert _report(halving, 8, 50.0, 5.0) is None


def test_nan_stops_at_any_epoch_and_even_alone() -> None:
    halving = Halving(5, 3, OBJECTIVES)
    assert _report(halving, 0, math.nan, 1.0, epoch=3) == "val_accuracy is NaN after epoch 3"


def test_a_trial_with_an_unknown_exact_metric_comes_last() -> None:
    halving = Halving(2, 2, OBJECTIVES)
    halving.report(0, _row(2, 10.0), {"train_memory_mib": 500.0}, 20)
    assert halving.report(1, _row(2, 99.0), {}, 20) is not None


def test_epochs_that_are_no_rung_decide_nothing() -> None:
    halving = Halving(2, 3, OBJECTIVES)
    for number in range(5):
        _report(halving, number, 90.0, 1.0)
    assert _report(halving, 9, 1.0, 99.0, epoch=3) is None


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.known == "training"])
def test_with_an_objective_known_only_after_training_nothing_but_nan_stops(name: str) -> None:
    """The cheap end of its front has a low accuracy, which alone can be seen while it trains."""
    halving = Halving(2, 2, (*OBJECTIVES, Objective(name, "minimize")))
    points = [(90.0, 1.0), (80.0, 2.0), (70.0, 3.0), (60.0, 4.0), (10.0, 9.0)]
    stopped = [_report(halving, number, *point) is not None for number, point in enumerate(points)]
    assert any(stopped) == (name == "val_accuracy")
    assert _report(halving, 9, math.nan, 1.0) == "val_accuracy is NaN after epoch 2"


def test_objectives_that_training_alone_tells_are_named() -> None:
    unknown = (Objective("energy_uj", "minimize"), Objective("firing_rate", "minimize"))
    assert unknown_in_training((*OBJECTIVES, *unknown)) == ["energy_uj", "firing_rate"]
    assert unknown_in_training(OBJECTIVES) == []


def _finished(halving: Halving, numbers: range, accuracy: float, memory: float) -> None:
    """Trials that come to their ends, a little apart from one another."""
    for number in numbers:
        for epoch in (2, 6, 18, 20):
            at = accuracy + number / 10 + epoch / 10
            halving.recall(number, _row(epoch, at), {"train_memory_mib": memory + number / 10}, 20)


def test_trials_that_are_ruled_out_stop_nobody() -> None:
    halving = Halving(2, 3, OBJECTIVES)
    _finished(halving, range(14), 90.0, 10.0)
    lived = _report(halving, 20, 60.0, 50.0)
    assert lived == "early stopping after epoch 2: expected to add 0.000% to the hypervolume of the front"
    for number in range(14):
        halving.rule_out(number)
    assert _report(halving, 20, 60.0, 50.0) is None, "nobody is left who is better"


def test_the_gain_is_that_over_the_trials_that_are_not_ruled_out() -> None:
    halving = Halving(2, 3, OBJECTIVES)
    _finished(halving, range(6), 60.0, 50.0)
    _finished(halving, range(10, 24), 90.0, 1.0)
    better = [(70.0, 50.0), (60.0, 40.0)]  # than the first six
    told = [_report(halving, 30 + at, *point) for at, point in enumerate(better)]
    assert [text.split(":")[0] for text in told if text] == ["early stopping after epoch 2"] * 2
    for number in range(10, 24):
        halving.rule_out(number)
    assert [_report(halving, 40 + at, *point) for at, point in enumerate(better)] == [None, None]


def test_how_accuracy_goes_on_is_learned_from_trials_that_are_ruled_out_too() -> None:
    rung = {number: (-50.0 - number, 1.0 + number) for number in range(12)}
    early = {number: (-60.0 - number, 1.0 + number) for number in range(6)}
    late = {number: (-95.0 - number / 10, 1.0 + number) for number in range(6, 12)}
    rung[20] = (-57.0, 3.0)
    alone = expected_gain(20, rung, early)
    taught = expected_gain(20, rung, {**early, **late}, set(late))
    assert alone is not None
    assert taught is not None
    assert taught > alone


def test_recalled_rungs_decide_like_those_that_were_lived_through() -> None:
    points = [(90.0, 9.0), (80.0, 8.0), (70.0, 9.5), (60.0, 1.0), (85.0, 12.0), (10.0, 2.0)]
    lived, recalled = Halving(2, 3, OBJECTIVES), Halving(2, 3, OBJECTIVES)
    for number, (accuracy, memory) in enumerate(points):
        for epoch in (1, 2, 3, 6):
            _report(lived, number, accuracy, memory, epoch)
            recalled.recall(number, _row(epoch, accuracy), {"train_memory_mib": memory}, 20)
    for number, (accuracy, memory) in enumerate([(88.0, 9.0), (5.0, 50.0), (95.0, 0.5)], start=10):
        assert _report(lived, number, accuracy, memory) == _report(recalled, number, accuracy, memory)


def test_a_trial_that_went_back_is_on_no_rung_above() -> None:
    halving = Halving(2, 2, OBJECTIVES)
    for epoch in (2, 4, 8):
        assert _report(halving, 0, 90.0, 1.0, epoch) is None
    assert _report(halving, 0, 90.0, 1.0, epoch=2) is None
    assert _report(halving, 1, 50.0, 9.0, epoch=4) is None, "it is the first there"
    assert _report(halving, 1, 50.0, 9.0, epoch=2) is not None


def test_a_trial_that_reports_a_rung_again_counts_once() -> None:
    halving = Halving(2, 3, OBJECTIVES)
    for _ in range(5):
        assert _report(halving, 0, 1.0, 9.0) is None
