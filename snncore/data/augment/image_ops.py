"""Image operations with a strength per image: whole batches at once, on bytes.

Each gives the same as torchvision's operation of that name does for one image, except for the last bit of a
byte, and for pixels at equal distance from two neighbours.
N images uint8 (N, C, H, W), one grey channel or three colours; strength: one number per image, float32 (N,).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d


def move(images: Tensor, matrix: Tensor, fill: int = 0) -> Tensor:
    """Take each pixel from its source by `matrix`, nearest neighbour; outside the image the grey `fill`.

    matrix: (N, 2, 3) per image, from pixel (x, y, 1) of the result, relative to the middle of the image,
    to the position (x, y) in the source.
    """
    N, C, H, W = images.shape
    device = images.device
    x = torch.arange(W, device=device) - (W - 1) / 2
    y = torch.arange(H, device=device) - (H - 1) / 2
    of_x, of_y, shift = matrix.view(N, 2, 3, 1, 1).unbind(2)  # (N, 2, 1, 1) each
    source = of_x * x + of_y * y.view(H, 1) + shift  # (N, 2, H, W)
    columns = (source[:, 0] + (W - 1) / 2).round().long()  # (N, H, W)
    rows = (source[:, 1] + (H - 1) / 2).round().long()
    is_inside = (columns >= 0) & (columns < W) & (rows >= 0) & (rows < H)
    pixels = (rows.clamp(0, H - 1) * W + columns.clamp(0, W - 1)).view(N, 1, H * W).expand(N, C, H * W)
    moved = images.reshape(N, C, H * W).gather(2, pixels).view(N, C, H, W)
    return torch.where(is_inside.unsqueeze(1), moved, fill)


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    """0 is black, 1 the image itself."""
    return _blend(images, torch.zeros_like(images), strength)


def saturation(images: Tensor, strength: Tensor) -> Tensor:
    """0 is grey, 1 the image itself; grey images have no colour to change."""
    return images if images.shape[1] == 1 else _blend(images, _grey(images), strength)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    """0 is the image's mean grey, 1 the image itself."""
    return _blend(images, _grey(images).float().mean((1, 2, 3), keepdim=True), strength)


def sharpness(images: Tensor, strength: Tensor) -> Tensor:
    """0 is smoothed over 3 × 3 pixels except at the edge, 1 the image itself; no effect if a side is <= 2."""
    C, H, W = images.shape[1:]
    if H <= 2 or W <= 2:
        return images
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1, 1] = 5
    kernel = (kernel / kernel.sum()).expand(C, 1, 3, 3)
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = conv2d(images.float(), kernel, groups=C).round_().clamp_(0, 255)
    return _blend(images, smooth, strength)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits` bits of each value, 0 to 8."""
    kept = 256 - 2 ** (8 - bits.long())  # 8 bits: 255, 0 bits: 0
    return images & _per_image(kept.to(torch.uint8))


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert values from `threshold` up."""
    return torch.where(images >= _per_image(threshold), 255 - images, images)


def invert(images: Tensor) -> Tensor:
    """255 minus each value."""
    return 255 - images


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel to 0 … 255; a channel of one value stays."""
    low, high = (part.float() for part in torch.aminmax(images.flatten(2), dim=2, keepdim=True))
    is_flat = low == high
    scale = torch.where(is_flat, torch.ones_like(low), 255 / (high - low))
    low = torch.where(is_flat, torch.zeros_like(low), low)
    stretched = (images.flatten(2) - low) * scale
    return stretched.clamp_(0, 255).to(torch.uint8).view_as(images)


def equalize(images: Tensor) -> Tensor:
    """Equalise the histogram of each channel; see PIL.ImageOps.equalize."""
    N, C, H, W = images.shape
    values = images.reshape(N * C, H * W).long()
    counts = torch.zeros(N * C, 256, dtype=torch.int64, device=images.device)
    counts.scatter_add_(1, values, torch.ones_like(values))
    n_highest = counts.gather(1, values.amax(1, keepdim=True))  # (N·C, 1)
    step = (H * W - n_highest) // 255
    below = counts.cumsum(1) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp_(0, 255)
    table = torch.where(step == 0, torch.arange(256, device=images.device), table)
    return table.gather(1, values).to(torch.uint8).view(N, C, H, W)


def _blend(images: Tensor, other: Tensor, strength: Tensor) -> Tensor:
    """strength · images + (1 − strength) · other, clamped to 0 … 255, fractions dropped."""
    share = _per_image(strength)
    return (share * images + (1 - share) * other).clamp_(0, 255).to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    """uint8 (N, 1, H, W): luma of colours (ITU-R 601), fractions dropped."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(torch.uint8).unsqueeze(1)


def _per_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
