"""What is said when a file cannot be written: the user's own path, and why."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from spikefront.files import WriteError, replace_text, replacing


def told(path: Path) -> str:
    with pytest.raises(WriteError, match=r".") as caught:
        replace_text(path, "text")
    return str(caught.value)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("step", ["open", "replace", "mkdir"])
def test_the_systems_reason_is_told_with_the_users_path(
    step: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number), str(path))

    path = tmp_path / "best.yaml"
    path.write_text("old")
    monkeypatch.setattr(Path, step, fail)
    assert told(path) == f"{path}: cannot be written: {os.strerror(number)}"
    monkeypatch.undo()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("best.yaml", "old")]


def test_a_folder_and_a_file_in_the_place_of_one_are_told(tmp_path: Path) -> None:
    assert told(tmp_path) == f"{tmp_path}: is a folder, not a file"
    assert told(Path()) == ".: is a folder, not a file"
    (tmp_path / "x").write_text("mine")
    below = tmp_path / "x" / "y" / "best.yaml"
    assert told(below) == f"{below}: cannot be written: {tmp_path / 'x'} is a file, not a folder"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_an_error_of_another_file_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="other"), replacing(tmp_path / "best.yaml"):
        (tmp_path / "other").read_text()
    assert list(tmp_path.iterdir()) == []


def test_the_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(WriteError(errno.ENOSPC, "cannot be written: full", "a/b")))
    assert (type(error), str(error), error.errno) == (
        WriteError,
        "a/b: cannot be written: full",
        errno.ENOSPC,
    )


def test_folders_made_for_a_file_that_could_not_be_written_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for path in (tmp_path / "new" / "deeper" / ("x" * 300), tmp_path / "old" / "new" / ("x" * 300)):
        with pytest.raises(WriteError, match="File name too long"):
            replace_text(path, "x")
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]
