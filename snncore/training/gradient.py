"""From a network and a batch to logits with gradients: `rate` (P0, P1) or `bptt`.

Shapes: x (N, C, H, W) still, or (T, N, C, H, W) event frames; L heads, K classes.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from snncore.config.schema import Config
from snncore.network.network import SpikingNetwork
from snncore.passes.one_pass import OnePass
from snncore.passes.passes import BpttPass, NetworkOutput, split_time
from snncore.passes.signals import NeedsTwoPassesError
from snncore.passes.two_pass import two_pass_rates


class Outputs(NamedTuple):
    """The input of a loss function.

    heads: (L, N, K), branches in ascending order, the network's own classifier last.
    step_logits: (T, N, K), or None under `rate`, where single steps have no gradient.
    """

    heads: Tensor
    step_logits: Tensor | None


class Gradient(Protocol):
    """A way to get logits whose gradients reach every weight."""

    def __call__(self, network: SpikingNetwork, x: Tensor) -> Outputs:
        """Run the network in training on one batch."""
        ...


class TwoPassesWarning(UserWarning):
    """A network that cannot be run in one pass; its steps take longer."""


class RateGradient:
    """The rate gradient (P0, P1): the memory kept for backward does not grow with T.

    Runs in one pass, and for a network that this cannot run (`NeedsTwoPassesError`) in two, as in the papers.
    """

    def __init__(self, T: int) -> None:
        self.T = T
        self.takes_two_passes = False

    def __call__(self, network: SpikingNetwork, x: Tensor) -> Outputs:
        """Heads computed from rates; updates the running statistics once."""
        output = self._rates(network, x)
        return Outputs(torch.stack([*network.branch_logits(output.stages), output.logits]), None)

    def _rates(self, network: SpikingNetwork, x: Tensor) -> NetworkOutput:
        if not self.takes_two_passes:
            try:
                return network(x, OnePass(self.T))  # type: ignore[no-any-return]
            except NeedsTwoPassesError as error:
                warnings.warn(f"this network takes two passes: {error}", TwoPassesWarning, stacklevel=2)
                self.takes_two_passes = True
        return two_pass_rates(network, x, self.T)


class BpttGradient:
    """One pass through time; branches read the time mean of their stage's spikes."""

    def __init__(self, T: int) -> None:
        self.T = T

    def __call__(self, network: SpikingNetwork, x: Tensor) -> Outputs:
        """Heads, and the logits of every step."""
        output = network(x, BpttPass(self.T))
        step_logits = split_time(output.logits, self.T)
        rates = [split_time(stage, self.T).mean(0) for stage in output.stages] if network.branches else []
        return Outputs(torch.stack([*network.branch_logits(rates), step_logits.mean(0)]), step_logits)


def make_gradient(config: Config) -> Gradient:
    """The gradient that `config.gradient` names."""
    return RateGradient(config.T) if config.gradient == "rate" else BpttGradient(config.T)
