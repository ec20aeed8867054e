"""A journal that was cut anywhere opens again; a lock of a dead process does not hold it."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
import pytest

from search.errors import SearchError
from search.propose.proposer import Proposer
from search.study.journal import open_journal, repair_journal
from search.study.storage import find_storage, find_study, open_url
from search.study.urls import without_password
from search.trials.outcome import Outcome
from search.tune.stop_request import StopRequest
from search.worker.jobs import Report
from tests.search.fakes import make_space
from tests.search.stores import measured, new_store, row


def _journal(path: Path, n_trials: int = 2) -> bytes:
    storage = open_journal(path)
    study = optuna.create_study(study_name="toy", storage=storage, directions=["maximize", "minimize"])
    for number in range(n_trials):
        trial = study.ask()
        trial.suggest_int("T", 1, 8)
        trial.set_user_attr("ask", {"number": number, "text": "ü — 語"})
        study.tell(trial, [1.0, 2.0])
    return path.read_bytes()


def test_a_journal_cut_at_every_byte_of_its_last_record_opens_and_goes_on(tmp_path: Path) -> None:
    whole = _journal(tmp_path / "whole.log")
    last = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    for cut in range(last, len(whole) + 1):
        path = tmp_path / f"cut-{cut}.log"
        path.write_bytes(whole[:cut])
        study = optuna.load_study(study_name="toy", storage=open_journal(path))
        n_complete = len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))
        assert path.read_bytes() == whole[:cut]  # what is only read stays as it is
        # Only the line end missing: the record itself is whole, and the trial stays finished.
        assert n_complete == (2 if cut >= len(whole) - 1 else 1)
        trial = study.ask()
        study.tell(trial, [3.0, 4.0])
        again = optuna.load_study(study_name="toy", storage=open_journal(path))
        assert len(again.get_trials(states=(optuna.trial.TrialState.COMPLETE,))) == n_complete + 1


def test_a_journal_cut_at_every_byte_of_its_first_records_opens(tmp_path: Path) -> None:
    whole = _journal(tmp_path / "whole.log", n_trials=0)
    for cut in range(len(whole) + 1):
        path = tmp_path / f"cut-{cut}.log"
        path.write_bytes(whole[:cut])
        assert (find_study(open_journal(path), "toy") is not None) == (cut >= len(whole) - 1)


def test_the_torn_end_is_kept_beside_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    whole = _journal(path)
    for count in (1, 2):
        path.write_bytes(whole + b'{"op_code":8,"wor')
        copy = repair_journal(path)
        assert copy == tmp_path / f"journal.log.torn-{count}"
        assert copy.read_bytes() == b'{"op_code":8,"wor'
        assert path.read_bytes() == whole


def test_a_whole_or_missing_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    assert repair_journal(path) is None
    assert not path.exists()
    whole = _journal(path)
    assert repair_journal(path) is None
    assert path.read_bytes() == whole


@contextmanager
def _disk_ends(at: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: a write takes what fits, the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 1, 20])
def test_a_disk_that_fills_up_in_mid_record_leaves_no_half_of_it(tmp_path: Path, room: int) -> None:
    path = tmp_path / "journal.log"
    space = make_space()
    store, stop = new_store(space, open_journal(path)), StopRequest()
    assert Proposer(store, space).next() is not None
    whole = path.read_bytes()
    with _disk_ends(len(whole) + room):
        stop.guard(lambda: store.note(0, row(1)))
    assert isinstance(stop.error, OSError)
    assert path.read_bytes() == whole
    assert stop.guard(lambda: store.note(0, row(2))) is None
    assert path.read_bytes() == whole, "what comes after a record that is missing is not written either"
    store.note(0, row(1))
    study = optuna.load_study(study_name="toy", storage=open_journal(path))
    assert list(study.trials[0].user_attrs) == ["ask", "epoch-0001"]


def test_an_interrupt_in_mid_append_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.log"
    whole = _journal(path)
    study = optuna.load_study(study_name="toy", storage=open_journal(path))

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        study.ask()
    monkeypatch.undo()
    assert path.read_bytes() == whole
    study.tell(study.ask(), [3.0, 4.0])
    assert len(optuna.load_study(study_name="toy", storage=open_journal(path)).trials) == 3


def test_behind_half_a_record_that_cannot_be_taken_back_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.log"
    whole = _journal(path)
    study = optuna.load_study(study_name="toy", storage=open_journal(path))

    def fail(handle: int, size: int) -> None:
        raise OSError("Input/output error")

    monkeypatch.setattr(os, "ftruncate", fail)
    torn = r"journal\.log: a record was cut off \(.*File too large\) and could not be taken back"
    with _disk_ends(len(whole) + 9), pytest.raises(OSError, match=torn):
        study.ask()
    with pytest.raises(OSError, match=torn):
        study.ask()
    assert path.read_bytes()[: len(whole)] == whole
    assert len(path.read_bytes()) == len(whole) + 9
    monkeypatch.undo()
    assert len(optuna.load_study(study_name="toy", storage=open_journal(path)).trials) == 2


def test_a_damaged_record_in_the_middle_is_refused_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    lines = _journal(path).splitlines(keepends=True)
    lines[1] = b"\0" * len(lines[1])
    path.write_bytes(b"".join(lines))
    with pytest.raises(SearchError, match=r"journal\.log: line 2 is damaged"):
        open_journal(path)


def test_a_process_that_dies_while_it_holds_the_lock_does_not_block_the_next(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    _journal(path)
    dies = f"""
import os
from pathlib import Path
from search.study.journal import _JournalLock
_JournalLock(Path({str(path)!r})).acquire()
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", dies], check=False, timeout=60)
    study = optuna.load_study(study_name="toy", storage=open_journal(path))
    study.tell(study.ask(), [1.0, 1.0])


def test_the_disk_is_waited_for_where_a_record_promises_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = make_space()
    store = new_store(space, open_journal(tmp_path / "journal.log"))
    flushed = []
    sync = os.fsync

    def note(handle: int) -> None:
        sync(handle)
        flushed.append(json.loads((tmp_path / "journal.log").read_text().splitlines()[-1]))

    monkeypatch.setattr(os, "fsync", note)
    trial = Proposer(store, space).next()
    assert trial is not None
    store.started(0)
    store.note(0, Report("probe", metrics={"latency_ms": 1.0}, place={"node": "here"}))
    store.note(0, row(1))
    store.finish(0, Outcome("complete", None, measured(trial)))
    store.amend(0, {"latency_ms_quiet": 1.0})
    store.remember_probes({"a1": {"latency_ms": 1.0}})
    names = [name for log in flushed for name in {**log, **log.get("user_attr", log.get("user_attrs", {}))}]
    promised = ["ask", "probe", "epoch-0001", "values", "amended", "probed"]
    assert [name for name in names if name in promised and name != "values"] == [
        name for name in promised if name != "values"
    ]
    assert not {"param_name", "start", "end", "system_attr"} & set(names)
    n_records = len((tmp_path / "journal.log").read_text().splitlines())
    assert len(flushed) <= 7 < n_records


def test_an_unwritable_journal_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "journal.log").mkdir()
    with pytest.raises(SearchError, match=r"journal\.log: the journal cannot be used"):
        open_journal(tmp_path / "journal.log")


@pytest.mark.parametrize("content", [b"", b'{"op_code": 0, "study_name": "a"}\n'], ids=["all", "the end"])
def test_a_journal_of_gigabytes_of_nothing_is_reported_at_once(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.log"
    path.write_bytes(content)
    os.truncate(path, 2**36)
    with pytest.raises(SearchError, match="a line of more than 16 MiB, which is no record"):
        open_journal(path)
    assert path.stat().st_size == 2**36


def test_a_database_by_url(tmp_path: Path) -> None:
    storage = open_url(f"sqlite:///{tmp_path}/study.db")
    assert find_study(storage, "toy") is None
    optuna.create_study(study_name="toy", storage=storage)
    assert find_study(open_url(f"sqlite:///{tmp_path}/study.db"), "toy") is not None


@pytest.mark.parametrize("table", ["version_info", "alembic_version"])
def test_a_database_without_its_version_is_not_written_into_when_only_looked_at(
    tmp_path: Path, table: str
) -> None:
    file = tmp_path / "study.db"
    open_url(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"DELETE FROM {table}")
    before = file.read_bytes()
    assert find_storage(f"sqlite:///{file}") is None
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "url", ["no url", "nodb://host/x", "sqlite:////no/such/folder/study.db", "redis://localhost"]
)
def test_a_url_that_cannot_be_opened_is_a_user_error(url: str) -> None:
    with pytest.raises(SearchError, match=r"--storage: .* cannot be opened: "):
        open_url(url)


def test_a_password_is_never_shown_or_kept() -> None:
    url = "postgresql://user:secret@host/db"
    assert without_password(url) == "postgresql://user@host/db"
    with pytest.raises(SearchError) as caught:
        open_url("nodb://user:secret@host/db")
    assert "secret" not in str(caught.value)
