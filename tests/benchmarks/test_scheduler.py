"""The table of digits configs, and the comparison of schedulers on a small one."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import digits_table, replayed
from benchmarks.digits_table import configs, make_table, table_space
from benchmarks.scheduler import Fifo, RayAsha, Replay, main, summary
from search.errors import SearchError
from studies.record import read_study
from tests.search.fakes import TRAINER, FloatRange, Objective, make_space


@pytest.fixture
def space(tmp_path: Path) -> Any:
    search = {"model.width": FloatRange(0.5, 4.0), "optim.lr": FloatRange(0.01, 1.0)}
    objectives = {"val_accuracy": Objective("maximize"), "train_memory_mib": Objective("minimize")}
    return make_space(tmp_path / "data", base={"optim.epochs": 9}, search=search, objectives=objectives)


def test_the_shipped_space_is_trained_to_the_end() -> None:
    space = table_space()
    assert space.fidelity is None
    _, config = next(configs(space))
    assert config["optim"]["epochs"] == digits_table.EPOCHS


def test_a_table_that_was_cut_short_goes_on_where_it_ended(tmp_path: Path, space: Any) -> None:
    whole = make_table(tmp_path / "whole", 4, space, TRAINER)
    make_table(tmp_path / "parts", 2, space, TRAINER)
    make_table(tmp_path / "parts", 4, space, TRAINER)
    parts = read_study(tmp_path / "parts")
    assert [trial.config for trial in parts.trials] == [trial.config for trial in whole.trials]
    assert parts.epochs == whole.epochs
    assert [trial.number for trial in parts.trials] == [0, 1, 2, 3]
    assert all(trial.state == "complete" and trial.epochs_trained == 9 for trial in parts.trials)
    assert all(trial.values["val_accuracy"] == trial.metrics["val_accuracy"] for trial in parts.trials)


def test_a_table_of_another_space_is_refused(tmp_path: Path, space: Any) -> None:
    make_table(tmp_path / "table", 1, space, TRAINER)
    other = replace(space, base={**space.base, "T": 2})
    with pytest.raises(SearchError, match="a table of another space"):
        make_table(tmp_path / "table", 2, other, TRAINER)


def test_a_config_that_cannot_be_trained_is_kept_as_infeasible(tmp_path: Path, space: Any) -> None:
    diverges = replace(space, base={**space.base, "optim": {"epochs": 9, "lr": 5}})
    diverges = replace(
        diverges, search={name: own for name, own in space.search.items() if name != "optim.lr"}
    )
    study = make_table(tmp_path / "table", 1, diverges, TRAINER)
    (trial,) = study.trials
    assert (trial.state, trial.epochs_trained) == ("infeasible", 1)
    assert trial.values["val_accuracy"] is None
    assert str(trial.reason).startswith("diverged")


def test_asha_is_rays_and_stops_by_accuracy_alone() -> None:
    asha = RayAsha(1, 2, 8)

    def report(number: int, accuracy: float, epoch: int) -> str | None:
        return asha.report(number, {"epoch": epoch, "val_accuracy": accuracy}, {}, 8)

    assert report(0, 90.0, 1) is None
    assert report(1, 10.0, 1) == "ASHA"
    assert report(0, 90.0, 8) is None, "the last epoch is an end of its own"
    assert Fifo().report(0, {"epoch": 1, "val_accuracy": 0.0}, {}, 8) is None


def test_shares_are_read_off_the_steps_of_the_curve() -> None:
    replay = Replay(epochs=(0.1, 0.2, 0.4), volumes=(0.5, 0.9, 1.0), n_complete=3)
    assert [replay.volume_at(share) for share in (0.05, 0.1, 0.3, 1.0)] == [0.0, 0.5, 0.9, 1.0]
    assert [replay.epochs_for(target) for target in (0.5, 0.6, 1.0)] == [0.1, 0.2, 0.4]
    assert replay.epochs_for(1.1) == math.inf


def test_a_replay_that_never_gets_there_keeps_the_mean_curve_below() -> None:
    far, near = Replay((0.1,), (1.0,), 1), Replay((0.1,), (0.96,), 1)
    means = summary([far, near])
    assert means["epochs_for"]["0.98"] == pytest.approx(0.1)
    assert means["epochs_for"]["0.99"] is None
    assert means["each_for"]["0.99"] == [0.1, math.inf]


@pytest.mark.slow
def test_the_command_compares_all_three(
    tmp_path: Path, space: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(replayed, "table_space", lambda: space)
    make_table(tmp_path / "table", 20, space, TRAINER)
    capsys.readouterr()
    options = ["--table", str(tmp_path / "table"), "--replays", "2", "--slots", "2", "--min-epochs", "1"]
    assert main([*options, "--json", str(tmp_path / "result.json")]) == 0
    assert "20 configs of 9 epochs, 2 at a time, 2 orders" in capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads((tmp_path / "result.json").read_text())["rows"]}
    assert list(rows) == ["FIFO", "ASHA by val_accuracy (Ray)", "ours"]
    assert rows["FIFO"]["epochs_spent"] == 1.0
    assert rows["FIFO"]["volumes"]["1.0"] == pytest.approx(1.0)
    assert rows["FIFO"]["n_complete"] == 20
    for name in ("ours", "ASHA by val_accuracy (Ray)"):
        assert rows[name]["epochs_spent"] < 1.0
        assert rows[name]["n_complete"] < 20


def test_no_table_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["--table", str(tmp_path / "nowhere")])
    assert "no such folder" in capsys.readouterr().err
