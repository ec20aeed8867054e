"""Accuracies beside what their split is of, against scikit-learn and against counts by hand."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from spikefront.accuracy import (
    about_accuracy,
    about_split,
    accuracy_text,
    balanced_accuracy,
    guessing_text,
    missing_text,
    split_remarks,
    split_text,
)


@pytest.mark.parametrize("classes", [[0, 1, 2], [0, 0, 0, 0, 0, 0, 0, 1], [0, 2], [3]])
@pytest.mark.parametrize("seed", range(4))
def test_balanced_accuracy_is_that_of_scikit_learn(classes: list[int], seed: int) -> None:
    """Classes without a sample do not count, also where they were predicted; one class alone is no fault."""
    generator = np.random.default_rng(seed)
    labels, predicted = generator.choice(classes, 37), generator.integers(0, 4, 37)
    counted = [np.bincount(chosen, minlength=4).tolist() for chosen in (labels, labels[labels == predicted])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of classes that were predicted and are none
        expected = 100 * balanced_accuracy_score(labels, predicted)
    assert balanced_accuracy(*counted) == pytest.approx(expected)


def test_without_samples_there_is_no_balanced_accuracy() -> None:
    assert math.isnan(balanced_accuracy([0, 0], [0, 0]))
    assert math.isnan(balanced_accuracy([], []))


def test_a_split_in_numbers() -> None:
    assert about_split("val", (64, 0, 1)) == {
        "n_classes": 3,
        "n_val_samples": 65,
        "n_val_classes": 2,
        "val_largest_class_share": pytest.approx(6400 / 65),
    }
    empty = about_split("test", (0, 0))
    assert (empty["n_test_samples"], empty["n_test_classes"]) == (0, 0)
    assert math.isnan(empty["test_largest_class_share"])


@pytest.mark.parametrize(
    ("n_right", "n", "n_largest", "expected"),
    [
        (64, 65, 64, "not above what always guessing the largest class gives, 98.46 %"),
        (10, 65, 64, "not above what always guessing the largest class gives, 98.46 %"),
        (65, 65, 64, ""),  # one more than guessing, and its standard error is 0.99 samples
        (5, 5, 5, "not above what always guessing the largest class gives, 100.00 %"),
        (1, 1, 1, "not above what always guessing the largest class gives, 100.00 %"),
        (55, 100, 50, "above what always guessing the largest class gives, 50.00 %, by no more than the "
         "standard error of 5.00 points"),
        (56, 100, 50, ""),
    ],
)  # fmt: skip
def test_an_accuracy_is_more_than_guessing_beyond_a_standard_error(
    n_right: int, n: int, n_largest: int, expected: str
) -> None:
    values = {"n_val_samples": n, "val_largest_class_share": 100.0 * n_largest / n}
    assert guessing_text(100.0 * n_right / n, values) == expected


def test_an_accuracy_is_told_with_what_it_is_of() -> None:
    values = about_split("val", (64, 1))
    assert accuracy_text(6400 / 65, values) == "98.46 % (1 of 65 samples wrong; largest class 98.46 %)"
    one = about_split("test", (1, 0))
    assert accuracy_text(0.0, one, "test") == "0.00 % (1 of 1 sample wrong; largest class 100.00 %)"
    assert accuracy_text(90.0, {"n_val_samples": None}) == "90.00 %"
    assert accuracy_text(None, values) == "-"
    assert about_accuracy(None, values) == "65 samples; largest class 98.46 %"


def test_remarks_tell_of_guessing_and_of_classes_without_a_sample() -> None:
    values = about_split("val", (2, 1, 1, 0, 0))
    assert split_remarks({"val": 50.0, "test": 100.0}, values) == [
        "validation accuracy is not above what always guessing the largest class gives, 50.00 %",
        "2 of 5 classes have no validation sample",
    ]
    assert split_remarks({"test": 100.0}, about_split("test", (20,) * 5)) == []
    assert split_remarks({"test": 100.0}, {}) == []  # a result of before it was recorded
    assert split_remarks({"val": None}, about_split("val", (0, 0))) == []


def test_several_records_are_told_from_the_least_to_the_most() -> None:
    some = [about_split("val", counts) for counts in ((6, 4), (10, 10), (30, 70), (0, 0))]
    assert split_text(some) == "10 to 100 samples, largest class 50.00 to 70.00 %"
    assert split_text([about_split("val", (1,))]) == "1 sample, largest class 100.00 %"
    assert split_text([{}, {}]) == split_text([]) == ""
    few = [about_split("train", counts) for counts in ((1, 0, 0), (1, 1, 0))]
    assert missing_text(few, "train") == "up to 2 of 3 classes have no training sample"
    assert missing_text([about_split("val", (0, 0))], "val") == ""  # of an empty split


@pytest.mark.parametrize(
    "odd",
    [
        {"n_val_samples": math.nan, "val_largest_class_share": 50.0},
        {"n_val_samples": math.inf, "val_largest_class_share": 50.0},
        {"n_val_samples": 10, "val_largest_class_share": 150.0},
        {"n_val_samples": 10, "val_largest_class_share": math.nan},
        {"n_val_samples": True, "val_largest_class_share": 50.0},
        {"n_val_samples": "10", "val_largest_class_share": 50.0},
        {"n_val_samples": 10},
    ],
)
def test_numbers_that_are_none_say_nothing(odd: dict[str, Any]) -> None:
    assert about_accuracy(40.0, odd) == guessing_text(40.0, odd) == split_text([odd]) == ""
