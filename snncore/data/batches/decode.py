"""Decodes one image file: all of it, its middle, or a random crop.

With Pillow, whose resizing uses antialiasing. s is the side of the resulting square.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from snncore.data.file_access import open_regular, parsing
from snncore.data.files import DamagedFileError

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Left, upper, right, lower."""

_FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""By content, not by name. Not all of Pillow's: PostScript would be run, by Ghostscript."""

N_DRAWS = 32
"""Random numbers for one crop: three for each of ten tries, one for the mirror, one unused."""


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """An image file whose header has been read; for an animation the first frame.

    Raises:
        DamagedFileError: it is missing, truncated, no image, or of more than 179 million pixels; or the block
            fails to decode it.
    """
    with open_regular(path) as file, parsing(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about unusual but readable metadata and palettes
        try:
            image = Image.open(file, formats=_FORMATS)
        except UnidentifiedImageError as error:
            raise DamagedFileError(path, f"cannot identify it as {', '.join(_FORMATS)}") from error
        with image:
            if 0 in image.size:
                raise ValueError(f"an image of {image.size[0]} × {image.size[1]} pixels")
            yield image


def load_image(path: Path, mode: str) -> Image.Image:
    """The decoded image file in Pillow's `mode`, "L" or "RGB"; transparency is dropped.

    Raises:
        DamagedFileError: see `open_image`.
    """
    with open_image(path) as image:
        return image.convert(mode)


def channels_first(image: Image.Image) -> Pixels:
    """uint8 (C, H, W) of a grey or colour image."""
    pixels = np.asarray(image)
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1))


def centre_crop(image: Image.Image, size: int) -> Image.Image:
    """The middle (s, s) after resizing the shorter side to s · 256 / 224, as usual for ImageNet."""
    width, height = image.size
    short = round(size * 256 / 224)
    long = int(short * max(width, height) / min(width, height))
    scaled = (short, long) if width <= height else (long, short)
    image = image.resize(scaled, Image.Resampling.BILINEAR)
    left, upper = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
    return image.crop((left, upper, left + size, upper + size))


def random_crop(image: Image.Image, size: int, draws: Sequence[float]) -> Image.Image:
    """A random part of the image, resized to (s, s), mirrored in half the cases; a function of `draws`."""
    box = random_box(image.size, draws)
    part = image.crop(box).resize((size, size), Image.Resampling.BILINEAR)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draws[-1] < 0.5 else part


def random_box(size: tuple[int, int], draws: Sequence[float]) -> Box:
    """Where to crop an image of (width, height): 8 % to all of its area, aspect ratio 3/4 to 4/3.

    After ten tries that do not fit, the largest middle part with an allowed ratio (Szegedy et al. 2015, as in
    the published trainings); the ratio is log-uniform. draws: `N_DRAWS` uniform numbers.
    """
    width, height = size
    for attempt in range(10):
        area_draw, ratio_draw, position_draw = draws[3 * attempt : 3 * attempt + 3]
        area = width * height * (0.08 + 0.92 * area_draw)
        ratio = math.exp(math.log(3 / 4) + ratio_draw * (math.log(4 / 3) - math.log(3 / 4)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            n_left, n_upper = width - w + 1, height - h + 1
            left, upper = divmod(int(position_draw * n_left * n_upper), n_upper)
            return left, upper, left + w, upper + h
    ratio = min(max(width / height, 3 / 4), 4 / 3)
    w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
    left, upper = (width - w) // 2, (height - h) // 2
    return left, upper, left + w, upper + h
