"""The user's own image folders, read into memory as bytes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from snncore.data.batches.decode import channels_first, load_image
from snncore.data.file_access import require_memory
from snncore.data.sets.folder_index import index_folder
from snncore.data.split import Split


def read(root: str | Path, is_train: bool, size: int | None) -> Split:
    """All training or test images under `root`, by class and then by name; grey if all of them are.

    size: the side to which they are stretched; None: all must have the same size.

    Raises:
        DamagedFileError: an image is truncated or damaged.
        DataError: see `index_folder` and `FolderIndex.spec`.
    """
    index = index_folder(root)
    paths, spec = (index.train if is_train else index.test), index.spec(size)
    shape = (len(paths), *spec.image_shape)
    require_memory(math.prod(shape), f"data: {root}: {len(paths)} images {spec.image_shape}", "set data.size")
    images = np.empty(shape, dtype=np.uint8)
    for number in range(len(paths)):
        image = load_image(paths.path(number), "L" if spec.channels == 1 else "RGB")
        if image.size != (spec.width, spec.height):
            image = image.resize((spec.width, spec.height), Image.Resampling.BILINEAR)
        images[number] = channels_first(image)
    return Split(torch.from_numpy(images), torch.from_numpy(paths.labels))
