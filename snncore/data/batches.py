"""Batches from a split that lies on the device as bytes.

N images in a batch, C channels, H × W pixels, M images in the split.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Generator, Tensor

from snncore.data.augment import crop_flip
from snncore.data.normalisation import Normalisation
from snncore.data.split import Split

Batch = tuple[Tensor, Tensor]


class Batches:
    """Shuffled training batches; the split is moved to `device` once.

    Every draw comes from `generator`, which the caller owns and which lives on the same device: with the
    state it had at the start of an epoch, the epoch comes out the same again.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        normalisation: Normalisation,
        augment: Literal["none", "crop_flip"],
        generator: Generator,
        device: str = "cpu",
    ) -> None:
        self.images = split.images.to(device)
        self.labels = split.labels.to(device)
        self.batch_size = batch_size
        self.normalisation = normalisation
        self.augment = augment
        self.generator = generator

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._starts())

    def epoch(self) -> Iterator[Batch]:
        """All images once, in a new order: x float32 (N, C, H, W) normalised, labels int64 (N,).

        The last batch is smaller when batch_size does not divide M. A last batch of a single image is left
        out, since batch norm over one value per channel has no variance, unless it is the only batch; with
        batch_size 1 every image stays.
        """
        M = len(self.labels)
        order = torch.randperm(M, generator=self.generator, device=self.labels.device)
        for start in self._starts():
            chosen = order[start : start + self.batch_size]
            images = self.images.index_select(0, chosen)
            if self.augment == "crop_flip":
                images = crop_flip(images, self.generator)
            yield self.normalisation.apply(images), self.labels.index_select(0, chosen)

    def _starts(self) -> range:
        M = len(self.labels)
        has_lone_image = M % self.batch_size == 1 and self.batch_size < M
        return range(0, M - has_lone_image, self.batch_size)


def eval_batches(
    split: Split, batch_size: int, normalisation: Normalisation, device: str = "cpu"
) -> Iterator[Batch]:
    """All images of the split once, in its order: x float32 (N, C, H, W) normalised, labels int64 (N,).

    Nothing is left out and nothing is random; an empty split gives no batch.
    """
    for start in range(0, len(split), batch_size):
        part = slice(start, start + batch_size)
        yield normalisation.apply(split.images[part].to(device)), split.labels[part].to(device)
