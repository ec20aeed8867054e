"""Layers of neurons that never fire, and when it is certain that they never will.

A silent layer may come alive: a surrogate has a slope below the threshold too. It cannot where that slope is
0, or so small that nothing before the layer moves. What shows it are the parameters that weight decay leaves
alone, norms and biases: they move by gradients only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snncore.evaluation.evaluate import Evaluation
from snncore.neuron.neuron import LIF

STILL = 1e-12
"""A parameter that moves by less than this share of the learning rate in an epoch stands still: no number of
epochs brings it anywhere, where norms make currents of size 1. What is dead was seen to move by 1e-20 at
most (digits, thresholds from 6 on), what came alive later by 1e-2 and more."""


def silent_layers(evaluation: Evaluation) -> list[int]:
    """The layers of neurons, from 1, without any spike; none where nothing was evaluated."""
    return [index for index, rate in enumerate(evaluation.firing_rate, start=1) if rate == 0]


class Standstill:
    """Sees whether what stands before a layer of neurons moves in an epoch.

    body: its modules in the order of their making, as all of ours are run.
    """

    def __init__(self, body: nn.Module) -> None:
        self._before: list[list[nn.Parameter]] = []  # of each layer of neurons
        seen: list[nn.Parameter] = []
        for module in body.modules():
            own = module.parameters(recurse=False)
            seen += [parameter for parameter in own if parameter.dim() <= 1 and parameter.requires_grad]
            if isinstance(module, LIF):
                self._before.append(list(seen))
        self._watched = seen
        self._values: list[Tensor] = []

    def begin(self) -> None:
        """An epoch begins."""
        self._values = [parameter.detach().clone() for parameter in self._watched]

    def is_before(self, layers: list[int], n_layers: int, lr: float) -> bool:
        """Whether nothing before the first of these layers has moved since `begin`: no gradient comes there.

        False where it cannot be known: nothing to watch stands before it, or not all of the body's layers,
        n_layers of them, were run. Waits for the device.
        """
        if not layers or n_layers != len(self._before) or not self._before[layers[0] - 1]:
            return False
        n = len(self._before[layers[0] - 1])
        moved = torch._foreach_sub([own.detach() for own in self._watched[:n]], self._values[:n])
        return bool(torch.stack(torch._foreach_norm(moved, float("inf"))).max() <= STILL * lr)
