"""An exponential moving average of a network: its weights and its running statistics.

After n updates with the states w_1 … w_n, the average is Σ decay^(n−i)·w_i / Σ decay^(n−i): a weighted
mean of the trained states, without the initial weights.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from snncore.network.network import SpikingNetwork


class MovingAverage:
    """network: the average, ready to be evaluated; before the first update a copy of the initial network.

    decay: the share kept at each update.
    """

    def __init__(self, network: SpikingNetwork, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.n_updates = 0

    @torch.no_grad()
    def update(self, network: SpikingNetwork) -> None:
        """Update with the state of `network` after one optimizer step."""
        self.n_updates += 1
        # The weight of the new state: 1 at the first update, towards 1 − decay. A recursive weighted mean.
        share = (1 - self.decay) / (1 - self.decay**self.n_updates)
        source = network.state_dict()
        averages: list[Tensor] = []
        states: list[Tensor] = []
        for name, average in self.network.state_dict().items():
            if average.is_floating_point():
                averages.append(average)
                states.append(source[name])
            else:
                average.copy_(source[name])  # counters have no mean
        torch._foreach_lerp_(averages, states, share)
