"""How a network is run: the same layers, called by different passes.

A network's forward never decides how a neuron fires or a batch is normalised; it asks the pass it is given.
So the weights are shared by construction, no layer holds state between passes, and a further way to run
(one fused pass, another device) is one more class here.

Shapes: T time steps, N batch. "Flat" tensors put time into the batch, step-major: (T·N, C, H, W).
Input: still samples (N, C, H, W), or event frames (T, N, C, H, W).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from snncore.neuron import LIF, RateOfCurrent, bptt, spike_train
from snncore.norm import (
    BatchStatistics,
    eval_batch_norm,
    rate_batch_norm,
    spike_batch_norm,
    train_batch_norm,
)

Layer = Callable[[Tensor], Tensor]


class Pass(Protocol):
    """What a network asks of the way it is run."""

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Tensor:
        """`layer`, all that stands before the first neuron, on the input, still or with a time of its own."""
        ...

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Batch norm, same shape."""
        ...

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """Neurons, same shape."""
        ...


class RateMemory:
    """What the rate pass needs to know of the spike pass: per norm its statistics, per LIF rate and trace."""

    def __init__(self) -> None:
        self.statistics: dict[nn.BatchNorm2d, BatchStatistics] = {}
        self.rates: dict[LIF, tuple[Tensor, Tensor]] = {}


class _OverTime:
    """A pass whose tensors are flat."""

    def __init__(self, T: int) -> None:
        self.T = T

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Tensor:
        """A still sample gives the same current at every step, so that `layer` runs on it once."""
        if has_time:
            if x.shape[0] != self.T:
                raise ValueError(f"frames: got {x.shape[0]} time steps, need T = {self.T}")
            return _channels_last(layer(x.flatten(0, 1)))  # (T, N, ...) -> (T·N, ...)
        current = _channels_last(layer(x))
        return torch.cat([current] * self.T)  # (N, ...) -> (T·N, ...); repeat() would change the layout


class SpikePass(_OverTime):
    """Spikes over T steps in training, without gradients (P0, step 1); fills `memory`."""

    def __init__(self, T: int, memory: RateMemory) -> None:
        super().__init__(T)
        self.memory = memory

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Batch statistics over (T·N, H, W)."""
        y, self.memory.statistics[norm] = spike_batch_norm(norm, x)
        return y

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """Spikes; keeps their mean over T and the trace."""
        spikes, rate, trace = spike_train(split_time(x, self.T), lif.neuron, with_trace=True)
        assert rate is not None
        assert trace is not None
        self.memory.rates[lif] = rate, trace
        return spikes.flatten(0, 1)  # (T, N, ...) -> (T·N, ...)


class RatePass:
    """The time-averaged activations, batch N, with gradients (P0, step 2)."""

    def __init__(self, memory: RateMemory) -> None:
        self.memory = memory

    def enter(self, layer: Layer, x: Tensor, has_time: bool) -> Tensor:
        """A still sample is its own time mean."""
        return _channels_last(layer(x.mean(0) if has_time else x))

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """The spike pass's statistics as values, the rate's own gradients."""
        return rate_batch_norm(norm, x, self.memory.statistics[norm])

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """The rate, with the trace as derivative."""
        out: Tensor = RateOfCurrent.apply(x, *self.memory.rates[lif])  # type: ignore[no-untyped-call]
        return out


class BpttPass(_OverTime):
    """Backpropagation through time, over the same weights."""

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Ordinary batch norm over (T·N, H, W)."""
        return train_batch_norm(norm, x)

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """Spikes with surrogate gradients through all T steps."""
        return bptt(split_time(x, self.T), lif.neuron).flatten(0, 1)  # (T, N, ...) -> (T·N, ...)


class EvalPass(_OverTime):
    """Spikes over T steps in evaluation: running statistics, no gradients, no traces."""

    def __init__(self, T: int, on_spikes: Callable[[LIF, Tensor], None] | None = None) -> None:
        super().__init__(T)
        self.on_spikes = on_spikes

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Running statistics."""
        return eval_batch_norm(norm, x)

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """Spikes; shown to `on_spikes` as (T, N, ...)."""
        spikes = spike_train(split_time(x, self.T), lif.neuron).spikes
        if self.on_spikes is not None:
            self.on_spikes(lif, spikes)
        return spikes.flatten(0, 1)  # (T, N, ...) -> (T·N, ...)


def _channels_last(x: Tensor) -> Tensor:
    # A convolution of images with one channel gives another layout, in which all that follows is slower.
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def split_time(x: Tensor, T: int) -> Tensor:
    """(T·N, ...) -> (T, N, ...)."""
    return x.view(T, -1, *x.shape[1:])


def inference(network: nn.Module, x: Tensor, T: int) -> Tensor:
    """Logits of every step, (T, N, n_classes), of a batch; the prediction is their mean."""
    with torch.inference_mode():
        logits: Tensor = network(x, EvalPass(T)).logits
        return split_time(logits, T)
