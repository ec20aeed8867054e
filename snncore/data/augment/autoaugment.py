"""AutoAugment (Cubuk et al. 2019, arXiv 1805.09501), on whole batches.

For each image one of 25 sub-policies is drawn: two operations, each applied with its probability, at its
level 0 … 9. Images with the same operation are changed together. N images uint8 (N, C, H, W), C 1 or 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from snncore.data.augment import image_ops
from snncore.data.augment.policies import CIFAR10, IMAGENET, Policy
from snncore.data.specs import DataSpec
from snncore.errors import DataError

_LARGEST_OF_CIFAR = 32  # pixels; larger images get the policy found on ImageNet


def make_autoaugment(name: str, spec: DataSpec, fill: int = 0) -> Callable[[Tensor, Generator], Tensor]:
    """A function of a batch: the policy found on CIFAR-10, or above 32 pixels the one found on ImageNet.

    fill: the grey, 0 to 255, of pixels from outside, where an image is moved.

    Raises:
        DataError: the images have neither one grey channel nor three colours.
    """
    if spec.channels not in (1, 3):
        raise DataError(
            f"data.augment: 'autoaugment' changes grey or RGB images, and {name} has {spec.channels} "
            "channels; use crop_flip or fast"
        )
    policy = CIFAR10 if max(spec.height, spec.width) <= _LARGEST_OF_CIFAR else IMAGENET
    return lambda images, generator: autoaugment(images, policy, generator, fill)


def autoaugment(images: Tensor, policy: Policy, generator: Generator, fill: int = 0) -> Tensor:
    """Change each image by a random sub-policy; `generator` is on the images' device.

    Signed operations (shear, translate, rotate, colours) have either sign with probability ½.
    """
    N, _, H, W = images.shape
    device = images.device
    sub_policy = torch.randint(0, len(policy), (N,), generator=generator, device=device)
    chance = torch.rand(2, N, generator=generator, device=device)
    sign = 1 - 2 * torch.randint(0, 2, (2, N), generator=generator, device=device)
    for slot in (0, 1):
        choices = [pair[slot] for pair in policy]
        codes = torch.tensor([_CODES[operation] for operation, _, _ in choices], device=device)
        probabilities = torch.tensor([probability for _, probability, _ in choices], device=device)
        strengths = torch.tensor(
            [OPERATIONS[operation].strength(level, H, W) for operation, _, level in choices], device=device
        )
        is_done = chance[slot] < probabilities[sub_policy]
        code = torch.where(is_done, codes[sub_policy], len(OPERATIONS))
        images = _apply(images, code, strengths[sub_policy], sign[slot], fill)
    return images


def _apply(images: Tensor, code: Tensor, strength: Tensor, sign: Tensor, fill: int) -> Tensor:
    """Apply to each image the operation number `code`; a code beyond the last leaves it unchanged."""
    counts = code.bincount(minlength=len(OPERATIONS) + 1).tolist()  # the only wait for the device
    groups = code.argsort(stable=True).split(counts)
    changed = images.clone()
    for operation, rows in zip(OPERATIONS.values(), groups[:-1], strict=True):
        if len(rows):
            change = operation.apply(images[rows], operation.signed(strength[rows], sign[rows]), fill)
            changed.index_copy_(0, rows, change)
    return changed


@dataclass(frozen=True)
class Operation:
    """apply(images, signed strength, fill); strength(level, H, W) as torchvision's; signed(strength, ±1).

    fill: the grey of pixels from outside, 0 by default, for operations that move images.
    """

    apply: Callable[..., Tensor]
    strength: Callable[[int, int, int], float]
    signed: Callable[[Tensor, Tensor], Tensor]


def _geometric(
    fill_matrix: Callable[[Tensor, Tensor, int, int], None], strength: Callable[[int, int, int], float]
) -> Operation:
    """fill_matrix(matrix, strength, H, W) writes the source of pixels into the identity (N, 2, 3)."""

    def apply(images: Tensor, strengths: Tensor, fill: int = 0) -> Tensor:
        N, _, H, W = images.shape
        matrix = torch.eye(2, 3, device=images.device).repeat(N, 1, 1)
        fill_matrix(matrix, strengths, H, W)
        return image_ops.move(images, matrix, fill)

    return Operation(apply, strength, lambda strength, sign: strength * sign)


def _colour(apply: Callable[[Tensor, Tensor], Tensor]) -> Operation:
    return Operation(
        lambda images, strengths, fill=0: apply(images, strengths),
        lambda level, H, W: 0.9 * level / 9,
        lambda strength, sign: 1 + strength * sign,
    )


def _unsigned(
    apply: Callable[[Tensor, Tensor], Tensor], strength: Callable[[int], float] = lambda level: 0.0
) -> Operation:
    return Operation(
        lambda images, strengths, fill=0: apply(images, strengths),
        lambda level, H, W: strength(level),
        lambda strength, sign: strength,
    )


def _shear_x(matrix: Tensor, strength: Tensor, H: int, W: int) -> None:
    matrix[:, 0, 1] = strength
    matrix[:, 0, 2] = strength * H / 2  # the top edge stays


def _shear_y(matrix: Tensor, strength: Tensor, H: int, W: int) -> None:
    matrix[:, 1, 0] = strength
    matrix[:, 1, 2] = strength * W / 2  # the left edge stays


def _translate_x(matrix: Tensor, strength: Tensor, H: int, W: int) -> None:
    matrix[:, 0, 2] = -strength


def _translate_y(matrix: Tensor, strength: Tensor, H: int, W: int) -> None:
    matrix[:, 1, 2] = -strength


def _rotate(matrix: Tensor, strength: Tensor, H: int, W: int) -> None:
    angle = strength * (math.pi / 180)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 1, 0] = angle.sin()
    matrix[:, 0, 1] = -angle.sin()


OPERATIONS = {
    "ShearX": _geometric(_shear_x, lambda level, H, W: 0.3 * level / 9),
    "ShearY": _geometric(_shear_y, lambda level, H, W: 0.3 * level / 9),
    "TranslateX": _geometric(_translate_x, lambda level, H, W: float(int(150 / 331 * W * level / 9))),
    "TranslateY": _geometric(_translate_y, lambda level, H, W: float(int(150 / 331 * H * level / 9))),
    "Rotate": _geometric(_rotate, lambda level, H, W: 30.0 * level / 9),
    "Brightness": _colour(image_ops.brightness),
    "Color": _colour(image_ops.saturation),
    "Contrast": _colour(image_ops.contrast),
    "Sharpness": _colour(image_ops.sharpness),
    "Posterize": _unsigned(image_ops.posterize, lambda level: 8.0 - round(level * 4 / 9)),
    "Solarize": _unsigned(image_ops.solarize, lambda level: 255 - 255.0 * level / 9),
    "AutoContrast": _unsigned(lambda images, _: image_ops.autocontrast(images)),
    "Equalize": _unsigned(lambda images, _: image_ops.equalize(images)),
    "Invert": _unsigned(lambda images, _: image_ops.invert(images)),
}
"""By the paper's names; levels as in torchvision's AutoAugment."""

_CODES = {name: code for code, name in enumerate(OPERATIONS)}
