from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from snncore.config.schema import DataConfig
from snncore.data.sets import cifar
from snncore.errors import DataError
from tests.snncore.data.fixtures import (
    cifar_batch,
    cycling_labels,
    load,
    python2_pickle,
    random_images,
    write_cifar10,
    write_cifar100,
)


def test_cifar10_is_five_batches_in_order(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    train = cifar.read("cifar10", tmp_path, is_train=True)
    written = np.concatenate([random_images(20, 3072, seed=number) for number in range(1, 6)])
    assert np.array_equal(train.images.numpy(), written.reshape(-1, 3, 32, 32))
    assert train.labels.tolist() == cycling_labels(20, 10).tolist() * 5
    assert train.images.is_contiguous()
    assert len(cifar.read("cifar10", tmp_path, is_train=False)) == 10


def test_cifar100_has_fine_labels(tmp_path: Path) -> None:
    write_cifar100(tmp_path)
    train = cifar.read("cifar100", tmp_path, is_train=True)
    assert np.array_equal(train.images.numpy(), random_images(200, 3072).reshape(-1, 3, 32, 32))
    assert train.labels.tolist() == cycling_labels(200, 100).tolist()
    assert len(cifar.read("cifar100", tmp_path, is_train=False)) == 100


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_batches_pickled_by_python_3_are_read_too(tmp_path: Path, protocol: int) -> None:
    folder = write_cifar100(tmp_path)
    content = {"data": random_images(7, 3072), "fine_labels": list(range(7))}
    (folder / "train").write_bytes(pickle.dumps(content, protocol=protocol))
    assert cifar.read("cifar100", tmp_path, is_train=True).labels.tolist() == list(range(7))


def test_the_names_of_the_classes_are_not_needed(tmp_path: Path) -> None:
    (write_cifar10(tmp_path) / "batches.meta").unlink()
    assert len(cifar.read("cifar10", tmp_path, is_train=True)) == 100


def test_published_normalisation_is_used(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    data = load(DataConfig(name="cifar10", root=str(tmp_path)))
    assert data.normalisation.mean == (0.4914, 0.4822, 0.4465)


@pytest.mark.parametrize("n_bytes", [0, 1, 40, 1000, 61_000])
def test_a_truncated_batch_is_named_with_the_command(tmp_path: Path, n_bytes: int) -> None:
    path = write_cifar10(tmp_path) / "data_batch_3"
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(
        DataError, match=r"data_batch_3: truncated or damaged.*run: spikefront data cifar10 --root"
    ):
        load(DataConfig(name="cifar10", root=str(tmp_path)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not found</html>", "data_batch_2: truncated or damaged"),
        (pickle.dumps([1, 2]), "data_batch_2: truncated or damaged"),
        (pickle.dumps({"labels": [0]}), "data_batch_2: truncated or damaged: KeyError 'data'"),
        (python2_pickle({b"data": random_images(3, 3072), b"labels": [0, 1]}), "3 images but 2 labels"),
        (
            python2_pickle({b"data": random_images(2, 3072), b"labels": [0, 10]}),
            "labels from 0 to 10, should be",
        ),
        (
            python2_pickle({b"data": random_images(2, 3071), b"labels": [0, 1]}),
            "data_batch_2: truncated or damaged",
        ),
        (
            pickle.dumps({"data": np.zeros((1, 3072), np.float32), "labels": [0]}),
            "images are f4, should be bytes",
        ),
        (cifar_batch(0, 10), "data_batch_2: truncated or damaged"),
    ],
)
def test_wrong_content_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    (write_cifar10(tmp_path) / "data_batch_2").write_bytes(content)
    with pytest.raises(DataError, match=message):
        cifar.read("cifar10", tmp_path, is_train=True)


def test_random_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    path = write_cifar100(tmp_path) / "train"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, 300, 5):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            split = cifar.read("cifar100", tmp_path, is_train=True)
        except DataError as error:
            assert "train: truncated or damaged" in str(error)  # noqa: PT017 - damage of a pixel is no error
        else:
            assert split.images.shape[1:] == (3, 32, 32)
