"""Folders and image files that would hang, crash or fill a machine."""

from __future__ import annotations

import io
import os
import socket
import struct
import subprocess
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snncore.config.schema import DataConfig
from snncore.data import file_access
from snncore.data.batches import decode
from snncore.data.config_spec import data_spec
from snncore.errors import DataError
from tests.snncore.data.fixtures import load, photo


def write(root: Path, classes: tuple[str, ...] = ("a", "b"), n: int = 4) -> Path:
    for part, n_part in (("train", n), ("test", 1)):
        for label, name in enumerate(classes):
            (root / part / name).mkdir(parents=True)
            for number in range(n_part):
                photo(9, 9, seed=10 * label + number).save(root / part / name / f"{number}.png")
    return root


def config(root: Path, **fields: object) -> DataConfig:
    return DataConfig.model_validate({"name": "folder", "root": str(root), "val_fraction": 0} | fields)


def refused(root: Path, message: str, **fields: object) -> None:
    with pytest.raises(DataError, match=message):
        load(config(root, **fields))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A PNG that claims a size and holds one row."""
    start = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min(width, 100) + 1))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", start), *more, chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    )


def make_socket(path: Path) -> None:
    place = os.open(path.parent, os.O_RDONLY)
    try:  # a socket's path is short
        server = socket.socket(socket.AF_UNIX)
        server.bind(f"/proc/self/fd/{place}/{path.name}")
        server.close()
    finally:
        os.close(place)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda root: (root / "train" / "c").symlink_to("c"),
            "train holds the broken link c; it should hold",
        ),
        (lambda root: (root / "train" / "c").symlink_to("nowhere"), "train holds the broken link c"),
        (lambda root: os.mkfifo(root / "train" / "c"), "train holds the FIFO, socket or device c"),
        (
            lambda root: (root / "train" / "c").symlink_to(".."),
            r"c holds the folder \w+; a class folder holds",
        ),
        (lambda root: os.mkfifo(root / "train" / "a" / "x.png"), "a holds the FIFO, socket or device x.png"),
        (
            lambda root: make_socket(root / "train" / "a" / "x.png"),
            "a holds the FIFO, socket or device x.png",
        ),
        (
            lambda root: (root / "test" / "a" / "x.png").symlink_to("/dev/zero"),
            "FIFO, socket or device x.png",
        ),
        (lambda root: (root / "train" / "a" / "x.png").symlink_to("x.png"), "a holds the broken link x.png"),
        (lambda root: (root / "train" / "a" / "x.png").mkdir(), "a holds the folder x.png"),
        (lambda root: (root / "train" / "c").mkdir(), "train/c holds no images"),
        (
            lambda root: (root / "train" / "a" / "x.png").touch(),
            r"x\.png: truncated or damaged: cannot identify",
        ),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(write(tmp_path))
    refused(tmp_path, message)


def test_links_to_classes_and_images_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "real")
    (tmp_path / "data" / "train" / "b").mkdir(parents=True)
    (tmp_path / "data" / "train" / "a").symlink_to(tmp_path / "real" / "train" / "a")
    for image in (tmp_path / "real" / "train" / "b").iterdir():
        (tmp_path / "data" / "train" / "b" / image.name).symlink_to(image)
    assert len(load(config(tmp_path / "data")).train) == 6


def test_an_image_changed_behind_the_link_of_its_class_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "real")
    (tmp_path / "data" / "train").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "data" / "train" / name).symlink_to(tmp_path / "real" / "train" / name)
    assert data_spec(config(tmp_path / "data")).n_train == 6
    photo(9, 9, seed=99).save(tmp_path / "real" / "train" / "a" / "9.png")
    os.utime(tmp_path / "real" / "train" / "a", ns=(1, 1))
    assert data_spec(config(tmp_path / "data")).n_train == 7


def test_names_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    write(tmp_path, classes=("a", os.fsdecode(b"caf\xe9")))
    (tmp_path / "train" / "a" / "0.png").rename(tmp_path / "train" / "a" / os.fsdecode(b"\xff\xfe.png"))
    assert len(load(config(tmp_path)).train) == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(60_000, 60_000), "DecompressionBombError"),
        (png(9, 9)[:-20], "truncated or damaged"),
        (
            png(9, 9, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**28)))),
            "truncated or damaged: ValueError",
        ),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(ran) (w) file\nshowpage\n",
            "cannot identify it as BMP",
        ),
        (b"P5 0 0 255\n", "x.png: truncated or damaged"),
        (b"GIF89a", "truncated or damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot identify"),
    ],
    ids=["60000 squared", "cut", "text bomb", "PostScript", "no pixels", "start of a GIF", "SVG"],
)
def test_a_hostile_image_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (write(tmp_path) / "train" / "a" / "x.png").write_bytes(content)
    refused(tmp_path, message)


def test_postscript_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow gives it to Ghostscript, a language with files and programs."""
    monkeypatch.setattr(subprocess, "check_call", lambda *arguments, **more: pytest.fail("it was run"))
    path = tmp_path / "x.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="cannot identify it as"):
        decode.load_image(path, "RGB")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_8_bits_is_read(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(3):
                image = photo(9, 9, seed=number + 10 * (name == "b")).convert("RGB").convert(mode)
                more = {"transparency": 0} if mode == "P" else {}
                image.save(tmp_path / part / name / f"{number}.{suffix}", **more)
    data = load(config(tmp_path))
    assert data.spec.channels == (1 if mode in ("1", "L", "LA") else 3)


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    frames = [photo(9, 9, seed=seed) for seed in (70, 71)]
    path = tmp_path / "train" / "a" / "0.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    (tmp_path / "train" / "a" / "0.png").unlink()
    assert np.array_equal(
        load(config(tmp_path)).train.images[0].permute(1, 2, 0).numpy(), np.asarray(frames[0])
    )


def test_images_that_take_more_memory_than_there_is_are_told_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, n=10)
    memory = file_access.psutil.virtual_memory()._replace(available=3000)
    monkeypatch.setattr(file_access.psutil, "virtual_memory", lambda: memory)
    refused(tmp_path, r"20 images \(3, 9, 9\) takes .* of memory, and .* are available; set data.size")


def test_one_image_of_each_class_leaves_none_for_testing(tmp_path: Path) -> None:
    for seed, name in enumerate("abc"):
        (tmp_path / "train" / name).mkdir(parents=True)
        photo(9, 9, seed=seed).save(tmp_path / "train" / name / "0.png")
    refused(tmp_path, "train holds one image of each class, so that none is left for testing")


def test_an_empty_test_folder_is_told(tmp_path: Path) -> None:
    for image in [*(write(tmp_path) / "test").rglob("*.png")]:
        image.unlink()
    refused(tmp_path, "test holds no images")


@pytest.mark.parametrize("file", ["train", "images", "labels"])
def test_a_fifo_among_published_files_does_not_block(tmp_path: Path, file: str) -> None:
    place = {
        "train": ("cifar100", "cifar-100-python/train"),
        "images": ("fashion_mnist", "FashionMNIST/raw/train-images-idx3-ubyte"),
        "labels": ("fashion_mnist", "FashionMNIST/raw/train-labels-idx1-ubyte"),
    }[file]
    (tmp_path / place[1]).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / place[1])
    with pytest.raises(DataError, match=r"is not at hand|it is a FIFO"):
        load(DataConfig.model_validate({"name": place[0], "root": str(tmp_path)}))


def test_a_fifo_that_takes_the_place_of_an_image_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"x\.png: truncated or damaged: it is a FIFO, not a file"):
        decode.load_image(tmp_path / "x.png", "RGB")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = write(tmp_path) / "train" / "a" / "0.png"
    opened = os.open

    def forbidden(path: Path, *arguments: int) -> int:
        if path == image:
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments)

    monkeypatch.setattr(file_access.os, "open", forbidden)
    refused(tmp_path, r"a/0\.png: truncated or damaged: PermissionError Permission denied; fix it")


def test_random_bytes_behind_any_header_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "x.png"
    for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"):
        buffer = io.BytesIO()
        photo(16, 16).save(buffer, kind)
        for _ in range(30):
            content = bytearray(buffer.getvalue())
            for place in rng.integers(0, len(content), 6):
                content[place] = rng.integers(0, 256)
            path.write_bytes(content)
            with suppress(DataError):  # anything else fails
                assert isinstance(decode.load_image(path, "RGB"), Image.Image)
