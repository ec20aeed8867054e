"""The deployed weights as a `state_dict`: a file of named tensors that needs no code of this project.

It has no branches, optimizer or config. With folding, a batch norm is part of the convolution before it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from snncore.export.deployment import deployed_graph
from snncore.network.network import SpikingNetwork


def weights(network: SpikingNetwork, fold_norms: bool = False) -> dict[str, Tensor]:
    """Named tensors of the body, contiguous, on the CPU; copies.

    fold_norms: batch norm folded into the convolution before it, with names as in the graph of
    `snncore.export.deployment`; otherwise the names are those of the architecture's modules.

    Raises:
        UserError: with fold_norms, if the body cannot be traced (see `deployed_graph`).
    """
    module = deployed_graph(network) if fold_norms else network.body
    state = module.state_dict()
    prefix = "body." if fold_norms else ""
    return {
        name.removeprefix(prefix): value.detach().cpu().contiguous().clone() for name, value in state.items()
    }


def write_weights(network: SpikingNetwork, path: Path, fold_norms: bool, *, as_pt: bool) -> None:
    """Write the weights as safetensors; as_pt: as a .pt file that loads with `weights_only=True`.

    Raises:
        UserError: as `weights`.
        OSError: the file cannot be written.
    """
    tensors = weights(network, fold_norms)
    if as_pt:
        torch.save(tensors, path)
    else:
        save_file(tensors, path)
