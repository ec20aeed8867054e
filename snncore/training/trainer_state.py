"""The tensors of a checkpoint: all that a `Trainer` needs to continue as if it had not stopped.

network.safetensors: the network that predicts; optimizer.safetensors: the optimizer's state by parameter;
in_training.safetensors: the weights in training, if the network that predicts is a moving average.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from snncore.saved.checkpoint import NETWORK, CheckpointError, read_tensors
from snncore.training.step import Trainer

OPTIMIZER = "optimizer.safetensors"
IN_TRAINING = "in_training.safetensors"


def trainer_tensors(trainer: Trainer) -> dict[str, dict[str, Tensor]]:
    """File name -> named tensors, as `checkpoint.write_folder` takes them."""
    files = {NETWORK: trainer.predictor.state_dict(), OPTIMIZER: _optimizer_tensors(trainer)}
    if trainer.average is not None:
        files[IN_TRAINING] = trainer.network.state_dict()
    return files


def restore_trainer(trainer: Trainer, folder: Path, n_averaged: int) -> None:
    """Load the tensors of `trainer_tensors`. n_averaged: updates of the moving average so far.

    Raises:
        CheckpointError: a file is missing, damaged, or of another network.
    """
    _restore_network(trainer.predictor, folder, NETWORK)
    if trainer.average is not None:
        _restore_network(trainer.network, folder, IN_TRAINING)
        trainer.average.n_updates = n_averaged
    _restore_optimizer(trainer, read_tensors(folder, OPTIMIZER, "cpu"), folder)


def _restore_network(network: nn.Module, folder: Path, name: str) -> None:
    try:
        network.load_state_dict(read_tensors(folder, name, "cpu"))
    except RuntimeError as error:
        raise CheckpointError(f"{folder / name}: of another network: {error}") from error


def _optimizer_tensors(trainer: Trainer) -> dict[str, Tensor]:
    """For example 'momentum_buffer/body.stem_conv.weight'."""
    return {
        f"{key}/{name}": value
        for name, parameter in trainer.network.named_parameters()
        for key, value in trainer.optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def _restore_optimizer(trainer: Trainer, tensors: dict[str, Tensor], folder: Path) -> None:
    parameters = dict(trainer.network.named_parameters())
    for path, value in tensors.items():
        key, _, name = path.partition("/")
        if name not in parameters:
            raise CheckpointError(f"{folder / OPTIMIZER}: the network has no parameter {name!r}")
        parameter = parameters[name]
        shape = () if key == "step" else tuple(parameter.shape)
        if tuple(value.shape) != shape:  # copy_ would broadcast a smaller one silently
            raise CheckpointError(
                f"{folder / OPTIMIZER}: {path} has the shape {list(value.shape)}, should have {list(shape)}"
            )
        # A counter stays on the CPU, as optimizers create it, except for fused ones.
        is_counter = key == "step" and not trainer.optimizer.defaults.get("fused")
        # In the memory layout of the parameter: in another one a step may round differently.
        restored = value if is_counter else torch.empty_like(parameter).copy_(value)
        trainer.optimizer.state[parameter][key] = restored
