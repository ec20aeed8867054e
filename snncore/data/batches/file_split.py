"""A part of a data set in image files, which are decoded when a batch needs them.

M images, s × s pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from snncore.data.batches.decode import N_DRAWS, Pixels, centre_crop, channels_first, load_image, random_crop
from snncore.data.seeds import uniforms
from snncore.data.sets.image_folders import ImagePaths


@dataclass(frozen=True, eq=False)
class FileSplit:
    """Colour images in files. size: s. workers: processes that decode them; 0 decodes in this one."""

    paths: ImagePaths
    size: int
    workers: int = 0

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def labels(self) -> Tensor:
        """int64 (M,)."""
        return torch.from_numpy(self.paths.labels)

    def subset(self, indices: Tensor) -> FileSplit:
        """The images at `indices`, int64 (K,), in that order; no file is opened."""
        return replace(self, paths=self.paths.subset(indices.numpy()))

    def decode(self, index: int, draw: tuple[str | int, ...] | None = None) -> Pixels:
        """One image, uint8 (3, s, s): its middle, or with `draw` a random crop, mirrored in half the cases.

        The crop depends only on `draw` and `index`.

        Raises:
            DamagedFileError: the file is missing, truncated, or no image.
        """
        image = load_image(self.paths.path(index), "RGB")
        if draw is None:
            return channels_first(centre_crop(image, self.size))
        return channels_first(random_crop(image, self.size, uniforms(N_DRAWS, *draw, index)))
