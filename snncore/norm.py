"""Batch norm in the two passes of rate training (P0, P1).

Shapes: x: (M, C, H, W) with M = T·N in the spike pass, N in the rate pass; statistics: (C,).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BatchStatistics(NamedTuple):
    """Mean and 1/sqrt(biased variance + eps) of the spike pass, per channel."""

    mean: Tensor
    inverse_std: Tensor


def spike_batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> tuple[Tensor, BatchStatistics]:
    """Normalise over all T·N inputs at once; running statistics move once, with the unbiased variance."""
    y, mean, inverse_std = torch.native_batch_norm(
        x,
        norm.weight,
        norm.bias,
        norm.running_mean,
        norm.running_var,
        True,
        float(norm.momentum or 0.0),
        norm.eps,
    )
    return y, BatchStatistics(mean, inverse_std)


def eval_batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Normalise with the running statistics."""
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)


def rate_batch_norm(norm: nn.BatchNorm2d, rate: Tensor, statistics: BatchStatistics) -> Tensor:
    """Normalise the rate (N, C, H, W) with the spike pass's statistics.

    Gradients flow as if mean and variance were the rate's own (P1): with x̂ the normalised rate,
    γ/sqrt(v + eps)·(g − mean(g) − x̂·mean(g·x̂)).
    """
    out: Tensor = _RateBatchNorm.apply(rate, norm.weight, norm.bias, *statistics)  # type: ignore[no-untyped-call]
    return out


class _RateBatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, rate: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, inverse_std: Tensor
    ) -> Tensor:
        normed = (rate - _per_channel(mean)) * _per_channel(inverse_std)
        ctx.save_for_backward(normed, gamma, inverse_std)
        return normed * _per_channel(gamma) + _per_channel(beta)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        normed, gamma, inverse_std = ctx.saved_tensors
        over = (0, 2, 3)
        grad_beta = grad.sum(over)
        grad_gamma = (grad * normed).sum(over)
        n = grad.numel() // grad.shape[1]
        centred = grad - _per_channel(grad_beta / n) - normed * _per_channel(grad_gamma / n)
        return centred * _per_channel(gamma * inverse_std), grad_gamma, grad_beta, None, None


def _per_channel(statistic: Tensor) -> Tensor:
    return statistic.view(1, -1, 1, 1)  # (C,) -> (1, C, 1, 1)
