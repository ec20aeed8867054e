"""How a network is run: the same layers, called by different passes.

A network's forward never decides how a neuron fires or a batch is normalised; it asks the pass it is given.
So the weights are shared by construction, no layer holds state between passes, and a further way to run
(one fused pass, another device) is one more class here.

Shapes: T time steps, N batch. "Flat" tensors put time into the batch, step-major: (T·N, C, H, W).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snncore.neuron import LIF, RateOfCurrent, spike_train
from snncore.norm import BatchStatistics, eval_batch_norm, rate_batch_norm, spike_batch_norm


class Pass(Protocol):
    """What a network asks of the way it is run."""

    def over_time(self, current: Tensor) -> Tensor:
        """The stem's current (N, ...) of a still image, as the deeper layers see it."""
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


class SpikePass:
    """Spikes over T steps in training, without gradients (P0, step 1); fills `memory`."""

    def __init__(self, T: int, memory: RateMemory) -> None:
        self.T, self.memory = T, memory

    def over_time(self, current: Tensor) -> Tensor:
        """(N, ...) -> (T·N, ...): the same current at every step, so its convolution ran once."""
        return _repeat(current, self.T)

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Batch statistics over (T·N, H, W)."""
        y, self.memory.statistics[norm] = spike_batch_norm(norm, x)
        return y

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """Spikes; keeps their mean over T and the trace."""
        spikes, trace = spike_train(split_time(x, self.T), lif.neuron, with_trace=True)
        assert trace is not None
        self.memory.rates[lif] = spikes.mean(0), trace
        return spikes.flatten(0, 1)  # (T, N, ...) -> (T·N, ...)


class RatePass:
    """The time-averaged activations, batch N, with gradients (P0, step 2)."""

    def __init__(self, memory: RateMemory) -> None:
        self.memory = memory

    def over_time(self, current: Tensor) -> Tensor:
        """A still image is its own time mean."""
        return current

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """The spike pass's statistics as values, the rate's own gradients."""
        return rate_batch_norm(norm, x, self.memory.statistics[norm])

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """The rate, with the trace as derivative."""
        out: Tensor = RateOfCurrent.apply(x, *self.memory.rates[lif])  # type: ignore[no-untyped-call]
        return out


class BpttPass:
    """Backpropagation through time on SpikingJelly's multi-step neurons, over the same weights."""

    def __init__(self, T: int) -> None:
        self.T = T
        self._nodes: dict[LIF, Any] = {}

    def over_time(self, current: Tensor) -> Tensor:
        """(N, ...) -> (T·N, ...)."""
        return _repeat(current, self.T)

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Ordinary batch norm over (T·N, H, W)."""
        return F.batch_norm(
            x,
            norm.running_mean,
            norm.running_var,
            norm.weight,
            norm.bias,
            True,
            float(norm.momentum or 0.0),
            norm.eps,
        )

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """Spikes with surrogate gradients through all T steps."""
        if lif not in self._nodes:
            self._nodes[lif] = _spikingjelly_node(lif)
        node = self._nodes[lif]
        node.reset()  # the potential of the batch before must not leak into this one
        spikes: Tensor = node(split_time(x, self.T))
        node.reset()  # frees the last graph
        return spikes.flatten(0, 1)  # (T, N, ...) -> (T·N, ...)


class EvalPass:
    """Spikes over T steps in evaluation: running statistics, no gradients, no traces."""

    def __init__(self, T: int, on_spikes: Callable[[LIF, Tensor], None] | None = None) -> None:
        self.T, self.on_spikes = T, on_spikes

    def over_time(self, current: Tensor) -> Tensor:
        """(N, ...) -> (T·N, ...)."""
        return _repeat(current, self.T)

    def norm(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """Running statistics."""
        return eval_batch_norm(norm, x)

    def fire(self, lif: LIF, x: Tensor) -> Tensor:
        """Spikes; shown to `on_spikes` as (T, N, ...)."""
        spikes = spike_train(split_time(x, self.T), lif.neuron).spikes
        if self.on_spikes is not None:
            self.on_spikes(lif, spikes)
        return spikes.flatten(0, 1)  # (T, N, ...) -> (T·N, ...)


def split_time(x: Tensor, T: int) -> Tensor:
    """(T·N, ...) -> (T, N, ...)."""
    return x.view(T, -1, *x.shape[1:])


def _repeat(current: Tensor, T: int) -> Tensor:
    return current.repeat(T, *[1] * (current.dim() - 1))  # (N, ...) -> (T·N, ...)


def _spikingjelly_node(lif: LIF) -> Any:
    # Importing SpikingJelly warns about a missing Triton, which a CPU user can do nothing about.
    logger = logging.getLogger("torch._library.triton")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        from spikingjelly.activation_based import neuron, surrogate
    finally:
        logger.setLevel(level)
    setting = lif.neuron
    return neuron.LIFNode(
        tau=1.0 / (1.0 - setting.decay),
        decay_input=False,
        v_threshold=setting.v_threshold,
        v_reset=None if setting.reset == "soft" else 0.0,
        surrogate_function=surrogate.Sigmoid(alpha=setting.surrogate_slope),
        detach_reset=setting.detach_reset,
        step_mode="m",
    ).train()


def inference(network: nn.Module, images: Tensor, T: int) -> Tensor:
    """Logits of every step, (T, N, n_classes), for images (N, C, H, W); the prediction is their mean."""
    with torch.inference_mode():
        logits: Tensor = network(images, EvalPass(T)).logits
        return split_time(logits, T)
