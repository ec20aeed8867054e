from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from snncore.config.schema import DataConfig
from snncore.data.augment.autoaugment import autoaugment
from snncore.data.augment.crop_flip import crop_flip, crop_padding, cutout, make_augmentation
from snncore.data.augment.policies import CIFAR10
from snncore.data.batches.normalisation import Normalisation
from snncore.data.events.augment import augment_events
from snncore.data.specs import DataSpec
from snncore.errors import DataError
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


FILL = (10, 20, 30)


def slow_cutout(images: Tensor, generator: torch.Generator) -> NDArray[np.uint8]:
    """Image by image, with the same draws: rows and columns from the centre minus to plus a quarter."""
    N, _, H, W = images.shape
    ys = torch.randint(0, H, (N,), generator=generator).tolist()
    xs = torch.randint(0, W, (N,), generator=generator).tolist()
    done = images.numpy().copy()
    for image, y, x in zip(done, ys, xs, strict=True):
        top, left = max(0, y - H // 2 // 2), max(0, x - H // 2 // 2)
        bottom, right = y - H // 2 // 2 + H // 2, x - H // 2 // 2 + H // 2
        image[:, top:bottom, left:right] = np.reshape(FILL, (3, 1, 1))
    return done


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 9, 14)])
def test_cutout_equals_the_slow_way(shape: tuple[int, ...]) -> None:
    images = torch.from_numpy(random_images(64, *shape))
    fast = cutout(images, torch.Generator().manual_seed(3), shape[1] // 2, FILL)
    assert fast.dtype == torch.uint8
    assert np.array_equal(fast.numpy(), slow_cutout(images, torch.Generator().manual_seed(3)))


def test_cutout_covers_16_of_32_and_less_at_the_edge() -> None:
    images = torch.ones(2000, 1, 32, 32, dtype=torch.uint8)
    covered = (cutout(images, torch.Generator().manual_seed(0), 16, (0,)) == 0).sum((1, 2, 3))
    assert covered.max() == 16 * 16
    assert covered.min() == 8 * 8  # the centre in a corner


SPEC = DataSpec(10, 3, 32, 32, 100, 20)
MEAN = Normalisation((0.1, 0.2, 0.3), (1.0, 1.0, 1.0))


def made(spec: DataSpec = SPEC, **data: Any) -> Tensor:
    images = torch.from_numpy(random_images(16, *spec.image_shape))
    change = make_augmentation(DataConfig(**data), spec, MEAN)
    return change(images, torch.Generator().manual_seed(1))


def test_each_name_is_its_recipe() -> None:
    images = torch.from_numpy(random_images(16, 3, 32, 32))
    generator = torch.Generator().manual_seed(1)
    assert torch.equal(made(name="cifar10"), images)
    assert torch.equal(made(name="imagenet", augment="imagenet"), images)  # done while decoding
    cropped = crop_flip(images, generator)
    assert torch.equal(made(name="cifar10", augment="crop_flip"), cropped)
    assert torch.equal(
        made(name="cifar10", augment="fast"),
        cutout(cropped, generator, 16, (26, 51, 76)),  # the mean colour, rounded
    )
    generator = torch.Generator().manual_seed(1)
    recipe = autoaugment(crop_flip(images, generator), CIFAR10, generator)
    whole = cutout(recipe, generator, 16, (26, 51, 76))
    assert torch.equal(made(name="cifar10", augment="autoaugment"), whole)
    frames = replace(SPEC, has_time=True)
    assert make_augmentation(DataConfig(name="nmnist", augment="events"), frames, MEAN) is augment_events


@pytest.mark.parametrize("augment", ["none", "crop_flip", "fast", "imagenet"])
def test_a_given_cutout_is_black_and_comes_last(augment: str) -> None:
    name = "imagenet" if augment == "imagenet" else "cifar10"
    generator = torch.Generator().manual_seed(1)
    images = torch.from_numpy(random_images(16, 3, 32, 32))
    before = crop_flip(images, generator) if augment in ("crop_flip", "fast") else images
    assert torch.equal(made(name=name, augment=augment, cutout=0), before)
    found = made(name=name, augment=augment, cutout=10)
    assert torch.equal(found, cutout(before, generator, 10, (0, 0, 0)))


@pytest.mark.parametrize("side", [0, 16])
def test_with_a_given_cutout_autoaugment_fills_with_grey(side: int) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.from_numpy(random_images(16, 3, 32, 32))
    expected = autoaugment(crop_flip(images, generator), CIFAR10, generator, 128)
    expected = cutout(expected, generator, side, (0, 0, 0))
    assert torch.equal(made(name="cifar10", augment="autoaugment", cutout=side), expected)


@pytest.mark.parametrize(
    ("spec", "data", "message"),
    [
        (
            SPEC,
            {"name": "cifar10", "augment": "events"},
            "'events' is for event frames, and cifar10 holds still",
        ),
        (SPEC, {"name": "cifar10", "augment": "imagenet"}, "'imagenet' with cifar10: imagenet takes"),
        (
            SPEC,
            {"name": "imagenet", "augment": "fast"},
            "'fast' with imagenet: imagenet takes 'imagenet' or none",
        ),
        (
            replace(SPEC, has_time=True),
            {"name": "nmnist", "augment": "fast"},
            "allowed for event frames: none, events",
        ),
        (
            replace(SPEC, channels=2),
            {"name": "npz", "augment": "autoaugment"},
            "npz has 2 channels; use crop_flip",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(spec: DataSpec, data: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"data\.augment: .*{message}"):
        made(spec, **data)


def test_frames_of_ones_own_take_no_cutout() -> None:
    with pytest.raises(DataError, match=r"data\.cutout: Cutout is for still images"):
        made(replace(SPEC, has_time=True), name="npz", cutout=4)
