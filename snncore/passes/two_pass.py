"""The rate gradient as in P0 and P1: a pass of spikes without gradients, then one of rates with gradients.

In plain torch, equation by equation. Training uses `snncore.passes.one_pass` instead, which tests compare
with this; networks that a single pass cannot run use this one. Shapes: T time steps, N batch; flat tensors
are (T·N, C, H, W), step-major.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snncore.neuron.neuron import LIF, RateOfCurrent, spike_train
from snncore.passes.norm import BatchStatistics, batch_norm_with, norm_from_statistics, spike_batch_norm
from snncore.passes.passes import Layer, NetworkOutput, PlainPass, split_time
from snncore.passes.rows import channels_last


class SpikePassResults:
    """What the rate pass needs from the spike pass: statistics of each norm, rate and trace of each LIF."""

    def __init__(self) -> None:
        self.statistics: dict[nn.BatchNorm2d, BatchStatistics] = {}
        self.rates: dict[LIF, tuple[Tensor, Tensor]] = {}


class SpikePass(PlainPass):
    """Spikes over T steps in training, without gradients (P0, step 1); fills `results`."""

    def __init__(self, T: int, results: SpikePassResults) -> None:
        self.T, self.results = T, results

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Tensor:
        """A still sample gives the same current at every step, so `layer` runs on it once."""
        if has_time:
            return channels_last(layer(x.flatten(0, 1)))  # (T, N, ...) -> (T·N, ...)
        current = channels_last(layer(x))
        return torch.cat([current] * self.T)  # (N, ...) -> (T·N, ...); repeat() would change the layout

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Batch statistics over (T·N, H, W)."""
        y, self.results.statistics[norm] = spike_batch_norm(norm, x)
        return y

    def fire(self, lif: LIF, x: Tensor, is_last: bool = False) -> Tensor:
        """Spikes; keeps their mean over T and the trace."""
        spikes, rate, trace = spike_train(split_time(x, self.T), lif.neuron)
        self.results.rates[lif] = rate, trace
        return spikes.flatten(0, 1)  # (T, N, ...) -> (T·N, ...)


class RatePass(PlainPass):
    """The time-averaged activations, batch N, with gradients (P0, step 2)."""

    def __init__(self, results: SpikePassResults) -> None:
        self.results = results

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Tensor:
        """A still sample is its own time mean."""
        return channels_last(layer(x.mean(0) if has_time else x))

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Normalise with the statistics of the spike pass; gradients as if they were those of x."""
        return batch_norm_with(x, norm_from_statistics(norm, self.results.statistics[norm]))

    def fire(self, lif: LIF, x: Tensor, is_last: bool = False) -> Tensor:
        """The rate of the spike pass; its derivative is the trace."""
        out: Tensor = RateOfCurrent.apply(x, *self.results.rates[lif])  # type: ignore[no-untyped-call]
        return out


def two_pass_rates(network: nn.Module, x: Tensor, T: int) -> NetworkOutput:
    """Run both passes on a batch: rates (N, ...) with gradients; updates running statistics once."""
    results = SpikePassResults()
    with torch.no_grad():
        network(x, SpikePass(T, results))
    output: NetworkOutput = network(x, RatePass(results))
    return output
