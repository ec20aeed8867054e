"""Checkpoints: folders of safetensors and a JSON state, written atomically, read without running code."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from snncore.errors import UserError
from spikefront.errors import FileMistakesError
from spikefront.files import flush
from spikefront.json_file import read_json
from spikefront.shapes import checked

NETWORK = "network.safetensors"
STATE = "state.json"

State = TypeVar("State", bound=BaseModel)

_MAX_HEADER = 100_000_000
"""Bytes; the safetensors library refuses more."""
_NEW, _OLD = ".new", ".old"


class CheckpointError(UserError):
    """A checkpoint that is missing, incomplete, or of another training."""


def write_folder(folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
    """Write the files `tensors` (file name -> named tensors) and the state as `folder`, atomically.

    Everything is written to a new folder beside it, flushed to disk, and then renamed; an existing folder is
    replaced. If the process is killed at any moment, `read_state` and `read_tensors` find the old content or
    the new one, complete, never a mixture. Leftovers of killed processes are removed here. Only one process
    at a time may write a folder.

    Raises:
        OSError: the disk is full, or the folder cannot be written; an existing folder stays as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        _remove_leftovers(folder)  # if it is missing, a leftover may hold the only copy: see `find`
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}{_NEW}")
    try:
        _fill(fresh, tensors, state)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    _replace(fresh, folder)
    _remove_leftovers(folder)


def exists(folder: Path) -> bool:
    """Whether there is a complete checkpoint `folder`, even if its writer was killed while replacing it."""
    return find(folder).is_dir()


def find(folder: Path) -> Path:
    """The folder with the content of the checkpoint `folder`: nearly always `folder` itself.

    If a writer was killed between the two renames of a replacement, there is no folder of that name, but the
    new content, complete by then, under its temporary name.
    """
    if not folder.is_dir():
        for old in (path for path in _leftovers(folder) if path.suffix == _OLD):  # one at most
            fresh = old.with_suffix(_NEW)
            return fresh if fresh.is_dir() else old
    return folder


def read_state(folder: Path) -> dict[str, Any]:
    """The JSON state of a checkpoint.

    Raises:
        CheckpointError: there is none, or it is incomplete.
    """
    try:
        return read_json(find(folder) / STATE)
    except (OSError, FileMistakesError) as error:
        raise CheckpointError(f"{folder}: no readable checkpoint: {error}") from error


def checked_state(folder: Path, model: type[State]) -> State:
    """The state of a checkpoint, checked against the types and bounds of `model`.

    Raises:
        CheckpointError: as `read_state`, or a field is missing, of another type or out of bounds.
    """
    try:
        return checked(TypeAdapter(model), read_state(folder))
    except ValueError as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{folder}: no usable checkpoint: {STATE}: {error}") from error


def tensor_shapes(folder: Path, name: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors of one file, by name, from its header alone.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    path = find(folder) / name
    try:
        _require_whole(path)
        with safe_open(path, framework="pt") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder / name}: not readable: {error}") from error


def read_tensors(folder: Path, name: str, device: str) -> dict[str, Tensor]:
    """Named tensors of one file of a checkpoint.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    path = find(folder) / name
    try:
        _require_whole(path)
        tensors: dict[str, Tensor] = load_file(path, device=device)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder / name}: not readable: {error}") from error
    return tensors


def _require_whole(path: Path) -> None:
    """Check a file's size against its header, before the file is mapped: it may be sparse, with terabytes.

    Raises:
        OSError: there is none, it is no safetensors file, or longer or shorter than its header says.
    """
    if not path.is_file():  # such as a pipe: opening it would wait for a writer
        raise OSError("no such file")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length if length <= _MAX_HEADER else 0))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            is_whole = size == 8 + length + max(ends, default=0)
        except (ValueError, RecursionError, AttributeError, TypeError, LookupError):
            is_whole = False
    if not is_whole:
        raise OSError("it is damaged: its header does not fit its size")


def _fill(fresh: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
    fresh.mkdir()
    for name, content in tensors.items():
        contiguous = {key: value.detach().contiguous() for key, value in content.items()}
        try:
            save_file(contiguous, fresh / name)
        except SafetensorError as error:  # raised instead of OSError, such as for a full disk
            raise OSError(f"{fresh / name}: {error}") from error
    (fresh / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
    for path in [*fresh.iterdir(), fresh]:
        flush(path)


def _leftovers(folder: Path) -> list[Path]:
    """Temporary folders of writers of `folder`, running or killed."""
    if not folder.parent.is_dir():
        return []
    pattern = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{8}}({_NEW}|{_OLD})")
    return [path for path in folder.parent.iterdir() if pattern.fullmatch(path.name)]


def _remove_leftovers(folder: Path) -> None:
    for leftover in _leftovers(folder):
        shutil.rmtree(leftover, ignore_errors=True)


def _replace(fresh: Path, folder: Path) -> None:
    if folder.exists():
        folder.rename(fresh.with_suffix(_OLD))
    fresh.rename(folder)
    flush(folder.parent)
