"""Resizing of images.

M images, C channels, H × W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from snncore.data.file_access import require_memory

_AT_ONCE = 2**26  # bytes of images that are floats at the same time


def resize(images: Tensor, size: int) -> Tensor:
    """uint8 images (M, C, H, W), stretched to (M, C, size, size): bilinear, with antialiasing.

    Raises:
        DataError: they do not fit into the memory that is available.
    """
    assert images.dtype == torch.uint8
    assert images.dim() == 4
    if tuple(images.shape[2:]) == (size, size):
        return images
    n_images, n_channels, height, width = images.shape
    require_memory(n_images * n_channels * size * size, f"a data set of {n_images} images of {size} x {size}")
    resized = images.new_empty(n_images, n_channels, size, size)
    n = max(1, _AT_ONCE // (4 * n_channels * max(height * width, size * size, 1)))
    for start in range(0, n_images, n):
        part = images[start : start + n].float()
        values = interpolate(part, (size, size), mode="bilinear", antialias=True, align_corners=False)
        resized[start : start + n] = values.round_().clamp_(0, 255)  # cast by the assignment
    return resized
