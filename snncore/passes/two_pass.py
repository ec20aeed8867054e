"""The rate gradient as P0 and P1 write it: a pass of spikes without gradients, then one of rates with them.

In plain torch, equation by equation. Training takes one pass instead (`snncore.passes.one_pass`), which tests
hold to this one; networks that a single pass cannot run are run by this one.
Shapes: T time steps, N batch; flat tensors are (T·N, C, H, W), step-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snncore.neuron.neuron import LIF, RateOfCurrent, spike_train
from snncore.passes.norm import BatchStatistics, given_statistics, own_norm, spike_batch_norm
from snncore.passes.passes import Layer, NetworkOutput, PlainPass, split_time
from snncore.passes.rows import channels_last


class RateMemory:
    """What the rate pass needs to know of the spike pass: per norm its statistics, per LIF rate and trace."""

    def __init__(self) -> None:
        self.statistics: dict[nn.BatchNorm2d, BatchStatistics] = {}
        self.rates: dict[LIF, tuple[Tensor, Tensor]] = {}


class SpikePass(PlainPass):
    """Spikes over T steps in training, without gradients (P0, step 1); fills `memory`."""

    def __init__(self, T: int, memory: RateMemory) -> None:
        self.T, self.memory = T, memory

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Tensor:
        """A still sample gives the same current at every step, so that `layer` runs on it once."""
        if has_time:
            return channels_last(layer(x.flatten(0, 1)))  # (T, N, ...) -> (T·N, ...)
        current = channels_last(layer(x))
        return torch.cat([current] * self.T)  # (N, ...) -> (T·N, ...); repeat() would change the layout

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Batch statistics over (T·N, H, W)."""
        y, self.memory.statistics[norm] = spike_batch_norm(norm, x)
        return y

    def fire(self, lif: LIF, x: Tensor, is_last: bool = False) -> Tensor:
        """Spikes; keeps their mean over T and the trace."""
        spikes, rate, trace = spike_train(split_time(x, self.T), lif.neuron)
        self.memory.rates[lif] = rate, trace
        return spikes.flatten(0, 1)  # (T, N, ...) -> (T·N, ...)


class RatePass(PlainPass):
    """The time-averaged activations, batch N, with gradients (P0, step 2)."""

    def __init__(self, memory: RateMemory) -> None:
        self.memory = memory

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Tensor:
        """A still sample is its own time mean."""
        return channels_last(layer(x.mean(0) if has_time else x))

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """The spike pass's statistics as values, the rate's own gradients."""
        return given_statistics(x, own_norm(norm, self.memory.statistics[norm]))

    def fire(self, lif: LIF, x: Tensor, is_last: bool = False) -> Tensor:
        """The rate, with the trace as derivative."""
        out: Tensor = RateOfCurrent.apply(x, *self.memory.rates[lif])  # type: ignore[no-untyped-call]
        return out


def two_pass_rates(network: nn.Module, x: Tensor, T: int) -> NetworkOutput:
    """Both passes of a network on a batch: rates (N, ...) with gradients; running statistics move once."""
    memory = RateMemory()
    with torch.no_grad():
        network(x, SpikePass(T, memory))
    output: NetworkOutput = network(x, RatePass(memory))
    return output
