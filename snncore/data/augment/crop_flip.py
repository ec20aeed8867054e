"""Augmentation of training samples: whole batches at once, on their device, before normalisation.

N images, C channels, H × W pixels, p pixels of padding.
Every function draws from the generator that it is given, which is on the samples' device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from snncore.config.schema import DataConfig
from snncore.data.batches.normalisation import Normalisation
from snncore.data.specs import DataSpec
from snncore.errors import DataError

Augmentation: TypeAlias = Callable[[Tensor, Generator], Tensor]
"""Changes a batch of bytes; same shape and dtype."""

GREY = 128
"""The fill of AutoAugment in P1's published code."""


def make_augmentation(config: DataConfig, spec: DataSpec, normalisation: Normalisation) -> Augmentation:
    """The augmentation of `data.augment` and `data.cutout`, as a function of a batch.

    (The crops and mirrors of `imagenet` are made when files are decoded, not here.)

    Raises:
        DataError: it does not apply to samples of this kind; the message says what does.
    """
    name = config.augment
    if config.cutout and spec.has_time:
        raise DataError("data.cutout: Cutout is for still images; allowed for event frames: 0")
    if name == "events":
        if not spec.has_time:
            raise DataError(
                f"data.augment: 'events' is for event frames, and {config.name} holds still images"
            )
        from snncore.data.events.augment import augment_events

        return augment_events
    if (name == "imagenet") != (config.name == "imagenet") and name != "none":
        raise DataError(
            f"data.augment: {name!r} with {config.name}: imagenet takes 'imagenet' or none, "
            "and no other set takes 'imagenet'"
        )
    if name != "none" and spec.has_time:
        raise DataError(f"data.augment: {name!r} is for still images; allowed for event frames: none, events")
    changes: list[Augmentation] = []
    if name in ("crop_flip", "fast", "autoaugment"):
        changes.append(crop_flip)
    if name == "autoaugment":
        from snncore.data.augment.autoaugment import make_autoaugment

        changes.append(make_autoaugment(config.name, spec, 0 if config.cutout is None else GREY))
    return _in_turn([*changes, *_cutouts(config, spec, normalisation)])


def _cutouts(config: DataConfig, spec: DataSpec, normalisation: Normalisation) -> list[Augmentation]:
    """The Cutout of `data.cutout`, if any; null: as before this field was added."""
    side, fill = config.cutout, (0,) * spec.channels
    if side is None and config.augment in ("fast", "autoaugment"):
        side, fill = spec.height // 2, tuple(round(255 * mean) for mean in normalisation.mean)
    return [lambda images, generator: cutout(images, generator, side, fill)] if side else []


def _in_turn(changes: Sequence[Augmentation]) -> Augmentation:
    def change(images: Tensor, generator: Generator) -> Tensor:
        for each in changes:
            images = each(images, generator)
        return images

    return change if changes else unchanged


def unchanged(images: Tensor, generator: Generator) -> Tensor:
    """No augmentation; draws nothing."""
    return images


def crop_padding(height: int) -> int:
    """Black pixels added on each side before cropping: 4 from 28 pixels up, an eighth of smaller images."""
    return 4 if height >= 28 else height // 8


def crop_flip(images: Tensor, generator: Generator) -> Tensor:
    """Shift each image (N, C, H, W) by up to p pixels, filled with black, and mirror half of them.

    Per image a crop of H × W at a uniform position of the padded image, then with probability ½ a mirror
    left to right.
    """
    N, C, H, W = images.shape
    padding = crop_padding(H)
    device = images.device
    top, left = torch.randint(
        0, 2 * padding + 1, (2, N, 1), generator=generator, device=device
    )  # (N, 1) each
    is_flipped = torch.randint(0, 2, (N, 1), generator=generator, device=device).bool()
    across = torch.arange(W, device=device)
    rows = top + torch.arange(H, device=device)  # (N, H)
    columns = left + torch.where(is_flipped, across.flip(0), across)  # (N, W)
    padded = pad(images, (padding,) * 4).flatten(2)  # (N, C, (H + 2p)·(W + 2p))
    pixels = rows.unsqueeze(2) * (W + 2 * padding) + columns.unsqueeze(1)  # (N, H, W)
    chosen = pixels.view(N, 1, H * W).expand(N, C, H * W)
    return padded.gather(2, chosen).view(N, C, H, W)


def cutout(images: Tensor, generator: Generator, side: int, fill: tuple[int, ...]) -> Tensor:
    """Cover a square of `side` pixels in each image (N, C, H, W) with `fill`, a value per channel.

    Cutout (DeVries & Taylor 2017): the centre is any pixel of the image, so the square may reach over the
    edge. P1 covers images scaled to 0 … 1 with 0, before they are normalised: black.
    """
    N, _, H, W = images.shape
    device = images.device
    y = torch.randint(0, H, (N, 1), generator=generator, device=device) - side // 2  # first row covered
    x = torch.randint(0, W, (N, 1), generator=generator, device=device) - side // 2
    rows, columns = torch.arange(H, device=device), torch.arange(W, device=device)
    in_rows = (rows >= y) & (rows < y + side)  # (N, H)
    in_columns = (columns >= x) & (columns < x + side)  # (N, W)
    is_covered = in_rows.view(N, 1, H, 1) & in_columns.view(N, 1, 1, W)
    colour = torch.tensor(fill, dtype=images.dtype, device=device).view(1, -1, 1, 1)
    return torch.where(is_covered, colour, images)
