from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Generator

from snncore.data.batches import Batch, Batches, eval_batches
from snncore.data.normalisation import Normalisation
from snncore.data.split import Split
from tests.snncore.data.fixtures import random_images

NORMALISATION = Normalisation((0.5,), (0.25,))


def numbered(n: int) -> Split:
    """A split in which image i is filled with i, and has label i."""
    numbers = torch.arange(n)
    return Split(numbers.to(torch.uint8).view(n, 1, 1, 1).expand(n, 1, 8, 8).contiguous(), numbers)


def make(n: int, batch_size: int, augment: Any = "none", seed: int = 0) -> Batches:
    return Batches(numbered(n), batch_size, NORMALISATION, augment, Generator().manual_seed(seed))


def listed(batches: Iterator[Batch]) -> list[Batch]:
    return [(x.clone(), y.clone()) for x, y in batches]


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left, right, strict=True)
    )


def test_an_epoch_holds_every_image_once_with_its_label() -> None:
    batches = listed(make(50, 16).epoch())
    assert [len(y) for _, y in batches] == [16, 16, 16, 2]
    labels = torch.cat([y for _, y in batches])
    assert sorted(labels.tolist()) == list(range(50))
    assert labels.tolist() != list(range(50))
    for x, y in batches:
        assert x.dtype == torch.float32
        assert x.shape == (len(y), 1, 8, 8)
        torch.testing.assert_close(x[:, 0, 0, 0], (y / 255 - 0.5) / 0.25)


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [
        (33, 16, [16, 16]),  # a lone image is left out
        (34, 16, [16, 16, 2]),
        (32, 16, [16, 16]),
        (1, 16, [1]),  # unless it is all there is
        (3, 1, [1, 1, 1]),  # or single images were asked for
        (10, 64, [10]),
        (0, 4, []),
    ],
)
def test_sizes_of_batches(n: int, batch_size: int, sizes: list[int]) -> None:
    batches = make(n, batch_size)
    assert [len(y) for _, y in batches.epoch()] == sizes
    assert len(batches) == len(sizes)


def test_another_epoch_has_another_order() -> None:
    batches = make(50, 50)
    (_, first), (_, second) = next(batches.epoch()), next(batches.epoch())
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_the_state_of_the_generator_brings_the_same_batches_again(augment: str) -> None:
    batches = make(40, 16, augment)
    listed(batches.epoch())
    state = batches.generator.get_state()
    going_on = [listed(batches.epoch()), listed(batches.epoch())]
    resumed = make(40, 16, augment, seed=99)
    resumed.generator.set_state(state)
    assert same(going_on[0], listed(resumed.epoch()))
    assert same(going_on[1], listed(resumed.epoch()))


def test_crop_flip_changes_images_and_not_the_set() -> None:
    batches = make(20, 20, "crop_flip")
    x, y = next(batches.epoch())
    torch.testing.assert_close(x[:, 0, 4, 4], (y / 255 - 0.5) / 0.25)  # the middle is never cut off
    assert (x[:, 0, 0] == -2).any()  # black came in
    assert torch.equal(batches.images, numbered(20).images)


def test_batches_draw_from_their_own_generator_alone() -> None:
    before = torch.get_rng_state()
    listed(make(20, 8, "crop_flip").epoch())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("n", "sizes"), [(33, [16, 16, 1]), (16, [16]), (1, [1]), (0, [])])
def test_evaluation_is_in_order_and_complete(n: int, sizes: list[int]) -> None:
    batches = listed(eval_batches(numbered(n), 16, NORMALISATION))
    assert [len(y) for _, y in batches] == sizes
    assert [label for _, y in batches for label in y.tolist()] == list(range(n))
    for x, y in batches:
        torch.testing.assert_close(x[:, 0, 0, 0], (y / 255 - 0.5) / 0.25)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_stay_on_the_device() -> None:
    images = torch.from_numpy(random_images(100, 3, 32, 32))
    split = Split(images, torch.arange(100))
    generator = Generator("cuda").manual_seed(0)
    normalisation = Normalisation((0.5,) * 3, (0.25,) * 3)
    batches = Batches(split, 32, normalisation, "crop_flip", generator, "cuda")
    found = listed(batches.epoch())
    assert {x.device.type for x, _ in found} == {y.device.type for _, y in found} == {"cuda"}
    assert sorted(label for _, y in found for label in y.tolist()) == list(range(100))
    for (x, _), (reference, _) in zip(
        eval_batches(split, 64, normalisation, "cuda"), eval_batches(split, 64, normalisation), strict=True
    ):
        torch.testing.assert_close(x.cpu(), reference)
