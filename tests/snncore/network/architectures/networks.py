"""Small networks of every architecture, and batches for them: still images and event frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snncore.config.schema import ARCHITECTURES, ModelConfig, NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.architectures import make_body
from snncore.network.network import SpikingNetwork
from snncore.passes.two_pass import SpikePass, SpikePassResults

OWN = "tests.snncore.network.architectures.own_network:build"
ALL = (*ARCHITECTURES, OWN)
T, N, N_CLASSES, SIDE = 3, 4, 5, 16


def spec_of(
    *, has_time: bool = False, channels: int | None = None, size: tuple[int, int] = (SIDE, SIDE)
) -> DataSpec:
    channels = channels or (2 if has_time else 3)
    return DataSpec(N_CLASSES, channels, *size, n_train=100, n_test=100, has_time=has_time)


def network_of(
    arch: str, spec: DataSpec, width: float = 1 / 16, seed: int = 0, neuron: NeuronConfig | None = None
) -> SpikingNetwork:
    """In float64, in training, without branches; weights and biases drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = make_body(ModelConfig(arch=arch, width=width), spec, neuron or NeuronConfig())
        return SpikingNetwork(body, spec).double()


def with_branches(network: SpikingNetwork, stages: tuple[int, ...], seed: int = 0) -> SpikingNetwork:
    """The same network, with branches after `stages` only."""
    network.branches.clear()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network.add_branches(stages)
    return network.double()


def with_batch_statistics(network: SpikingNetwork, x: Tensor) -> SpikingNetwork:
    """The same network; its running statistics are those of `x`, so that neurons fire in evaluation."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        network(x, SpikePass(T, SpikePassResults()))
    return network


def batch_of(spec: DataSpec, n: int = N, seed: int = 0) -> Tensor:
    """float64: normal images (N, C, H, W), or frames (T, N, C, H, W) of counts 0 and 1 that differ."""
    generator = torch.Generator().manual_seed(seed)
    shape = (T, n, *spec.image_shape) if spec.has_time else (n, *spec.image_shape)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (x > 0.5).double() if spec.has_time else x
