"""Synaptic operations of a trained network on real samples, and the energy they would take.

Counted by the rules of SpikingJelly's operation counters, which look at the operands of each convolution and
matrix product: an operand of only zeros and ones counts as spikes, and each spike costs one accumulation per
weight that it is multiplied with (none beyond the padded border). Any other operand costs
multiply-accumulates, as many as for dense data. Batch norm (folded at deployment), neurons, pooling and
biases are not counted, as usual in the field.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snncore.data.batches.batches import Batch
from snncore.network.network import SpikingNetwork
from snncore.neuron.quiet import quiet_spikingjelly
from snncore.passes.passes import inference

PJ_PER_ACCUMULATION = 0.9
PJ_PER_MULTIPLY_ACCUMULATE = 4.6
"""32-bit floating point at 45 nm: M. Horowitz, "Computing's energy problem (and what we can do about it)",
ISSCC 2014: an addition 0.9 pJ, a multiplication 3.7 pJ. Memory access, which can cost more, is not
counted."""


@dataclass(frozen=True)
class Operations:
    """Per sample, over all T steps. All NaN without samples. Minimise.

    synops: accumulations caused by spikes. analogue_macs: multiply-accumulates of layers whose input is not
    spikes: the first layer on an image, layers after average pooling or sums of spikes (VGG, SEW-ResNet).
    energy_uj: energy of both, in microjoule.
    """

    synops: float
    analogue_macs: float
    energy_uj: float


def count_operations(network: SpikingNetwork, T: int, batches: Iterable[Batch]) -> Operations:
    """Mean operations per sample of `batches`, in evaluation mode, without branches.

    Whether an input is spikes is decided for a whole batch: event frames are if no count exceeds 1.
    """
    counters = _Counters()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(counters.count) for layer in layers]
    was_training = network.training
    network.eval()
    n = 0
    try:
        for x, labels in batches:
            inference(network, x, T)
            n += len(labels)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    if n == 0:
        return Operations(float("nan"), float("nan"), float("nan"))
    return _per_sample(counters.synops / n, counters.macs / n)


def _per_sample(synops: float, macs: float) -> Operations:
    picojoule = PJ_PER_ACCUMULATION * synops + PJ_PER_MULTIPLY_ACCUMULATE * macs
    return Operations(synops, macs, picojoule * 1e-6)


class _Counters:
    """SpikingJelly's counters, called for each layer with the ATen operation that it runs.

    SpikingJelly itself uses a dispatch mode around the network, which gives the same counts but loads torch's
    compiler first: 1.4 s in every process.
    """

    def __init__(self) -> None:
        with quiet_spikingjelly():
            from spikingjelly.activation_based.op_counter import MACCounter, SynOpCounter
        self._synops, self._macs = SynOpCounter(), MACCounter()
        self.synops = self.macs = 0

    def count(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """A forward hook."""
        (x,) = inputs
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        operation, operands = _convolution(layer, x) if isinstance(layer, nn.Conv2d) else _product(layer, x)
        # The rule for convolutions runs one itself; in bfloat16 under autocast its counts would be inexact.
        with torch.autocast(x.device.type, enabled=False):
            self.synops += self._synops.count(operation, operands, {}, output)
            self.macs += self._macs.count(operation, operands, {}, output)


def _convolution(conv: nn.Conv2d, x: Tensor) -> tuple[Any, tuple[Any, ...]]:
    padding: Any = conv.padding
    if isinstance(padding, str) or conv.padding_mode != "zeros":
        x = F.pad(x, conv._reversed_padding_repeated_twice, _PAD_MODES[conv.padding_mode])
        padding = (0, 0)
    operands = (x, conv.weight, conv.bias, conv.stride, padding, conv.dilation, False, (0, 0), conv.groups)
    return torch.ops.aten.convolution.default, operands


_PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def _product(linear: nn.Linear, x: Tensor) -> tuple[Any, tuple[Any, ...]]:
    return torch.ops.aten.addmm.default, (linear.bias, x.flatten(0, -2), linear.weight.t())
