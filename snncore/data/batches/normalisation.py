"""Normalises bytes for a network: (pixel / 255 − mean) / std, per channel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Normalisation:
    """mean and std of pixels scaled to 0 … 1, per channel, or one value for all. No std is 0."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, images: Tensor) -> Tensor:
        """Images (…, C, H, W) of integers, normalised, as float32 of the same shape on the same device."""
        scale, shift = _affine(self, str(images.device))
        # In-place steps are several times as fast as addcmul or arithmetic on bytes (CPU, torch 2.13).
        return images.float().mul_(scale).add_(shift)


PUBLISHED = {
    "cifar10": Normalisation((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": Normalisation((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "imagenet": Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""As in published code. CIFAR-10's std is that of P1; that of all its pixels is 0.2470, 0.2435, 0.2616."""

COUNTS = Normalisation((0.0,), (1 / 255,))
"""Leaves event frames, which are counts, as they are."""


def network_input(images: Tensor, normalisation: Normalisation) -> Tensor:
    """The input of a network, normalised float32.

    images: still, (N, C, H, W), or event frames (N, T, C, H, W), which become (T, N, C, H, W).
    """
    if images.dim() == 5:
        images = images.transpose(0, 1).contiguous()  # as bytes, which is a quarter of the copying
    return normalisation.apply(images)


def measure_normalisation(images: Tensor) -> Normalisation:
    """Mean and (biased) standard deviation of uint8 images (M, C, H, W), M >= 1; exact, whatever the order.

    A constant channel gets std 1, so that it is normalised to 0.
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in images.unbind(1):
        share = torch.bincount(channel.reshape(-1), minlength=256).double() / channel.numel()
        mean = float(share @ values)
        is_constant = int(share.count_nonzero()) == 1
        means.append(mean)
        stds.append(1.0 if is_constant else float(share @ (values - mean).square()) ** 0.5)
    return Normalisation(tuple(means), tuple(stds))


@lru_cache(maxsize=32)
def _affine(normalisation: Normalisation, device: str) -> tuple[Tensor, Tensor]:
    """scale and shift, each (C, 1, 1), that map bytes to normalised values."""
    mean = torch.tensor(normalisation.mean, dtype=torch.float64)
    std = torch.tensor(normalisation.std, dtype=torch.float64)
    scale, shift = ((part.float().view(-1, 1, 1).to(device)) for part in (1 / (255 * std), -mean / std))
    return scale, shift
