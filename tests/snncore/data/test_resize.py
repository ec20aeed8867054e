from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from snncore.data import resize as module
from snncore.data.resize import resize
from snncore.errors import DataError
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
    monkeypatch.setattr(module, "_AT_ONCE", 3 * 4 * 2 * 12**2)  # three of the images
    assert torch.equal(resize(images, 12), at_once)
    assert resize(torch.full((1, 1, 8, 8), 255, dtype=torch.uint8), 11).unique().tolist() == [255]
    assert tuple(resize(images[:0], 12).shape) == (0, 2, 12, 12)


def test_large_images_are_never_all_floats_at_once_and_too_large_ones_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []

    def noted(part: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        values = interpolate(part, *arguments, **options)
        sizes.append(values.numel() * 4)
        return values

    monkeypatch.setattr(module, "interpolate", noted)
    images = torch.from_numpy(random_images(40, 1, 8, 8))
    assert tuple(resize(images, 1000).shape) == (40, 1, 1000, 1000)
    assert max(sizes) <= 2**26
    with pytest.raises(DataError, match=r"40 images of 10000000 x 10000000 takes .* of memory"):
        resize(images, 10_000_000)
