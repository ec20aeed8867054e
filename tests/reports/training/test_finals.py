from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reports.data.digest import digest
from reports.html.section import section_html
from reports.training.finals import finals_frame, finals_section
from studies.model import Study
from tests.reports.studies_for_tests import ODD, digits_study


def put(run: Path, folder: str, result: dict[str, Any]) -> None:
    path = run / "finals" / folder / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(result))


@pytest.fixture(scope="module")
def study() -> Study:
    return digits_study(12)


def test_without_a_final_training_there_is_no_section(study: Study, tmp_path: Path) -> None:
    assert finals_section(digest(study), tmp_path) is None


def test_promises_and_results_stand_side_by_side(study: Study, tmp_path: Path) -> None:
    best = digest(study).front[0]
    promised = float(best.values["val_accuracy"] or 0)
    name = f"trial-{best.number:04d}"
    metrics = {"train_memory_mib": 3.25, "latency_ms": 0.5}
    told = {"test_accuracy": 88.5, "metrics": metrics, "finished_at": "2031-02-03T04:05:00+00:00"}
    put(tmp_path, name, told | {"val_accuracy": promised - 1.5})
    section = finals_section(digest(study), tmp_path)
    assert section is not None
    assert section.intro.startswith(
        "1 final training of exported configs. Its validation accuracy is 1.50\u00a0points below what the "
        "search promised."
    )
    text = section_html(section)
    cells = re.findall(r'data-column="metric\.(\w+)" data-value="([^"]+)"', text)
    assert cells == [
        ("val_accuracy", repr(promised)),
        ("val_accuracy", repr(promised - 1.5)),
        ("train_memory_mib", repr(float(best.values["train_memory_mib"] or 0))),
        ("train_memory_mib", "3.25"),
        ("latency_ms", repr(float(best.values["latency_ms"] or 0))),
        ("latency_ms", "0.5"),
        ("test_accuracy", "88.5"),
    ]
    assert "3 February 2031, 04:05 UTC" in text
    assert f"finals/{name}" in text


def test_accuracies_stand_beside_what_they_are_of(study: Study, tmp_path: Path) -> None:
    told = {"n_test_samples": 200, "n_classes": 2, "n_test_classes": 2, "test_largest_class_share": 99.5}
    put(tmp_path, "trial-0001", told | {"test_accuracy": 99.5})
    put(tmp_path, "trial-0002", {"test_accuracy": 90.0})  # of before it was recorded
    section = finals_section(digest(study), tmp_path)
    assert section is not None
    text = section_html(section)
    assert "Test accuracy: 200 samples, largest class 99.50 %." in text
    assert text.count("always guessing the largest class gives, 99.50 %") == 1
    assert "finals/trial-0001: test accuracy is not above what always" in text


def test_one_trial_trained_twice_and_once_on_all_data(study: Study, tmp_path: Path) -> None:
    best = digest(study).front[0]
    promised = float(best.values["val_accuracy"] or 0)
    origin = {"study": study.info.name, "trial": best.number}
    for folder, accuracy in (("a", promised + 1), ("b", promised + 3), ("c", None)):
        put(tmp_path, folder, {"origin": origin, "val_accuracy": accuracy, "test_accuracy": 80})
    frame = finals_frame(digest(study), tmp_path)
    assert frame is not None
    assert frame.gaps == pytest.approx([1.0, 3.0])
    section = finals_section(digest(study), tmp_path)
    assert section is not None
    assert "Over 2 trainings with a validation split, validation accuracy is on average 2.00" in section.intro
    assert "A training on all data has no validation accuracy to compare." in section_html(section)


def test_what_cannot_be_used_is_named_and_nothing_is_markup(study: Study, tmp_path: Path) -> None:
    put(tmp_path, "<b>x", {"origin": {"study": "<script>", "trial": 1}})
    section = finals_section(digest(study), tmp_path)
    assert section is not None
    text = section_html(section)
    assert "finals/&lt;b&gt;x cannot be used: it trained a trial of study &lt;script&gt;." in text
    assert "<table" not in text


@pytest.mark.parametrize("name", sorted(ODD))
def test_odd_studies_get_a_section_too(name: str, tmp_path: Path) -> None:
    study = ODD[name]()
    put(tmp_path, "trial-0000", {"test_accuracy": 50.0})
    section = finals_section(digest(study), tmp_path)
    assert section is not None
    assert "50.00" in section_html(section)
