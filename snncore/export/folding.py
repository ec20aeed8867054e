"""Folding: batch norm with running statistics as part of the weights of the layer before it.

In evaluation, batch norm is affine per channel, so a convolution and the norm after it are one convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def fold_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """A new convolution with bias that computes `norm(conv(x))` as in evaluation, up to rounding."""
    scale, shift = norm_as_affine(norm)
    bias = shift if conv.bias is None else shift + scale * conv.bias
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        conv.dilation,  # type: ignore[arg-type]
        conv.groups,
        bias=True,
        padding_mode=conv.padding_mode,
    )
    return _with_weights(folded, conv.weight * scale.view(-1, 1, 1, 1), bias)


def norm_as_convolution(norm: nn.BatchNorm2d) -> nn.Conv2d:
    """A new 1×1 convolution that computes `norm(x)` as in evaluation, for a norm that follows no convolution.

    It has C² weights, of which all but C are 0.
    """
    scale, shift = norm_as_affine(norm)
    conv = nn.Conv2d(norm.num_features, norm.num_features, 1, bias=True)
    return _with_weights(conv, torch.diag(scale)[:, :, None, None], shift)


def norm_as_affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """scale and shift, each (C,), with norm(x) = scale·x + shift in evaluation."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None, "norms of a network have running statistics"
    assert variance is not None
    scale = torch.rsqrt(variance + norm.eps)
    shift = -mean * scale
    if norm.affine:
        return scale * norm.weight, shift * norm.weight + norm.bias
    return scale, shift


def _with_weights(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    assert conv.bias is not None
    conv.weight = nn.Parameter(weight.detach().clone())
    conv.bias = nn.Parameter(bias.detach().clone())
    return conv
