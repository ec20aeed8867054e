"""What is said beside accuracies, and when guessing would reach them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from spikefront.accuracy import about_split
from studies.accuracy import about_metric, accuracy_remarks, validation_text
from studies.configs import measured
from studies.front_table import FrontView
from studies.model import Objective, Study, Trial
from studies.record import read_study, write_study
from studies.show import summary_lines
from tests.studies.make import OBJECTIVES, make_study, make_trial

BALANCED = (Objective("balanced_accuracy", "maximize"), *OBJECTIVES[1:])


def of(*n_per_class: int, n_train_classes: int | None = None) -> dict[str, Any]:
    """What a training tells of a validation split with so many samples of each class."""
    found = about_split("val", n_per_class)
    return {**found, "n_train_classes": n_train_classes or len(n_per_class)}


def trial(number: int, point: tuple[float, float, float], metrics: Mapping[str, Any]) -> Trial:
    plain = make_trial(number, point)
    return make_trial(number, point, metrics={**plain.metrics, **metrics})


def lonely(accuracy: float, metrics: Mapping[str, Any]) -> Study:
    return make_study([trial(0, (accuracy, 10.0, 1.0), metrics)])


def printed(study: Study) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(FrontView(study))
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_the_best_is_what_guessing_gives() -> None:
    study = lonely(6400 / 65, of(64, 1))
    remark = (
        "the best val_accuracy, 98.46 % of trial 0, is not above what always guessing the largest class "
        "gives, 98.46 %"
    )
    assert accuracy_remarks(study) == [remark]
    assert remark in summary_lines(study)
    assert "accuracy: 65 samples, largest class 98.46 %" in printed(study)
    assert measured(study, study.trials[0]).startswith(
        "val_accuracy 98.46 % (1 of 65 samples wrong; largest class 98.46 %); train_memory_mib"
    )


@pytest.mark.parametrize(("accuracy", "is_told"), [(50.0, True), (54.9, True), (56.0, False)])
def test_a_standard_error_above_guessing_is_the_limit(accuracy: float, is_told: bool) -> None:
    remarks = accuracy_remarks(lonely(accuracy, of(50, 50)))
    assert len(remarks) == is_told
    assert all(accuracy > 50 or "is not above" in remark for remark in remarks)
    assert all(accuracy <= 50 or "standard error of 5.00 points" in remark for remark in remarks)


def test_the_best_is_better_and_others_of_the_front_are_not() -> None:
    points = [(90.0, 10.0, 1.0), (50.0, 2.0, 0.5), (20.0, 1.0, 0.5), (10.0, 90.0, 9.0)]
    study = make_study([trial(number, point, of(50, 50)) for number, point in enumerate(points)])
    assert accuracy_remarks(study) == [
        "the val_accuracy of trials 1 and 2 on the front is not clearly above what always guessing the "
        "largest class gives"
    ]


def test_balanced_accuracy_is_compared_with_one_class() -> None:
    metrics = of(64, 1) | {"balanced_accuracy": 50.0}
    study = make_study([make_trial(0, (50.0, 1.0, 1.0), metrics=metrics, values=_values(50.0))], BALANCED)
    assert accuracy_remarks(study) == [
        "the best balanced_accuracy, 50.00 % of trial 0, is not above what always guessing one class gives, "
        "50.00 %"
    ]
    assert about_metric(study.trials[0], "balanced_accuracy") == "65 samples; largest class 98.46 %"
    better = make_study([make_trial(0, (1.0,), metrics=metrics, values=_values(50.5))], BALANCED)
    assert accuracy_remarks(better) == []


def _values(balanced: float) -> dict[str, float]:
    return {"balanced_accuracy": balanced, "train_memory_mib": 1.0, "latency_ms": 1.0}


def test_classes_without_a_sample_are_counted() -> None:
    metrics = [of(3, 1, 1, 0, 0, n_train_classes=4), of(3, 1, 1, 1, 0, n_train_classes=4)]
    study = make_study([trial(n, (90.0, 1.0, 1.0), one) for n, one in enumerate(metrics)])
    assert accuracy_remarks(study) == [
        "1 of 5 classes has no training sample",
        "up to 2 of 5 classes have no validation sample",
    ]


def test_trials_with_other_splits_are_told_from_the_least_to_the_most() -> None:
    sizes = [of(6, 4), of(10, 10), of(30, 70)]
    study = make_study([trial(n, (90.0, 1.0, 1.0), one) for n, one in enumerate(sizes)])
    assert validation_text(study) == "10 to 100 samples, largest class 50.00 to 70.00 %"


def test_a_record_of_before_says_nothing(tmp_path: Path) -> None:
    study = make_study([make_trial(0, (98.46, 10.0, 1.0)), make_trial(1)])
    write_study(study, tmp_path)
    old = read_study(tmp_path)
    assert accuracy_remarks(old) == []
    assert validation_text(old) == ""
    assert "accuracy:" not in printed(old)
    assert measured(old, old.trials[0]).startswith("val_accuracy 98.46 %; train_memory_mib")


def test_a_study_without_a_front_has_no_remark_of_its_best() -> None:
    assert accuracy_remarks(make_study([])) == []
    assert accuracy_remarks(make_study([make_trial(0)])) == []
