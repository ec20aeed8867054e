"""Autograd functions of the rate gradient (P0, P1): convolutions, norms and traces, backward.

They return a *node*: a tensor of the rate's shape through which gradients flow. Nobody reads its values, so
it is one zero, expanded, and takes no memory. `rate_at` gives a node values where they are needed. Shapes:
rates and nodes (N, C, ...); over time (S·N, C, ...), S = T or 1; rows (P, C).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from snncore.passes.norm import norm_backward
from snncore.passes.rows import as_rows, as_samples, channels_last
from snncore.passes.signals import Pair, Part
from snncore.sweeps import Fired, sweeps_for


class Convolution(NamedTuple):
    """Stride, padding and dilation, two numbers each, and groups."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


def convolution(
    bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> tuple[Tensor | None, Convolution]:
    """Bias and the rest, from the arguments of `torch.nn.functional.conv2d`."""
    return bias, Convolution(_pair(stride), _pair(padding), _pair(dilation), groups)


def is_plain_convolution(x: Any, weight: Any, bias: Any = None, *how: Any, **named: Any) -> bool:
    """Whether these arguments of conv2d are a pair, a weight tensor, and padding as numbers."""
    numbers = not any(isinstance(value, str) for value in (*how, *named.values()))
    return isinstance(x, Pair) and isinstance(weight, Tensor) and numbers


def convolve(
    pair: Pair, weight: Tensor, bias: Tensor | None, how: Convolution, T: int
) -> tuple[Tensor, Tensor]:
    """The convolution over time (S·N, ...), without gradient, and the node of its mean.

    Kept for backward: the counts of the pair, one byte each, or its mean if it has no counts.
    """
    value = pair.node if pair.count is None else pair.count
    out: tuple[Tensor, Tensor] = _Convolve.apply(  # type: ignore[no-untyped-call]
        pair.node, weight, bias, pair.over_time, value.detach(), how, T if pair.count is not None else 0
    )
    return out


def fire_rate(parts: Sequence[Part], fired: Fired, shape: torch.Size) -> Tensor:
    """The node of the rate (N, C, ...) of neurons whose input was the sum of the parts."""
    inputs: list[Tensor | None] = []
    for part in parts:
        inputs += [part.node, *((None, None) if part.norm is None else (part.norm.gamma, part.norm.beta))]
    kept = iter(fired.normed)
    norms = [None if part.norm is None else (next(kept), part.norm.inverse_std) for part in parts]
    out: Tensor = _Fire.apply(fired.spikes.new_zeros(()), fired.trace, norms, shape, *inputs)  # type: ignore[no-untyped-call]
    return out


def rate_at(node: Tensor, value: Tensor) -> Tensor:
    """`value` (N, ...), whose gradient flows to `node`."""
    out: Tensor = _At.apply(node, value)  # type: ignore[no-untyped-call]
    return out


def rate_of_count(node: Tensor, count: Tensor, T: int) -> Tensor:
    """The rate count/T, in the dtype of `node`, whose gradient flows to `node`."""
    return rate_at(node, count.to(node.dtype).div_(T))


class _At(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, node: Tensor, value: Tensor) -> Tensor:
        return value.detach()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        node: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        over_time: Tensor,
        value: Tensor,
        how: Convolution,
        T: int,
    ) -> tuple[Tensor, Tensor]:
        out = channels_last(F.conv2d(over_time, weight, bias, *how))
        ctx.save_for_backward(weight, value)
        ctx.how, ctx.T, ctx.dtype = how, T, out.dtype
        ctx.bias_sizes = None if bias is None else list(bias.shape)
        ctx.mark_non_differentiable(out)
        ctx.set_materialize_grads(False)  # or a zero gradient would be filled for all steps
        return out, _empty_node(out, (len(node), *out.shape[1:]))

    @staticmethod
    def backward(ctx: Any, _: None, grad: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return (None,) * 7
        weight, value = ctx.saved_tensors
        x = value.to(ctx.dtype)
        # In bfloat16 counts are exact and rates are not, so the division comes last.
        divides_late = ctx.T > 0 and ctx.dtype == torch.bfloat16
        if ctx.T > 0 and not divides_late:
            x = x.div_(ctx.T)
        how = (ctx.how.stride, ctx.how.padding, ctx.how.dilation, False, (0, 0), ctx.how.groups)
        mask = (ctx.needs_input_grad[0], ctx.needs_input_grad[1], ctx.needs_input_grad[2])
        grad_x, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
            channels_last(grad), x, weight.to(ctx.dtype), ctx.bias_sizes, *how, mask
        )
        if grad_weight is not None:
            grad_weight = grad_weight.to(weight.dtype)
            if divides_late:
                grad_weight = grad_weight.div_(ctx.T)
        return grad_x, grad_weight, grad_bias, None, None, None, None


class _Fire(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        zero: Tensor,
        trace: Tensor,
        norms: list[tuple[Tensor, Tensor] | None],
        shape: torch.Size,
        *inputs: Tensor | None,
    ) -> Tensor:
        ctx.has_norm = [norm is not None for norm in norms]
        kept = [trace]
        for norm, gamma in zip(norms, inputs[1::3], strict=True):
            if norm is not None:
                assert gamma is not None
                normed, inverse_std = norm
                kept += [normed, gamma, inverse_std]
        ctx.save_for_backward(*kept)
        ctx.dtype, ctx.shape = zero.dtype, shape
        return _empty_node(zero, shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        trace, *kept = ctx.saved_tensors
        h = as_rows(grad.to(ctx.dtype))  # (P, C), with respect to the rate; then to the summed current
        sweeps = sweeps_for(h.device)
        factor: Tensor | None = trace
        gradients: list[Tensor | None] = []
        norms = iter(zip(kept[::3], kept[1::3], kept[2::3], strict=True))
        # Parts with a norm come first: their sweep multiplies by the trace.
        for has_norm in sorted(ctx.has_norm, reverse=True):
            if not has_norm:
                h = h if factor is None else (h * factor).to(h.dtype)
                factor = None
                continue
            normed, gamma, inverse_std = next(norms)
            h, sum_h, sum_hx = sweeps.norm_backward_sums(h, normed, None, factor)
            factor = None
            grad_x = norm_backward(h, normed, None, gamma * inverse_std, (sum_h, sum_hx))
            gradients += [as_samples(grad_x, ctx.shape), sum_hx.to(gamma), sum_h.to(gamma)]
        ordered = iter([gradients[i : i + 3] for i in range(0, len(gradients), 3)])
        grad_current = [as_samples(h, ctx.shape), None, None]
        per_part = [next(ordered) if has_norm else grad_current for has_norm in ctx.has_norm]
        return None, None, None, None, *(g for gradients in per_part for g in gradients)


def _empty_node(like: Tensor, shape: Sequence[int]) -> Tensor:
    return like.new_zeros(()).expand(tuple(shape))


def _pair(value: Any) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)
