from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snncore.data.batches.decode import (
    N_DRAWS,
    centre_crop,
    channels_first,
    load_image,
    random_box,
    random_crop,
)
from snncore.data.files import DamagedFileError
from snncore.data.seeds import uniforms
from snncore.data.torchvision_shim import import_torchvision
from tests.snncore.data.fixtures import photo


@pytest.mark.parametrize("shape", [(300, 400), (400, 300), (37, 50), (224, 224), (256, 90)])
@pytest.mark.parametrize("size", [224, 32])
def test_the_middle_is_that_of_torchvision(shape: tuple[int, int], size: int) -> None:
    import_torchvision()
    from torchvision.transforms import CenterCrop, Compose, Resize

    image = photo(*shape)
    expected = Compose([Resize(round(size * 256 / 224)), CenterCrop(size)])(image)
    assert np.array_equal(np.asarray(centre_crop(image, size)), np.asarray(expected))


def test_a_crop_is_resized_as_torchvision_does_and_mirrored() -> None:
    import_torchvision()
    from torchvision.transforms.functional import hflip, resized_crop

    image = photo(60, 80)
    for number in range(20):
        draws = uniforms(N_DRAWS, number)
        left, upper, right, lower = random_box(image.size, draws)
        expected = resized_crop(image, upper, left, lower - upper, right - left, [24, 24])
        expected = hflip(expected) if draws[-1] < 0.5 else expected
        assert np.array_equal(np.asarray(random_crop(image, 24, draws)), np.asarray(expected))


def test_boxes_have_every_area_ratio_and_place() -> None:
    boxes = np.array([random_box((1000, 1000), uniforms(N_DRAWS, number)) for number in range(4000)])
    left, upper, right, lower = boxes.T
    assert boxes.min() >= 0
    assert boxes.max() <= 1000
    width, height = right - left, lower - upper
    area, ratio = width * height / 1e6, width / height
    assert area.min() == pytest.approx(0.08, abs=0.01)
    assert area.max() == pytest.approx(1, abs=0.02)
    assert (ratio.min(), ratio.max()) == pytest.approx((3 / 4, 4 / 3), abs=0.01)
    assert np.log(ratio).mean() == pytest.approx(0, abs=0.02)
    for first, free in ((left, 1000 - width), (upper, 1000 - height)):  # uniform over the places there are
        share = (first[free > 100] + 0.5) / (free[free > 100] + 1)
        assert share.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * len(share)))
        assert np.quantile(share, [0.1, 0.9]) == pytest.approx([0.1, 0.9], abs=0.04)


@pytest.mark.parametrize(
    ("size", "box"),
    [((10, 1000), (0, 493, 10, 506)), ((1000, 10), (493, 0, 506, 10)), ((1, 1), (0, 0, 1, 1))],
)
def test_a_long_image_gives_its_middle_when_no_try_fits(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    assert random_box(size, [0.999] * N_DRAWS) == box


@pytest.mark.parametrize(("mode", "shape"), [("L", (1, 30, 40)), ("RGB", (3, 30, 40))])
@pytest.mark.parametrize("stored", ["L", "RGB", "RGBA", "P", "CMYK"])
def test_images_of_every_kind_become_grey_or_colour(
    tmp_path: Path, mode: str, shape: tuple[int, ...], stored: str
) -> None:
    image = photo(30, 40).convert(stored)
    path = tmp_path / ("image.tif" if stored == "CMYK" else "image.png")
    image.save(path)
    pixels = channels_first(load_image(path, mode))
    assert pixels.shape == shape
    assert pixels.flags.c_contiguous
    expected = np.asarray(image.convert(mode)).reshape(30, 40, -1)
    assert np.array_equal(pixels.transpose(1, 2, 0), expected)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif"])
def test_damage_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    photo(60, 60).save(path)
    content = path.read_bytes()
    for n_bytes in (0, 1, 30, len(content) // 2):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(DamagedFileError, match=rf"image\.{suffix}: truncated or damaged: "):
            load_image(path, "RGB")
    path.unlink()
    with pytest.raises(DamagedFileError, match=r"image.* it is missing"):
        load_image(path, "RGB")


def test_random_bytes_behind_a_header_never_end_in_a_traceback(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    n_refused = 0
    for suffix in ("png", "jpg", "bmp", "tif", "webp"):
        path = tmp_path / f"image.{suffix}"
        photo(30, 30).save(path)
        content = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(30):
            garbled = content.copy()
            places = noise.integers(0, len(content), 5)
            garbled[places] = noise.integers(0, 256, 5)
            path.write_bytes(garbled.tobytes())
            try:
                assert load_image(path, "RGB").mode == "RGB"
            except DamagedFileError:
                n_refused += 1
    assert n_refused > 20
    assert Image.MAX_IMAGE_PIXELS is not None  # bombs are refused, not unpacked
