"""Drivers that die or are stopped in mid-study, each in a process of its own, with a Ray of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import psutil
import pytest

from search.study.folder import RunFolder
from search.study.opening import open_existing
from search.trials.to_record import study_record
from studies.model import Study, Trial
from studies.record import read_study
from tests.search.fakes import starts

ROOT = Path(__file__).parents[2]
SPACE = """
name: toy
base: {{data: {{root: {root}}}, optim: {{epochs: 4, batch_size: 150}}}}
search:
  T: {{int: [1, 8]}}
  model.width: {{choice: [1.0, 2.0]}}
objectives: {{val_accuracy: maximize, train_memory_mib: minimize, latency_ms: minimize}}
budget: {{trials: 6}}
sampler: {{name: random}}
resources: {{cpu: 1, gpu: 0}}
"""


class Driver:
    """`python -m search.run` on the toy space in a folder; whatever still runs ends with the block."""

    def __init__(self, folder: Path) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self.folder = folder
        self.data = folder / "data"
        self.run = RunFolder.of(folder / "runs", "toy")
        (folder / "toy.yaml").write_text(SPACE.format(root=self.data))

    def start(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.search.driver", "--space", str(self.folder / "toy.yaml")]
        process = subprocess.Popen(
            [*command, "--out", str(self.folder / "runs"), *options],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def record(self) -> Study:
        """From the storage alone."""
        study, attributes = open_existing(self.run)
        return study_record(study, attributes)

    def wait_for(self, process: subprocess.Popen[str], is_there: Callable[[str], bool]) -> None:
        """Wait until the journal holds something."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self.run.journal.exists() and is_there(self.run.journal.read_text()):
                return
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        pytest.fail("the study did not get that far within 90 s")


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with Driver(tmp_path) as made:
        yield made


def _two_ended_one_trained(journal: str) -> bool:
    """Two trials have ended, and a later one has an epoch behind it."""
    return journal.count('"finished_at"') >= 3 and '"epoch-0001"' in journal.rpartition('"end"')[2]


def _as_searched(trial: Trial) -> Trial:
    """Without what is measured again at the end of a study."""
    return replace(trial, metrics={name: v for name, v in trial.metrics.items() if "quiet" not in name})


def test_kill_and_resume_loses_no_finished_trial_and_runs_none_twice(driver: Driver) -> None:
    process = driver.start()
    driver.wait_for(process, _two_ended_one_trained)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    before = driver.record()
    finished = [trial for trial in before.trials if trial.state != "running"]
    assert len(finished) >= 2
    with driver.run.journal.open("ab") as file:
        file.write(b'{"op_code":8,"worker_id":"torn')  # what a death in mid-write leaves

    resumed = driver.start("--resume")
    output, _ = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, output
    after = driver.record()
    assert [trial.state for trial in after.trials] == ["complete"] * 6
    for trial in finished:
        assert _as_searched(after.trials[trial.number]) == _as_searched(trial)
    for trial in before.trials:
        assert after.trials[trial.number].params == trial.params
        assert after.trials[trial.number].attempts == trial.attempts + (trial.state == "running")
    trained = Counter((start["T"], start["width"]) for start in starts(driver.data))
    for trial in finished:
        assert trained[trial.config["T"], trial.config["model"]["width"]] == 1
    assert len(trained) == 6
    assert read_study(driver.run.path).trials == after.trials
    assert (driver.run.path / "report.html").exists()
    assert not (driver.run.path / ".tune").exists()
    epochs = Counter(row.number for row in after.epochs)
    assert epochs == dict.fromkeys(range(6), 4)


@pytest.mark.slow  # tests/search/terminal/test_report_server.py interrupts a driver, too
def test_ctrl_c_records_everything_and_tells_how_to_go_on(driver: Driver) -> None:
    process = driver.start()
    driver.wait_for(process, _two_ended_one_trained)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole process group
    began = time.monotonic()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert time.monotonic() - began < 20
    assert "continue with: python -m search.run --resume --study toy --out " in output
    assert "Traceback" not in output
    record = read_study(driver.run.path)
    states = Counter(trial.state for trial in record.trials)
    assert states["running"] >= 1
    assert states["complete"] >= 2
    assert set(states) == {"running", "complete"}
    assert record == driver.record()
    assert (driver.run.path / "report.html").exists()


@pytest.mark.slow
def test_a_worker_killed_for_memory_is_infeasible_and_the_study_goes_on(driver: Driver) -> None:
    """Ray's memory monitor kills it; Ray Tune 2.60 dies of the error, and the engine starts it again."""
    memory = psutil.virtual_memory()
    if memory.available < 6 * 2**30:
        pytest.skip("needs 6 GiB of free memory")
    threshold = (memory.total - memory.available + 3 * 2**30) / memory.total
    text = (driver.folder / "toy.yaml").read_text()
    text = text.replace(
        "{choice: [1.0, 2.0]}", "{choice: [1.0]}\n  optim.momentum: {choice: [0.85, 0.86, 0.9]}"
    )
    text = text.replace("int: [1, 8]", "int: [1, 1]").replace("cpu: 1", f"cpu: {os.cpu_count()}")
    (driver.folder / "toy.yaml").write_text(text)  # one trial at a time, so that none dies for another
    process = driver.start(
        "--trials", "9", RAY_memory_usage_threshold=f"{threshold:.3f}", RAY_memory_monitor_refresh_ms="100"
    )
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    assert "ended, every config of the space has been tried" in output
    for trial in driver.record().trials:
        if trial.config["optim"]["momentum"] < 0.9:
            assert (trial.state, trial.values["val_accuracy"]) == ("infeasible", None)
            assert (trial.reason or "").startswith("out of memory: 1 worker(s) were killed")
        else:
            assert trial.state == "complete"
