"""The leaky integrate-and-fire neuron over T steps, and its eligibility trace (P0, P1).

Shapes: x, spike, v: (T, N, ...) or one step of it, (N, ...); rate, trace: (N, ...).

    v_t = decay·v_{t-1} + x_t,   spike_t = [v_t >= v_threshold],   then the reset.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from snncore.config import NeuronConfig


class LIF(nn.Module):
    """A layer of neurons: only its setting. The passes (`snncore.passes`) decide how it is run."""

    def __init__(self, neuron: NeuronConfig) -> None:
        super().__init__()
        self.neuron = neuron


class Spikes(NamedTuple):
    """What T steps leave behind. spikes: (T, N, ...); trace: (N, ...), None where not asked for."""

    spikes: Tensor
    trace: Tensor | None


def surrogate_slope(v: Tensor, neuron: NeuronConfig) -> Tensor:
    """Derivative that stands in for that of the step at `v_threshold`, same shape as `v` (P0, P1).

    Sigmoid of slope k: k·σ(k(v − v_threshold))·(1 − σ(k(v − v_threshold))).
    """
    k = neuron.surrogate_slope
    s = torch.sigmoid(k * (v - neuron.v_threshold))
    return k * s * (1 - s)


def lif_step(x: Tensor, v: Tensor, neuron: NeuronConfig) -> tuple[Tensor, Tensor, Tensor]:
    """One step from potential `v`: (spike, potential before the reset, potential after it)."""
    v = neuron.decay * v + x
    spike = (v >= neuron.v_threshold).to(v.dtype)
    after = v - neuron.v_threshold * spike if neuron.reset == "soft" else v * (1 - spike)
    return spike, v, after


def trace_factor(spike: Tensor, v: Tensor, slope: Tensor, neuron: NeuronConfig) -> Tensor | float:
    """The c in f_{t+1} = 1 + c·f_t: how much of step t's potential reaches step t+1 through decay and reset.

    One rule for each reset; each equals BPTT's own product of derivatives (tests hold this in float64).
    """
    if neuron.reset == "soft":
        if neuron.detach_reset:
            return neuron.decay
        return neuron.decay * (1 - neuron.v_threshold * slope)
    if neuron.detach_reset:
        return neuron.decay * (1 - spike)
    return neuron.decay * (1 - spike - v * slope)


def spike_train(x: Tensor, neuron: NeuronConfig, with_trace: bool = False) -> Spikes:
    """Run T steps on currents x: (T, N, ...), potential 0 at the start. No gradient passes through.

    The trace is mean_t(f_t·slope_t) with f_1 = 1, f_{t+1} = 1 + c_t·f_t: the derivative of the rate with
    respect to a current that is the same at every step (P0, P1), one value per neuron and sample.
    """
    T = x.shape[0]
    spikes = torch.empty_like(x)
    v = torch.zeros_like(x[0])
    trace, f = torch.zeros_like(v), torch.ones_like(v)
    for t in range(T):
        spikes[t], before, v = lif_step(x[t], v, neuron)
        if with_trace:
            slope = surrogate_slope(before, neuron)
            trace += f * slope
            f = 1 + trace_factor(spikes[t], before, slope, neuron) * f
    return Spikes(spikes, trace / T if with_trace else None)


class RateOfCurrent(torch.autograd.Function):
    """The rate pass of a LIF (P0, P1): its value is `rate`, its derivative by the mean current is `trace`."""

    @staticmethod
    def forward(ctx, current: Tensor, rate: Tensor, trace: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        """All of shape (N, ...)."""
        ctx.save_for_backward(trace)
        return rate.clone()

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        """grad: (N, ...)."""
        (trace,) = ctx.saved_tensors
        return grad * trace, None, None
