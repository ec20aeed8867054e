"""What the storage holds of a study: its version, its runs, and what may be wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from search.errors import SearchError
from search.study.attributes import ATTRIBUTE, MAX_RUNS, VERSION, Run, StudyAttributes
from search.trials.to_record import study_record
from studies.model import Study
from studies.record import read_study, write_study
from studies.runs import run_lines
from tests.search.fakes import make_space
from tests.search.stores import new_store

ROW = {
    **dict.fromkeys(("lr", "train_loss", "train_accuracy", "val_accuracy", "seconds", "ce", "kd"), 1.0),
    "epoch": 1,
    "reliable_share": [1.0],
    "firing_rate": [0.1, 0.2],
}
OLD = {"python": "3.11.7", "torch": "2.10.0"}
NEW = {"python": "3.12.1", "torch": "2.11.0"}


def begun() -> tuple[optuna.Study, StudyAttributes]:
    attributes = replace(
        StudyAttributes.of("toy", make_space()), machine={"cpu": "X", "cores": 2}, versions=OLD
    )
    attributes = replace(attributes, runs=(Run(attributes.started_at, attributes.machine, OLD),))
    study = optuna.create_study(study_name="toy", directions=["maximize", "minimize", "minimize"])
    attributes.write(study)
    return study, attributes


def test_it_is_read_as_it_was_written() -> None:
    study, attributes = begun()
    assert StudyAttributes.read(study) == attributes
    assert study.user_attrs[ATTRIBUTE]["version"] == VERSION


def test_a_study_of_before_versions_were_kept_is_read() -> None:
    study, attributes = begun()
    kept = dict(study.user_attrs[ATTRIBUTE])
    del kept["version"], kept["runs"]
    study.set_user_attr(ATTRIBUTE, kept)
    assert StudyAttributes.read(study) == attributes


def test_a_newer_version_is_refused_in_one_line() -> None:
    study, _ = begun()
    study.set_user_attr(ATTRIBUTE, {"version": VERSION + 1, "anything": True})
    with pytest.raises(
        SearchError, match=rf"^study 'toy': written by a newer SpikeFront .*version {VERSION + 1}.*$"
    ):
        StudyAttributes.read(study)


def test_an_unknown_field_is_kept() -> None:
    study, attributes = begun()
    study.set_user_attr(ATTRIBUTE, {**study.user_attrs[ATTRIBUTE], "colour": "blue"})
    read = StudyAttributes.of_begun(study)
    assert replace(read, unknown={}) == attributes
    read.finished().write(study)
    assert study.user_attrs[ATTRIBUTE]["colour"] == "blue"


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda kept: {key: value for key, value in kept.items() if key != name}


def with_(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda kept: kept | changes


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: [],
        lambda kept: "x",
        lambda kept: 3,
        without("name"),
        without("space"),
        without("objectives"),
        without("limits"),
        without("hash"),
        with_(objectives=3),
        with_(objectives=[{}]),
        with_(objectives=[{"name": "a", "direction": "up"}]),
        with_(limits=[1]),
        with_(limits={"a": 1}),
        with_(limits={"a": {"max": "x"}}),
        with_(machine=[1]),
        with_(versions={"a": [1]}),
        with_(started_at=3),
        with_(started_at="yesterday"),
        with_(started_at="2020-01-01T00:00:00"),
        with_(finished_at="x" * 5000),
        with_(keep_checkpoints="some"),
        with_(checkpoints=3),
        with_(runs=1),
        with_(runs=[1]),
        with_(space=[1]),
        with_(runs=[{"started_at": "x"}]),
        with_(version="1"),
        with_(version=True),
        with_(version=0),
        with_(version=math.nan),
        with_(name=None),
    ],
)
def test_what_is_damaged_is_reported_in_one_line(change: Callable[[dict[str, Any]], Any]) -> None:
    study, _ = begun()
    study.set_user_attr(ATTRIBUTE, change(dict(study.user_attrs[ATTRIBUTE])))
    with pytest.raises(SearchError, match=r"^study 'toy': damaged in its storage: .{5,400}$"):
        StudyAttributes.read(study)


def test_each_run_is_kept_and_its_change_told() -> None:
    study, attributes = begun()
    same = attributes.continued(Run("2030-01-01T10:00:00+00:00", attributes.machine, OLD))
    assert same.changes() == []
    other = same.continued(Run("2030-01-02T10:00:00+00:00", {"cpu": "Y", "cores": 2}, NEW))
    assert other.changes() == [
        "python 3.12.1 instead of 3.11.7", "torch 2.11.0 instead of 2.10.0", "cpu Y instead of X",
    ]  # fmt: skip
    other.write(study)
    assert StudyAttributes.read(study) == other
    assert [run.versions for run in other.info().runs] == [OLD, OLD, NEW]
    assert run_lines(other.info()) == [
        "continued on 2030-01-02 10:00 UTC with python 3.12.1 instead of 3.11.7, torch 2.11.0 instead of "
        "2.10.0, cpu Y instead of X"
    ]


def test_very_many_runs_stay_small() -> None:
    _, attributes = begun()
    for number in range(100):
        attributes = attributes.continued(
            Run(f"2030-01-01T10:00:{number % 60:02}+00:00", {}, {"n": str(number)})
        )
    assert len(attributes.runs) == MAX_RUNS
    assert attributes.runs[0].versions == OLD
    assert attributes.runs[-1].versions == {"n": "99"}


def test_the_record_keeps_the_runs_and_reads_older_ones(tmp_path: Path) -> None:
    _, attributes = begun()
    info = attributes.continued(Run("2030-01-02T10:00:00+00:00", {}, NEW)).info()
    write_study(Study(info, ()), tmp_path / "new")
    assert read_study(tmp_path / "new").info == info
    older = replace(info, runs=())
    write_study(Study(older, ()), tmp_path / "old")
    assert run_lines(read_study(tmp_path / "old").info) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ask", 3),
        ("ask", {}),
        ("ask", {"number": "0"}),
        ("ask", {"number": -1, "params": {}, "config": {}, "key": ""}),
        ("ask", {"number": 10**30, "params": {}, "config": {"seed": 0}, "key": ""}),
        ("ask", {"number": 0, "params": [], "config": {"seed": 0}, "key": ""}),
        ("ask", {"number": 0, "params": {}, "config": {}, "key": ""}),
        ("start", [1]),
        ("start", {"attempts": "x"}),
        ("start", {"started_at": "soon"}),
        ("probe", 1),
        ("end", {}),
        ("end", {"state": "gone"}),
        ("end", [1]),
        ("end", {"state": "complete", "metrics": 3}),
        ("epoch-0001", 1),
        ("epoch-0001", {}),
        ("driver", "x"),
        ("epoch-0001", {**ROW, "epoch": -1}),
        ("epoch-0001", {**ROW, "ce": "x"}),
        ("epoch-0001", {**ROW, "firing_rate": 1}),
        ("end", {"state": "failed", "finished_at": "x"}),
    ],
)
def test_a_trial_that_is_damaged_is_named(name: str, value: Any) -> None:
    store = new_store(make_space())
    study = store.study
    attributes = StudyAttributes.of("toy", make_space())
    trial = study.ask()
    ask = {"number": 0, "params": {"T": 1}, "config": {"seed": 0}, "key": "k"}
    trial.set_user_attr("ask", ask)
    study_record(study, attributes)
    trial.set_user_attr(name, value)
    with pytest.raises(SearchError, match=rf"^trial 0 of the storage is damaged: {name}\b.{{1,300}}$"):
        study_record(study, attributes)


def test_an_epoch_of_a_later_version_is_read() -> None:
    study = new_store(make_space()).study
    trial = study.ask()
    trial.set_user_attr("ask", {"number": 0, "params": {}, "config": {"seed": 0}, "key": "k", "mood": "good"})
    trial.set_user_attr("epoch-0001", {**ROW, "energy": 3.0})
    record = study_record(study, StudyAttributes.of("toy", make_space()))
    assert [epoch.epoch for epoch in record.epochs] == [1]
