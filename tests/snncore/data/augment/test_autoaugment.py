from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from snncore.data.augment.autoaugment import OPERATIONS, autoaugment, make_autoaugment
from snncore.data.augment.policies import CIFAR10, IMAGENET, Policy
from snncore.data.specs import DataSpec
from snncore.data.torchvision_shim import import_torchvision
from tests.snncore.data.fixtures import random_images

GEOMETRIC = {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"}


@pytest.fixture(scope="module")
def published() -> Any:
    import_torchvision()
    from torchvision.transforms import autoaugment

    return autoaugment


def samples(*shape: int) -> Tensor:
    """Images of every kind that an operation may trip over."""
    images = random_images(6, *shape)
    images[1] = images[1] // 3 + 40  # few values
    images[2] = 7  # one value
    images[3, :, : shape[1] // 2] = 0  # half black
    images[4] = (images[4] / 255.0) ** 4 * 255  # mostly dark
    images[5] = np.linspace(0, 255, images[5].size).reshape(shape)
    return torch.from_numpy(images)


def one_by_one(published: Any, images: Tensor, name: str, level: int, sign: int) -> Tensor:
    """What torchvision makes of each image."""
    space = published.AutoAugment()._augmentation_space(10, tuple(images.shape[2:]))
    strengths, is_signed = space[name]
    strength = float(strengths[level]) if strengths.dim() else 0.0
    nearest = published.InterpolationMode.NEAREST
    strength *= sign if is_signed else 1
    return torch.stack([published._apply_op(image, name, strength, nearest, None) for image in images])


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 37, 45)])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_does_what_torchvisions_does(published: Any, name: str, shape: tuple[int, ...]) -> None:
    images = samples(*shape)
    _, H, W = shape
    operation = OPERATIONS[name]
    for level in (0, 1, 2, 5, 8, 9):
        for sign in (1, -1):
            strength = torch.full((len(images),), operation.strength(level, H, W))
            signed = operation.signed(strength, torch.full((len(images),), sign))
            found = operation.apply(images, signed)
            expected = one_by_one(published, images, name, level, sign)
            assert found.dtype == torch.uint8
            difference = (found.int() - expected.int()).abs()
            if name in GEOMETRIC:  # a pixel halfway between two neighbours may take either
                assert (difference > 0).float().mean() < 0.05
            else:
                assert difference.max() <= 1


@pytest.mark.parametrize("name", OPERATIONS)
def test_strengths_differ_within_a_batch(name: str) -> None:
    images = samples(3, 32, 32)
    operation = OPERATIONS[name]
    strength = torch.tensor([operation.strength(level, 32, 32) for level in (0, 2, 4, 6, 8, 9)])
    signed = operation.signed(strength, torch.tensor([1, -1, 1, -1, 1, -1]))
    alone = [operation.apply(images[i : i + 1], signed[i : i + 1]) for i in range(6)]
    assert torch.equal(operation.apply(images, signed), torch.cat(alone))


@pytest.mark.parametrize("name", ["CIFAR10", "IMAGENET"])
def test_policies_are_the_published_ones(published: Any, name: str) -> None:
    ours: Policy = {"CIFAR10": CIFAR10, "IMAGENET": IMAGENET}[name]
    policy = published.AutoAugmentPolicy[name]
    theirs = [
        tuple((operation, probability, level or 0) for operation, probability, level in pair)
        for pair in published.AutoAugment(policy).policies
    ]
    assert list(ours) == theirs


def slow_autoaugment(images: Tensor, policy: Policy, generator: Generator) -> Tensor:
    """Image by image, with the same draws in the same order."""
    N, _, H, W = images.shape
    sub_policies = torch.randint(0, len(policy), (N,), generator=generator).tolist()
    chance = torch.rand(2, N, generator=generator)
    sign = 1 - 2 * torch.randint(0, 2, (2, N), generator=generator)
    done = []
    for number, sub_policy in enumerate(sub_policies):
        image = images[number : number + 1]
        for slot, (name, probability, level) in enumerate(policy[sub_policy]):
            operation = OPERATIONS[name]
            if chance[slot, number] < probability:
                strength = torch.tensor([operation.strength(level, H, W)])
                image = operation.apply(image, operation.signed(strength, sign[slot, number]))
        done.append(image)
    return torch.cat(done)


@pytest.mark.parametrize(("policy", "shape"), [(CIFAR10, (3, 32, 32)), (IMAGENET, (1, 40, 40))])
def test_a_batch_is_changed_as_its_images_one_by_one(policy: Policy, shape: tuple[int, ...]) -> None:
    images = torch.from_numpy(random_images(100, *shape) // 2)
    before = images.clone()
    changed = autoaugment(images, policy, Generator().manual_seed(5))
    assert torch.equal(changed, slow_autoaugment(images, policy, Generator().manual_seed(5)))
    assert torch.equal(images, before)
    assert 0.5 < (changed != images).flatten(1).any(1).float().mean() < 1


def test_probability_decides_how_often() -> None:
    policy: Policy = ((("Invert", 0.3, 0), ("Invert", 0.0, 0)),)
    images = torch.zeros(4000, 1, 2, 2, dtype=torch.uint8)
    changed = autoaugment(images, policy, Generator().manual_seed(0))
    assert (changed[:, 0, 0, 0] == 255).float().mean() == pytest.approx(0.3, abs=5 * (0.21 / 4000) ** 0.5)


def test_signs_go_either_way() -> None:
    policy: Policy = ((("TranslateX", 1.0, 9), ("Invert", 0.0, 0)),)
    images = torch.zeros(1000, 1, 32, 32, dtype=torch.uint8)
    images[:, :, :, 16] = 1
    columns = autoaugment(images, policy, Generator().manual_seed(0))[:, 0, 0].argmax(1)
    places, counts = columns.unique(return_counts=True)
    assert places.tolist() == [2, 30]  # 14 of 32 pixels
    assert counts.numpy() == pytest.approx(500, abs=80)


@pytest.mark.parametrize("name", ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"])
def test_what_comes_in_where_images_move_is_the_fill(name: str) -> None:
    policy: Policy = (((name, 1.0, 9), ("Invert", 0.0, 0)),)
    images = torch.full((8, 3, 32, 32), 7, dtype=torch.uint8)
    for fill in (0, 128):
        moved = autoaugment(images, policy, Generator().manual_seed(0), fill)
        assert moved.dtype == torch.uint8
        assert moved.unique().tolist() == sorted({7, fill})


@pytest.mark.parametrize(("side", "policy"), [(28, CIFAR10), (32, CIFAR10), (33, IMAGENET), (64, IMAGENET)])
def test_larger_images_take_the_policy_of_imagenet(side: int, policy: Policy) -> None:
    spec = DataSpec(2, 3, side, side, 1, 1)
    images = torch.from_numpy(random_images(50, 3, side, side))
    found = make_autoaugment("folder", spec)(images, Generator().manual_seed(0))
    assert torch.equal(found, autoaugment(images, policy, Generator().manual_seed(0)))
