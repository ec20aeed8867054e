from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from snncore.data import resize as module
from snncore.data.resize import resize
from tests.snncore.data.fixtures import random_images


@pytest.mark.parametrize(("shape", "size"), [((1, 8, 8), 16), ((3, 32, 32), 12), ((3, 20, 31), 24)])
def test_it_is_what_pillow_makes_of_it(shape: tuple[int, int, int], size: int) -> None:
    images = random_images(3, *shape)
    resized = resize(torch.from_numpy(images), size).numpy()
    assert resized.dtype == np.uint8
    for image, result in zip(images, resized, strict=True):
        for channel, found in zip(image, result, strict=True):
            expected = np.asarray(Image.fromarray(channel).resize((size, size), Image.Resampling.BILINEAR))
            assert np.abs(found.astype(int) - expected).max() <= 1  # Pillow's weights have 8 bits


def test_the_same_size_is_left_alone() -> None:
    images = torch.from_numpy(random_images(2, 1, 8, 8))
    assert resize(images, 8) is images


def test_parts_and_flat_images_come_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.from_numpy(random_images(7, 2, 9, 9))
    at_once = resize(images, 12)
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    assert torch.equal(resize(images, 12), at_once)
    assert resize(torch.full((1, 1, 8, 8), 255, dtype=torch.uint8), 11).unique().tolist() == [255]
    assert tuple(resize(images[:0], 12).shape) == (0, 2, 12, 12)
