from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from studies.finals import differences, final_lines, read_finals
from studies.model import Study
from tests.studies.make import make_study, make_trial

TOLD = "validation accuracy promised", "obtained", "test accuracy"


def put(run: Path, folder: str, result: Any) -> Path:
    path = run / "finals" / folder / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(result if isinstance(result, str) else json.dumps(result))
    return path


@pytest.fixture
def study() -> Study:
    first = make_trial(0, (90.0, 10.0, 2.0), device="cpu: X, torch", epochs_trained=5)
    return make_study([first, make_trial(1, (80.0, 0.5, 1.0)), make_trial(2)])


def test_final_results_are_set_against_what_was_promised(study: Study, tmp_path: Path) -> None:
    for name, text in {
        "trial-0000": '{"val_accuracy": 91.5, "test_accuracy": 90.25}',
        "trial-0001": '{"val_accuracy": null, "test_accuracy": 79}',
        "trial-0009": "{}",
        "trial-0010": "{",
        "trial-0011": "[]",
    }.items():
        put(tmp_path, name, text)
    (tmp_path / "finals" / "trial-0012").mkdir()
    lines = final_lines(study, tmp_path)
    assert lines[:3] == [
        f"final training of {name}: {TOLD[0]} {promised}, {TOLD[1]} {obtained}, {TOLD[2]} {test}"
        for name, promised, obtained, test in [
            ("trial-0000", "90.00 %", "91.50 %", "90.25 %"),
            ("trial-0001", "80.00 %", "-", "79.00 %"),
            ("trial-0009", "-", "-", "-"),
        ]
    ]
    assert ["cannot be read" in line for line in lines[3:]] == [True, True]
    assert final_lines(study, tmp_path / "nowhere") == []


def test_the_origin_says_which_trial_it_is_whatever_the_folders_name(study: Study, tmp_path: Path) -> None:
    origin = {"study": "digits", "trial": 1}
    for hour, name in [(9, "again"), (8, "trial-0000")]:
        told = {"origin": origin, "finished_at": f"2030-01-01T0{hour}:00:00+00:00", "test_accuracy": hour}
        put(tmp_path, name, told)
    put(tmp_path, "foreign", {"origin": {"study": "other", "trial": 1}})
    finals, unusable = read_finals(study, tmp_path)
    assert [(final.number, final.test_accuracy) for final in finals] == [(1, 8.0), (1, 9.0)]
    assert [(one.path.parent.name, one.why) for one in unusable] == [
        ("foreign", "it trained a trial of study other")
    ]


def test_metrics_are_set_side_by_side_where_both_have_them(study: Study, tmp_path: Path) -> None:
    metrics = {"train_memory_mib": 10.5, "latency_ms": float("nan"), "macs": 3}
    put(tmp_path, "trial-0000", {"val_accuracy": 91, "metrics": metrics, "epochs_trained": 5})
    (final,), _ = read_finals(study, tmp_path)
    assert final.promised == {"val_accuracy": 90.0, "train_memory_mib": 10.0, "latency_ms": 2.0}
    assert final.obtained == {"val_accuracy": 91.0, "train_memory_mib": 10.5}
    assert differences(final) == []


def test_accuracies_are_told_with_what_they_are_of(study: Study, tmp_path: Path) -> None:
    """99.5 : 0.5 classes: the test accuracy is what guessing gives, the validation accuracy is above it."""
    told = {"val_accuracy": 80.0, "test_accuracy": 99.5, "n_classes": 3}
    of_val = {"n_val_samples": 65, "n_val_classes": 3, "val_largest_class_share": 40.0}
    of_test = {"n_test_samples": 200, "n_test_classes": 2, "test_largest_class_share": 99.5}
    put(tmp_path, "trial-0000", told | of_val | of_test)
    head = "final training of trial-0000: "
    assert final_lines(study, tmp_path) == [
        f"{head}validation accuracy promised 90.00 %, obtained 80.00 % (13 of 65 samples wrong; largest "
        "class 40.00 %), test accuracy 99.50 % (1 of 200 samples wrong; largest class 99.50 %)",
        f"{head}test accuracy is not above what always guessing the largest class gives, 99.50 %",
        f"{head}1 of 3 classes has no test sample",
    ]


def test_what_was_not_the_same_is_told(study: Study, tmp_path: Path) -> None:
    config = dict(study.trials[0].config) | {"T": 6, "out": "elsewhere", "origin": {}, "data": {"root": "x"}}
    told = {"config": config, "epochs_trained": 50, "device": "cpu", "machine": "Y", "backend": "torch"}
    put(tmp_path, "trial-0000", told)
    assert final_lines(study, tmp_path)[0].endswith(
        "test accuracy - (5 epochs in the search, 50 here; T 4 -> 6; measured on another device)"
    )


@pytest.mark.parametrize(
    ("told", "is_elsewhere"),
    [
        ({"device": "cpu", "machine": "X", "backend": "torch"}, False),
        ({"device": "cpu", "machine": "X", "backend": "cpp"}, True),
        ({"device": "cuda", "machine": "X", "backend": "triton"}, False),
        ({"device_model": "cuda: G, triton"}, True),
        ({"device_model": "cpu: X, torch"}, False),
        ({}, False),
    ],
)
def test_devices_are_compared_where_both_are_known(
    told: dict[str, str], is_elsewhere: bool, study: Study, tmp_path: Path
) -> None:
    put(tmp_path, "trial-0000", told)
    (final,), _ = read_finals(study, tmp_path)
    assert final.is_elsewhere == is_elsewhere


def test_without_a_date_it_is_the_files(study: Study, tmp_path: Path) -> None:
    moment = datetime(2031, 2, 3, tzinfo=UTC)
    os.utime(put(tmp_path, "trial-0000", {}), (moment.timestamp(), moment.timestamp()))
    (final,), _ = read_finals(study, tmp_path)
    assert final.finished_at == moment


@pytest.mark.parametrize("odd", [{"origin": {"study": "digits", "trial": "x"}}, {"metrics": 3, "config": []}])
def test_odd_results_are_no_error(odd: dict[str, Any], study: Study, tmp_path: Path) -> None:
    put(tmp_path, "other", odd)
    (final,), unusable = read_finals(study, tmp_path)
    assert (final.number, unusable, final.promised) == (None, [], {})
    put(tmp_path, "third", {"finished_at": "yesterday"})
    assert len(read_finals(study, tmp_path)[1]) == 1
