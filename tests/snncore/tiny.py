"""A network small enough to work out by hand, and its run written down once more, step by step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.data.specs import DataSpec
from snncore.network.network import NetworkOutput, SpikingNetwork
from snncore.network.pointwise import StridedPointwise
from snncore.neuron.neuron import LIF
from snncore.passes.passes import Pass


class TinyBody(nn.Module):
    """4 × 4 -> conv 2, norm, LIF -> conv 3 with stride 2, norm, + 1×1 shortcut, LIF -> mean, linear."""

    stage_channels = (2, 3)

    def __init__(self, spec: DataSpec, neuron: NeuronConfig) -> None:
        super().__init__()
        self.has_time = spec.has_time
        self.stem = nn.Conv2d(spec.channels, 2, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(2)
        self.stem_lif = LIF(neuron)
        self.conv = nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=True)
        self.norm = nn.BatchNorm2d(3)
        self.shortcut = StridedPointwise(2, 3, 2, bias=False)
        self.lif = LIF(neuron)
        self.classifier = nn.Linear(3, spec.n_classes)

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        first = run.fire(self.stem_lif, run.norm(self.stem_norm, run.enter(self.stem, x, self.has_time)))
        second = run.fire(self.lif, run.norm(self.norm, self.conv(first)) + self.shortcut(first))
        return NetworkOutput([first, second], self.classifier(second.mean((2, 3))))


def build(spec: DataSpec, width: float, neuron: NeuronConfig) -> nn.Module:
    """For configs: `model.arch: tests.snncore.tiny:build`."""
    return TinyBody(spec, neuron)


def tiny_network(
    neuron: NeuronConfig | None = None, *, channels: int = 1, has_time: bool = False, seed: int = 0
) -> SpikingNetwork:
    """In float64 and evaluation, three classes, with running statistics that are neither 0 nor 1."""
    spec = DataSpec(3, channels, 4, 4, 10, 10, has_time)
    return randomised(SpikingNetwork(TinyBody(spec, neuron or NeuronConfig()), spec), seed)


def randomised(network: SpikingNetwork, seed: int = 0) -> SpikingNetwork:
    """In float64 and evaluation; weights, running statistics and affine parameters of norms drawn anew.

    Currents have a standard deviation near 1 and a mean near 0.5, so that every layer fires.
    """
    generator = torch.Generator().manual_seed(seed)
    network = network.double().eval()

    def uniform(tensor: Tensor, low: float, high: float) -> None:
        drawn = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
        tensor.copy_(low + (high - low) * drawn)

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                bound = (6 / module.weight[0].numel()) ** 0.5
                uniform(module.weight, -bound, bound)
                if module.bias is not None:
                    uniform(module.bias, -0.2, 0.2)
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                uniform(module.running_mean, -0.3, 0.3)
                uniform(module.running_var, 0.3, 0.8)
                uniform(module.weight, 0.7, 1.3)
                uniform(module.bias, 0.2, 0.8)
    return network


class TinyRun(NamedTuple):
    """Of each step: spikes of both layers, (T, N, C, H, W), and logits, (T, N, K)."""

    first: Tensor
    second: Tensor
    logits: Tensor


def run_tiny(network: SpikingNetwork, frames: Tensor) -> TinyRun:
    """The network in evaluation on frames (T, N, C, H, W), one step after the other.

    The spike is a step in value and a sigmoid of the neuron's slope in its derivative, by
    step + sigmoid − stop(sigmoid), so that autograd gives BPTT's gradient.
    """
    body = network.body
    assert isinstance(body, TinyBody)
    neuron = body.lif.neuron
    assert neuron.detach_reset
    v: list[Tensor] = [torch.zeros(()), torch.zeros(())]
    steps: list[tuple[Tensor, Tensor, Tensor]] = []

    def fire(layer: int, current: Tensor) -> Tensor:
        v[layer] = neuron.decay * v[layer] + current
        smooth = torch.sigmoid(neuron.surrogate_slope * (v[layer] - neuron.v_threshold))
        spike = (v[layer] >= neuron.v_threshold).to(current.dtype) + smooth - smooth.detach()
        if neuron.reset == "soft":
            v[layer] = v[layer] - neuron.v_threshold * spike.detach()
        else:
            v[layer] = v[layer] * (1 - spike.detach())
        return spike

    for x in frames:
        first = fire(0, body.stem_norm(body.stem(x)))
        second = fire(1, body.norm(body.conv(first)) + body.shortcut(first))
        steps.append((first, second, body.classifier(second.mean((2, 3)))))
    return TinyRun(*(torch.stack(part) for part in zip(*steps, strict=True)))
