"""The record from the storage: what is written, when, and `python -m search.record`."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from search import recorder as recorder_module
from search.about import About
from search.errors import SearchError
from search.folder import RunFolder
from search.ledger import Ledger
from search.opening import create
from search.outcome import Outcome
from search.proposer import Proposer
from search.record import main, rebuild, study_record
from search.recorder import Recorder, unneeded, write_report
from studies.pareto import front
from studies.record import read_study
from tests.search.books import measured
from tests.search.fakes import make_space


def _study(folder: RunFolder, n_trials: int = 4) -> tuple[Ledger, About]:
    """Complete trials and one that runs."""
    folder.path.mkdir(parents=True)
    space = make_space()
    about = About.of("toy", space)
    ledger = Ledger(create(folder, None, about), about.objectives, about.limits)
    proposer = Proposer(ledger, space)
    for _ in range(n_trials + 1):
        entry = proposer.next()
        assert entry is not None
        folder.trial_checkpoints(entry.number).mkdir(parents=True)
        if entry.number < n_trials:
            ledger.finish(entry.number, Outcome("complete", None, measured(entry)))
    return ledger, about


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.of(tmp_path, "toy")


def test_rebuild_makes_the_record_again(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    ledger, about = _study(folder)
    assert main([str(folder.path)]) == 0
    shown = capsys.readouterr().out.split()
    assert [Path(path).name for path in shown] == ["trials.parquet", "epochs.parquet", "report.html"]
    assert read_study(folder.path) == study_record(ledger.study, about)
    assert all(Path(path).exists() for path in shown)


@pytest.mark.parametrize("make", [False, True])
def test_rebuild_of_what_is_no_study(tmp_path: Path, make: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if make:
        (tmp_path / "other").mkdir()
    assert main([str(tmp_path / "other")]) == 2
    assert "no study; a study lies in runs/NAME" in capsys.readouterr().err
    assert not make or list((tmp_path / "other").iterdir()) == []


def test_rebuild_leaves_a_running_study_to_its_driver(folder: RunFolder) -> None:
    _study(folder)
    with folder.claim(), pytest.raises(SearchError, match="another process runs this study"):
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

    ledger, about = _study(folder)
    monkeypatch.setattr(reports.build, "build_report", lambda study, run_folder: 1 / 0)
    report, problem = write_report(study_record(ledger.study, about), folder)
    assert report is None
    assert problem is not None
    assert problem.startswith("the report could not be written: ZeroDivisionError")


def test_which_checkpoints_are_unneeded(folder: RunFolder) -> None:
    ledger, about = _study(folder)
    record = study_record(ledger.study, about)
    on_front = {trial.number for trial in front(record)}
    assert unneeded(record, "all") == []
    assert unneeded(record, "none") == [0, 1, 2, 3]
    assert unneeded(record, "front") == sorted({0, 1, 2, 3} - on_front)


def test_a_write_removes_the_checkpoints_nobody_needs(folder: RunFolder) -> None:
    ledger, about = _study(folder)
    Recorder(ledger.study, about, folder, "none").write()
    assert [path.name for path in folder.checkpoints.iterdir()] == ["trial-0004"]


def test_writes_are_five_seconds_or_two_percent_apart(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, about = _study(folder)
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    recorder = Recorder(ledger.study, about, folder, "all")
    written: list[float] = []
    monkeypatch.setattr(recorder_module, "write_record", lambda record, folder: written.append(now))
    for at in range(1, 2000):
        now = 1000.0 + at
        recorder.turn()
    gaps = [after - before for before, after in itertools.pairwise(written)]
    assert written[0] == 1005.0
    assert gaps[0] == 5.0
    assert all(gap >= max(5.0, 0.02 * (at - 1000.0)) for gap, at in zip(gaps, written[1:], strict=True))
    assert gaps[-1] == pytest.approx(0.02 * 2000, rel=0.05)
