from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snncore.config.schema import DataConfig
from snncore.data import load
from snncore.data.cache.last_data import LastData
from snncore.data.load import DataSet, load_data
from snncore.data.split import Split
from tests.snncore.data.fixtures import cifar_batch, random_images, write_cifar100, write_imagenet


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_LAST", LastData())


def digits(T: int = 4, **fields: Any) -> DataSet:
    return load_data(DataConfig(**fields), T)


def test_the_next_trial_gets_the_data_set_of_the_last() -> None:
    first = digits(2)
    assert digits(5) is first, "still images have no time"
    assert digits(augment="crop_flip") is first
    assert digits(workers=9) is first


@pytest.mark.parametrize(
    "other", [{"val_fraction": 0.3}, {"train_limit": 50}, {"size": 16}, {"events": "saccades"}]
)
def test_another_division_or_size_is_another_data_set(other: dict[str, Any]) -> None:
    first = digits()
    second = digits(**other)
    assert second is not first
    assert digits(**other) is second
    assert digits() is not first, "one is kept, not all"


def test_event_frames_of_another_number_of_steps_are_another_data_set() -> None:
    first = digits(2, events="saccades", train_limit=20)
    assert digits(2, events="saccades", train_limit=20) is first
    assert digits(3, events="saccades", train_limit=20) is not first


@pytest.mark.parametrize("part", ["train", "val"])
@pytest.mark.parametrize("name", ["images", "labels"])
def test_a_data_set_that_somebody_wrote_to_is_read_anew(part: str, name: str) -> None:
    first = digits()
    tensor = getattr(getattr(first, part), name)
    whole = tensor.clone()
    tensor[3:5].add_(1)  # through a view
    again = digits()
    assert again is not first
    assert torch.equal(getattr(getattr(again, part), name), whole)


def test_views_are_watched_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_train=random_images(20, 3, 2, 8, 8), y_train=np.arange(20) % 2)
    config = DataConfig(name="npz", root=str(tmp_path), val_fraction=0.25)
    first = load_data(config, 3)
    assert load_data(config, 3) is first
    assert not isinstance(first.train, Split)
    first.train.source.images[0] = 0  # type: ignore[union-attr]
    again = load_data(config, 3)
    assert again is not first
    assert int(again.train.source.images[0].sum()) > 0  # type: ignore[union-attr]


def test_files_that_change_are_read_anew(tmp_path: Path) -> None:
    path = write_cifar100(tmp_path) / "train"
    config = DataConfig(name="cifar100", root=str(tmp_path))
    first = load_data(config, 4)
    assert load_data(config, 4) is first
    stat = path.stat()
    path.write_bytes(cifar_batch(200, 100, seed=5))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    second = load_data(config, 4)
    assert isinstance(first.train, Split)
    assert isinstance(second.train, Split)
    assert not torch.equal(second.train.images, first.train.images)


def test_a_missing_file_is_told_though_the_data_are_in_memory(tmp_path: Path) -> None:
    path = write_cifar100(tmp_path) / "train"
    config = DataConfig(name="cifar100", root=str(tmp_path))
    load_data(config, 4)
    path.unlink()
    with pytest.raises(load.DataError, match="lacks train"):
        load_data(config, 4)


def test_sets_that_stay_on_the_disk_are_not_kept(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    config = DataConfig(name="imagenet", root=str(tmp_path), size=32, workers=0)
    assert load_data(config, 4) is not load_data(config, 4)


def test_the_test_images_are_not_kept() -> None:
    data = digits()
    one, other = data.read_test(), data.read_test()
    assert isinstance(one, Split)
    assert isinstance(other, Split)
    assert one.images is not other.images
