"""Batch norm in training: over T·N in the spike pass, and with the spike pass's statistics for the rate.

Shapes: x: (M, C, H, W), M = T·N in the spike pass and under bptt, N for the rate; statistics: (C,).
With several processes the statistics are those of the global batch, forward and backward.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snncore.distributed import is_distributed, sum_over_ranks
from snncore.errors import UserError
from snncore.passes.rows import as_rows, as_samples
from snncore.sweeps import Norm, sweeps_for


class BatchStatistics(NamedTuple):
    """Per channel: mean and biased variance over batch, time and position; n: the number of values."""

    mean: Tensor
    variance: Tensor
    n: Tensor | int


def batch_statistics(x: Tensor, repeats: int = 1) -> BatchStatistics:
    """Statistics of x (M, C, ...), over the samples of all processes.

    repeats: how often each value counts: T for a still image, whose values are the same at every time step.
    """
    rows = as_rows(x.detach())
    mean, variance = sweeps_for(x.device).statistics(rows)
    n = len(rows) * repeats
    if not is_distributed():
        return BatchStatistics(mean, variance, n)
    means, variances = mean.double(), variance.double()
    sums = torch.stack([means, variances + means.square(), torch.ones_like(means)]) * n
    total_mean, total_square, total_n = sum_over_ranks(sums)
    means = total_mean / total_n
    variances = total_square / total_n - means.square()
    return BatchStatistics(means.to(mean.dtype), variances.to(mean.dtype), total_n)


def move_running_statistics(norm: nn.BatchNorm2d, statistics: BatchStatistics) -> None:
    """Update the running statistics once with those of a batch, with unbiased variance (P0, step 1)."""
    if norm.running_mean is None or norm.running_var is None:
        return
    mean, variance, n = statistics
    unbiased = variance * (n / torch.as_tensor(n - 1).clamp(min=1).to(variance))
    momentum = float(norm.momentum or 0.0)
    norm.running_mean.lerp_(mean.to(norm.running_mean), momentum)
    norm.running_var.lerp_(unbiased.to(norm.running_var), momentum)


def norm_from_statistics(norm: nn.BatchNorm2d, statistics: BatchStatistics) -> Norm:
    """The map that `norm` applies to a batch with these statistics."""
    inverse_std = torch.rsqrt(statistics.variance + norm.eps)
    return Norm(statistics.mean, inverse_std, *_gamma_and_beta(norm))


class RunningStatistics:
    """Batch statistics of one pass; the running statistics are updated at the end of the pass."""

    def __init__(self) -> None:
        self._seen: list[tuple[nn.BatchNorm2d, BatchStatistics]] = []

    def norm_of(self, norm: nn.BatchNorm2d, x: Tensor, repeats: int = 1) -> Norm:
        """The map that `norm` applies to x, from the batch statistics of x; repeats as in `batch_statistics`.

        Raises:
            UserError: there is a single value per channel, which has no variance.
        """
        statistics = batch_statistics(x, repeats)
        require_variance(x.numel() // x.shape[1] * repeats)
        self._seen.append((norm, statistics))
        return norm_from_statistics(norm, statistics)

    def move(self) -> None:
        """Update the running statistics of every norm, once for each call of `norm_of`."""
        while self._seen:
            move_running_statistics(*self._seen.pop(0))


def eval_norm(norm: nn.BatchNorm2d) -> Norm:
    """The map that `norm` applies in evaluation, with its running statistics."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return Norm(norm.running_mean, torch.rsqrt(norm.running_var + norm.eps), *_gamma_and_beta(norm))


def scaled_and_shifted(x: Tensor, norm: Norm) -> Tensor:
    """x (M, C, ...) normalised, in its dtype; no gradient flows through the statistics."""
    scale, shift = norm.scale_and_shift()
    shape = (1, -1, *[1] * (x.dim() - 2))
    return torch.addcmul(shift.view(shape), x.to(shift.dtype), scale.view(shape)).to(x.dtype)


def batch_norm_with(x: Tensor, norm: Norm) -> Tensor:
    """x (M, C, ...) normalised; gradients flow as if mean and variance were those of x itself (P1).

    With x̂ the normalised x they are gamma·inverse_std·(g − mean(g) − x̂·mean(g·x̂)). For the rate, the
    statistics are those of the spikes, so x̂ does not have variance 1. With the statistics of x itself this
    is ordinary batch norm.
    """
    out: Tensor = _BatchNormWith.apply(x, norm.gamma, norm.beta, norm.mean, norm.inverse_std)  # type: ignore[no-untyped-call]
    return out


def spike_batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> tuple[Tensor, BatchStatistics]:
    """Batch norm without gradient; updates the running statistics once (P0, step 1)."""
    statistics = batch_statistics(x)
    move_running_statistics(norm, statistics)
    return batch_norm_with(x.detach(), norm_from_statistics(norm, statistics)).detach(), statistics


def train_batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Ordinary batch norm in training, with gradients; updates the running statistics once.

    Raises:
        UserError: there is a single value per channel, which has no variance.
    """
    statistics = batch_statistics(x)
    require_variance(x.numel() // x.shape[1])
    move_running_statistics(norm, statistics)
    return batch_norm_with(x, norm_from_statistics(norm, statistics))


def require_variance(n: int) -> None:
    """Refuse a norm over a single value per channel.

    Raises:
        UserError: n is 1 and there is a single process.
    """
    if n == 1 and not is_distributed():
        raise UserError(
            "optim.batch_size: batch norm needs more than one value per channel, and a batch of 1 with maps "
            "of 1 × 1 gives one; train with at least 2 samples at a time"
        )


def eval_batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Normalise with the running statistics."""
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)


class BatchNorm2d(nn.BatchNorm2d):
    """Batch norm as an ordinary layer, for branches; with several processes the statistics are global."""

    def forward(self, x: Tensor) -> Tensor:
        """(M, C, H, W), same shape."""
        return train_batch_norm(self, x) if self.training else eval_batch_norm(self, x)


def norm_backward(
    h: Tensor, x: Tensor, norm: Norm | None, scale: Tensor, sums: tuple[Tensor, Tensor]
) -> Tensor:
    """The gradient with respect to the input of a norm whose statistics are treated as the input's own (P1).

    h (M, C): the gradient with respect to the output; x (M, C): the input, or x̂ if norm is None. scale (C,):
    gamma·inverse_std. sums: of h and of h·x̂ over the rows of this process.
    """
    mean_h, mean_hx = _means_over_ranks(*sums, len(h))
    return sweeps_for(h.device).norm_backward(h, x, norm, scale, mean_h, mean_hx)


class _BatchNormWith(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, inverse_std: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, gamma, mean, inverse_std)
        return scaled_and_shifted(x, Norm(mean, inverse_std, gamma, beta))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma, mean, inverse_std = ctx.saved_tensors
        norm = Norm(mean, inverse_std, gamma, gamma)  # beta is not used
        rows, g = as_rows(x), as_rows(grad.to(x.dtype))
        _, sum_g, sum_gx = sweeps_for(x.device).norm_backward_sums(g, rows, norm, None)
        out = norm_backward(g, rows, norm, gamma * inverse_std, (sum_g, sum_gx))
        return as_samples(out, x.shape), sum_gx.to(gamma), sum_g.to(gamma), None, None


def _means_over_ranks(sum_h: Tensor, sum_hx: Tensor, n: int) -> tuple[Tensor, Tensor]:
    if not is_distributed():
        return sum_h / n, sum_hx / n
    sums = torch.stack([sum_h, sum_hx, torch.full_like(sum_h, n)]).double()
    all_h, all_hx, all_n = sum_over_ranks(sums)
    return (all_h / all_n).to(sum_h.dtype), (all_hx / all_n).to(sum_h.dtype)


def _gamma_and_beta(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    if norm.affine:
        return norm.weight, norm.bias
    assert norm.running_mean is not None
    return torch.ones_like(norm.running_mean), torch.zeros_like(norm.running_mean)
