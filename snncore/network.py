"""Spiking networks in stages, with ANN branches (P1) after any subset of them.

Shapes: N images of (C, H, W); inside a spike pass tensors are flat, (T·N, C, H, W).
Heads are the branches in ascending order, then the network's own classifier.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from snncore.branch import Branch
from snncore.config import Config, NeuronConfig
from snncore.data.specs import SPECS, DataSpec
from snncore.neuron import LIF
from snncore.passes import Pass
from snncore.rules import BRANCH_MODES


class NetworkOutput(NamedTuple):
    """stages: the output of each stage; logits: (N, n_classes) or flat (T·N, n_classes)."""

    stages: list[Tensor]
    logits: Tensor


class ConvNormFire(nn.Module):
    """3×3 convolution without bias, batch norm, neurons."""

    def __init__(self, n_in: int, n_out: int, stride: int, neuron: NeuronConfig) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.lif = LIF(neuron)

    def forward(self, x: Tensor, run: Pass) -> Tensor:
        """(M, n_in, H, W) -> (M, n_out, H/stride, W/stride)."""
        return run.fire(self.lif, run.norm(self.norm, self.conv(x)))


class SpikingConvNet(nn.Module):
    """A stem and three stages of two 3×3 convolutions each; stages 2 and 3 halve the resolution.

    Channels at width 1: stem and stage 1 have 32, stage 2 has 64, stage 3 has 128.
    """

    def __init__(self, spec: DataSpec, width: float, neuron: NeuronConfig) -> None:
        super().__init__()
        channels = [max(1, round(base * width)) for base in (32, 64, 128)]
        self.stem_conv = nn.Conv2d(spec.channels, channels[0], 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(channels[0])
        self.stem_lif = LIF(neuron)
        self.stages = nn.ModuleList()
        n_in = channels[0]
        for index, n_out in enumerate(channels):
            first = ConvNormFire(n_in, n_out, 1 if index == 0 else 2, neuron)
            self.stages.append(nn.ModuleList([first, ConvNormFire(n_out, n_out, 1, neuron)]))
            n_in = n_out
        self.classifier = nn.Linear(channels[-1], spec.n_classes)
        self.branches = nn.ModuleDict()

    def forward(self, images: Tensor, run: Pass) -> NetworkOutput:
        """images: (N, C, H, W), the same at every step. Branches are not run: see `branch_logits`."""
        current = run.over_time(self.stem_conv(images))
        x = run.fire(self.stem_lif, run.norm(self.stem_norm, current))
        stages = []
        for stage in self.stages:
            for unit in stage:  # type: ignore[attr-defined]
                x = unit(x, run)
            stages.append(x)
        return NetworkOutput(stages, self.classifier(x.mean((2, 3))))

    def add_branches(self, stages: tuple[int, ...], n_classes: int) -> None:
        """Stand an ANN branch behind each of the 1-based `stages`."""
        n_stages = len(self.stages)
        for stage in stages:
            channels = self.stages[stage - 1][-1].conv.out_channels  # type: ignore[index]
            self.branches[str(stage)] = Branch(channels, n_stages - stage, n_classes)

    def branch_logits(self, stage_rates: list[Tensor]) -> list[Tensor]:
        """One (N, n_classes) per branch, from the rates (N, C, H, W) of all stages."""
        return [branch(stage_rates[int(stage) - 1]) for stage, branch in self.branches.items()]


def build_network(config: Config) -> SpikingConvNet:
    """The network of a config, initialised from `config.seed`; the global random state is left as it was.

    Branches are built only for modes that use them, after everything else, so that the spiking part has
    the same initial weights with and without them.
    """
    spec = SPECS[config.data.name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = SpikingConvNet(spec, config.model.width, config.neuron)
        _initialise_convolutions(network)
        if config.distillation.mode in BRANCH_MODES:
            network.add_branches(config.distillation.branches, spec.n_classes)
            _initialise_convolutions(network.branches)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _initialise_convolutions(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")


def deployed_parameters(network: SpikingConvNet) -> int:
    """Parameters that remain at inference: branches are run only in training."""
    names = [name for name, _ in network.named_parameters() if not name.startswith("branches.")]
    return sum(network.get_parameter(name).numel() for name in names)
