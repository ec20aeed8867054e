"""One trial in its worker, without Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from search.config_key import resolve
from search.constraints import Bounds
from search.errors import SearchError
from search.worker import checkpoints
from search.worker.checkpoints import CheckpointKeeper, epochs_saved
from search.worker.jobs import Job, Report
from search.worker.trainer import load_trainer
from search.worker.trial_run import TrialRun
from tests.search.fakes import TRAINER, FakeSession, make_space, starts


def _job(folder: Path, **changes: Any) -> Job:
    base = changes.pop("base", {})
    space = make_space(folder / "data", base=base)
    config, _ = resolve(space, {"T": 4, "model.width": 1.0})
    values = {"number": 7, "config": config, "epochs": 3, "checkpoints": str(folder / "trial-0007")}
    return Job(**{**values, "trainer": TRAINER, **changes})


def _reports(trial_run: TrialRun, n_steps: int = 100) -> list[Report]:
    reports = []
    for _ in range(n_steps):
        reports.append(trial_run.step())
        if reports[-1].kind == "end":
            break
    return reports


@pytest.fixture(autouse=True)
def _save_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)


def test_probe_epochs_end(tmp_path: Path) -> None:
    reports = _reports(TrialRun(_job(tmp_path)))
    assert [report.kind for report in reports] == ["probe", "epoch", "epoch", "epoch", "end"]
    assert reports[0].metrics["train_memory_mib"] == 40.0
    assert reports[0].place["device"] == "cpu: fake"
    assert [report.row["epoch"] for report in reports[1:4] if report.row] == [1, 2, 3]
    assert reports[4].state == "complete"
    assert reports[4].metrics["train_memory_mib"] == 40.0
    last = reports[3].row
    assert last is not None
    assert reports[4].metrics["val_accuracy"] == last["val_accuracy"]


def test_rows_hold_lists_as_json_does(tmp_path: Path) -> None:
    row = _reports(TrialRun(_job(tmp_path)))[1].row
    assert row is not None
    assert row["firing_rate"] == [0.1, 0.2, 0.3]
    assert "number" not in row


def test_a_config_beyond_a_limit_is_never_trained(tmp_path: Path) -> None:
    job = _job(tmp_path, limits={"train_memory_mib": Bounds(max=30.0)})
    (report,) = _reports(TrialRun(job))
    assert (report.kind, report.state) == ("end", "infeasible")
    assert report.reason == "train_memory_mib 40 > 30"
    assert report.metrics["latency_ms"] == 8.0
    assert starts(tmp_path / "data") == []


@pytest.mark.parametrize(
    ("base", "reason", "n_epochs"),
    [
        ({"optim.lr": 5}, "diverged: loss inf in epoch 2, step 3", 1),
        ({"neuron.v_threshold": 100}, "silent: no spikes in neuron layer 2 on the validation set", 3),
        ({"optim.momentum": 0.7}, "out of memory: CUDA out of memory. Tried to allocate 2 TiB", 0),
    ],
)
def test_configs_that_cannot_be_trained(tmp_path: Path, base: Any, reason: str, n_epochs: int) -> None:
    reports = _reports(TrialRun(_job(tmp_path, base=base)))
    assert [report.kind for report in reports] == ["probe", *["epoch"] * n_epochs, "end"]
    assert (reports[-1].state, reports[-1].reason) == ("infeasible", reason)
    assert reports[-1].out_of_memory == reason.startswith("out of memory")
    assert reports[-1].metrics["train_memory_mib"] == 40.0


def test_other_exceptions_are_the_callers(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="the fake breaks"):
        _reports(TrialRun(_job(tmp_path, base={"optim.momentum": 0.5})))


def test_a_second_start_continues_from_the_newest_checkpoint(tmp_path: Path) -> None:
    first = TrialRun(_job(tmp_path))
    _reports(first, 3)  # probe and two epochs; the checkpoint of the second is written with the next step
    assert epochs_saved(tmp_path / "trial-0007") == [1]
    reports = _reports(TrialRun(_job(tmp_path, metrics={"train_memory_mib": 12.0})))
    assert [report.row["epoch"] for report in reports if report.row] == [2, 3]
    assert reports[0].metrics == {"train_memory_mib": 12.0}, "what was measured stays"


def test_a_trial_that_died_before_its_end_was_recorded_trains_no_further_epoch(tmp_path: Path) -> None:
    _reports(TrialRun(_job(tmp_path)))
    reports = _reports(TrialRun(_job(tmp_path)))
    assert [report.kind for report in reports] == ["probe", "end"]
    assert reports[-1].metrics["val_accuracy"] > 0


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    _reports(TrialRun(_job(tmp_path, epochs=5)))
    assert epochs_saved(tmp_path / "trial-0007") == [4, 5]


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "trial-0007"
    _reports(TrialRun(_job(tmp_path)), 4)
    assert epochs_saved(folder) == [1, 2]
    (folder / "epoch-0002" / "state.json").write_text('{"epochs_tr')
    reports = _reports(TrialRun(_job(tmp_path)))
    assert [report.row["epoch"] for report in reports if report.row] == [2, 3]


def test_no_usable_checkpoint_starts_afresh(tmp_path: Path) -> None:
    (tmp_path / "trial-0007" / "epoch-0002").mkdir(parents=True)
    reports = _reports(TrialRun(_job(tmp_path)))
    assert [report.row["epoch"] for report in reports if report.row] == [1, 2, 3]


def test_short_epochs_do_not_each_write_a_checkpoint(tmp_path: Path) -> None:
    keeper = CheckpointKeeper(tmp_path, seconds_between=1000.0)
    session = FakeSession(_job(tmp_path).config)
    for _ in range(3):
        session.run_epoch()
        keeper.save(session)
    assert epochs_saved(tmp_path) == []
    keeper.save(session, final=True)
    assert epochs_saved(tmp_path) == [3]
    keeper.save(session, final=True)  # after a restart that found everything done


@pytest.mark.parametrize("name", ["nowhere:Trainer", "tests.search.fakes:Nobody", "no colon"])
def test_an_unknown_trainer(name: str) -> None:
    with pytest.raises(SearchError, match=r"trainer '.*': not found"):
        load_trainer(name, "cpu", 1)


def test_a_worker_loads_neither_plotly_nor_optuna() -> None:
    """All of a trial with the fake trainer, in a process of its own; nor torch, nor Parquet."""
    script = """
import sys, tempfile
from pathlib import Path
from tests.search.worker.test_trial_run import _reports, _job
from search.worker.trial_run import TrialRun
import search.tune.trainable
folder = Path(tempfile.mkdtemp())
assert _reports(TrialRun(_job(folder)))[-1].state == "complete"
print(sorted({"plotly", "optuna", "torch", "moocore"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
