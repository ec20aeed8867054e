"""Simulates events from still images, as from an event camera that moves over them.

The model: N-MNIST's camera made three saccades before each digit, along a triangle: right and down, right
and up, and back to the left, each in the same time (Orchard et al. 2015; 3.5, 3.5 and 7 of 28 columns, 7
rows). Here the image moves along that triangle, in proportion to its size, in steps of at most a pixel. At a
position between pixels the grey value is interpolated (bilinear); beyond the edge it is that of the edge.
Each pixel stores a level of log(grey + 0.1), grey from 0 to 1. For each threshold of 0.3 by which the value
exceeds the level, it sends an event of channel 1 (on) and raises the level by 0.3; for each by which the
value is below it, an event of channel 0 (off), and lowers the level. There is no noise and no refractory
time: the same images give the same events.

M images, C channels, H × W pixels, T time steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from snncore.data.events.cache import FOLDER, FrameKey, cached_frames, print_stderr
from snncore.data.split import Split

_CORNERS = ((0.0, 0.0), (1 / 4, 1 / 8), (0.0, 1 / 4), (0.0, 0.0))
"""Rows and columns by which the image has moved after each saccade, as shares of its height and width."""

_THRESHOLD, _DARK = 0.3, 0.1
_SLACK = 1.001
"""Factor on differences: when the image returns to a position, the difference is a whole number of thresholds
up to rounding, and every machine should give the same events."""

_PIXELS_AT_ONCE = 2**18  # a few MiB of float32, to fit into a processor's cache
_CACHED_BYTES = 2**26  # smaller sets of frames are made in memory, in a second or two


def frames_of_images(images: Tensor, T: int) -> Tensor:
    """Events of uint8 images (M, C, H, W), counted in T steps of equal duration: uint8 (M, T, 2, H, W).

    Colours are weighted as for luma (0.299, 0.587, 0.114), other numbers of channels evenly. Counts are
    limited to 255.
    """
    M, _, H, W = images.shape
    frames = torch.empty(M, T, 2, H, W, dtype=torch.uint8)
    start = 0
    for part in _chunks(images, T):
        frames[start : start + len(part)] = part
        start += len(part)
    return frames


def split_of_images(split: Split, T: int, name: str, is_train: bool, root: str | Path) -> Split:
    """`frames_of_images` with the labels; more than 64 MiB of frames are cached under `root`.

    Raises:
        DataError: no folder can hold the frames.
    """
    M, _, H, W = split.images.shape
    if M * T * 2 * H * W <= _CACHED_BYTES:
        return Split(frames_of_images(split.images, T), split.labels)
    part = "train" if is_train else "test"
    source = blake2b(split.images.numpy().data, digest_size=16).hexdigest()
    key = FrameKey(name, part, (M, T, 2, H, W), "saccades", source)

    def frames() -> Iterator[NDArray[Any]]:
        print_stderr(
            f"{name}: simulating events of {M} {part} images in T={T} frames, "
            f"kept in {FOLDER} for the next time"
        )
        return (chunk.numpy() for chunk in _chunks(split.images, T))

    return Split(torch.from_numpy(cached_frames(key, root, frames)), split.labels)


def _chunks(images: Tensor, T: int) -> Iterator[Tensor]:
    H, W = images.shape[2:]
    for part in images.split(max(1, _PIXELS_AT_ONCE // (H * W))):
        yield _simulate(_grey(part), T)


def _grey(images: Tensor) -> Tensor:
    """float32 (M, H, W), 0 … 1."""
    C = images.shape[1]
    weights = (0.299, 0.587, 0.114) if C == 3 else (1 / C,) * C
    return torch.einsum("mchw,c->mhw", images.float(), torch.tensor(weights)) / 255


def _simulate(grey: Tensor, T: int) -> Tensor:
    """uint8 (M, T, 2, H, W) from grey values (M, H, W)."""
    M, H, W = grey.shape
    path = saccade_path(H, W, T)
    margin = math.ceil(max(H / 4, W / 4)) + 1
    wide = pad(grey.unsqueeze(1), (margin,) * 4, mode="replicate").squeeze(1)
    level = (grey + _DARK).log()
    counts = torch.zeros(M, T, 2, H, W)
    for step, (down, right) in enumerate(path):
        seen = (_moved(wide, margin, down, right, H, W) + _DARK).log_()
        events = seen.sub_(level).mul_(_SLACK / _THRESHOLD).trunc_()  # signed number of thresholds passed
        level.add_(events, alpha=_THRESHOLD)
        now = counts[:, step * T // len(path)]
        now[:, 0] -= events.clamp(max=0)
        now[:, 1] += events.clamp_(min=0)
    return counts.clamp_(max=255).to(torch.uint8)


def _moved(wide: Tensor, margin: int, down: float, right: float, H: int, W: int) -> Tensor:
    """The image moved down and right, from its padded form: float32 (M, H, W)."""
    top, left = margin - down, margin - right
    row, column = math.floor(top), math.floor(left)
    below, beside = top - row, left - column  # weights of the next row and column
    upper = wide[:, row : row + H, column : column + W + 1]
    lower = wide[:, row + 1 : row + 1 + H, column : column + W + 1]
    rows = torch.lerp(upper, lower, below)  # (M, H, W + 1)
    return torch.lerp(rows[:, :, :-1], rows[:, :, 1:], beside)


def saccade_path(H: int, W: int, T: int) -> list[tuple[float, float]]:
    """Rows and columns by which the image has moved after each small step; the last is (0, 0).

    No step moves by more than a pixel. The number of steps is a multiple of 3·T, so that all frames have
    equally many, and all saccades too.
    """
    legs = list(pairwise(_CORNERS))
    longest = max(math.hypot((b[0] - a[0]) * H, (b[1] - a[1]) * W) for a, b in legs)
    per_leg = math.ceil(longest / T) * T
    path = []
    for a, b in legs:
        for step in range(1, per_leg + 1):
            share = step / per_leg
            path.append(((a[0] + (b[0] - a[0]) * share) * H, (a[1] + (b[1] - a[1]) * share) * W))
    return path
