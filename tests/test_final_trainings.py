"""A trained result comes back to the study that its config came from, however it was trained."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reports.data.digest import digest
from reports.training.finals import finals_frame
from snncore.config.load import make_config
from snncore.train import main as train
from studies import export, show
from studies.finals import differences, read_finals
from studies.model import Study
from studies.record import write_study
from tests.studies.make import make_study, make_trial

SMALL = {
    "T": 2,
    "model": {"width": 0.125},
    "data": {"train_limit": 300},
    "optim": {"epochs": 1, "batch_size": 64},
}
RUN = Path("runs/tiny")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    trial = make_trial(3, (50.0, 1.0, 1.0), params={"T": 2}, epochs_trained=1)
    study = make_study([replace(trial, config=make_config(SMALL).as_dict())], name="tiny")
    write_study(study, RUN)
    assert export.main([str(RUN), "--pick", "knee", "--out", "best.yaml"]) == 0
    return study


def test_promise_and_result_meet(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(["best.yaml", "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    commands = ["  python -m studies.show runs/tiny", "  python -m reports.build runs/tiny"]
    assert printed.splitlines()[-2:] == commands
    result = json.loads((RUN / "finals" / "trial-0003" / "result.json").read_text(encoding="utf-8"))
    assert show.main([str(RUN)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"promised 50.00 %, obtained {result['val_accuracy']:.2f} %" in told
    assert f"test accuracy {result['test_accuracy']:.2f} %" in told
    ((final,), _) = read_finals(study, RUN)
    assert differences(final) == []
    assert final.device == result["device_model"]
    assert final.finished_at.isoformat() == result["finished_at"]
    frame = finals_frame(digest(study), RUN)
    assert frame is not None
    assert frame.gaps == pytest.approx([result["val_accuracy"] - 50.0])
    assert set(final.obtained) == {"val_accuracy", "train_memory_mib", "latency_ms"}


def test_other_folders_and_second_trainings_come_back_when_they_lie_in_finals(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(["best.yaml", "--threads", "1", "--out", "apart", "--set", "seed=4"]) == 0
    assert "study: move or link this folder into runs/tiny/finals for it to show" in capsys.readouterr().out
    (RUN / "finals").mkdir()
    (RUN / "finals" / "linked").symlink_to(Path("apart").resolve())
    Path("elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    everything = ["--set", "data.val_fraction=0", "--set", "optim.epochs=2"]
    assert train(["../best.yaml", "--threads", "1", *everything]) == 0
    assert "study: no runs/tiny here; move or link this folder into its finals/" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    shutil.move("elsewhere/runs/tiny/finals/trial-0003", RUN / "finals" / "moved")
    (linked, moved), unread = read_finals(study, RUN)
    assert (linked.number, moved.number, unread) == (3, 3, [])
    assert differences(linked) == ["seed 0 -> 4"]
    assert differences(moved) == ["1 epoch in the search, 2 here", "data.val_fraction 0.1 -> 0"]
    assert "val_accuracy" not in moved.obtained
    assert moved.test_accuracy is not None


def test_a_config_of_no_study_ends_without_a_word_about_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(json.dumps(SMALL), encoding="utf-8")
    assert train(["own.yaml", "--threads", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "written to own"
