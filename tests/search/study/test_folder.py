from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from search.errors import SearchError
from search.study.folder import RunFolder, fresh_name


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "-x", "a b", "ü"])
def test_names_that_are_no_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="--study: got "):
        RunFolder.of(tmp_path, name)


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.of("runs", "a.b-1_c")
    assert folder.journal == tmp_path / "runs" / "a.b-1_c" / "journal.log"


def test_a_second_driver_is_refused_even_in_another_process(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "toy")
    script = f"""
from search.study.folder import RunFolder
try:
    with RunFolder.of({str(tmp_path)!r}, "toy").lock(): print("locked")
except ValueError as error: print(error)
"""

    def other() -> str:
        return subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
        ).stdout

    with folder.lock():
        assert "another process runs this study" in other()
        with pytest.raises(SearchError, match="another process runs this study"), folder.lock():
            pass
    assert other() == "locked\n"


def test_a_folder_made_for_nothing_is_removed_again(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "toy")
    with folder.lock():
        assert folder.path.exists()
    assert not folder.path.exists()
    with folder.lock():
        folder.space.touch()
    assert folder.space.exists()


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "toy")
    folder.path.mkdir()
    with folder.lock():
        pass
    assert folder.path.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SearchError, match="cannot be used as a run folder"),
        RunFolder.of(tmp_path / "file", "toy").lock(),
    ):
        pass


def test_empty_means_nothing_but_locks_and_a_journal_without_a_record(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "toy")
    assert folder.is_empty()
    folder.path.mkdir()
    for name in (".lock", "journal.log.lock", "journal.log", "journal.log.torn-1"):
        (folder.path / name).touch()
        assert folder.is_empty()
    folder.journal.write_text("{}\n")
    assert not folder.is_empty()
    folder.journal.unlink()
    (folder.path / "journal.log.torn-1").unlink()
    (folder.path / "notes.txt").touch()
    assert not folder.is_empty()


def test_free_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.of(tmp_path, "toy")
    folder.path.mkdir()
    folder.require_free_disk()
    usage: Any = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100 * 2**20))
    with pytest.raises(SearchError, match="100 MiB of disk are free, at least 200 MiB are needed"):
        folder.require_free_disk()


def test_fresh_names(tmp_path: Path) -> None:
    assert fresh_name(tmp_path, "demo") == "demo"
    for expected in ("demo-2", "demo-3"):
        folder = RunFolder.of(tmp_path, "demo" if expected == "demo-2" else "demo-2").path
        folder.mkdir()
        (folder / "journal.log").write_text("{}\n")
        assert fresh_name(tmp_path, "demo") == expected


def test_a_shared_folder_takes_several_drivers(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "toy")
    with folder.lock(shared=True), folder.lock(shared=True):
        assert folder.path.exists()
    assert not folder.path.exists()


def test_the_named_database_and_scratch_folders(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "toy")
    assert folder.named_url() is None
    assert folder.scratches() == []
    folder.path.mkdir()
    folder.storage_url.write_text("postgresql://me@host/db\n")
    assert folder.named_url() == "postgresql://me@host/db"
    assert folder.scratch(0) == folder.path / ".tune"
    for driver in (0, 1, 2**62):
        folder.scratch(driver).mkdir()
    (folder.path / ".tune-not").mkdir()
    found = sorted(folder.scratches())
    assert found == [(driver, folder.scratch(driver)) for driver in (1, 2**62)]
