"""Checkpoint folders: whole at every moment, whatever dies, and read without running code."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from snncore.saved import checkpoint
from snncore.saved.checkpoint import (
    NETWORK,
    STATE,
    CheckpointError,
    read_state,
    read_tensors,
    write_folder,
)


class DeathError(BaseException):
    """Stands for kill -9: nothing after it runs, not even what cleans up."""


def write(folder: Path, number: int) -> None:
    write_folder(folder, {NETWORK: {"weight": torch.full((2, 3), float(number))}}, {"number": number})


def number_of(folder: Path) -> int:
    """The number written; state and tensors must agree on it."""
    number: int = read_state(folder)["number"]
    assert torch.equal(read_tensors(folder, NETWORK, "cpu")["weight"], torch.full((2, 3), float(number)))
    return number


def die_at(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """Let the `place`-th change of the disk, from 0, not happen, and none after it."""
    n_changes = 0
    monkeypatch.setattr(os, "fsync", lambda _: None)  # takes long

    def mortal(change: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **options: Any) -> Any:
            nonlocal n_changes
            n_changes += 1
            if n_changes > place:
                raise DeathError
            return change(*arguments, **options)

        return do

    for owner, name in [
        (Path, "mkdir"),
        (Path, "rename"),
        (Path, "write_text"),
        (checkpoint, "save_file"),
        (os, "fsync"),
        (os, "unlink"),
        (os, "rmdir"),
        (shutil, "rmtree"),
    ]:
        monkeypatch.setattr(owner, name, mortal(getattr(owner, name)))


@pytest.mark.parametrize("times_dead", [1, 2, 3])
def test_a_death_at_any_change_of_the_disk_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times_dead: int
) -> None:
    outcomes = []
    for place in range(40):  # more changes than three writings make
        folder = tmp_path / f"at-{place}" / "checkpoint"
        write(folder, 0)
        survived = 0
        for attempt in range(1, times_dead + 1):
            with monkeypatch.context() as patch:
                die_at(patch, place)
                with suppress(DeathError):
                    write(folder, attempt)
            assert checkpoint.exists(folder)
            assert number_of(folder) in (survived, attempt)
            survived = number_of(folder)
        outcomes.append(survived)
        write(folder, 9)
        assert number_of(folder) == 9
        assert [path.name for path in folder.parent.iterdir()] == ["checkpoint"]
    assert outcomes[0] == 0
    assert outcomes[-1] == times_dead


def test_the_moment_between_the_two_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoint"
    write(folder, 1)
    rename = Path.rename

    def die_after_the_first(self: Path, target: Path) -> Path:
        rename(self, target)
        raise DeathError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die_after_the_first)
        with pytest.raises(DeathError):
            write(folder, 2)
    assert not folder.exists()
    assert number_of(folder) == 2
    shutil.rmtree(next(tmp_path.glob("*.new")))
    assert number_of(folder) == 1


def test_a_full_disk_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoint"
    write(folder, 1)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        write(folder, 2)
    assert number_of(folder) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_disk_without_room_for_the_tensors_is_an_error_of_the_system(tmp_path: Path) -> None:
    """The library has a name of its own for it, which nobody who writes a file looks for."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=r"network\.safetensors: .*File too large"):
            write_folder(tmp_path / "final", {NETWORK: {"w": torch.zeros(1000)}}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_folders_with_similar_names_are_left_alone(tmp_path: Path) -> None:
    others = [".checkpoint2.0123abcd.new", ".checkpoint.old", ".checkpoint.0123abcd.newer", "checkpoint.new"]
    for name in others:
        (tmp_path / name).mkdir()
    (tmp_path / ".checkpoint.0123abcd.new").mkdir()  # of a dead writer
    write(tmp_path / "checkpoint", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "checkpoint"])


@pytest.mark.parametrize("content", [b"", b"\x00" * 20, b"\xff" * 4])
def test_damaged_tensors_are_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "c", 1)
    (tmp_path / "c" / NETWORK).write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"c/{NETWORK}: not readable"):
        read_tensors(tmp_path / "c", NETWORK, "cpu")


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_a_damaged_state_is_named(tmp_path: Path, content: str) -> None:
    write(tmp_path / "c", 1)
    (tmp_path / "c" / STATE).write_text(content)
    with pytest.raises(CheckpointError, match="c: no readable checkpoint"):
        read_state(tmp_path / "c")


def test_reading_runs_no_code(tmp_path: Path) -> None:
    write(tmp_path / "c", 1)
    trap = tmp_path / "trap"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (trap,)

    torch.save({"weight": Trap()}, tmp_path / "c" / NETWORK)
    with pytest.raises(CheckpointError, match="not readable"):
        read_tensors(tmp_path / "c", NETWORK, "cpu")
    assert not trap.exists()
