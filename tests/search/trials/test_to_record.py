"""The record from the storage: what is written, when, and `python -m search.record`."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.errors import SearchError
from search.propose.proposer import Proposer
from search.record import main, rebuild
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.study.opening import create
from search.trials import writer as writer_module
from search.trials.outcome import Outcome
from search.trials.running_front import RunningFront
from search.trials.store import TrialStore
from search.trials.to_record import StoreRecord, study_record
from search.trials.writer import RecordWriter, unneeded, write_report
from search.worker.checkpoint_place import CheckpointPlace
from studies.model import Study, Trial
from studies.pareto import front, knee, study_hypervolume, study_reference_point
from studies.record import read_study
from studies.text import trial_stem
from tests.search.fakes import make_space
from tests.search.stores import measured, row


def _study(folder: RunFolder, n_trials: int = 4) -> tuple[TrialStore, StudyAttributes]:
    """Complete trials and one that runs."""
    folder.path.mkdir(parents=True)
    space = make_space()
    attributes = StudyAttributes.of("toy", space)
    store = TrialStore(create(folder, None, attributes), attributes.objectives, attributes.limits)
    proposer = Proposer(store, space)
    for _ in range(n_trials + 1):
        trial = proposer.next()
        assert trial is not None
        (folder.path / "checkpoints" / trial_stem(trial.number)).mkdir(parents=True)
        if trial.number < n_trials:
            store.finish(trial.number, Outcome("complete", None, measured(trial)))
    return store, attributes


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.of(tmp_path, "toy")


def test_rebuild_makes_the_record_again(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    store, attributes = _study(folder)
    assert main([str(folder.path)]) == 0
    shown = capsys.readouterr().out.split()
    assert [Path(path).name for path in shown] == ["trials.parquet", "epochs.parquet", "report.html"]
    assert read_study(folder.path) == study_record(store.study, attributes)
    assert all(Path(path).exists() for path in shown)


@pytest.mark.parametrize("make", [False, True])
def test_rebuild_of_what_is_no_study(tmp_path: Path, make: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if make:
        (tmp_path / "other").mkdir()
    assert main([str(tmp_path / "other")]) == 2
    assert "no study; a study lies in runs/NAME" in capsys.readouterr().err
    assert not make or list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize("name", ["trials.parquet", "epochs.parquet", "front"])
def test_rebuild_writes_nothing_where_one_file_cannot_be(
    folder: RunFolder, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _study(folder)
    assert main([str(folder.path)]) == 0
    path = next((folder.path / "front").iterdir()) if name == "front" else folder.path / name
    path.unlink()
    path.mkdir()
    others = [other for other in folder.path.rglob("*") if other.suffix in (".parquet", ".yaml", ".html")]
    before = {other: other.stat().st_mtime_ns for other in others if other.is_file()}
    assert main([str(folder.path)]) == 2
    assert "is a folder, not a file" in capsys.readouterr().err
    assert {other: other.stat().st_mtime_ns for other in before} == before


def test_rebuild_leaves_a_running_study_to_its_driver(folder: RunFolder) -> None:
    _study(folder)
    with folder.lock(), pytest.raises(SearchError, match="another process runs this study"):
        rebuild(folder.path)


def test_rebuild_says_that_the_report_failed_but_writes_the_rest(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import reports.build

    def fail(study: Any, run_folder: Any) -> Path:
        raise ZeroDivisionError("nothing to draw")

    _study(folder)
    monkeypatch.setattr(reports.build, "build_report", fail)
    with pytest.raises(
        SearchError, match=r"ZeroDivisionError: nothing to draw; try `python -m reports\.build"
    ):
        rebuild(folder.path)
    assert len(read_study(folder.path).trials) == 5


def test_a_report_that_fails_is_no_exception(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    import reports.build

    store, attributes = _study(folder)
    monkeypatch.setattr(reports.build, "build_report", lambda study, run_folder: 1 / 0)
    report, problem = write_report(study_record(store.study, attributes), folder)
    assert report is None
    assert problem is not None
    assert problem.startswith("the report could not be written: ZeroDivisionError")


def test_which_checkpoints_are_unneeded(folder: RunFolder) -> None:
    store, attributes = _study(folder)
    record = study_record(store.study, attributes)
    on_front = {trial.number for trial in front(record)}
    assert unneeded(record, "all") == []
    assert unneeded(record, "none") == [0, 1, 2, 3]
    assert unneeded(record, "front") == sorted({0, 1, 2, 3} - on_front)


def test_a_write_removes_the_checkpoints_nobody_needs(folder: RunFolder) -> None:
    store, attributes = _study(folder)
    replace(attributes, keep_checkpoints="none").write(store.study)
    RecordWriter(store, folder, CheckpointPlace(str(folder.path / "checkpoints"))).finish()
    assert [path.name for path in (folder.path / "checkpoints").iterdir()] == ["trial-0004"]


def test_writes_are_five_seconds_or_two_percent_apart(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = _study(folder)
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    writer = RecordWriter(store, folder, CheckpointPlace(str(folder.path / "checkpoints")))
    written: list[float] = []
    monkeypatch.setattr(writer_module, "write_record", lambda record, folder: written.append(now))
    for at in range(1, 2000):
        now = 1000.0 + at
        store.n_changes += 1
        writer.poll()
    gaps = [after - before for before, after in itertools.pairwise(written)]
    assert written[0] == 1005.0
    assert gaps[0] == 5.0
    assert all(gap >= max(5.0, 0.02 * (at - 1000.0)) for gap, at in zip(gaps, written[1:], strict=True))
    assert gaps[-1] == pytest.approx(0.02 * 2000, rel=0.05)


def test_nothing_is_written_when_nothing_changed(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = _study(folder)
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    writer = RecordWriter(store, folder, CheckpointPlace(str(folder.path / "checkpoints")))
    written: list[float] = []
    monkeypatch.setattr(writer_module, "write_record", lambda record, folder: written.append(now))
    for now in (10.0, 20.0, 30.0, 40.0):
        if now == 30.0:
            store.started(4)
        writer.poll()
    assert written == [10.0, 30.0]
    writer.finish()
    assert len(written) == 3, "the last write is never left out"


def test_a_record_is_made_once_its_lock_is_held(folder: RunFolder) -> None:
    """Another driver writes: what happens meanwhile must be in the record that takes the place of its own."""
    store, _ = _study(folder)
    writer = RecordWriter(store, folder, CheckpointPlace(str(folder.path / "checkpoints")))
    with ThreadPoolExecutor() as pool:
        with folder.writing():
            ending = pool.submit(writer.finish)
            time.sleep(0.5)
            assert not (folder.path / "trials.parquet").exists()
            store.finish(4, Outcome("failed", "while the other one wrote"))
        record, report, problem = ending.result(timeout=60)
    assert record.trials[4].reason == "while the other one wrote"
    assert read_study(folder.path) == record
    assert (problem, report) == (None, folder.typed / "report.html")


def test_a_running_driver_waits_for_no_other_to_write(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = _study(folder)
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    writer = RecordWriter(store, folder, CheckpointPlace(str(folder.path / "checkpoints")))
    now = 10.0
    with folder.writing():
        writer.poll()
        assert not (folder.path / "trials.parquet").exists()
    now = 20.0
    writer.poll()
    assert len(read_study(folder.path).trials) == 5


def test_a_slow_write_is_rare(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver spends at most 2 % of its time on the record, also just after a resume of a long study."""
    store, _ = _study(folder)
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    writer = RecordWriter(store, folder, CheckpointPlace(str(folder.path / "checkpoints")))
    written: list[float] = []

    def slowly(record: Any, folder: Any) -> None:
        nonlocal now
        written.append(now)
        now += 3.0

    monkeypatch.setattr(writer_module, "write_record", slowly)
    while now < 1000.0:
        now += 1.0
        store.n_changes += 1
        writer.poll()
    gaps = [after - before for before, after in itertools.pairwise(written)]
    assert min(gaps) >= 3.0 / 0.02
    assert len(written) >= 5


def test_the_record_of_a_store_is_that_of_its_storage(folder: RunFolder) -> None:
    store, attributes = _study(folder)
    record = StoreRecord(store)
    assert record.study(attributes) == study_record(store.study, attributes)
    store.note(4, row(1))
    store.amend(0, {"latency_ms_quiet": 1.5})
    replicate = store.open_replicate(1, store.trials[1].config, "key", 5)
    store.note(replicate.number, row(1))
    assert record.study(attributes) == study_record(store.study, attributes)
    store.finish(replicate.number, Outcome("complete", None, measured(replicate)))
    store.amend(replicate.number, {"latency_ms_quiet": 2.5})
    store.finish(4, Outcome("stopped", "rung"))
    whole = record.study(attributes)
    assert whole == study_record(store.study, attributes)
    again = record.study(attributes)
    assert all(now is before for now, before in zip(again.trials, whole.trials, strict=True))


def test_the_running_front_decides_like_the_whole_study() -> None:
    generator = np.random.default_rng(0)
    for n_objectives in (1, 2, 3):
        names = ("val_accuracy", "train_memory_mib", "latency_ms")[:n_objectives]
        space = make_space(
            objectives={name: own for name, own in make_space().objectives.items() if name in names}
        )
        attributes = StudyAttributes.of("toy", space)
        running_front, trials = RunningFront(attributes.info()), []
        for number in range(60):
            values = dict(
                zip(names, generator.integers(0, 12, n_objectives).astype(float).tolist(), strict=True)
            )
            state: Any = generator.choice(["complete", "complete", "failed", "infeasible"])
            trial = Trial(
                number, state, {}, {}, values=values, constraints={"c": float(generator.integers(-2, 2))}
            )
            trials.append(trial)
            running_front.add([trial])
            whole = Study(attributes.info(), tuple(trials))
            assert front(running_front.study) == front(whole)
            assert knee(running_front.study) == knee(whole)
            assert study_reference_point(running_front.study) == study_reference_point(whole)
            assert study_hypervolume(running_front.study) == study_hypervolume(whole)
        at_once = RunningFront(attributes.info())
        at_once.add(trials)
        assert front(at_once.study) == front(running_front.study)
        assert len(running_front.study.trials) <= len(front(running_front.study)) + n_objectives
