"""The leaky integrate-and-fire neuron over T steps: spikes, eligibility trace (P0, P1), BPTT.

Plain torch, in the order of the equations; `snncore.sweeps` runs the same in pieces that fit into a cache, or
compiled. Shapes: x, spikes: (T, ...), any shape behind time; v, rate, trace: (...).

    v_t = decay·v_{t-1} + x_t,   spike_t = [v_t >= v_threshold],   then the reset.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snncore.config.schema import NeuronConfig
from snncore.neuron.precision import working_dtype
from snncore.neuron.surrogate import surrogate_slope_


class LIF(nn.Module):
    """A layer of neurons. It only holds their parameters; a pass (`snncore.passes.passes`) runs it."""

    def __init__(self, neuron: NeuronConfig) -> None:
        super().__init__()
        self.neuron = neuron


class Spikes(NamedTuple):
    """The result of T steps. spikes: (T, ...); rate, their mean over T, and trace: (...)."""

    spikes: Tensor
    rate: Tensor
    trace: Tensor


def spike_train(x: Tensor, neuron: NeuronConfig) -> Spikes:
    """Run T steps on currents x: (T, ...), potential 0 at the start. No gradient passes through.

    trace = mean_t(f_t·slope_t) with f_1 = 1, f_{t+1} = 1 + c_t·f_t: the derivative of the rate with respect
    to a current that is the same at every step (P0, P1); c_t is `_reset_derivative` times decay. Potentials
    are float32 at least, whatever x is.
    """
    x = x.detach()
    spikes = torch.empty_like(x)
    count, trace = run_steps_with_trace(x, spikes, neuron)
    return Spikes(spikes, (count / len(x)).to(x.dtype), trace.to(x.dtype))


class RateOfCurrent(torch.autograd.Function):
    """The rate pass of a LIF (P0, P1): its value is `rate`, its derivative by the mean current is `trace`."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, rate: Tensor, trace: Tensor) -> Tensor:
        """All of shape (N, ...)."""
        ctx.save_for_backward(trace)
        return rate.detach()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """grad: (N, ...)."""
        (trace,) = ctx.saved_tensors
        return grad * trace, None, None


def run_steps(x: Tensor, spikes: Tensor, neuron: NeuronConfig) -> None:
    """Run T steps on x (T, ...) and write the spikes into `spikes`."""
    v = torch.zeros_like(x[0], dtype=working_dtype(x.dtype))
    for x_t, spike in zip(x, spikes, strict=True):
        _reset(_fire(v, x_t, spike, neuron), spike, neuron)


def run_steps_with_trace(x: Tensor, spikes: Tensor, neuron: NeuronConfig) -> tuple[Tensor, Tensor]:
    """As `run_steps`; returns the number of spikes and the trace, both (...), float32 at least."""
    v = torch.zeros_like(x[0], dtype=working_dtype(x.dtype))
    count, sum_, slope = torch.zeros_like(v), torch.zeros_like(v), torch.empty_like(v)
    f: Tensor | float = 1.0
    for x_t, spike in zip(x, spikes, strict=True):
        _fire(v, x_t, spike, neuron)
        surrogate_slope_(torch.sub(v, neuron.v_threshold, out=slope), neuron)
        if isinstance(f, float):
            sum_.add_(slope, alpha=f)
        else:
            sum_.addcmul_(slope, f)
        f = 1 + neuron.decay * _reset_derivative(v, spike, slope, neuron) * f
        count.add_(spike)
        _reset(v, spike, neuron)
    return count, sum_.div_(len(x))


def backward_through_time(x: Tensor, grad: Tensor, out: Tensor, neuron: NeuronConfig) -> None:
    """dL/d(spikes) (T, ...) -> dL/dx, written to `out`; potentials are recomputed from x (T, ...)."""
    T = len(x)
    v = torch.zeros(x.shape, dtype=working_dtype(x.dtype), device=x.device)
    spike = torch.empty_like(v)
    for t in range(T):
        if t > 0:
            _reset(v[t].copy_(v[t - 1]), spike[t - 1], neuron)
        _fire(v[t], x[t], spike[t], neuron)
    carried = torch.zeros_like(v[0])  # dL/d(potential after the reset)
    for t in reversed(range(T)):
        slope = surrogate_slope_(v[t] - neuron.v_threshold, neuron)
        carry = _reset_derivative(v[t], spike[t], slope, neuron)
        carried.mul_(carry).addcmul_(slope, grad[t].to(v.dtype))  # dL/d(potential before it)
        out[t].copy_(carried)
        carried.mul_(neuron.decay)


def _reset_derivative(v: Tensor, spike: Tensor, slope: Tensor, neuron: NeuronConfig) -> Tensor | float:
    """Derivative of the potential after the reset with respect to that before it.

    Times decay it is c_t of the trace: f_{t+1} = 1 + c_t·f_t (P0 for the soft, detached reset; the others
    follow from BPTT, and tests compare them with it).
    """
    if neuron.reset == "soft":
        return 1.0 if neuron.detach_reset else 1 - neuron.v_threshold * slope
    kept = 1 - spike.to(v.dtype)
    return kept if neuron.detach_reset else kept - v * slope


def _fire(v: Tensor, x: Tensor, spike: Tensor, neuron: NeuronConfig) -> Tensor:
    """v ← decay·v + x, spike ← [v >= v_threshold]; returns v."""
    v.mul_(neuron.decay).add_(x)
    torch.ge(v, neuron.v_threshold, out=spike)
    return v


def _reset(v: Tensor, spike: Tensor, neuron: NeuronConfig) -> Tensor:
    """Reset v in place where the neuron fired; returns v."""
    if neuron.reset == "soft":
        return v.sub_(spike, alpha=neuron.v_threshold)
    return v.addcmul_(v, spike, value=-1)
