"""The leaky integrate-and-fire neuron over T steps: spikes, its eligibility trace (P0, P1), its BPTT.

Shapes: x, spike, v: (T, N, ...) or one step of it, (N, ...); rate, trace: (N, ...).

    v_t = decay·v_{t-1} + x_t,   spike_t = [v_t >= v_threshold],   then the reset.

All T steps of a few thousand neurons are done before the next few thousand, so that the potentials stay in
the processor's cache: on a CPU that is several times faster than a step of all neurons after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snncore.config import NeuronConfig
from snncore.surrogate import surrogate_slope_

CACHE_SIZE = 32_768
"""Neurons at a time on a CPU: 128 KiB a buffer in float32; those in use fit the second-level cache."""


class LIF(nn.Module):
    """A layer of neurons: only its setting. The passes (`snncore.passes`) decide how it is run."""

    def __init__(self, neuron: NeuronConfig) -> None:
        super().__init__()
        self.neuron = neuron


class Spikes(NamedTuple):
    """What T steps leave behind. spikes: (T, N, ...); rate, their mean over T, and trace: (N, ...).

    rate and trace are None where they were not asked for.
    """

    spikes: Tensor
    rate: Tensor | None
    trace: Tensor | None


def spike_train(x: Tensor, neuron: NeuronConfig, with_trace: bool = False) -> Spikes:
    """Run T steps on currents x: (T, N, ...), potential 0 at the start. No gradient passes through.

    with_trace adds the rate and trace = mean_t(f_t·slope_t) with f_1 = 1, f_{t+1} = 1 + c_t·f_t: the
    derivative of the rate with respect to a current that is the same at every step (P0, P1), one value per
    neuron and sample; c_t is `_carry`. Potentials are float32 at least, whatever x is.
    """
    x = _dense(x.detach())
    T = x.shape[0]
    spikes = torch.empty_like(x)
    rate = torch.empty_like(x[0]) if with_trace else None
    trace = torch.empty_like(x[0]) if with_trace else None
    rows = [
        _rows(x),
        _rows(spikes),
        *(_rows(part.unsqueeze(0)) for part in (rate, trace) if part is not None),
    ]
    for xs, ss, *sums in _pieces(*rows):
        v = torch.zeros_like(xs[0], dtype=_working_dtype(x))
        if not sums:
            for t in range(T):
                _reset(_fire(v, xs[t], ss[t], neuron), ss[t], neuron)
            continue
        _with_trace(v, xs, ss, neuron, sums[0][0], sums[1][0])
    return Spikes(spikes, rate, trace)


def lif_step(x: Tensor, v: Tensor, neuron: NeuronConfig) -> tuple[Tensor, Tensor, Tensor]:
    """One step: x, v (N, ...) -> spike, potential before the reset, potential after it. Pure."""
    before = neuron.decay * v + x
    spike = (before >= neuron.v_threshold).to(before.dtype)
    return spike, before, _reset(before.clone(), spike, neuron)


def bptt(x: Tensor, neuron: NeuronConfig) -> Tensor:
    """Spikes (T, N, ...) of currents x (T, N, ...), with surrogate gradients through all T steps.

    Keeps nothing but x for the backward pass, which runs the potentials again.
    """
    spikes: Tensor = _Bptt.apply(x, neuron)  # type: ignore[no-untyped-call]
    return spikes


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


class _Bptt(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, neuron: NeuronConfig) -> Tensor:
        ctx.save_for_backward(x)
        ctx.neuron = neuron
        return spike_train(x, neuron).spikes

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        neuron: NeuronConfig = ctx.neuron
        x = _dense(ctx.saved_tensors[0])
        T = x.shape[0]
        grad_x = torch.empty_like(x)
        if grad.stride() != x.stride():
            grad = torch.empty_like(x).copy_(grad)
        for xs, gs, out in _pieces(_rows(x), _rows(grad), _rows(grad_x)):
            v = torch.zeros(xs.shape, dtype=_working_dtype(x), device=x.device)
            spike = torch.empty_like(v)
            for t in range(T):
                if t > 0:
                    _reset(v[t].copy_(v[t - 1]), spike[t - 1], neuron)
                _fire(v[t], xs[t], spike[t], neuron)
            carried = torch.zeros_like(v[0])  # dL/d(potential after the reset)
            for t in reversed(range(T)):
                slope = surrogate_slope_(v[t] - neuron.v_threshold, neuron)
                carry = _after_by_before(v[t], spike[t], slope, neuron)
                carried.mul_(carry).addcmul_(slope, gs[t].to(v.dtype))  # dL/d(potential before it)
                out[t].copy_(carried)
                carried.mul_(neuron.decay)
        return grad_x, None


def _with_trace(
    v: Tensor, x: Tensor, spikes: Tensor, neuron: NeuronConfig, rate: Tensor, trace: Tensor
) -> None:
    """T steps of one piece: x, spikes (T, m) -> rate, trace (m,)."""
    T = x.shape[0]
    count, sum_, slope = torch.zeros_like(v), torch.zeros_like(v), torch.empty_like(v)
    f: Tensor | float = 1.0
    for t in range(T):
        _fire(v, x[t], spikes[t], neuron)
        surrogate_slope_(torch.sub(v, neuron.v_threshold, out=slope), neuron)
        if isinstance(f, float):
            sum_.add_(slope, alpha=f)
        else:
            sum_.addcmul_(slope, f)
        f = 1 + neuron.decay * _after_by_before(v, spikes[t], slope, neuron) * f
        count.add_(spikes[t])
        _reset(v, spikes[t], neuron)
    rate.copy_(count.div_(T))
    trace.copy_(sum_.div_(T))


def _after_by_before(v: Tensor, spike: Tensor, slope: Tensor, neuron: NeuronConfig) -> Tensor | float:
    """Derivative of the potential after the reset by that before it; `spike` counts as detached or not.

    Times decay it is c_t of the trace: f_{t+1} = 1 + decay·this·f_t (method of P0 for the soft, detached
    reset; the others follow from BPTT, against which tests hold them).
    """
    if neuron.reset == "soft":
        return 1.0 if neuron.detach_reset else 1 - neuron.v_threshold * slope
    return 1 - spike if neuron.detach_reset else 1 - spike - v * slope


def _fire(v: Tensor, x: Tensor, spike: Tensor, neuron: NeuronConfig) -> Tensor:
    """v ← decay·v + x, spike ← [v >= v_threshold]; returns v."""
    v.mul_(neuron.decay).add_(x)
    torch.ge(v, neuron.v_threshold, out=spike)
    return v


def _reset(v: Tensor, spike: Tensor, neuron: NeuronConfig) -> Tensor:
    """v after its reset, in place."""
    if neuron.reset == "soft":
        return v.sub_(spike, alpha=neuron.v_threshold)
    return v.addcmul_(v, spike, value=-1)


def _working_dtype(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _dense(x: Tensor) -> Tensor:
    """x, copied unless its memory has no holes and time is its outermost dimension."""
    return x if _in_memory_order(x).is_contiguous() else x.contiguous()


def _rows(x: Tensor) -> Tensor:
    """(T, N, ...) -> (T, M) view in the order of memory, whichever dimension lies innermost."""
    return _in_memory_order(x).view(x.shape[0], -1)


def _in_memory_order(x: Tensor) -> Tensor:
    return x.permute(0, *sorted(range(1, x.dim()), key=x.stride, reverse=True))


def _pieces(*rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """(T, M) tensors cut alike along M; on a GPU one piece."""
    if rows[0].device.type != "cpu":
        yield rows
        return
    yield from zip(*(row.split(CACHE_SIZE, 1) for row in rows), strict=True)
