"""Batch norm in training: over T·N in the spike pass, and with the spike pass's statistics in the rate pass.

Shapes: x: (M, C, H, W) with M = T·N in the spike pass and under bptt, N in the rate pass; statistics: (C,).
With several processes the statistics are those of the global batch, forward and backward.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snncore.distributed import is_distributed, sum_over_ranks
from snncore.errors import UserError


class BatchStatistics(NamedTuple):
    """Mean and biased variance over batch, time and place, per channel."""

    mean: Tensor
    variance: Tensor


def spike_batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> tuple[Tensor, BatchStatistics]:
    """Normalise over all inputs at once, without gradient (P0, step 1).

    The running statistics move once, with the unbiased variance.
    """
    momentum = float(norm.momentum or 0.0)
    if is_distributed():
        statistics = _global_statistics(norm, x)
        return _normalise(norm, x, statistics), statistics
    y, mean, inverse_std = torch.native_batch_norm(
        x, norm.weight, norm.bias, norm.running_mean, norm.running_var, True, momentum, norm.eps
    )
    return y, BatchStatistics(mean, inverse_std.pow(-2) - norm.eps)


def rate_batch_norm(norm: nn.BatchNorm2d, rate: Tensor, statistics: BatchStatistics) -> Tensor:
    """Normalise the rate (N, C, H, W) with the spike pass's statistics.

    Gradients flow as if mean and variance were the rate's own (P1): with x̂ the normalised rate,
    γ/sqrt(v + eps)·(g − mean(g) − x̂·mean(g·x̂)).
    """
    return _apply(norm, rate, statistics)


def train_batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Ordinary batch norm in training, with gradients; running statistics move once.

    Raises:
        UserError: there is a single value per channel, which has no variance.
    """
    if x.numel() == x.shape[1] and not is_distributed():
        raise UserError(
            "optim.batch_size: batch norm has no variance over a single value per channel, as a batch of 1 "
            "with maps of 1 × 1 gives; train with at least 2 samples at a time"
        )
    if is_distributed():
        with torch.no_grad():
            statistics = _global_statistics(norm, x)
        return _apply(norm, x, statistics)
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


def eval_batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Normalise with the running statistics."""
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)


class BatchNorm2d(nn.BatchNorm2d):
    """Batch norm that is called like any layer, as in the branches; global statistics on any device."""

    def forward(self, x: Tensor) -> Tensor:
        """(M, C, H, W), same shape."""
        return train_batch_norm(self, x) if self.training else eval_batch_norm(self, x)


def _normalise(norm: nn.BatchNorm2d, x: Tensor, statistics: BatchStatistics) -> Tensor:
    return F.batch_norm(x, *statistics, norm.weight, norm.bias, False, 0.0, norm.eps)


def _global_statistics(norm: nn.BatchNorm2d, x: Tensor) -> BatchStatistics:
    """Of the inputs of all processes together; moves the running statistics. Sums are in float64."""
    local_n = x.numel() // x.shape[1]
    inputs = x.detach().to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(inputs, (0, 2, 3), correction=0)
    mean, variance = mean.double(), variance.double()
    sums = torch.stack([mean, variance + mean.square(), torch.ones_like(mean)]) * local_n
    total_mean, total_square, total_n = sum_over_ranks(sums)
    mean = total_mean / total_n
    variance = total_square / total_n - mean.square()
    if norm.running_mean is not None and norm.running_var is not None:
        momentum = float(norm.momentum or 0.0)
        unbiased = variance * total_n / (total_n - 1).clamp(min=1)
        norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), momentum)
        norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), momentum)
    dtype = norm.weight.dtype
    return BatchStatistics(mean.to(dtype), variance.to(dtype))


def _apply(norm: nn.BatchNorm2d, x: Tensor, statistics: BatchStatistics) -> Tensor:
    out: Tensor = _GivenStatistics.apply(x, norm.weight, norm.bias, *statistics, norm.eps)  # type: ignore[no-untyped-call]
    return out


class _GivenStatistics(torch.autograd.Function):
    """Batch norm with given statistics, whose backward treats them as the input's own mean and variance."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, gamma, mean, torch.rsqrt(variance + eps))
        ctx.eps = eps
        return F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma, mean, inverse_std = ctx.saved_tensors
        backward = torch.ops.aten.native_batch_norm_backward
        if not is_distributed():
            # With a mean and variance that are not the input's, its formula is exactly P1's.
            grads = backward(grad, x, gamma, None, None, mean, inverse_std, True, ctx.eps, [True] * 3)
            return *grads, None, None, None
        dtype, grad = grad.dtype, grad.to(gamma.dtype)  # bfloat16 could not even count the inputs
        normed = (x - _per_channel(mean)) * _per_channel(inverse_std)
        sum_g, sum_gx = grad.sum((0, 2, 3)), (grad * normed).sum((0, 2, 3))
        n = torch.full_like(sum_g, grad.numel() // grad.shape[1])
        all_g, all_gx, all_n = sum_over_ranks(torch.stack([sum_g, sum_gx, n]).double()).to(sum_g.dtype)
        centred = grad - _per_channel(all_g / all_n) - normed * _per_channel(all_gx / all_n)
        return (centred * _per_channel(gamma * inverse_std)).to(dtype), sum_gx, sum_g, None, None, None


def _per_channel(statistic: Tensor) -> Tensor:
    return statistic.view(1, -1, 1, 1)  # (C,) -> (1, C, 1, 1)
