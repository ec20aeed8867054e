"""Checkpoints: safetensors plus a JSON state, written whole or not at all, read without running code.

A folder holds network.safetensors, training.safetensors (optimizer and random states) and state.json.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from snncore.errors import UserError

NETWORK = "network.safetensors"
TRAINING = "training.safetensors"
STATE = "state.json"


class CheckpointError(UserError):
    """A checkpoint that is missing, incomplete, or of another training."""


def write_folder(folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
    """Write the files `tensors` (file name -> named tensors) and the state as `folder`, atomically.

    Everything goes to a new folder beside it, is flushed to disk, and is then renamed; a folder that
    stood there is replaced. A death at any moment leaves the old folder, the new one, or none with that
    name: never a mixture.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.new")
    fresh.mkdir()
    try:
        for name, content in tensors.items():
            save_file({key: value.detach().contiguous() for key, value in content.items()}, fresh / name)
        (fresh / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
        for path in fresh.iterdir():
            _flush(path)
        _replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_state(folder: Path) -> dict[str, Any]:
    """The JSON state of a checkpoint.

    Raises:
        CheckpointError: there is none, or it is not whole.
    """
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}: no readable checkpoint: {error}") from error
    assert isinstance(state, dict)
    return state


def read_tensors(folder: Path, name: str, device: str) -> dict[str, Tensor]:
    """Named tensors of one file of a checkpoint.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        tensors: dict[str, Tensor] = load_file(folder / name, device=device)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder / name}: not readable: {error}") from error
    return tensors


def optimizer_tensors(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """The optimizer's state by parameter name: 'momentum_buffer/stem_conv.weight' and the like."""
    tensors = {}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"{key}/{name}"] = value
    return tensors


def restore_optimizer(
    optimizer: torch.optim.Optimizer, network: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `optimizer_tensors` gave."""
    parameters = dict(network.named_parameters())
    for path, value in tensors.items():
        key, name = path.split("/", 1)
        parameter = parameters[name]
        if value.shape == parameter.shape and value.dim() == 4:
            # Elementwise updates are fastest, and bit-equal, in the layout the parameter has.
            value = value.to(memory_format=torch.channels_last)
        optimizer.state[parameter][key] = value


def _replace(fresh: Path, folder: Path) -> None:
    if folder.exists():
        old = fresh.with_suffix(".old")
        folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old)
    else:
        fresh.rename(folder)
    _flush(folder.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
