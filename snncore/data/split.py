"""A part of a data set, and the check that every reader's result passes.

M images, C channels, H × W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from snncore.data.files import DamagedFileError
from snncore.data.specs import DataSpec


@dataclass(frozen=True, eq=False)
class Split:
    """images: uint8 (M, C, H, W). labels: int64 (M,). M may be 0."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: Tensor) -> Split:
        """The images at `indices`, int64 (K,), in that order; copies."""
        return Split(self.images.index_select(0, indices), self.labels.index_select(0, indices))


def checked_split(images: Tensor, labels: Tensor, spec: DataSpec, path: Path) -> Split:
    """A split of images and labels that fit each other and the data set; their number is free.

    Raises:
        DamagedFileError: of `path`, when there are no images, they are not bytes of the right shape,
            images and labels differ in number, or a label is outside 0 … n_classes − 1.
    """
    if images.dtype != torch.uint8 or tuple(images.shape[1:]) != spec.image_shape:
        shape = ", ".join(map(str, spec.image_shape))
        reason = f"images are {images.dtype} {tuple(images.shape)}, should be torch.uint8 (number, {shape})"
        raise DamagedFileError(path, reason)
    if len(images) != len(labels):
        raise DamagedFileError(path, f"{len(images)} images but {len(labels)} labels")
    if len(images) == 0:
        raise DamagedFileError(path, "it holds no images")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= spec.n_classes:
        reason = f"labels from {low} to {high}, should be from 0 to {spec.n_classes - 1}"
        raise DamagedFileError(path, reason)
    return Split(images.contiguous(), labels.long())
