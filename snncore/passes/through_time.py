"""Neurons and the norms before them under backpropagation through time, as one autograd function.

Forward is one sweep. Only the layers' outputs are kept for backward, which recomputes the potentials.
Shapes: parts x (S·N, C, ...), S = T or 1; spikes (T·N, C, ...); rows (P, C), P positions of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from snncore.config.schema import NeuronConfig
from snncore.passes.norm import norm_backward
from snncore.passes.parts import flat_shape, terms_of
from snncore.passes.rows import as_samples, as_steps
from snncore.passes.signals import Part
from snncore.sweeps import Norm, sweeps_for


def fire_through_time(parts: Sequence[Part], T: int, neuron: NeuronConfig) -> Tensor:
    """Spikes (T·N, C, ...) of the sum of the parts, with surrogate gradients through all T steps."""
    tensors = [tensor for part in parts for tensor in _inputs(part)]
    spikes: Tensor = _FireThroughTime.apply(tuple(parts), T, neuron, *tensors)  # type: ignore[no-untyped-call]
    return spikes


def _inputs(part: Part) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    return (part.x, None, None) if part.norm is None else (part.x, part.norm.gamma, part.norm.beta)


class _FireThroughTime(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, parts: tuple[Part, ...], T: int, neuron: NeuronConfig, *_: Tensor | None) -> Tensor:
        ctx.T, ctx.neuron = T, neuron
        ctx.kinds = [(part.is_still, part.is_own, part.norm is None) for part in parts]
        kept = [t for part in parts for t in (part.x, *(part.norm or (None,) * 4))]
        ctx.save_for_backward(*kept)
        first = parts[0]
        spikes = sweeps_for(first.x.device).fire(terms_of(parts, T), T, neuron)
        return as_samples(spikes, flat_shape(first, T))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        saved = ctx.saved_tensors
        parts = []
        for i, (is_still, is_own, is_plain) in enumerate(ctx.kinds):
            x, *norm = saved[5 * i : 5 * i + 5]
            parts.append(Part(x, is_still, None if is_plain else Norm(*norm), is_own))
        g = as_steps(grad.to(parts[0].x.dtype), ctx.T)
        h = sweeps_for(g.device).fire_backward(terms_of(parts, ctx.T), g, ctx.T, ctx.neuron)
        gradients = [tensor for part in parts for tensor in _backward_of(part, h, ctx.T)]
        return None, None, None, *gradients


def _backward_of(part: Part, h: Tensor, T: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of x, gamma and beta; h (T, P, C): the gradient of the sum of the parts."""
    rows = h.sum(0) if part.is_still else h.flatten(0, 1)
    norm = part.norm
    if norm is None:
        return as_samples(rows, part.x.shape), None, None
    x = as_steps(part.x, 1 if part.is_still else T).flatten(0, 1)
    _, sum_h, sum_hx = sweeps_for(h.device).norm_backward_sums(rows, x, norm, None)
    scale = norm.gamma * norm.inverse_std
    if part.is_own:
        grad_x = norm_backward(rows, x, norm, scale, (sum_h, sum_hx))
    else:
        grad_x = (rows * scale).to(rows.dtype)
    return as_samples(grad_x, part.x.shape), sum_hx.to(norm.gamma), sum_h.to(norm.beta)
