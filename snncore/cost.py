"""Multiply-accumulates of a network, counted on the network itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from snncore.config import Config
from snncore.data.specs import SPECS
from snncore.network import SpikingConvNet
from snncore.passes import inference


def count_macs(network: SpikingConvNet, config: Config) -> int:
    """Multiply-accumulates to classify one image with all T steps, as a dense machine would do them.

    Convolutions and linear layers, batch norm folded, branches not run. The first convolution counts once:
    a still image gives the same current at every step.
    """
    spec = SPECS[config.data.name]
    device = next(network.parameters()).device
    counted: list[int] = []

    def count(module: nn.Module, _: Any, output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        counted.append(output.numel() * weight[0].numel())

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        inference(network, torch.zeros(1, spec.channels, spec.height, spec.width, device=device), config.T)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counted)
