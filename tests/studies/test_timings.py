from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studies.model import Study, Trial
from studies.pareto import front
from studies.record import read_study
from studies.remarks import quiet_remarks
from studies.timings import (
    QuietFront,
    Timing,
    is_disturbed,
    is_timed,
    measured_again,
    quiet_front,
    quiet_timing,
    timing,
    timing_range,
)
from tests.studies.make import make_study, make_trial


def timed(number: int, point: tuple[float, float, float], quiet: float | None = None, **more: Any) -> Trial:
    """A trial with quartiles 5 % around its latency and, if given, 1 % around its quiet one."""
    latency = point[2]
    metrics: dict[str, Any] = {"latency_ms_q25": 0.95 * latency, "latency_ms_q75": 1.05 * latency}
    if quiet is not None:
        metrics |= {"latency_ms_quiet": quiet}
        metrics |= {"latency_ms_quiet_q25": 0.99 * quiet, "latency_ms_quiet_q75": 1.01 * quiet}
    trial = make_trial(number, point)
    return make_trial(number, point, metrics={**trial.metrics, **metrics, **more})


def test_a_timing_has_its_quartiles_where_both_were_taken() -> None:
    trial = timed(0, (90.0, 1.0, 2.0), 1.0, train_step_ms=5.0, train_step_ms_quiet=4.0, macs_q25=1.0)
    assert timing(trial, "latency_ms") == Timing(2.0, (1.9, 2.1))
    assert quiet_timing(trial, "latency_ms") == Timing(1.0, (0.99, 1.01))
    assert timing(trial, "train_step_ms") == Timing(5.0, None)
    assert timing(trial, "macs") is None
    assert quiet_timing(trial, "val_accuracy") is None
    assert [is_timed(trial, name) for name in ("latency_ms", "train_step_ms", "val_accuracy")] == [
        True,
        True,
        False,
    ]


def test_the_range_of_a_timing_holds_both_measurements() -> None:
    trial = timed(0, (90.0, 1.0, 2.0), 1.0, train_step_ms=5.0, train_step_ms_quiet=4.0)
    assert timing_range(trial, "latency_ms") == (0.99, 2.1)
    assert timing_range(trial, "train_step_ms") == (4.0, 5.0)
    assert timing_range(trial, "val_accuracy") is None
    assert timing_range(timed(1, (90.0, 1.0, 2.0)), "latency_ms") == (1.9, 2.1)


@pytest.mark.parametrize(
    ("quiet", "expected"),
    [(None, False), (2.0, False), (1.9, False), (1.88, True), (2.13, True), (1.0, True)],
)
def test_a_search_was_disturbed_when_quartiles_do_not_overlap(quiet: float | None, expected: bool) -> None:
    assert is_disturbed(timed(0, (90.0, 1.0, 2.0), quiet), "latency_ms") is expected


def test_without_quartiles_nothing_is_called_disturbed() -> None:
    trial = timed(0, (90.0, 1.0, 2.0), train_step_ms=5.0, train_step_ms_quiet=1.0)
    assert not is_disturbed(trial, "train_step_ms")


@pytest.fixture
def disturbed() -> Study:
    """Three on the front; 1 was slowed down in the search, and beats 0 once the machine is quiet."""
    return make_study(
        [
            timed(0, (90.0, 10.0, 1.0), 1.0, train_step_ms_quiet=3.0),
            timed(1, (91.0, 9.0, 2.9), 0.8),
            timed(2, (95.0, 30.0, 3.0), 3.0),
            timed(3, (80.0, 40.0, 4.0)),
        ]
    )


def test_the_quiet_front_and_its_knee(disturbed: Study) -> None:
    assert [trial.number for trial in front(disturbed)] == [0, 1, 2]
    assert measured_again(disturbed) == ["latency_ms", "train_step_ms"]
    assert quiet_front(disturbed) == QuietFront(("latency_ms",), left=(0,), joined=(), knee=1, n_known=3)
    assert quiet_remarks(disturbed) == [
        "the search's latency_ms of trial 1 was disturbed: "
        "with the machine quiet it is 72 % lower, beyond the quartiles",
        "with quiet latency_ms trial 0 would not be on the front and the knee would be trial 1",
    ]
    assert quiet_remarks(disturbed, lambda name: "latency")[1].startswith("with quiet latency trial 0 ")


def test_quiet_values_are_compared_with_quiet_values_alone() -> None:
    study = make_study(
        [timed(0, (90.0, 10.0, 1.0)), timed(1, (91.0, 9.0, 2.0), 0.8), timed(2, (80.0, 9.0, 5.0), 0.1)]
    )
    found = quiet_front(study)
    assert found == QuietFront(("latency_ms",), left=(), joined=(), knee=None, n_known=1)
    assert quiet_remarks(study)[-1] == (
        "with quiet latency_ms the part of the front that was measured again in quiet (1 of 2) would stay "
        "as it is"
    )


def test_a_dominated_trial_can_join_when_all_of_the_front_was_measured_again() -> None:
    study = make_study(
        [
            timed(0, (90.0, 10.0, 1.0), 1.0),
            timed(1, (80.0, 10.0, 1.5), 0.5),
            timed(2, (95.0, 20.0, 2.0), 2.0),
        ]
    )
    assert [trial.number for trial in front(study)] == [0, 2]
    found = quiet_front(study)
    assert found is not None
    assert (found.left, found.joined) == ((), (1,))
    assert "trial 1 would be on the front" in quiet_remarks(study)[-1]


def test_a_front_that_stays_says_so_and_one_never_measured_again_says_nothing() -> None:
    same = make_study([timed(0, (90.0, 10.0, 1.0), 1.01), timed(1, (95.0, 20.0, 2.0), 2.01)])
    assert quiet_remarks(same) == ["with quiet latency_ms the front would stay as it is"]
    for study in (make_study([timed(0, (90.0, 10.0, 1.0))]), make_study([])):
        assert quiet_front(study) is None
        assert quiet_remarks(study) == measured_again(study) == []


def test_a_metric_that_is_no_objective_moves_no_front() -> None:
    metrics = {"train_step_ms": 3.0, "train_step_ms_quiet": 1.0}
    study = make_study([make_trial(0, (90.0, 1.0, 1.0), metrics=metrics)])
    assert measured_again(study) == ["train_step_ms"]
    assert quiet_front(study) is None


BUSY = {"latency_quiet_under_load": True}


def test_nothing_is_concluded_from_a_quiet_measurement_under_load() -> None:
    """The quiet values of `disturbed`, the second of them taken on a busy machine."""
    trials = [
        timed(0, (90.0, 10.0, 1.0), 1.0),
        timed(1, (91.0, 9.0, 2.9), 0.8, **BUSY),
        timed(2, (95.0, 30.0, 3.0), 3.0),
    ]
    assert [is_disturbed(trial, "latency_ms") for trial in trials] == [False] * 3
    assert quiet_front(make_study(trials)) == QuietFront(("latency_ms",), (), (), knee=None, n_known=2)
    assert quiet_remarks(make_study(trials)) == [
        "the quiet measurement of trial 1 is doubtful: the machine was busy with something else then, so "
        "nothing is concluded from it",
        "with quiet latency_ms the part of the front that was measured again in quiet (2 of 3) would stay as "
        "it is",
    ]
    assert len(quiet_remarks(make_study([timed(1, (91.0, 9.0, 2.9), 0.8, **BUSY)]))) == 1


def test_of_the_real_study_under_load_no_conclusion_is_left() -> None:
    study = read_study(Path(__file__).parents[1] / "reports" / "real_digits")
    assert any("would not be on the front" in remark for remark in quiet_remarks(study))
    busy = [replace(trial, metrics={**trial.metrics, **BUSY}) for trial in study.trials]
    (remark,) = quiet_remarks(replace(study, trials=tuple(busy)))
    assert "is doubtful" in remark


def test_changes_are_told_each_way() -> None:
    trials = [timed(0, (90.0, 10.0, 1.0), 0.57), timed(1, (91.0, 20.0, 2.0), 2.74)]
    both = "the search's latency_ms of trials 0 and 1 was disturbed: with the machine quiet it is "
    assert quiet_remarks(make_study(trials))[0] == (
        f"{both}43 % lower in trial 0 and 37 % higher in trial 1, beyond the quartiles"
    )
    trials[1] = timed(1, (91.0, 20.0, 2.0), 1.5)
    assert quiet_remarks(make_study(trials))[0] == f"{both}up to 43 % lower, beyond the quartiles"
