"""Whole drivers in surroundings that are hostile, each in a process of its own, with a Ray of its own."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from studies.record import read_study
from tests.search.fakes import starts
from tests.search.test_driver import ROOT, Driver, _two_ended_one_trained

pytestmark = pytest.mark.slow

N_KILLS = 5


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with Driver(tmp_path) as made:
        yield made


def _raylet(process: subprocess.Popen[str]) -> psutil.Process:
    children = psutil.Process(process.pid).children(recursive=True)
    return next(child for child in children if child.name() == "raylet")


def _epochs(driver: Driver) -> int:
    return driver.run.journal.read_text().count('"epoch-') if driver.run.journal.exists() else 0


@pytest.mark.timeout(900)
def test_five_kills_of_the_raylet_end_in_one_line_each_and_lose_nothing(driver: Driver) -> None:
    """As the kernel does it when memory runs out; the driver used to wait for ever."""
    text = (driver.folder / "toy.yaml").read_text()
    (driver.folder / "toy.yaml").write_text(text.replace("batch_size: 150", "batch_size: 400"))
    chance = random.Random(0)
    for kill in range(N_KILLS):
        before = _epochs(driver)
        process = driver.start("--trials", "16", *(["--resume"] if kill else []))
        driver.wait_for(process, lambda journal, n=before: journal.count('"epoch-') > n)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 2.5))
        os.kill(_raylet(process).pid, signal.SIGKILL)
        began = time.monotonic()
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1, output
        assert time.monotonic() - began < 60
        last = output.splitlines()[-1]
        assert last.startswith("the study failed: Ray's raylet on this machine has died")
        assert last.endswith("continue with --resume")
        assert "Traceback" not in output
        assert {trial.state for trial in driver.record().trials} <= {"running", "complete"}
    resumed = driver.start("--trials", "16", "--resume")
    output, _ = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, output
    record = driver.record()
    assert [trial.state for trial in record.trials] == ["complete"] * 16
    configs = Counter((trial.config["T"], trial.config["model"]["width"]) for trial in record.trials)
    assert len(configs) == 16
    assert Counter(row.number for row in record.epochs) == dict.fromkeys(range(16), 4)
    trained = Counter((start["T"], start["width"]) for start in starts(driver.data))
    assert {number: trained[key] for number, key in enumerate(configs)} == {
        trial.number: trial.attempts for trial in record.trials
    }


def test_the_gcs_dies_too(driver: Driver) -> None:
    process = driver.start()
    driver.wait_for(process, _two_ended_one_trained)
    children = psutil.Process(process.pid).children(recursive=True)
    next(child for child in children if child.name() == "gcs_server").kill()
    output, _ = process.communicate(timeout=50)
    assert process.returncode == 1, output
    assert output.splitlines()[-1].startswith("the study failed: Ray's gcs_server on this machine has died")


def test_it_listens_on_this_machine_alone(driver: Driver) -> None:
    process = driver.start()
    driver.wait_for(process, _two_ended_one_trained)
    listening = {
        connection.laddr.ip
        for member in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for connection in member.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def _finished(driver: Driver) -> None:
    record = read_study(driver.run.path)
    assert [trial.state for trial in record.trials] == ["complete"] * 6
    assert (driver.run.path / "report.html").exists()


@pytest.mark.parametrize(
    "streams", ["| head -1", ">&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full"]
)
def test_without_a_display_it_goes_on(driver: Driver, streams: str) -> None:
    command = [sys.executable, "-m", "tests.search.driver", "--space", str(driver.folder / "toy.yaml")]
    line = shlex.join([*command, "--out", str(driver.folder / "runs")])
    done = subprocess.run(
        ["bash", "-c", f"{line} {streams}; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    _finished(driver)
    assert "trial 0 complete" not in driver.run.journal.read_text()


def test_a_terminal_that_closes_ends_the_study_with_its_report(driver: Driver) -> None:
    process = driver.start()
    driver.wait_for(process, _two_ended_one_trained)
    for _ in range(2):  # one from the shell, one from the system
        os.killpg(process.pid, signal.SIGHUP)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert (driver.run.path / "report.html").exists()
    assert read_study(driver.run.path) == driver.record()


def test_under_nohup_it_goes_on(driver: Driver) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = driver.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    driver.wait_for(process, _two_ended_one_trained)
    os.killpg(process.pid, signal.SIGHUP)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    _finished(driver)


def test_a_sigusr1_is_no_end_of_the_work(driver: Driver) -> None:
    """Slurm's --signal=USR1: Ray Tune ends its loop at it, and the study used to be called done."""
    process = driver.start()
    driver.wait_for(process, _two_ended_one_trained)
    os.kill(process.pid, signal.SIGUSR1)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "continue with: " in output


def test_a_driver_whose_ray_is_ended_with_it_ends_too(driver: Driver) -> None:
    """As systemd does: SIGTERM to all processes. Ray may be gone before its trials are tidied up."""
    process = driver.start()
    driver.wait_for(process, _two_ended_one_trained)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        member.terminate()
    output, _ = process.communicate(timeout=60)
    assert process.returncode in (1, 130), output
    assert "--resume" in output.splitlines()[-1]
    assert "Traceback" not in output
    assert {trial.state for trial in driver.record().trials} <= {"running", "complete"}


@pytest.mark.parametrize(
    "environment",
    [
        {"TMPDIR": "/tmp/" + "x" * 70},
        {"TMPDIR": "/proc", "RAY_TMPDIR": "relative"},
        {"RAY_ADDRESS": "10.1.2.3:6379", "RAY_RUNTIME_ENV_HOOK": "no.hook", "RAY_OVERRIDE_RESOURCES": "junk"},
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONWARNINGS": "error", "COLUMNS": "1"},
    ],
    ids=lambda environment: "-".join(environment),
)
def test_an_environment_is_no_reason_to_fail(driver: Driver, environment: dict[str, str]) -> None:
    process = driver.start(**environment)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    _finished(driver)


def test_a_setting_ray_crashes_over_is_a_mistake_of_the_user(driver: Driver) -> None:
    process = driver.start(RAY_health_check_period_ms="junk")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert output.splitlines() == [
        "error: Ray crashes over these variables of the environment; correct or unset them:",
        "  RAY_health_check_period_ms=junk",
    ]
    assert not driver.run.path.exists()
