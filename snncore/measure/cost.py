"""Multiply-accumulates of a network, counted on the network itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from snncore.data.specs import DataSpec
from snncore.network.network import SpikingNetwork
from snncore.passes.passes import inference


def count_macs(network: SpikingNetwork, T: int) -> int:
    """Multiply-accumulates to classify one sample with all T steps, without use of sparsity.

    Of convolutions and linear layers, with batch norm folded, without branches. For a still image the layers
    before the first neurons count once, since their current is the same at every step; for event frames all
    count T times.
    """
    device = next(network.parameters()).device
    counted: list[int] = []

    def count(module: nn.Module, _: Any, output: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        counted.append(output.numel() * weight[0].numel())

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        inference(network, torch.zeros(input_shape(network.spec, T, 1), device=device), T)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counted)


def input_shape(spec: DataSpec, T: int, N: int) -> tuple[int, ...]:
    """The shape of a batch: (N, C, H, W), or (T, N, C, H, W) for event frames."""
    return (T, N, *spec.image_shape) if spec.has_time else (N, *spec.image_shape)
