"""The main job by its commands, on real data with the real trainer: search, report, pick, export, train."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

N_TRIALS = 3


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder in which a small search has run."""
    folder = tmp_path_factory.mktemp("user")
    settings = ["optim.epochs=3", "model.width=0.25", "data.train_limit=400"]
    overrides = [part for setting in settings for part in ("--set", setting)]
    done = run(folder, "search.run", "--space", "digits", "--trials", str(N_TRIALS), *overrides)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return folder


def test_the_search_leaves_everything_the_contract_names(folder: Path) -> None:
    study = folder / "runs" / "digits"
    names = {path.name for path in study.iterdir()}
    assert {"space.yaml", "journal.log", "trials.parquet", "epochs.parquet", "report.html", "front"} <= names
    trials = pq.read_table(study / "trials.parquet").to_pylist()
    assert [row["number"] for row in trials] == list(range(N_TRIALS))
    for row in trials:
        assert row["state"] in ("complete", "stopped", "infeasible")
        assert row["metric.train_memory_mib"] > 0
        assert row["metric.latency_ms_q25"] <= row["metric.latency_ms"] <= row["metric.latency_ms_q75"]
        assert json.loads(row["config"])["T"] == row["param.T"]
    epochs = pq.read_table(study / "epochs.parquet").to_pylist()
    for row in trials:
        of_trial = [epoch for epoch in epochs if epoch["number"] == row["number"]]
        assert len(of_trial) == row["epochs_trained"]
        if row["state"] == "complete":
            last = max(of_trial, key=lambda epoch: epoch["epoch"])
            assert row["value.val_accuracy"] == last["val_accuracy"]


def test_an_exported_config_is_the_trials_and_trains_to_the_end(folder: Path) -> None:
    done = run(folder, "studies.export", "runs/digits", "--pick", "knee", "--out", "best.yaml")
    assert done.returncode == 0, done.stderr
    exported = YAML(typ="safe").load((folder / "best.yaml").read_text())
    origin, out = exported.pop("origin"), exported.pop("out")
    rows = pq.read_table(folder / "runs" / "digits" / "trials.parquet").to_pylist()
    (row,) = [row for row in rows if row["number"] == origin["trial"]]
    config = json.loads(row["config"])
    assert exported == {key: value for key, value in config.items() if key not in ("origin", "out")}

    done = run(folder, "snncore.train", "best.yaml", "--threads", "1")
    assert done.returncode == 0, done.stderr
    result = json.loads((folder / out / "result.json").read_text())
    assert f"test accuracy {result['test_accuracy']:.2f} %" in done.stdout
    assert result["origin"] == origin
    assert result["metrics"]["train_memory_mib"] == pytest.approx(row["metric.train_memory_mib"], rel=1e-6)
    # The same config, data and seed on the same machine: the promised accuracy is the obtained one.
    assert result["val_accuracy"] == pytest.approx(row["metric.val_accuracy"])


def test_an_existing_study_is_not_overwritten(folder: Path) -> None:
    journal = folder / "runs" / "digits" / "journal.log"
    before = journal.read_bytes()
    done = run(folder, "search.run", "--space", "digits", "--trials", "9")
    assert done.returncode == 2
    assert "--resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert journal.read_bytes() == before


def test_the_record_is_rebuilt_from_the_storage_alone(folder: Path) -> None:
    study = folder / "runs" / "digits"
    before = pq.read_table(study / "trials.parquet").to_pylist()
    for name in ("trials.parquet", "epochs.parquet", "report.html"):
        (study / name).unlink()
    done = run(folder, "search.record", "runs/digits")
    assert done.returncode == 0, done.stderr
    assert pq.read_table(study / "trials.parquet").to_pylist() == before
    assert (study / "report.html").is_file()
