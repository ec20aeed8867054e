"""A refusal leaves nothing: no database, no lock, no folder, no file, and nothing changed."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import optuna
import pytest

from search.record import main as record
from search.run import main as run
from search.simulate.__main__ import main as simulate
from search.study.attributes import StudyAttributes
from search.study.folder import RunFolder
from search.study.opening import create
from snncore.evaluate import main as evaluate
from snncore.export_network import main as export_network
from snncore.train import main as train
from studies.export import main as export
from studies.show import main as show
from tests.search.fakes import make_space

TORN = {
    "torn-at-first": "{",
    "torn-and-damaged": '{"op_code":0}\nx\n{"op_',
    "unknown-kind": '{"op_code":77,"worker_id":"x"}\n',
    "a-list": "[1, 2]\n",
    "digits": '{"op_code":' + "9" * 5000 + "}\n" + '{"op_code":10}\n',
    "brackets": "[" * 100_000 + "\n",
    "another-study": '{"op_code":0,"worker_id":"x","study_name":"other","directions":[1]}\n',
    "junk-types": '{"op_code":0,"worker_id":[],"study_name":{},"directions":"x"}\n',
    "junk-code": '{"op_code":[],"worker_id":"x"}\n',
}
"""Journals, by the folders they lie in."""
RESUME = ["--resume", "--study", "x"]


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a study `there`, a database of another program, and other things."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.of("runs", "there")
    folder.path.mkdir(parents=True)
    create(folder, None, StudyAttributes.of("there", make_space()))
    Path("runs/photos/.tune").mkdir(parents=True)
    Path("runs/photos/.tune/a.txt").write_text("mine")
    connection = sqlite3.connect("other.db")
    connection.execute("create table friends (name text)")
    connection.commit()
    connection.close()
    Path("text.db").write_text("no database\n" * 100)
    Path("empty.db").touch()
    os.mkfifo("pipe.db")
    Path("loop.db").symlink_to("loop.db")
    Path("runs/loop").symlink_to("loop")
    Path("runs/piped").mkdir()
    os.mkfifo("runs/piped/journal.log")
    Path("runs/folder/journal.log").mkdir(parents=True)
    Path("runs/binary").mkdir()
    Path("runs/binary/journal.log").write_bytes(os.urandom(3000) + b"\n\xff")
    for name, text in TORN.items():
        Path(f"runs/{name}").mkdir()
        Path(f"runs/{name}/journal.log").write_text(text)
    Path("runs/urls").mkdir()
    Path("runs/urls/storage.url").write_bytes(b"\xff\xfe" * 100)
    Path("space.yaml").write_text("search: {T: {int: [1, 4]}}\nobjectives: {macs: minimize}\n")
    Path("bad.yaml").write_text("T: 0\n")


def tree() -> dict[str, tuple[int, bytes]]:
    """Everything there is, with its content."""
    return {
        str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(Path().rglob("*"))
    }


REFUSED = {
    "a resume in a missing database": (run, [*RESUME, "--storage", "sqlite:///typo.db"]),
    "with its space": (run, [*RESUME, "--space", "space.yaml", "--storage", "sqlite:///typo.db"]),
    "in a missing folder": (run, [*RESUME, "--storage", "sqlite:///missing/typo.db"]),
    "a new study in a missing folder": (run, ["--space", "space.yaml", "--storage", "sqlite:///missing/x.db"]),
    "in another program's database": (run, [*RESUME, "--storage", "sqlite:///other.db"]),
    "in a text": (run, [*RESUME, "--storage", "sqlite:///text.db"]),
    "a new study in a text": (run, ["--space", "space.yaml", "--storage", "sqlite:///text.db"]),
    "in an empty file": (run, [*RESUME, "--storage", "sqlite:///empty.db"]),
    "in a pipe": (run, [*RESUME, "--storage", "sqlite:///pipe.db"]),
    "in a folder": (run, [*RESUME, "--storage", "sqlite:///runs"]),
    "behind a link to itself": (run, [*RESUME, "--storage", "sqlite:///loop.db"]),
    "in memory": (run, [*RESUME, "--storage", "sqlite://"]),
    "a URL of bytes": (run, [*RESUME, "--storage", "sqlite:///\udcff"]),
    "a format of a URL": (run, [*RESUME, "--storage", "{0}"]),
    "no URL": (run, [*RESUME, "--storage", "typo.db"]),
    "a port of many digits": (run, [*RESUME, "--storage", f"postgresql://h:{'9' * 5000}/d"]),
    "a resume of a missing study": (run, RESUME),
    "in a missing place": (run, [*RESUME, "--out", "a/b/c"]),
    "a new study elsewhere, warm started from nothing": (
        run, ["--space", "space.yaml", "--out", "a/b/c", "--warm-start", "nothing"],
    ),
    "a resume of photos": (run, ["--resume", "--study", "photos"]),
    "a new study in photos": (run, ["--space", "space.yaml", "--study", "photos"]),
    "a resume behind a link to itself": (run, ["--resume", "--study", "loop"]),
    "a journal that is a pipe": (run, ["--resume", "--study", "piped"]),
    "a journal that is a folder": (run, ["--resume", "--study", "folder"]),
    "a journal of any bytes": (run, ["--resume", "--study", "binary"]),
    "a storage.url of any bytes": (run, ["--resume", "--study", "urls"]),
    "a study that exists": (run, ["--space", "space.yaml", "--study", "there"]),
    "another space": (run, ["--space", "space.yaml", "--study", "there", "--resume"]),
    "a name that climbs": (run, ["--space", "space.yaml", "--study", "../x"]),
    "a name of two lines": (run, ["--space", "space.yaml", "--study", "x\ny"]),
    "no name": (run, ["--resume", "--study", ""]),
    "a long name": (run, ["--space", "space.yaml", "--study", "x" * 300]),
    "a place that is a file": (run, ["--space", "space.yaml", "--out", "other.db"]),
    "a seed beyond": (run, ["--space", "space.yaml", "--seed", str(2**40)]),
    "a dry run that is refused": (run, ["--space", "bad.yaml", "--dry-run"]),
    "the record of nothing": (record, ["runs/nothing"]),
    "of photos": (record, ["runs/photos"]),
    "of photos with a database": (record, ["runs/photos", "--storage", "sqlite:///typo.db"]),
    "of a pipe": (record, ["runs/piped"]),
    "the table of nothing": (show, ["runs/nothing"]),
    "of a link to itself": (show, ["runs/loop"]),
    "an export of nothing": (export, ["runs/nothing", "--pick", "knee", "--out", "new/best.yaml"]),
    "a simulation of nothing": (simulate, ["--study", "runs/nothing"]),
    "a training of a bad config": (train, ["bad.yaml", "--out", "new/trained"]),
    "of a good one without data": (train, ["space.yaml", "--out", "new/trained"]),
    "with a bad setting": (train, ["space.yaml", "--set", "T=["]),
    "a resume of a training that is none": (train, ["/dev/null", "--resume"]),
    "an evaluation of nothing": (evaluate, ["runs/nothing"]),
    "of a config": (evaluate, ["bad.yaml"]),
    "a network of nothing": (export_network, ["runs/nothing", "--out", "new/net.nir"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TORN)
def test_a_journal_that_cannot_be_read_is_left_as_it_is(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    before = tree()
    for command, arguments in ((run, ["--resume", "--study", name]), (record, [f"runs/{name}"])):
        assert command(arguments) == 2
        told = capfd.readouterr().err
        assert "fault of SpikeFront" not in told
        assert f"runs/{name}" in told
        assert len(told) < 600
    assert tree() == before


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_leaves_nothing(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    before = tree()
    command, arguments = REFUSED[name]
    code = command(arguments)
    told = capfd.readouterr().err
    assert code == 2, told
    assert told.startswith(("error: ", "no report: "))
    assert "Traceback" not in told
    assert "fault of SpikeFront" not in told
    assert len(told) < 1500 + 5000 * ("9999" in told)
    assert tree() == before


def test_a_database_of_an_older_optuna_is_left_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    optuna.create_study(storage="sqlite:///old.db", study_name="x")
    connection = sqlite3.connect("old.db")
    connection.execute("update alembic_version set version_num = 'v2.6.0.a'")
    connection.execute("update version_info set library_version = '2.10.1'")
    connection.execute("drop table trial_heartbeats")
    connection.commit()
    connection.close()
    before = tree()
    for arguments in ([*RESUME], ["--space", "space.yaml", "--study", "x"]):
        assert run([*arguments, "--storage", "sqlite:///old.db"]) == 2
        told = capfd.readouterr().err
        assert "an older Optuna" in told
        assert "optuna storage upgrade --storage sqlite:///old.db" in told
    connection = sqlite3.connect("old.db")
    connection.execute("update alembic_version set version_num = 'v9.0.0'")
    connection.commit()
    connection.close()
    assert tree().keys() == before.keys()
    assert run([*RESUME, "--storage", "sqlite:///old.db"]) == 2
    assert "a newer Optuna" in capfd.readouterr().err
