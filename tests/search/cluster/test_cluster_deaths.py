"""Workers that are killed: tried again, then recorded with a reason; by the kernel for memory: infeasible."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import reports.build
from search.engine import run_study
from search.options import RunOptions
from search.worker import memory_kills as deaths
from search.worker.memory_kills import AttemptNote, death_reason, oom_kills
from search.worker.trial_run import TrialRun
from studies.model import Study
from tests.search.fakes import Budget, Choice, FakeEpoch, FakeSession, FakeTrainer, SamplerChoice, make_space
from tests.search.stores import job_factory, new_store, run
from tests.search.worker.test_trial_run import _job

GROUP = Path("/sys/fs/cgroup/memory/spikefront-test")
LIMIT = 300 * 2**20
NO_PROCESS = 2**22 + 1  # above what the kernel hands out


class KilledTrainer(FakeTrainer):
    """T 1: killed once, in its second epoch. T 2: at each start. T 3: takes more than a group may have."""

    def session(self, config: Mapping[str, Any]) -> KilledSession:
        super().session(config)
        return KilledSession(config)


class KilledSession(FakeSession):
    def run_epoch(self) -> FakeEpoch:
        T = self.config["T"]
        marker = Path(self.config["data"]["root"]) / f"killed-{T}"
        if T == 2 or (T == 1 and self.epochs_trained == 1 and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if T == 3:
            (GROUP / "cgroup.procs").write_text(str(os.getpid()))
            assert len(b"x" * (2 * LIMIT)) < 0, "the kernel let it live"
        return super().run_epoch()


@pytest.fixture
def _quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports.build, "build_report", lambda study, folder: folder / "report.html")


def _study(folder: Path, *steps: int) -> Study:
    space = make_space(
        folder / "data",
        search={"T": Choice(steps), "model.width": Choice((1.0,))},
        sampler=SamplerChoice("grid", 0),
        budget=Budget(len(steps)),
    )
    trainer = f"{__name__}:KilledTrainer"
    return run_study(space, RunOptions(out=str(folder / "runs"), show=False, trainer=trainer))


@pytest.mark.slow  # tests/search/test_engine.py has a worker that dies
@pytest.mark.usefixtures("ray_session", "_quick_report")
def test_a_killed_worker_is_tried_again_and_then_recorded_with_a_reason(tmp_path: Path) -> None:
    trials = {trial.config["T"]: trial for trial in _study(tmp_path, 1, 2, 4).trials}
    assert (trials[1].state, trials[1].attempts, trials[1].epochs_trained) == ("complete", 2, 3)
    assert (trials[2].state, trials[2].attempts) == ("failed", 3)
    assert trials[2].reason == "worker died: killed by a signal (SIGKILL, SIGSEGV, ...) or left on its own"
    assert (trials[4].state, trials[4].attempts) == ("complete", 1)


@pytest.fixture
def _memory_group() -> Iterator[None]:
    """A group of processes with little memory, where the system lets us make one."""
    try:
        GROUP.mkdir()
        (GROUP / "memory.limit_in_bytes").write_text(str(LIMIT))
    except OSError:
        pytest.skip("needs to make a memory cgroup (version 1)")
    yield
    GROUP.rmdir()


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "_quick_report", "_memory_group")
def test_a_worker_that_the_kernel_kills_for_memory_is_infeasible(tmp_path: Path) -> None:
    before = oom_kills()
    assert before is not None
    trials = {trial.config["T"]: trial for trial in _study(tmp_path, 3, 4).trials}
    assert trials[4].state == "complete"
    assert (trials[3].state, trials[3].values["val_accuracy"]) == ("infeasible", None)
    assert (trials[3].reason or "").startswith("out of memory: the kernel of ")
    assert trials[3].attempts == 6, "three beside the other trial, three alone"
    assert (oom_kills() or 0) >= before + 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x\nWorker exits with an exit code 1. The process receives a SIGTERM.", "ended by SIGTERM"),
        ("The actor died because its node has died. Node Id: ab", "its node died"),
        ("", "no message"),
        ("first\n\n something new \n", "something new"),
    ],
)
def test_a_death_in_one_line(text: str, reason: str) -> None:
    assert death_reason(text) == f"worker died: {reason}"


class Kernel:
    """Counts as told."""

    count: int | None = 0


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    told = Kernel()
    monkeypatch.setattr(deaths, "oom_kills", lambda: told.count)
    monkeypatch.setattr(deaths.tempfile, "gettempdir", lambda: str(tmp_path))
    return told


def _die(tmp_path: Path) -> None:
    """The process that left the note is gone."""
    (path,) = tmp_path.glob("spikefront-*/*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "process": NO_PROCESS}))


def _start(n_kills: int, kernel: Kernel, tmp_path: Path, loop_id: str = "a") -> str | None:
    """A start that dies, beside so many kills by the kernel."""
    told = AttemptNote("s3://bucket/trial-0001", loop_id).begin()
    if told is None:
        kernel.count = (kernel.count or 0) + n_kills
        _die(tmp_path)
    return told


@pytest.mark.parametrize(
    ("kills", "is_blamed"),
    [([1, 1], True), ([3, 1], True), ([1, 0, 1], True), ([1], False), ([5], False), ([0, 0, 0], False)],
)
def test_two_deaths_beside_a_kill_by_the_kernel_are_out_of_memory(
    kernel: Kernel, tmp_path: Path, kills: list[int], is_blamed: bool
) -> None:
    for count in kills:
        assert _start(count, kernel, tmp_path) is None
    told = _start(0, kernel, tmp_path)
    assert (told is not None) == is_blamed
    if told is not None:
        assert told.startswith("out of memory: the kernel of ")
        assert _start(0, kernel, tmp_path) is None, "told once, then forgotten"


def test_a_start_whose_process_lives_died_of_nothing(kernel: Kernel) -> None:
    note = AttemptNote("/runs/x/checkpoints/trial-0001", "a")
    for _ in range(4):  # an exception in a reused worker
        assert note.begin() is None
        kernel.count = (kernel.count or 0) + 1


def test_trials_do_not_read_one_anothers_notes(kernel: Kernel, tmp_path: Path) -> None:
    for _ in range(2):
        assert _start(1, kernel, tmp_path) is None
    assert AttemptNote("s3://bucket/trial-0002", "a").begin() is None


def test_deaths_of_another_life_of_the_loop_count_for_nothing(kernel: Kernel, tmp_path: Path) -> None:
    """Ctrl-C kills workers, while the kernel may kill any process of the machine for memory."""
    for loop_id in ("a", "b", "c", "d", "a"):
        assert _start(1, kernel, tmp_path, loop_id) is None
    assert _start(1, kernel, tmp_path) is None
    assert _start(0, kernel, tmp_path) is not None, "two in the last one"


def test_each_life_of_the_loop_has_jobs_of_its_own(tmp_path: Path) -> None:
    space = make_space()
    store = new_store(space)
    (trial,) = run(store, space, 1)
    made = job_factory(store, space, tmp_path)
    first = made.trial(trial).loop_id
    assert made.trial(trial).loop_id == first
    made.begin_loop()
    assert (
        len({first, made.trial(trial).loop_id, job_factory(store, space, tmp_path).trial(trial).loop_id, ""})
        == 4
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": 1}', '{"life": "a", "process": "x"}'])
def test_a_damaged_note_is_none(kernel: Kernel, tmp_path: Path, content: str) -> None:
    AttemptNote("a", "a").begin()
    (path,) = tmp_path.glob("spikefront-*/*.json")
    path.write_text(content)
    assert AttemptNote("a", "a").begin() is None


def test_a_system_that_does_not_count_blames_nobody(kernel: Kernel, tmp_path: Path) -> None:
    kernel.count = None
    for _ in range(4):
        assert AttemptNote("a", "a").begin() is None
        _die(tmp_path)


@pytest.mark.parametrize("momentum", [0.9, 0.5])
def test_an_end_that_is_reported_leaves_no_note(kernel: Kernel, tmp_path: Path, momentum: float) -> None:
    trial_run = TrialRun(_job(tmp_path, base={"optim.momentum": momentum}))
    trial_run.step()
    assert list(tmp_path.glob("spikefront-*/*.json"))
    try:
        while trial_run.step().kind != "end":
            pass
    except KeyError:
        pass
    assert not list(tmp_path.glob("spikefront-*/*.json"))


def test_a_trial_that_was_killed_twice_ends_without_a_probe(kernel: Kernel, tmp_path: Path) -> None:
    job = _job(tmp_path)
    for _ in range(2):
        TrialRun(job).step()
        kernel.count = (kernel.count or 0) + 1
        _die(tmp_path)
    report = TrialRun(job).step()
    assert (report.kind, report.state, dict(report.metrics)) == ("end", "infeasible", {})
    assert (report.reason or "").startswith("out of memory: ")


def test_a_trial_that_was_stopped_leaves_no_note(kernel: Kernel, tmp_path: Path) -> None:
    from search.tune.trainable import JOB, TrialTrainable

    trainable = TrialTrainable.__new__(TrialTrainable)
    trainable.setup({JOB: _job(tmp_path)})
    trainable.step()
    assert len(list(tmp_path.glob("spikefront-*/*.json"))) == 1
    trainable.reset_config({JOB: _job(tmp_path, checkpoints=str(tmp_path / "trial-0008"))})
    assert not list(tmp_path.glob("spikefront-*/*.json"))
    trainable.step()
    trainable.cleanup()
    assert not list(tmp_path.glob("spikefront-*/*.json"))
