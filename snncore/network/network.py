"""A network: a spiking body in stages, with ANN branches (P1) after any subset of them.

Shapes: N samples; inside a spike pass tensors are flat, (T·N, C, H, W).
Heads are the branches in ascending order, then the body's own classifier.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snncore.config.rules import has_branches
from snncore.config.schema import Config
from snncore.data.config_spec import data_spec
from snncore.data.specs import DataSpec
from snncore.errors import ConfigError, Problem
from snncore.network.architectures import make_body
from snncore.network.branch import Branch
from snncore.passes.passes import NetworkOutput as NetworkOutput
from snncore.passes.passes import Pass


class SpikingNetwork(nn.Module):
    """body: the part that is deployed, see docs/architectures.md. branches: run in training only."""

    def __init__(self, body: nn.Module, spec: DataSpec) -> None:
        super().__init__()
        self.body = body
        self.spec = spec
        self.branches = nn.ModuleDict()

    def forward(self, x: Tensor, run: Pass) -> NetworkOutput:
        """x: (N, C, H, W), or event frames (T, N, C, H, W). Branches are not run: see `branch_logits`."""
        return run.leave(self.body(x, run))

    def add_branches(self, stages: tuple[int, ...]) -> None:
        """Add an ANN branch after each of the 1-based `stages`.

        Raises:
            ConfigError: the body has no such stage.
        """
        channels: tuple[int, ...] = self.body.stage_channels  # type: ignore[assignment]
        n_stages = len(channels)
        if any(stage > n_stages for stage in stages):
            message = f"got {list(stages)}, but this architecture has {n_stages} stages"
            raise ConfigError([Problem("distillation.branches", message)])
        with_residual = getattr(self.body, "branch_style", "halving") == "halving_residual"
        for stage in stages:
            self.branches[str(stage)] = Branch(
                channels[stage - 1], n_stages - stage, self.spec.n_classes, with_residual
            )

    def branch_logits(self, stage_rates: list[Tensor]) -> list[Tensor]:
        """One (N, n_classes) per branch, from the rates (N, C, H, W) of all stages."""
        return [branch(stage_rates[int(stage) - 1]) for stage, branch in self.branches.items()]


def build_network(config: Config) -> SpikingNetwork:
    """The network of a config, initialised from `config.seed`; the global random state does not change.

    Branches are built only for modes that use them, and last, so that the spiking part has the same initial
    weights with and without them.

    Raises:
        ConfigError: the architecture cannot be built on this data, or has no such stages.
        DataError: the shape of the user's own data cannot be read.
    """
    spec = data_spec(config.data)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = SpikingNetwork(make_body(config.model, spec, config.neuron), spec)
        _initialise_convolutions(network)
        if has_branches(config.distillation.mode):
            network.add_branches(config.distillation.branches)
            _initialise_convolutions(network.branches)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _initialise_convolutions(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")


def deployed_parameters(network: SpikingNetwork) -> int:
    """Number of parameters at inference, without branches."""
    return sum(parameter.numel() for parameter in network.body.parameters())
