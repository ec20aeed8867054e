"""Classes of 99.5 : 0.5, from the file to the terminal and the page: guessing is called guessing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.page import page
from snncore.config.load import make_config
from snncore.evaluate import main as evaluate
from snncore.train import main as train
from snncore.training.session import TrainingSession
from studies.accuracy import accuracy_remarks
from studies.model import Objective, Study
from studies.record import read_study, write_study
from studies.show import main as show
from tests.studies.make import make_study, make_trial

GUESSING = "is not above what always guessing the largest class gives, 98.46 %"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Of a file whose validation split has 65 samples, one of them of the second class."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    parts = {}
    for part, n in (("train", 640), ("test", 200)):
        parts[f"x_{part}"] = generator.integers(0, 256, (n, 8, 8, 1), dtype=np.uint8)
        parts[f"y_{part}"] = (np.arange(n) < 3).astype(np.int64)
    np.savez("odd.npz", **parts)
    return {
        "T": 2,
        "data": {"name": "npz", "root": "odd.npz"},
        "model": {"arch": "tests.snncore.tiny:build"},
        "optim": {"epochs": 3, "batch_size": 64, "lr": 0.01},
    }


def study_of(config: dict[str, Any]) -> Study:
    session = TrainingSession(make_config(config), "cpu")
    for _ in range(session.config.optim.epochs):
        session.run_epoch()
    metrics: Mapping[str, Any] = session.metrics()
    objectives = [Objective(name, "maximize") for name in ("val_accuracy", "balanced_accuracy")]
    values = {own.name: metrics[own.name] for own in objectives}
    full = make_config(config).as_dict()
    return make_study([make_trial(0, (0.0,), config=full, metrics=metrics, values=values)], objectives)


def test_terminal_and_page_say_that_the_best_is_guessing(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(study_of(config), "run")
    study = read_study("run")
    metrics = study.trials[0].metrics
    assert (metrics["n_val_samples"], metrics["val_accuracy"]) == (65, 6400 / 65)
    assert metrics["balanced_accuracy"] == 50
    assert accuracy_remarks(study) == [
        f"the best val_accuracy, 98.46 % of trial 0, {GUESSING}",
        "the best balanced_accuracy, 50.00 % of trial 0, is not above what always guessing one class gives, "
        "50.00 %",
    ]
    assert show(["run"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"98.46 % of trial 0, {GUESSING}" in told
    assert "accuracy: 65 samples, largest class 98.46 %" in told
    assert f"The best validation accuracy, 98.46 % of trial 0, {GUESSING}." in page(study, Path("run"))


def test_final_training_and_evaluation_say_it(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd.yaml").write_text(str(config))
    assert train(["odd.yaml", "--threads", "1"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "validation accuracy 98.46 % (1 of 65 samples wrong; largest class 98.46 %)" in told
    assert f"validation accuracy {GUESSING}" in told
    assert "test accuracy is not above what always guessing the largest class gives, 98.50 %" in told
    assert evaluate(["odd", "--split", "val", "--allow-code"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == (
        "val accuracy 98.46 % (1 of 65 samples wrong; largest class 98.46 %), balanced 50.00 %"
    )
    assert told[1] == f"validation accuracy {GUESSING}"


def test_classes_that_are_too_small_for_either_side_are_counted(config: dict[str, Any]) -> None:
    """Twelve classes: three of two samples, nine of one, which no validation split can have."""
    labels = np.repeat(np.arange(12), [2] * 3 + [1] * 9)
    x = np.random.default_rng(1).integers(0, 256, (len(labels), 8, 8, 1), dtype=np.uint8)
    np.savez("odd.npz", x_train=x, y_train=labels, x_test=x, y_test=labels)
    data = {**config["data"], "train_limit": 5}
    study = study_of({**config, "data": data, "optim": {"epochs": 1, "batch_size": 5, "lr": 0.01}})
    assert study.trials[0].metrics["n_val_samples"] == 3
    assert {
        "7 of 12 classes have no training sample",
        "9 of 12 classes have no validation sample",
    } <= set(accuracy_remarks(study))
