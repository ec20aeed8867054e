"""Layers of neurons that never fire, and whether it is certain that they never will.

A silent layer may start to fire: a surrogate has a slope below the threshold too. It cannot if that slope is
0, or so small that no parameter before the layer changes. This is checked on parameters without weight decay,
norms and biases, which change by gradients only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snncore.evaluation.evaluate import Evaluation
from snncore.neuron.neuron import LIF

MIN_MOVEMENT = 1e-12
"""A parameter that changes by less than this share of the learning rate in an epoch counts as constant: norms
make currents of size 1, to which no number of such epochs matters. Dead layers were seen to change by 1e-20
at most (digits, thresholds from 6 on), layers that fired later by 1e-2 and more."""


def silent_layers(evaluation: Evaluation) -> list[int]:
    """Numbers, from 1, of the layers of neurons without any spike; empty if nothing was evaluated."""
    return [index for index, rate in enumerate(evaluation.firing_rate, start=1) if rate == 0]


class DeadLayerCheck:
    """Checks whether any parameter before a layer of neurons changes in an epoch.

    body: must run its modules in the order in which they were created, as all built-in bodies do.
    """

    def __init__(self, body: nn.Module) -> None:
        self._before: list[list[nn.Parameter]] = []  # of each layer of neurons
        seen: list[nn.Parameter] = []
        for module in body.modules():
            parameters = module.parameters(recurse=False)
            seen += [weight for weight in parameters if weight.dim() <= 1 and weight.requires_grad]
            if isinstance(module, LIF):
                self._before.append(list(seen))
        self._watched = seen
        self._values: list[Tensor] = []

    def begin(self) -> None:
        """Call at the start of an epoch."""
        self._values = [parameter.detach().clone() for parameter in self._watched]

    def is_dead(self, layers: list[int], n_layers: int, lr: float) -> bool:
        """Whether no parameter before the first of `layers` has changed since `begin`: no gradient reaches
        it.

        False if it cannot be known: there is no such parameter, or n_layers, the number of layers that were
        run, is not that of the body. Waits for the device.
        """
        if not layers or n_layers != len(self._before) or not self._before[layers[0] - 1]:
            return False
        n = len(self._before[layers[0] - 1])
        changes = torch._foreach_sub([weight.detach() for weight in self._watched[:n]], self._values[:n])
        return bool(torch.stack(torch._foreach_norm(changes, float("inf"))).max() <= MIN_MOVEMENT * lr)
