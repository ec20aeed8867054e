"""Activations as matrices with channels innermost, as the sweeps read them, and back.

Shapes: S·N samples, step-major; C channels; P = N·H·W positions of a step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def as_rows(x: Tensor) -> Tensor:
    """(M, C, ...) -> (M·..., C); a view of a channels-last tensor, else a copy."""
    if x.dim() == 4:
        return x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).reshape(-1, x.shape[1])
    return x.movedim(1, -1).reshape(-1, x.shape[1]).contiguous()


def as_steps(x: Tensor, steps: int) -> Tensor:
    """(S·N, C, ...) -> (S, P, C)."""
    return as_rows(x).view(steps, -1, x.shape[1])


def as_samples(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """Rows (..., C) -> (M, C, ...) of the given shape; channels-last if it has four dimensions."""
    n, channels, *positions = shape
    return rows.reshape(n, *positions, channels).movedim(-1, 1)


def channels_last(x: Tensor) -> Tensor:
    """The same values in channels-last layout, copied if need be; tensors that are not 4-d unchanged."""
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x
