from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from snncore.data.events import saccades
from snncore.data.events.saccades import frames_of_images, saccade_path, split_of_images
from snncore.data.sets import digits
from snncore.data.split import Split
from tests.snncore.data.fixtures import random_images


def plain_frames(image: np.ndarray, T: int) -> np.ndarray:
    """The model, pixel by pixel: (T, 2, H, W) of a grey image (H, W)."""
    H, W = image.shape
    grey = image.astype(float) / 255
    frames = np.zeros((T, 2, H, W), dtype=int)
    path = saccade_path(H, W, T)
    level = np.log(grey + 0.1)

    def pixel(y: int, x: int) -> float:
        return float(grey[min(max(y, 0), H - 1), min(max(x, 0), W - 1)])

    for step, (down, right) in enumerate(path):
        for y in range(H):
            for x in range(W):
                top, left = math.floor(y - down), math.floor(x - right)
                b, r = y - down - top, x - right - left
                value = (1 - b) * ((1 - r) * pixel(top, left) + r * pixel(top, left + 1))
                value += b * ((1 - r) * pixel(top + 1, left) + r * pixel(top + 1, left + 1))
                n = math.trunc((math.log(value + 0.1) - level[y, x]) / 0.3 * 1.001)
                level[y, x] += 0.3 * n
                frames[step * T // len(path), int(n > 0), y, x] += abs(n)
    return frames


@pytest.mark.parametrize(("T", "H", "W"), [(4, 8, 8), (1, 12, 12), (5, 10, 7)])
def test_events_are_those_of_the_model(T: int, H: int, W: int) -> None:
    images = random_images(3, 1, H, W, seed=T)
    frames = frames_of_images(torch.from_numpy(images), T)
    assert frames.shape == (3, T, 2, H, W)
    assert frames.dtype == torch.uint8
    for image, ours in zip(images, frames.numpy(), strict=True):
        assert np.array_equal(ours, plain_frames(image[0], T))


def bar() -> Tensor:
    """A bright upright bar in the middle of darkness."""
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    image[:, :, 6:22, 12:16] = 255
    return image


def test_a_uniform_image_gives_no_events() -> None:
    assert not frames_of_images(torch.full((2, 1, 28, 28), 77, dtype=torch.uint8), 4).any()


def test_a_bar_that_moves_right_brightens_what_is_before_it_and_darkens_what_it_leaves() -> None:
    off, on = frames_of_images(bar(), 6)[0, 0, :, 14].float()  # a row through the middle, first sixth
    assert on[16:].sum() > 0
    assert on[:16].sum() == 0
    assert off[12:16].sum() > 0
    assert off[16:].sum() == 0


def test_the_way_back_undoes_the_way_there() -> None:
    frames = frames_of_images(bar(), 3)[0].int()  # one saccade a frame
    change = frames[:, 1].sum(0) - frames[:, 0].sum(0)  # in thresholds, over the whole path
    assert int(change.abs().max()) <= 1  # what is left below a threshold


def test_the_path_is_a_triangle_of_three_equal_times_in_steps_of_at_most_a_pixel() -> None:
    for H, W, T in ((28, 28, 4), (32, 32, 10), (8, 8, 1), (20, 50, 3), (1, 1, 2)):
        path = saccade_path(H, W, T)
        assert len(path) % (3 * T) == 0
        third = len(path) // 3
        ends = np.array([path[third - 1], path[2 * third - 1], path[-1]])
        assert ends == pytest.approx(np.array([(H / 4, W / 8), (0, W / 4), (0, 0)]))
        steps = [math.dist(a, b) for a, b in zip([(0.0, 0.0), *path[:-1]], path, strict=True)]
        assert max(steps) <= 1 + 1e-9


def test_colours_are_weighed_and_other_channels_averaged() -> None:
    colours = torch.from_numpy(random_images(2, 3, 16, 16))
    grey = (0.299 * colours[:, 0].double() + 0.587 * colours[:, 1] + 0.114 * colours[:, 2]) / 255
    assert saccades._grey(colours).numpy() == pytest.approx(grey.numpy(), abs=1e-6)
    two = torch.from_numpy(random_images(2, 2, 16, 16))
    assert saccades._grey(two).numpy() == pytest.approx(two.double().mean(1).numpy() / 255, abs=1e-6)


def test_counts_beyond_a_byte_stay_255() -> None:
    image = torch.zeros(1, 1, 4, 400, dtype=torch.uint8)
    image[..., ::2] = 255  # passes every pixel with each step
    frames = frames_of_images(image, 1)
    assert int(frames.max()) == 255


def test_no_image_depends_on_the_others() -> None:
    images = digits.read(is_train=True).images[:300]
    whole = frames_of_images(images, 4)
    assert torch.equal(whole[200:201], frames_of_images(images[200:201], 4))
    assert len(frames_of_images(images[:0], 4)) == 0


def test_small_sets_write_nothing_and_large_ones_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    split = Split(torch.from_numpy(random_images(6, 1, 8, 8)), torch.arange(6))
    small = split_of_images(split, 4, "digits", True, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    monkeypatch.setattr(saccades, "_CACHED_BYTES", 100)
    for n_told in (1, 0):
        large = split_of_images(split, 4, "digits", True, tmp_path / "data")
        assert torch.equal(large.images, small.images)
        assert torch.equal(large.labels, split.labels)
        assert capsys.readouterr().err.count("digits: simulating events of 6 train images") == n_told
    other = Split(split.images.flip(0), split.labels)
    changed = split_of_images(other, 4, "digits", True, tmp_path / "data")
    assert torch.equal(changed.images, small.images.flip(0))
    assert len(list((tmp_path / "data" / "event_frames").glob("digits-train-T4-8x8-saccades-*"))) == 2
