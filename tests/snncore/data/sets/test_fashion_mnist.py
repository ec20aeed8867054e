from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from snncore.config.schema import DataConfig
from snncore.data.install.install import PACKAGED, install
from snncore.data.sets import fashion_mnist
from snncore.errors import DataError
from tests.snncore.data.fixtures import (
    FASHION,
    cycling_labels,
    garble,
    idx_bytes,
    load,
    random_images,
    write_fashion,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_fashion(tmp_path / "FashionMNIST" / "raw")


@pytest.mark.parametrize("gzipped", [False, True])
def test_images_and_labels_are_those_written(tmp_path: Path, gzipped: bool) -> None:
    write_fashion(tmp_path / "FashionMNIST" / "raw", gzipped=gzipped)
    for is_train, n, seed in ((True, 40, 0), (False, 20, 1)):
        split = fashion_mnist.read(tmp_path, is_train)
        assert np.array_equal(split.images.numpy(), random_images(n, 28, 28, seed=seed)[:, None])
        assert np.array_equal(split.labels.numpy(), cycling_labels(n, 10))
        assert str(split.labels.dtype) == "torch.int64"


@pytest.mark.parametrize("name", FASHION[:2])
@pytest.mark.parametrize("n_bytes", [0, 3, 9, 30])
def test_a_truncated_file_is_named_with_the_command(
    folder: Path, tmp_path: Path, name: str, n_bytes: int
) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:n_bytes])
    config = DataConfig(name="fashion_mnist", root=str(tmp_path))
    with pytest.raises(DataError, match=rf"{name}: truncated or damaged.*run: spikefront data fashion_mnist"):
        load(config)


def test_a_truncated_gzipped_file_is_named(tmp_path: Path) -> None:
    folder = write_fashion(tmp_path / "FashionMNIST" / "raw", gzipped=True)
    path = folder / f"{FASHION[0]}.gz"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError, match=rf"{path.name}: truncated or damaged: EOFError"):
        fashion_mnist.read(tmp_path, is_train=True)


@pytest.mark.parametrize("name", FASHION[:2])
def test_a_garbled_gzipped_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_fashion(tmp_path / "FashionMNIST" / "raw", n_train=4000, gzipped=True)
    garble(folder / f"{name}.gz")
    with pytest.raises(DataError, match=rf"{name}.gz: truncated or damaged"):
        fashion_mnist.read(tmp_path, is_train=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            FASHION[1],
            b"\0\0\x09\x01\0\0\0\x01\0",
            "it begins with 00 00 09 01, should be 00 00 08 01",
        ),  # signed bytes
        (FASHION[1], b"\0\0\x0a\x01\0\0\0\x01\0", "it begins with 00 00 0a 01"),  # a type that is not defined
        (FASHION[0], b"not an idx file at all", f"{FASHION[0]}: truncated or damaged"),
        (FASHION[1], idx_bytes(cycling_labels(39, 10)), "40 images but 39 labels"),
        (
            FASHION[1],
            idx_bytes(np.full(40, 10, dtype=np.uint8)),
            "labels from 10 to 10, should be from 0 to 9",
        ),
        (FASHION[0], idx_bytes(random_images(40, 28, 27)), r"\(40, 1, 28, 27\), should be"),
        (FASHION[0], idx_bytes(cycling_labels(40, 10)), f"{FASHION[0]}: truncated or damaged"),
    ],
)
def test_wrong_content_is_told(folder: Path, tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        fashion_mnist.read(tmp_path, is_train=True)


def test_no_images_at_all_is_damage(folder: Path, tmp_path: Path) -> None:
    (folder / FASHION[0]).write_bytes(idx_bytes(random_images(0, 28, 28)))
    (folder / FASHION[1]).write_bytes(idx_bytes(cycling_labels(0, 10)))
    with pytest.raises(DataError, match="truncated or damaged"):
        fashion_mnist.read(tmp_path, is_train=True)


def test_a_plain_file_comes_before_a_gzipped_one(folder: Path, tmp_path: Path) -> None:
    (folder / f"{FASHION[0]}.gz").write_bytes(gzip.compress(idx_bytes(random_images(40, 28, 28, seed=9))))
    assert np.array_equal(fashion_mnist.read(tmp_path, True).images[:, 0].numpy(), random_images(40, 28, 28))


@pytest.mark.skipif(
    not PACKAGED["fashion_mnist"].is_dir(), reason="the real images are not packaged on this machine"
)
def test_the_real_images_are_read_whole_and_divided(tmp_path: Path) -> None:
    install("fashion_mnist", tmp_path, report=lambda line: None)
    data = load(DataConfig(name="fashion_mnist", root=str(tmp_path)))
    assert data.train.labels.bincount().tolist() == [5400] * 10
    assert data.val.labels.bincount().tolist() == [600] * 10
    assert data.read_test().labels.bincount().tolist() == [1000] * 10
    assert data.normalisation.mean == pytest.approx((0.2860,), abs=1e-4)  # as commonly published
    assert data.normalisation.std == pytest.approx((0.3530,), abs=1e-4)
