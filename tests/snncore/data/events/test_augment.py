from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from snncore.data.events.augment import augment_events


def random_frames(*shape: int, dtype: torch.dtype = torch.uint8, seed: int = 0) -> Tensor:
    return torch.randint(1, 250, shape, generator=Generator().manual_seed(seed)).to(dtype)


def augment(frames: Tensor, seed: int = 0) -> Tensor:
    return augment_events(frames, Generator().manual_seed(seed))


def slow_augment(frames: Tensor, generator: Generator) -> NDArray[np.int64]:
    """Sample by sample, frame by frame, pixel by pixel; with the same draws in the same order."""
    N, _, _, H, W = frames.shape
    mirrors, choices = (
        torch.randint(0, n, (N, 1, 1), generator=generator).flatten().tolist() for n in (2, 3)
    )
    shifts = torch.randint(-5, 6, (2, N, 1, 1), generator=generator).view(2, N).T.tolist()
    turns = torch.rand((N, 1, 1), generator=generator).flatten().tolist()
    squares = [torch.randint(0, size, (N, 1, 1), generator=generator).flatten().tolist() for size in (H, W)]
    side = H // 3
    done = np.zeros(frames.shape, dtype=np.int64)
    for n in range(N):
        sample = frames[n].numpy().astype(np.int64)
        if mirrors[n]:
            sample = sample[:, :, :, ::-1]
        if choices[n] == 0:
            done[n] = np.roll(sample, shifts[n], axis=(2, 3))
            continue
        angle = math.radians((2 * turns[n] - 1) * 30)
        top, left = squares[0][n] - side // 2, squares[1][n] - side // 2
        for y in range(H):
            for x in range(W):
                if choices[n] == 2:
                    is_covered = top <= y < top + side and left <= x < left + side
                    done[n, :, :, y, x] = 0 if is_covered else sample[:, :, y, x]
                    continue
                down, right = y - (H - 1) / 2, x - (W - 1) / 2
                row = round((H - 1) / 2 + right * math.sin(angle) + down * math.cos(angle))
                column = round((W - 1) / 2 + right * math.cos(angle) - down * math.sin(angle))
                if 0 <= row < H and 0 <= column < W:
                    done[n, :, :, y, x] = sample[:, :, row, column]
    return done


@pytest.mark.parametrize("shape", [(24, 3, 2, 12, 12), (16, 1, 2, 9, 15), (1, 2, 1, 34, 34), (8, 2, 2, 3, 2)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16])
def test_it_equals_the_slow_way(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    frames = random_frames(*shape, dtype=dtype)
    before = frames.clone()
    changed = augment(frames, seed=4)
    assert changed.dtype == dtype
    assert np.array_equal(changed.numpy(), slow_augment(frames, Generator().manual_seed(4)))
    assert torch.equal(frames, before)


def test_all_frames_and_channels_of_a_sample_are_changed_alike() -> None:
    frames = random_frames(50, 1, 1, 20, 20).expand(50, 4, 2, 20, 20).contiguous()
    changed = augment(frames)
    assert torch.equal(changed, changed[:, :1, :1].expand_as(changed))


def test_each_change_comes_in_a_third_of_the_samples_and_half_are_mirrored() -> None:
    n = 6000
    image = random_frames(1, 1, 1, 15, 15)
    changed = augment(image.expand(n, 1, 1, 15, 15).contiguous()).view(n, 15, 15)
    both = image.view(15, 15), image.view(15, 15).flip(1)
    shifts = [(down, right) for down in range(-5, 6) for right in range(-5, 6)]
    rolled = [{each.roll(shift, (0, 1)).numpy().tobytes() for shift in shifts} for each in both]
    n_rolled, n_cut, n_same = [0, 0], [0, 0], 0
    for each in changed:
        n_same += any(torch.equal(each, side) for side in both)  # rolls by nothing and very small rotations
        for mirror, side in enumerate(both):
            n_rolled[mirror] += each.numpy().tobytes() in rolled[mirror]
            n_cut[mirror] += bool((each == 0).any()) and torch.equal(each, side * (each != 0))
    assert n_rolled[0] + n_rolled[1] - n_same == pytest.approx(n / 3 * 120 / 121, abs=180)  # 5 sigma
    assert n_cut[0] + n_cut[1] == pytest.approx(n / 3, abs=180)
    assert n_rolled[0] + n_cut[0] == pytest.approx(n_rolled[1] + n_cut[1], abs=330)


def test_a_third_of_the_height_is_cut() -> None:
    frames = torch.ones(2000, 1, 1, 48, 48, dtype=torch.uint8)
    covered = (augment(frames) == 0).flatten(1).sum(1)
    assert int(covered.mode().values) == 0
    squares = covered[covered == 256]
    assert len(squares) > 2000 / 3 * 0.4  # (33/48)² of the squares lie inside


def test_the_generator_decides() -> None:
    frames = random_frames(20, 2, 2, 16, 16)
    assert torch.equal(augment(frames, 1), augment(frames, 1))
    assert not torch.equal(augment(frames, 1), augment(frames, 2))
