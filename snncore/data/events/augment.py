"""Augmentation of event frames: whole batches at once, on their device.

N samples, T time steps, C channels, H × W pixels. All frames of a sample are changed in the same way.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

_LARGEST_SHIFT = 5  # pixels
_LARGEST_ANGLE = 30.0  # degrees


def augment_events(frames: Tensor, generator: Generator) -> Tensor:
    """Mirror half of the samples (N, T, C, H, W) left to right, then roll, rotate or cut each; same dtype.

    P1's recipe for CIFAR10-DVS. One of three, each for a third of the samples: roll both axes by up to 5
    pixels, cyclically; rotate about the centre by up to 30 degrees, nearest neighbour, 0 from outside; cover
    a square of a third of the height (16 pixels of 48) with 0, its centre any pixel (Cutout). `generator` is
    on the frames' device.

    Counts are only moved or dropped, so that they stay whole numbers.
    """
    N, T, C, H, W = frames.shape
    device = frames.device
    is_mirrored, choice = (
        torch.randint(0, n, (N, 1, 1), generator=generator, device=device) for n in (2, 3)
    )  # (N, 1, 1) each
    y, x = torch.arange(H, device=device).view(1, H, 1), torch.arange(W, device=device).view(1, 1, W)
    rolled = _rolled(y, x, N, generator)
    rotated = _rotated(y, x, N, generator)
    is_cut = _in_square(y, x, N, generator)  # (N, H, W)
    row = torch.where(choice == 0, rolled[0], torch.where(choice == 1, rotated[0], y))  # (N, H, W)
    column = torch.where(choice == 0, rolled[1], torch.where(choice == 1, rotated[1], x))
    is_seen = (row >= 0) & (row < H) & (column >= 0) & (column < W) & ~(is_cut & (choice == 2))
    column = torch.where(is_mirrored == 1, W - 1 - column, column)
    pixel = torch.where(is_seen, row * W + column, 0)
    chosen = pixel.view(N, 1, H * W).expand(N, T * C, H * W)
    changed = frames.reshape(N, T * C, H * W).gather(2, chosen).view(N, T, C, H, W)
    return changed.mul_(is_seen.view(N, 1, 1, H, W))


def _rolled(y: Tensor, x: Tensor, N: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Rows (N, H, 1) and columns (N, 1, W) from which each pixel takes its count."""
    low, high = -_LARGEST_SHIFT, _LARGEST_SHIFT + 1
    down, right = torch.randint(low, high, (2, N, 1, 1), generator=generator, device=y.device)
    return (y - down) % y.numel(), (x - right) % x.numel()


def _rotated(y: Tensor, x: Tensor, N: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Rows and columns (N, H, W) from which each pixel takes its count; may be outside."""
    turn = 2 * torch.rand((N, 1, 1), generator=generator, device=y.device) - 1
    angle = turn * math.radians(_LARGEST_ANGLE)
    middle_y, middle_x = (y.numel() - 1) / 2, (x.numel() - 1) / 2
    down, right = y - middle_y, x - middle_x
    row = middle_y + right * angle.sin() + down * angle.cos()
    column = middle_x + right * angle.cos() - down * angle.sin()
    return row.round().long(), column.round().long()


def _in_square(y: Tensor, x: Tensor, N: int, generator: Generator) -> Tensor:
    """Whether each pixel is in its sample's square, which may reach over the edge: bool (N, H, W)."""
    H, W = y.numel(), x.numel()
    side = max(1, H // 3)
    top = torch.randint(0, H, (N, 1, 1), generator=generator, device=y.device) - side // 2
    left = torch.randint(0, W, (N, 1, 1), generator=generator, device=y.device) - side // 2
    return (y >= top) & (y < top + side) & (x >= left) & (x < left + side)
