from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import snncore.data
from snncore.config.load import make_config
from snncore.config.schema import DataConfig
from snncore.data.batches.batches import eval_batches
from snncore.data.batches.normalisation import COUNTS, PUBLISHED
from snncore.data.events import saccades
from snncore.data.events.saccades import frames_of_images
from snncore.data.load import load_data
from snncore.data.missing import find_problem
from snncore.data.resize import resize
from snncore.data.specs import SPECS
from snncore.data.split import Split, SplitView
from snncore.errors import DataError
from tests.snncore.data.fixtures import load, random_images, write_cifar100, write_fashion


def as_rows(split: Split) -> list[bytes]:
    return [
        image.numpy().tobytes() + bytes([int(label)])
        for image, label in zip(split.images, split.labels, strict=True)
    ]


def equal(one: Split, other: Split) -> bool:
    return torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


def test_training_and_validation_divide_the_training_images() -> None:
    data = load(DataConfig(val_fraction=0.25))
    whole = load(DataConfig(val_fraction=0)).train
    train, val = as_rows(data.train), as_rows(data.val)
    assert sorted(train + val) == sorted(as_rows(whole))
    assert len(val) == round(0.25 * 1438)
    share = data.val.labels.bincount() / whole.labels.bincount()
    assert share.numpy() == pytest.approx(0.25, abs=0.01)


def test_no_image_of_the_test_split_is_trained_on() -> None:
    data = load(DataConfig())
    assert not set(as_rows(data.read_test())) & set(as_rows(data.train) + as_rows(data.val))


def test_the_split_is_the_same_at_every_call_and_for_every_seed() -> None:
    first, second = (load(make_config({"seed": seed}).data) for seed in (0, 5))
    assert equal(first.train, second.train)
    assert equal(first.val, second.val)


def test_the_splits_never_change() -> None:
    # Worked out once; with another split, trials of an old study and of its resume would not compare.
    data = load(DataConfig(train_limit=300))
    found = [
        hashlib.sha256(split.images.numpy().tobytes()).hexdigest()[:16] for split in (data.val, data.train)
    ]
    assert found == ["602cf0dd5a96177c", "c6d4f175d6c97fc9"]


def test_loading_leaves_the_random_state_of_torch_alone() -> None:
    before = torch.get_rng_state()
    load(DataConfig(train_limit=100))
    assert torch.equal(torch.get_rng_state(), before)


def test_no_validation_split() -> None:
    data = load(DataConfig(val_fraction=0))
    assert (len(data.train), len(data.val)) == (1438, 0)
    assert tuple(data.val.images.shape) == (0, 1, 8, 8)


@pytest.mark.parametrize(("fraction", "n_val"), [(1e-9, 10), (0.999999, 1428)])
def test_every_class_stays_on_both_sides(fraction: float, n_val: int) -> None:
    data = load(DataConfig(val_fraction=fraction))
    assert len(data.val) == n_val
    assert set(data.val.labels.tolist()) == set(data.train.labels.tolist()) == set(range(10))


def test_train_limit_cuts_training_only_and_stays_stratified() -> None:
    limited, whole = load(DataConfig(train_limit=100)), load(DataConfig())
    assert equal(limited.val, whole.val)
    assert limited.train.labels.bincount().tolist() == [10] * 10
    assert set(as_rows(limited.train)) <= set(as_rows(whole.train))
    assert equal(limited.train, load(DataConfig(train_limit=100)).train)
    assert limited.normalisation == whole.normalisation


def test_train_limit_may_be_all_there_is_and_no_more() -> None:
    n_train = len(load(DataConfig()).train)
    assert len(load(DataConfig(train_limit=n_train)).train) == n_train
    with pytest.raises(
        DataError, match=rf"data\.train_limit: asks for {n_train + 1} .* digits has {n_train} "
    ):
        load(DataConfig(train_limit=n_train + 1))


def test_the_test_files_are_opened_only_by_read_test(tmp_path: Path) -> None:
    write_cifar100(tmp_path)
    path = tmp_path / "cifar-100-python" / "test"
    path.write_bytes(b"damaged")
    data = load(DataConfig(name="cifar100", root=str(tmp_path)))
    assert len(data.train) + len(data.val) == 200
    with pytest.raises(
        DataError, match=r"cifar-100-python/test: truncated or damaged.*run: spikefront data cifar100"
    ):
        data.read_test()


def test_a_data_set_shows_no_images_when_printed() -> None:
    assert "read_test" not in repr(load(DataConfig(train_limit=10)))


def test_the_normalisation_is_measured_on_the_training_images(tmp_path: Path) -> None:
    folder = write_fashion(tmp_path / "FashionMNIST" / "raw")
    config = DataConfig(name="fashion_mnist", root=str(tmp_path), val_fraction=0.5)
    measured = load(config).normalisation
    pixels = (
        load(DataConfig(name="fashion_mnist", root=str(tmp_path), val_fraction=0)).train.images.numpy() / 255
    )
    assert measured.mean == pytest.approx((pixels.mean(),))
    assert measured.std == pytest.approx((pixels.std(),))
    shutil.rmtree(folder)


def test_specs_fit_what_is_loaded() -> None:
    data = load(DataConfig(val_fraction=0))
    spec = SPECS["digits"]
    assert data.spec == spec
    assert tuple(data.train.images.shape) == (spec.n_train, *spec.image_shape)
    assert np.unique(data.train.labels.numpy()).tolist() == list(range(spec.n_classes))


def test_the_package_gives_its_names_when_asked() -> None:
    assert snncore.data.load_data is load_data
    assert snncore.data.Split is type(load(DataConfig(train_limit=10)).train)
    with pytest.raises(AttributeError, match="no attribute 'Loader'"):
        _ = snncore.data.Loader


def test_size_resizes_every_part_and_keeps_the_division(tmp_path: Path) -> None:
    native, large = (load(DataConfig(size=size, train_limit=50)) for size in (None, 16))
    for one, other in ((native.train, large.train), (native.val, large.val)):
        assert torch.equal(other.images, resize(one.images, 16))
        assert torch.equal(other.labels, one.labels)
    assert tuple(large.read_test().images.shape) == (359, 1, 16, 16)
    assert large.spec.image_shape == (1, 16, 16)
    write_cifar100(tmp_path)
    cifar = load(DataConfig(name="cifar100", root=str(tmp_path), size=8))
    assert cifar.normalisation == PUBLISHED["cifar100"]
    assert tuple(cifar.train.images.shape[1:]) == (3, 8, 8)


def test_parts_of_event_frames_stay_where_they_are(tmp_path: Path) -> None:
    frames = random_images(20, 3, 2, 8, 8)
    np.savez(tmp_path / "data.npz", x_train=frames, y_train=np.arange(20) % 2)
    data = load(DataConfig(name="npz", root=str(tmp_path), val_fraction=0.25, train_limit=8), T=3)
    assert isinstance(data.train, SplitView)
    assert isinstance(data.val, SplitView)
    assert data.train.source is data.val.source
    assert (len(data.train), len(data.val)) == (8, 4)
    written = {frame.tobytes(): label % 2 for label, frame in enumerate(frames)}
    for split in (data.train, data.val):
        assert [written[image.numpy().tobytes()] for image in split.images] == split.labels.tolist()
        some = torch.tensor([2, 0])
        assert torch.equal(split.take(some), split.images[some])
        assert torch.equal(split.subset(some).images, split.images[some])
        assert torch.equal(split.subset(some).labels, split.labels[some])


def test_saccades_make_event_frames_of_the_same_division() -> None:
    still = load(DataConfig(train_limit=30, size=16))
    data = load(DataConfig(train_limit=30, size=16, events="saccades"), T=3)
    for images, frames in (
        (still.train, data.train),
        (still.val, data.val),
        (still.read_test(), data.read_test()),
    ):
        assert torch.equal(frames.images, frames_of_images(images.images, 3))
        assert torch.equal(frames.labels, images.labels)
    assert tuple(data.val.images.shape[1:]) == (3, *data.spec.image_shape)
    assert data.normalisation == COUNTS
    x, _ = next(eval_batches(data.val, 5, data.normalisation))
    assert torch.equal(x, data.val.images[:5].transpose(0, 1).float())


def test_large_sets_of_event_frames_are_kept_for_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(saccades, "_CACHED_BYTES", 0)
    write_cifar100(tmp_path)
    config = DataConfig(name="cifar100", root=str(tmp_path), events="saccades")
    first = load(config, T=2)
    assert "simulating events" in capfd.readouterr().err
    again = load(config, T=2)
    assert "simulating events" not in capfd.readouterr().err
    assert torch.equal(first.train.images, again.train.images)
    assert find_problem(config) is None
