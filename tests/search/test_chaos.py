"""A study that is killed thirty times ends like one that nobody touched.

The trials replay a table, so that both must have measured exactly the same. `test_driver` and
`test_two_nodes` look at single deaths; here they come at random, one upon the other. The seed is in
SPIKEFRONT_CHAOS_SEED, 0 by default.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.checker import TrainerChecker
from search.cluster.machine import describe_machine, installed_versions
from search.config_key import fingerprint, resolve
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.study.opening import create, open_existing
from search.trials.to_record import study_record
from snncore.config.load import make_config
from snncore.config.rules import canonical
from spaces.load import load_space
from spaces.space import Space
from studies.model import EpochRow, Study, Trial
from studies.pareto import front
from studies.record import read_study, write_study
from tests.search.chaos import ROOT, Chaos, Journal, TwoNodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SEED = int(os.environ.get("SPIKEFRONT_CHAOS_SEED", "0"))
N_KILLS, N_LATE_KILLS = 30, 6
"""Of all kills, so many come after the search: while replicates train and times are measured again."""

N_QUEUED, N_EPOCHS = 40, 8
QUEUED_RATES = [0.01, 0.02, 0.05, 0.1, 0.2]
SPACE = f"""
name: chaos
base: {{data: {{root: nowhere}}, optim: {{epochs: {N_EPOCHS}}}}}
search:
  T: {{int: [1, 8]}}
  optim.lr: {{choice: {[*QUEUED_RATES, 0.3, 0.4, 0.5]}}}
objectives: {{val_accuracy: maximize, latency_ms: minimize}}
budget: {{trials: {N_QUEUED}}}
sampler: {{name: random}}
resources: {{cpu: 1, gpu: 0}}
replicates: 1
"""


def _queue() -> list[dict[str, Any]]:
    """Forty of the space's configs; a config beyond them in the record would stand for a lost one."""
    return [{"T": T, "optim.lr": rate} for rate in QUEUED_RATES for T in range(1, 9)]


def _table(space: Space) -> Study:
    """The queued configs as if they had been trained: better with T, and by chance.

    What probes measure depends on T alone, for probes are shared by those that differ in nothing else.
    """
    luck = random.Random(0)
    trials, epochs = [], []
    for number, params in enumerate(_queue()):
        T, best = params["T"], luck.uniform(40.0, 60.0) + 4 * params["T"]
        metrics = {
            "latency_ms": 2.0 * T + 0.3,
            "latency_ms_q25": 1.5 * T,
            "latency_ms_q75": 3.5 * T,
            "train_memory_mib": 10.0 * T,
            "n_parameters": 1000,
            "val_accuracy": best,
            "firing_rate": luck.random(),
            "train_time_s": 4.0,
        }
        config = resolve(space, params)[0]
        trials.append(Trial(number, "complete", config, params, metrics=metrics, epochs_trained=N_EPOCHS))
        for epoch in range(1, N_EPOCHS + 1):
            losses = 3.0 / epoch, luck.random(), 0.0
            lists = tuple(luck.random() for _ in range(2)), tuple(luck.random() for _ in range(3))
            row = EpochRow(number, epoch, 0.1, losses[0], 30.0, best * epoch / 9, 0.5, *losses[1:], *lists)
            epochs.append(row)
    return Study(StudyAttributes.of("table", space).info(), tuple(trials), tuple(epochs))


@dataclass
class Place:
    """A folder with a table, a space file, and studies whose trials replay the table."""

    folder: Path
    space: Space
    environment: dict[str, str]
    sessions: set[int] = field(default_factory=set)
    """Of the system, one for each driver and one for the cluster: all of their processes stay in them."""

    @classmethod
    def make(cls, folder: Path) -> Place:
        (folder / "chaos.yaml").write_text(SPACE)
        space = load_space(str(folder / "chaos.yaml"), TrainerChecker())[0]
        write_study(_table(space), folder / "table")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        own = {
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_TMPDIR": tempfile.mkdtemp(prefix="chaos-"),  # a socket's path may be 107 characters long
            "OMP_NUM_THREADS": "1",
        }
        return cls(folder, space, kept | own)

    def begin(self, name: str) -> RunFolder:
        """A study whose queue nobody has looked at yet."""
        folder = RunFolder.of(self.folder / "runs", name)
        attributes = replace(
            StudyAttributes.of(name, self.space), machine=describe_machine(), versions=installed_versions()
        )
        with folder.lock():
            study = create(folder, None, attributes)
            for params in _queue():
                study.enqueue_trial(params)
        return folder

    def drive(self, name: str, seconds: str, *options: str) -> subprocess.Popen[bytes]:
        """A driver that goes on with a study. seconds: of epochs and probes, as `TableTrainer` takes them."""
        trainer = f"search.simulate:TableTrainer@{self.folder / 'table'}?{seconds}"
        command = [sys.executable, "-m", "tests.search.chaos", "drive", trainer, "--resume", "--study", name]
        with (self.folder / f"{name}.log").open("ab") as log:
            driver = subprocess.Popen(
                [*command, "--out", str(self.folder / "runs"), *options],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.sessions.add(driver.pid)
        return driver

    def alive(self) -> dict[int, str]:
        """The processes of all drivers and of the cluster that live, with their titles."""
        found = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getsid(process.pid) in self.sessions and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = " ".join(process.cmdline())
        return found

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def stored(self, folder: RunFolder) -> Study:
        """The record as the storage has it."""
        study, attributes = open_existing(folder)
        return study_record(study, attributes)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place.make(tmp_path)
    try:
        yield made
    finally:
        for process in made.alive():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(made.environment["RAY_TMPDIR"], ignore_errors=True)


@pytest.fixture
def cluster(place: Place) -> Iterator[TwoNodes]:
    nodes = TwoNodes(place.folder, place.environment)
    place.sessions.add(nodes.process.pid)
    try:
        yield nodes
    finally:
        nodes.close()


def _wait_until_none(left: Callable[[], list[str]], seconds: float = 60) -> None:
    """Fails with what is still there after so many seconds."""
    deadline = time.monotonic() + seconds
    while left() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left() == []


def _key(trial: Trial) -> str:
    return fingerprint(canonical(make_config(trial.config)))


_OF_A_RUN = ("started_at", "finished_at", "worker", "node", "device", "replicate_of")


def _content(study: Study) -> dict[tuple[str, bool], tuple[Any, ...]]:
    """What must not depend on deaths, by config: times, attempts and places are left out, and numbers."""
    keys = {trial.number: _key(trial) for trial in study.trials}
    rows: dict[int, list[EpochRow]] = {trial.number: [] for trial in study.trials}
    for row in study.epochs:
        rows[row.number].append(replace(row, number=0))
    none: dict[str, Any] = dict.fromkeys(_OF_A_RUN)
    return {
        (keys[trial.number], trial.replicate_of is not None): (
            replace(trial, number=0, attempts=0, **none),
            None if trial.replicate_of is None else keys[trial.replicate_of],
            rows[trial.number],
        )
        for trial in study.trials
    }


def _files(folder: RunFolder) -> set[str]:
    """All paths of a run folder, trials under the names of their keys.

    But for torn ends of the journal, and checkpoints before the last: how many there are depends on times.
    """
    names = {f"trial-{trial.number:04d}": _key(trial) for trial in read_study(folder.path).trials}
    found = set()
    for path in folder.path.rglob("*"):
        parts = [
            next((key + part[len(name) :] for name, key in names.items() if part.startswith(name)), part)
            for part in path.relative_to(folder.path).parts
        ]
        if ".torn-" not in path.name and not any(
            re.fullmatch("epoch-[0-9]+", part) and part != f"epoch-{N_EPOCHS:04d}" for part in parts
        ):
            found.add("/".join(parts))
    return found


def test_a_study_killed_thirty_times_ends_like_one_that_nobody_touched(
    place: Place, cluster: TwoNodes
) -> None:
    everything = {one.pid for one in psutil.Process(cluster.process.pid).children(recursive=True)}
    assert everything
    assert everything <= place.alive().keys(), "what is left over at the end would be seen"
    calm = place.begin("calm")
    assert place.drive("calm", "epoch_s=0", "--address", cluster.address).wait(300) == 0, place.log("calm")
    expected = place.stored(calm)
    n_front = len(front(expected))
    assert n_front >= 5

    wild = place.begin("wild")
    seconds = "epoch_s=0.5&probe_s=0.5"
    chaos = Chaos(
        random.Random(SEED),
        cluster,
        Journal(wild.journal),
        lambda: place.drive("wild", seconds, "--address", cluster.address),
    )
    try:
        _kill_all_over(chaos, n_front)
        code = chaos.driver.wait(300)
        print(f"seed {SEED}:", *chaos.killed, sep="\n  ")
        assert code == 0, place.log("wild")
    finally:
        chaos.driver.kill()
    _assert_nothing_lost_or_doubled(place.stored(wild), expected)
    assert read_study(wild.path) == place.stored(wild)
    assert _files(wild) == _files(calm)
    _wait_until_none(lambda: [does for does in cluster.workers().values() if "Trainable" in does])
    cluster.close()
    _wait_until_none(lambda: list(place.alive().values()))


def _kill_all_over(chaos: Chaos, n_front: int) -> None:
    """Kills spread over the search, the training of the front's replicates, and measuring it again."""
    n_rows = (N_QUEUED + n_front) * N_EPOCHS
    moments = [int(N_QUEUED * N_EPOCHS * chaos.random.random()) for _ in range(N_KILLS - N_LATE_KILLS)]
    moments += [N_QUEUED * N_EPOCHS + 1 + 5 * at for at in range(N_LATE_KILLS // 2)]
    moments += [n_rows + at for at in range(N_LATE_KILLS // 2)]
    moments.sort()
    while len(chaos.killed) < N_KILLS:
        moment = moments[len(chaos.killed)]
        chaos.until_progress(moment)
        chaos.strike(at_once=moment >= n_rows)


def _assert_nothing_lost_or_doubled(study: Study, expected: Study) -> None:
    searched = [trial for trial in study.trials if trial.replicate_of is None]
    assert Counter(trial.state for trial in searched) == {"complete": N_QUEUED}
    assert [trial.number for trial in searched] == list(range(N_QUEUED))
    assert [trial.number for trial in study.trials] == list(range(len(expected.trials)))
    assert len({_key(trial) for trial in searched}) == N_QUEUED
    assert {(trial.params["T"], trial.params["optim.lr"]) for trial in searched} == {
        (params["T"], params["optim.lr"]) for params in _queue()
    }
    assert _content(study) == _content(expected)
