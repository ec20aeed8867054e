from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from snncore.data.augment import crop_flip, crop_padding
from tests.snncore.data.fixtures import random_images


def slow_crop_flip(images: Tensor, generator: torch.Generator) -> NDArray[np.uint8]:
    """Image by image: pad with zeros, cut, mirror; with the same draws in the same order."""
    N, _, H, W = images.shape
    padding = crop_padding(H)
    top, left = torch.randint(0, 2 * padding + 1, (2, N, 1), generator=generator).squeeze(2).tolist()
    flips = torch.randint(0, 2, (N, 1), generator=generator).flatten().tolist()
    done = []
    for image, y, x, flip in zip(images.numpy(), top, left, flips, strict=True):
        cut = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))[:, y : y + H, x : x + W]
        done.append(cut[:, :, ::-1] if flip else cut)
    return np.stack(done)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (2, 28, 28), (1, 4, 4), (3, 1, 1)])
@pytest.mark.parametrize("n", [1, 64])
def test_it_equals_the_slow_way(shape: tuple[int, ...], n: int) -> None:
    images = torch.from_numpy(random_images(n, *shape))
    fast = crop_flip(images, torch.Generator().manual_seed(3))
    assert fast.dtype == torch.uint8
    assert np.array_equal(fast.numpy(), slow_crop_flip(images, torch.Generator().manual_seed(3)))


@pytest.mark.parametrize(
    ("height", "padding"), [(4, 0), (8, 1), (16, 2), (27, 3), (28, 4), (32, 4), (224, 4)]
)
def test_padding(height: int, padding: int) -> None:
    assert crop_padding(height) == padding


def test_every_shift_and_both_mirrors_come_equally_often() -> None:
    n = 18_000
    images = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    images[:, 0, 4, 2] = 255
    moved = crop_flip(images, torch.Generator().manual_seed(0))
    places, counts = moved.flatten(1).argmax(1).unique(return_counts=True)
    expected = {8 * row + column for row in (3, 4, 5) for column in (1, 2, 3, 4, 5, 6)}
    assert set(places.tolist()) == expected  # columns 1-3, and mirrored 4-6
    assert counts.numpy() == pytest.approx(1000, abs=160)  # five standard deviations


def test_what_comes_in_from_outside_is_black() -> None:
    moved = crop_flip(torch.full((200, 1, 8, 8), 9, dtype=torch.uint8), torch.Generator().manual_seed(0))
    assert moved.unique().tolist() == [0, 9]
    assert (moved[:, :, 1:-1, 1:-1] == 9).all()
