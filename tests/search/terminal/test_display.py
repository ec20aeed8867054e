from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from search.propose.proposer import Proposer
from search.result import SearchResult
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.terminal.display import Display, ended_line, running_table
from search.terminal.summary import has_failed, print_summary
from search.trials.outcome import Outcome
from search.trials.store import TrialStore
from search.trials.to_record import study_record
from search.worker.jobs import Report
from studies.model import Study
from studies.pareto import front, study_hypervolume
from studies.text import params_text
from tests.search.fakes import make_space
from tests.search.stores import complete, measured, new_store, row


def _store(n_open: int) -> TrialStore:
    space = make_space()
    store = new_store(space)
    proposer = Proposer(store, space)
    for _ in range(n_open):
        proposer.next()
    return store


def _attributes(store: TrialStore) -> StudyAttributes:
    attributes = StudyAttributes.read(store.study)
    assert attributes is not None
    return attributes


def _record(store: TrialStore) -> Study:
    return study_record(store.study, _attributes(store))


def _console(is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=120, height=50, color_system=None)


def _shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_one_plain_line_per_finished_trial() -> None:
    store = _store(3)
    console = _console(False)
    with Display(console, store, 6, _attributes(store)) as display:
        display.poll()
        complete(store, store.trials[1])
        display.poll()
        display.poll()
        store.finish(0, Outcome("infeasible", "diverged: loss nan"))
        display.poll()
    first, second = _shown(console).splitlines()
    params = params_text(store.trials[1].params)
    accuracy = measured(store.trials[1])["val_accuracy"]
    assert first.startswith(f"trial 1 complete: val_accuracy {accuracy:.5g}, train_memory_mib ")
    assert first.endswith(f"({params})")
    assert second.startswith("trial 0 infeasible: diverged: loss nan (")


def test_trials_that_ended_before_a_resume_are_not_announced_again() -> None:
    store = _store(2)
    complete(store, store.trials[0])
    console = _console(False)
    with Display(console, store, 6, _attributes(store)) as display:
        display.poll()
    assert _shown(console) == ""


def test_the_live_table_shows_running_trials_front_and_counts() -> None:
    store = _store(3)
    console = _console(True)
    store.note(2, Report("probe", metrics={"latency_ms": 1.0}))
    store.note(1, row(2, 87.5))
    with Display(console, store, 6, _attributes(store)) as display:
        complete(store, store.trials[0])
        display.poll()
    shown = _shown(console)
    assert "toy: 1 complete, 2 running of 6, 0 s, hypervolume " in shown
    assert "2/3" in shown
    assert "87.50" in shown
    assert "probed" in shown
    assert "front of toy" in shown


def test_the_live_front_is_that_of_the_whole_study() -> None:
    store = _store(8)
    for number in range(4):
        complete(store, store.trials[number])
    console = _console(True)
    with Display(console, store, 8, _attributes(store)) as display:
        for number in range(4, 7):
            complete(store, store.trials[number])
            display.poll()
        complete(store, store.open_replicate(0, store.trials[0].config, "key", 9))
        display.poll()
    trials = tuple(trial for trial in _record(store).trials if trial.replicate_of is None)
    record = replace(_record(store), trials=trials)
    shown = _shown(console)
    last = shown[shown.rindex("toy: 7 complete, 1 running of 8, ") :]
    assert f"hypervolume {study_hypervolume(record):.5g}" in last
    assert f"front of toy: {len(front(record))} of 8 trials" in last


def test_a_replicate_that_ends_is_announced() -> None:
    store = _store(1)
    complete(store, store.trials[0])
    console = _console(False)
    with Display(console, store, 6, _attributes(store)) as display:
        complete(store, store.open_replicate(0, store.trials[0].config, "key", 9))
        display.poll()
    assert _shown(console).startswith("trial 1 complete: val_accuracy ")
    assert "(seed 9 of trial 0)" in _shown(console)


def test_a_line_said_stands_above_the_live_table() -> None:
    console = _console(True)
    store = _store(1)
    with Display(console, store, 6, _attributes(store)) as display:
        display.say("a [warning] as it is")
    assert "a [warning] as it is" in _shown(console)


def test_the_running_table_of_nothing() -> None:
    assert running_table([]).row_count == 0


def test_ended_lines_name_values_or_reason() -> None:
    store = _store(2)
    store.finish(0, Outcome("stopped", "early stopping after epoch 2"))
    line = ended_line(store.trials[0], ["val_accuracy"])
    assert line.startswith("trial 0 stopped: early stopping after epoch 2 (T=")


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({}, ""),
        ({"T": 3, "distillation.mode": "none"}, "T=3 mode=none"),
        ({"optim.lr": 0.123456, "distillation.branches": "1,3"}, "lr=0.123 branches=1,3"),
    ],
)
def test_params_are_shown_by_the_last_part_of_their_names(params: dict[str, Any], shown: str) -> None:
    assert params_text(params) == shown


def _summary(store: TrialStore, tmp_path: Any, **changes: Any) -> str:
    values = {"ending": "budget", "report": tmp_path / "toy" / "report.html", **changes}
    result = SearchResult(_record(store), RunFolder.of(tmp_path, "toy"), **values)
    console = _console(False)
    print_summary(result, console, "python -m search.run --resume --study toy")
    return _shown(console)


def test_the_summary_tells_what_to_type_next(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = _store(2)
    complete(store, store.trials[0])
    shown = _summary(store, tmp_path)
    assert shown.startswith("done\n")
    assert "  python -m studies.export toy --pick knee --out toy-knee.yaml\n" in shown
    assert "  python -m snncore.train toy-knee.yaml\n" in shown
    assert "record: toy/trials.parquet, toy/epochs.parquet\n" in shown
    assert "continue with" not in shown


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"ending": "interrupted"}, "continue with: python -m search.run --resume --study toy"),
        ({"ending": "time"}, "time budget used up"),
        (
            {"ending": "exhausted", "note": "every config has been tried"},
            "ended, every config has been tried",
        ),
        ({"report": None, "problem": "the report could not be written"}, "the report could not be written"),
    ],
)
def test_the_summary_tells_how_it_ended(tmp_path: Any, changes: dict[str, Any], line: str) -> None:
    assert line in _summary(_store(1), tmp_path, **changes)


def test_a_summary_without_a_front_offers_no_export(tmp_path: Any) -> None:
    assert "studies.export" not in _summary(_store(0), tmp_path)


def test_a_study_has_failed_when_every_trial_did() -> None:
    store = _store(2)
    assert not has_failed(_record(_store(0)))
    store.finish(0, Outcome("failed", "boom"))
    assert not has_failed(_record(store)), "one still runs"
    store.finish(1, Outcome("failed", "boom"))
    assert has_failed(_record(store))
