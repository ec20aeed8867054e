"""A part of a data set, and the check that all readers use.

M samples, T time steps, C channels, H × W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from snncore.data.files import DamagedFileError
from snncore.data.specs import DataSpec

if TYPE_CHECKING:
    from snncore.data.batches.file_split import FileSplit


@dataclass(frozen=True, eq=False)
class Split:
    """Samples as bytes, and their labels, int64 (M,). M may be 0.

    images: still, uint8 (M, C, H, W), or event frames, uint8 or int16 (M, T, C, H, W); may be memory-mapped.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> Tensor:
        """The images at `indices`, int64 (K,), in that order; a copy."""
        return self.images.index_select(0, indices)

    def subset(self, indices: Tensor) -> Split:
        """The samples at `indices`, int64 (K,), in that order; copies."""
        return Split(self.take(indices), self.labels.index_select(0, indices))

    def view(self, indices: Tensor) -> SplitView:
        """The same samples as `subset`, without a copy."""
        return SplitView(self, indices)


@dataclass(frozen=True, eq=False)
class SplitView:
    """The samples `rows`, int64 (K,), of another split, without a copy: such as frames that trials share."""

    source: Split
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def images(self) -> Tensor:
        """All images, copied into memory."""
        return self.source.take(self.rows)

    @property
    def labels(self) -> Tensor:
        """int64 (K,)."""
        return self.source.labels.index_select(0, self.rows)

    def take(self, indices: Tensor) -> Tensor:
        """The images at `indices` of the view, int64, in that order; a copy."""
        return self.source.take(self.rows.index_select(0, indices))

    def subset(self, indices: Tensor) -> SplitView:
        """The samples at `indices` of the view; nothing is copied."""
        return SplitView(self.source, self.rows.index_select(0, indices))


MemorySplit: TypeAlias = Split | SplitView
"""Samples in memory or memory-mapped."""

AnySplit: TypeAlias = "Split | SplitView | FileSplit"
"""Every kind of split that batches can be made from."""


def checked_split(images: Tensor, labels: Tensor, spec: DataSpec, path: Path) -> Split:
    """A split of images and labels, after checking them against each other and `spec`, except their number.

    Raises:
        DamagedFileError: for `path`, if there are no images, they are not bytes of the right shape, images
            and labels differ in number, or a label is outside 0 … n_classes − 1.
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
