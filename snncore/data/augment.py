"""Random changes of training images: whole batches at once, on their device, before normalisation.

N images, C channels, H × W pixels, p pixels of padding.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad


def crop_padding(height: int) -> int:
    """Black pixels added on each side before cropping: 4 from 28 pixels up, an eighth of smaller images."""
    return 4 if height >= 28 else height // 8


def crop_flip(images: Tensor, generator: Generator) -> Tensor:
    """Shift each image (N, C, H, W) by up to p pixels, black coming in, and mirror every second one.

    Per image a crop of H × W at a uniform place of the padded image, then with probability ½ a mirror
    left to right. Draws from `generator`, which lives on the images' device.
    """
    N, C, H, W = images.shape
    padding = crop_padding(H)
    device = images.device
    top, left = torch.randint(
        0, 2 * padding + 1, (2, N, 1), generator=generator, device=device
    )  # (N, 1) each
    is_flipped = torch.randint(0, 2, (N, 1), generator=generator, device=device).bool()
    across = torch.arange(W, device=device)
    rows = top + torch.arange(H, device=device)  # (N, H)
    columns = left + torch.where(is_flipped, across.flip(0), across)  # (N, W)
    padded = pad(images, (padding,) * 4).flatten(2)  # (N, C, (H + 2p)·(W + 2p))
    pixels = rows.unsqueeze(2) * (W + 2 * padding) + columns.unsqueeze(1)  # (N, H, W)
    chosen = pixels.view(N, 1, H * W).expand(N, C, H * W)
    return padded.gather(2, chosen).view(N, C, H, W)
