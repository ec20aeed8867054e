"""The benchmark of the report: its studies, and a run of it on a small one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.made_study import made_study
from benchmarks.report import main
from reports.data.digest import digest
from snncore.config.load import make_config


def test_a_made_study_looks_like_a_searched_one() -> None:
    study = made_study(200, 5)
    assert study == made_study(200, 5)
    assert study != made_study(200, 5, seed=1)
    states = [trial.state for trial in study.trials]
    assert 0.7 < states.count("complete") / len(states) < 0.9
    found = digest(study)
    assert 5 < len(found.front) < len(found.measured) / 2
    assert {row.number for row in study.epochs} == set(range(200))
    for trial in study.trials[:20]:
        config = make_config(dict(trial.config))
        assert trial.params["T"] == config.T
        assert config.optim.lr == trial.params["optim.lr"]


@pytest.mark.slow
def test_the_command_measures_size_and_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    out = tmp_path / "report.json"
    assert main(["--trials", "60", "--epochs", "2", "--n", "1", "--json", str(out)]) == 0
    assert "| 60 |" in capsys.readouterr().out
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert 4.8 < row["mb"] < 6
    assert 0 < row["usable_s"] < 60
    assert row["limits"] is None
