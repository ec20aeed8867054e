from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.data.batches.batches import Batch, eval_batches, training_batches
from snncore.data.batches.decode import centre_crop, load_image
from snncore.data.batches.file_split import FileSplit
from snncore.data.load import DataSet, load_data
from snncore.data.missing import find_problem
from snncore.data.split import Split
from snncore.errors import DataError
from tests.snncore.data.fixtures import WNIDS, photo, write_imagenet


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_imagenet(folder)
    return folder


def config(root: Path, workers: int = 0, seed: int = 0, batch_size: int = 4, **data: Any) -> Config:
    values = {"name": "imagenet", "root": str(root), "size": 32, "workers": workers, "val_fraction": 0.25}
    return make_config({"data": values | data, "optim": {"batch_size": batch_size}, "seed": seed})


def load(setting: Config) -> DataSet:
    return load_data(setting.data, setting.T)


def epoch(setting: Config, number: int = 1, rank: int = 0, world_size: int = 1) -> list[Batch]:
    return list(training_batches(load(setting), setting, "cpu", rank, world_size).epoch(number))


def joined(batches: Iterator[Batch] | list[Batch]) -> tuple[Tensor, Tensor]:
    x, labels = zip(*batches, strict=True)
    return torch.cat(x), torch.cat(labels)


def same(one: list[Batch], other: list[Batch]) -> bool:
    (x, labels), (other_x, other_labels) = joined(one), joined(other)
    return torch.equal(x, other_x) and torch.equal(labels, other_labels)


def test_training_is_divided_and_the_published_val_is_the_test_split(root: Path) -> None:
    data = load(config(root))
    assert data.train.labels.bincount().tolist() == [3, 3, 3]
    assert data.val.labels.bincount().tolist() == [1, 1, 1]
    test = data.read_test()
    assert isinstance(test, FileSplit)
    assert test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    names = [str(test.paths.path(index).relative_to(root)) for index in range(len(test))]
    assert names[:2] == [f"imagenet/val/{WNIDS[0]}/ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 4)]
    assert data.spec.n_classes == 1000
    assert data.normalisation.mean == (0.485, 0.456, 0.406)


def test_lazily_decoded_equals_eagerly_decoded(root: Path) -> None:
    data = load(config(root))
    assert isinstance(data.val, FileSplit)
    images = [torch.from_numpy(data.val.decode(index)) for index in range(len(data.val))]
    at_once = Split(torch.stack(images), data.val.labels)
    lazy, eager = (joined(eval_batches(split, 2, data.normalisation)) for split in (data.val, at_once))
    assert torch.equal(lazy[0], eager[0])
    assert torch.equal(lazy[1], eager[1])
    assert tuple(at_once.images.shape) == (3, 3, 32, 32)
    first = np.asarray(centre_crop(load_image(data.val.paths.path(0), "RGB"), 32))
    assert np.array_equal(at_once.images[0].numpy(), first.transpose(2, 0, 1))
    assert len(data.val.subset(torch.arange(0)).labels) == 0


@pytest.mark.parametrize("augment", ["none", "imagenet"])
def test_workers_change_nothing(root: Path, augment: str) -> None:
    alone, helped = (config(root, workers, augment=augment) for workers in (0, 2))
    assert same(epoch(alone), epoch(helped))
    data = load(helped)
    assert same(
        list(eval_batches(data.val, 1, data.normalisation)),
        list(eval_batches(load(alone).val, 1, data.normalisation)),
    )


def test_crops_are_a_function_of_seed_epoch_and_image(root: Path) -> None:
    setting = config(root, augment="imagenet", batch_size=9)
    first = epoch(setting)
    assert same(first, epoch(setting))
    others = [epoch(setting, number=2), epoch(config(root, seed=1, augment="imagenet", batch_size=9))]
    assert not any(same(first, other) for other in others)
    in_other_batches = epoch(config(root, augment="imagenet", batch_size=3))
    assert same(first, in_other_batches)
    assert not same(first, epoch(config(root, batch_size=9)))


def test_ranks_together_have_the_batches_of_one_process_even_augmented(root: Path) -> None:
    setting = config(root, augment="imagenet")
    shares = [epoch(setting, rank=rank, world_size=2) for rank in range(2)]
    for number, (x, labels) in enumerate(epoch(setting)):
        for rank in range(2):
            if number < len(shares[rank]):
                assert torch.equal(shares[rank][number][0], x[rank::2])
                assert torch.equal(shares[rank][number][1], labels[rank::2])
    assert [len(share) for share in shares] == [2, 2]  # of 9 images, the last is left out


def test_reading_leaves_the_random_state_of_torch_alone(root: Path) -> None:
    before = torch.get_rng_state()
    epoch(config(root, augment="imagenet"))
    assert torch.equal(torch.get_rng_state(), before)


def test_train_limit_takes_some_of_the_files(root: Path) -> None:
    assert load(config(root, train_limit=6)).train.labels.bincount().tolist() == [2, 2, 2]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", ["truncated", "garbled", "gone"])
def test_a_damaged_image_is_named(tmp_path: Path, damage: str, workers: int) -> None:
    write_imagenet(tmp_path)
    setting = config(tmp_path, workers, augment="imagenet")
    data = load(setting)
    assert isinstance(data.train, FileSplit)
    path = data.train.paths.path(4)
    if damage == "gone":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"<html>not found</html>")
    reason = "it is missing" if damage == "gone" else "(OSError|cannot identify it as)"
    with pytest.raises(
        DataError, match=f"{path}: truncated or damaged: {reason}.*; unpack it from the published"
    ):
        list(training_batches(data, setting, "cpu").epoch(1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda folder: (folder / "train" / "cats").mkdir(),
            "train holds the folder cats; ImageNet's are named",
        ),
        (lambda folder: (folder / "train" / "notes.txt").write_text(""), "train holds the file notes.txt"),
        (
            lambda folder: (folder / "train" / WNIDS[0] / "a.gif").write_text(""),
            "holds a.gif, which is not read",
        ),
        (
            lambda folder: (folder / "train" / WNIDS[0] / "more").mkdir(),
            "holds the folder more; a class folder",
        ),
    ],
)
def test_a_strange_layout_is_told(tmp_path: Path, make: Any, message: str) -> None:
    make(write_imagenet(tmp_path, 1, 1))
    with pytest.raises(DataError, match=message):
        load(config(tmp_path))


def test_a_strange_val_is_told_when_the_test_split_is_read(tmp_path: Path) -> None:
    folder = write_imagenet(tmp_path, 2, 1)
    (folder / "val" / "n99999999").mkdir()
    with pytest.raises(DataError, match=r"val holds n99999999, a class that .*train lacks"):
        load(config(tmp_path)).read_test()


def test_empty_folders_and_too_many_classes(tmp_path: Path) -> None:
    (tmp_path / "imagenet" / "val").mkdir(parents=True)
    (tmp_path / "imagenet" / "train").mkdir()
    with pytest.raises(DataError, match="train is empty; it should hold one folder per class"):
        load(config(tmp_path))
    for number in range(1001):
        (tmp_path / "imagenet" / "train" / f"n{number:08}").mkdir()
    with pytest.raises(DataError, match="train holds 1001 classes, ImageNet has 1000"):
        load(config(tmp_path))
    (tmp_path / "imagenet" / "train" / "n00000000").rmdir()
    with pytest.raises(DataError, match="train holds no images"):
        load(config(tmp_path))


def test_what_file_browsers_leave_behind_is_overlooked(tmp_path: Path) -> None:
    folder = write_imagenet(tmp_path, 1, 1)
    (folder / "train" / ".DS_Store").write_text("")
    (folder / "train" / WNIDS[0] / "Thumbs.db").write_text("")
    photo(40, 40).save(folder / "train" / WNIDS[0] / "n01440764_9.jpg")
    assert len(load(config(tmp_path, val_fraction=0)).train) == 4


def test_what_is_missing_is_told_before(tmp_path: Path) -> None:
    data = config(tmp_path / "nowhere").data
    assert str(find_problem(data)).endswith(
        f"nowhere does not exist; run: spikefront data imagenet --root {tmp_path}/nowhere --from FOLDER"
    )
    data = config(tmp_path).data
    assert f"there is no folder {tmp_path}/imagenet;" in str(find_problem(data))
    (tmp_path / "imagenet" / "train").mkdir(parents=True)
    assert "imagenet lacks val;" in str(find_problem(data))
    with pytest.raises(DataError, match="imagenet lacks val"):
        load(config(tmp_path))
