"""Resizing of images.

M images, C channels, H × W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

_AT_ONCE = 1024  # images that are floats at the same time


def resize(images: Tensor, size: int) -> Tensor:
    """uint8 images (M, C, H, W), stretched to (M, C, size, size): bilinear, with antialiasing."""
    assert images.dtype == torch.uint8
    assert images.dim() == 4
    if tuple(images.shape[2:]) == (size, size):
        return images
    resized = images.new_empty(*images.shape[:2], size, size)
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE].float()
        values = interpolate(part, (size, size), mode="bilinear", antialias=True, align_corners=False)
        resized[start : start + _AT_ONCE] = values.round_().clamp_(0, 255)  # cast by the assignment
    return resized
