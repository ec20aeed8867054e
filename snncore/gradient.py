"""From a network and a batch to logits with gradients: `rate` (P0, P1) or `bptt`.

Shapes: x (N, C, H, W) still, or (T, N, C, H, W) event frames; L heads, K classes.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from snncore.config import Config
from snncore.network import SpikingNetwork
from snncore.passes import BpttPass, RateMemory, RatePass, SpikePass, split_time


class Outputs(NamedTuple):
    """What an objective works on.

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


class RateGradient:
    """Two passes (P0, P1): spikes without gradients, then the rates with them. Memory does not grow with T
    but for the spikes of the layer at work.
    """

    def __init__(self, T: int) -> None:
        self.T = T

    def __call__(self, network: SpikingNetwork, x: Tensor) -> Outputs:
        """Heads of the rate pass; branches update their running statistics there."""
        memory = RateMemory()
        with torch.no_grad():
            network(x, SpikePass(self.T, memory))
        output = network(x, RatePass(memory))
        return Outputs(torch.stack([*network.branch_logits(output.stages), output.logits]), None)


class BpttGradient:
    """One pass through time; branches read the time mean of their stage's spikes."""

    def __init__(self, T: int) -> None:
        self.T = T
        self._pass = BpttPass(T)

    def __call__(self, network: SpikingNetwork, x: Tensor) -> Outputs:
        """Heads, and the logits of every step."""
        output = network(x, self._pass)
        step_logits = split_time(output.logits, self.T)
        rates = [split_time(stage, self.T).mean(0) for stage in output.stages] if network.branches else []
        return Outputs(torch.stack([*network.branch_logits(rates), step_logits.mean(0)]), step_logits)


def make_gradient(config: Config) -> Gradient:
    """The gradient a config names."""
    return RateGradient(config.T) if config.gradient == "rate" else BpttGradient(config.T)
