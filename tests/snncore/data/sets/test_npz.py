from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncore.config.schema import DataConfig
from snncore.data.batches.normalisation import COUNTS
from snncore.data.config_spec import data_spec
from snncore.data.install.install import install
from snncore.data.missing import find_problem
from snncore.errors import DataError
from tests.snncore.data.fixtures import cycling_labels, load, random_images


def write(path: Path, *shape: int, is_packed: bool = False, **arrays: Any) -> Path:
    """20 training and 10 test samples of one shape and two classes; arrays given by name replace them."""
    content: dict[str, Any] = {
        "x_train": random_images(20, *shape),
        "y_train": cycling_labels(20, 2),
        "x_test": random_images(10, *shape, seed=1),
        "y_test": cycling_labels(10, 2),
    }
    kept = {name: values for name, values in (content | arrays).items() if values is not None}
    (np.savez_compressed if is_packed else np.savez)(path, **kept)
    return path


def config(path: Path, **data: Any) -> DataConfig:
    return DataConfig(**{"name": "npz", "root": str(path), "val_fraction": 0} | data)


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((12, 9), (0, 1, 2)),
        ((12, 9, 3), (0, 3, 1, 2)),
        ((3, 12, 9), (0, 1, 2, 3)),
        ((1, 12, 9), (0, 1, 2, 3)),
        ((12, 9, 2), (0, 3, 1, 2)),
    ],
)
def test_every_layout_becomes_channels_first(
    tmp_path: Path, shape: tuple[int, ...], axes: tuple[int, ...], is_packed: bool
) -> None:
    path = write(tmp_path / "my.npz", *shape, is_packed=is_packed)
    data = load(config(path))
    for split, n, seed in ((data.train, 20, 0), (data.read_test(), 10, 1)):
        expected = random_images(n, *shape, seed=seed).transpose(axes).reshape(n, *data.spec.image_shape)
        assert np.array_equal(split.images.numpy(), expected)
        assert split.images.is_contiguous()
        assert split.labels.tolist() == cycling_labels(n, 2).tolist()
    assert data.spec == data_spec(config(path))
    assert (data.spec.n_classes, data.spec.n_train, data.spec.n_test, data.spec.has_time) == (
        2,
        20,
        10,
        False,
    )
    assert data.spec.image_shape == (1 if len(shape) == 2 else sorted(shape)[0], 12, 9)


def test_a_folder_with_data_npz_will_do(tmp_path: Path) -> None:
    write(tmp_path / "data.npz", 8, 8)
    assert len(load(config(tmp_path)).train) == 20


def test_images_are_resized(tmp_path: Path) -> None:
    setting = config(write(tmp_path / "my.npz", 12, 9, 3), size=16)
    data = load(setting)
    assert data_spec(setting).image_shape == tuple(data.train.images.shape[1:]) == (3, 16, 16)
    assert tuple(data.read_test().images.shape) == (10, 3, 16, 16)


def test_labels_may_be_a_column(tmp_path: Path) -> None:
    column = np.arange(20).reshape(20, 1) % 2
    assert load(config(write(tmp_path / "a.npz", 8, 8, y_train=column))).train.labels.tolist() == [0, 1] * 10


def test_without_test_arrays_a_fifth_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "my.npz", 8, 8, x_test=None, y_test=None)
    data = load(config(path))
    test = data.read_test()
    assert (len(data.train), len(test)) == (data.spec.n_train, data.spec.n_test) == (16, 4)
    assert test.labels.bincount().tolist() == [2, 2]
    whole = {image.tobytes() for image in random_images(20, 8, 8)}
    assert whole == {image.numpy().tobytes() for part in (data.train, test) for image in part.images}
    lines: list[str] = []
    install("npz", path, report=lines.append)
    assert lines == [
        f"npz: {path}, 2 classes, 16 training samples and 4 kept for testing, a stratified fifth of all, "
        "since there is no test part; nothing to do"
    ]


def test_five_axes_are_event_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "my.npz", 5, 2, 8, 9)
    data = load(config(path), T=5)
    assert data.spec == data_spec(config(path))
    assert data.spec.has_time
    assert data.spec.image_shape == (2, 8, 9)
    assert data.normalisation == COUNTS
    assert np.array_equal(data.train.images.numpy(), random_images(20, 5, 2, 8, 9))
    with pytest.raises(
        DataError, match=r"T: the config has 4 time steps, and .*my\.npz holds frames of 5 steps"
    ):
        load(config(path), T=4)
    with pytest.raises(DataError, match=r"data\.size: .*my\.npz holds event frames, which are not resized"):
        data_spec(config(path, size=16))
    with pytest.raises(DataError, match=r"data\.events: npz holds event frames already"):
        data_spec(config(path, events="saccades"))


BYTES = np.zeros((20, 8, 8), np.uint8)
LABELS = np.arange(20) % 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": None}, r"holds x_test, y_test, y_train; it should hold x_train, y_train and"),
        ({"y_test": None}, r"holds x_test, x_train, y_train; it should hold"),
        ({"x_train": BYTES / 255}, r"x_train is float64 \(20, 8, 8\); it should be uint8 \(M, H, W\)"),
        ({"x_train": BYTES.astype(np.int32)}, r"x_train is int32 \(20, 8, 8\)"),
        ({"x_train": BYTES.reshape(20, 64)}, r"x_train is uint8 \(20, 64\)"),
        ({"x_train": BYTES[:0]}, r"x_train is uint8 \(0, 8, 8\)"),
        ({"x_train": BYTES.reshape(20, 4, 4, 4)}, r"\(20, 4, 4, 4\) may be \(M, C, H, W\) or \(M, H, W, C\)"),
        ({"x_train": np.zeros((20, 9, 9, 9), np.uint8)}, r"x_train is uint8 \(20, 9, 9, 9\)"),
        ({"y_train": LABELS[:-1]}, r"y_train is int64 \(19,\); it should be whole numbers \(20,\)"),
        ({"y_train": LABELS / 2}, r"y_train is float64 \(20,\)"),
        ({"y_train": np.eye(20, dtype=int)}, r"y_train is int64 \(20, 20\)"),
        ({"y_train": LABELS - 1}, r"y_train holds -1; classes are numbered from 0"),
        ({"y_train": LABELS + 1}, r"each of the classes 0, 1, …: class 0 has no sample"),
        ({"y_train": LABELS * 0}, r"there is class 0 alone"),
        ({"y_test": np.full(10, 2)}, r"y_test holds class 2, y_train only 0 to 1"),
        ({"x_test": random_images(10, 9, 9)}, r"x_test is uint8 \(10, 9, 9\); it should be like x_train"),
        ({"y_test": LABELS}, r"y_test is int64 \(20,\); it should be whole numbers \(10,\)"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "my.npz", 8, 8, **arrays)
    with pytest.raises(DataError, match=rf"my\.npz.*{message}"):
        data_spec(config(path))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "my.npz"
    objects = np.array([object()] * 20)
    for name in ("x_train", "y_train"):
        arrays = {"x_train": BYTES, "y_train": LABELS} | {name: objects}
        np.savez(path, **arrays)
        with pytest.raises(DataError, match=r"my\.npz: .*(object \(20,\)|allow_pickle=False)"):
            load(config(path))


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_named(tmp_path: Path, share: float, is_packed: bool) -> None:
    path = write(tmp_path / "my.npz", 8, 8, is_packed=is_packed)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"my\.npz: truncated or damaged: .*"):
        load(config(path))


@pytest.mark.parametrize("is_packed", [False, True])
def test_garbled_values_are_found(tmp_path: Path, is_packed: bool) -> None:
    path = write(tmp_path / "my.npz", 30, 30, is_packed=is_packed)
    content = bytearray(path.read_bytes())
    for place in range(5000, 5050):  # in the images
        content[place] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"my\.npz: truncated or damaged: x_train: .*; fix it or remove it"):
        load(config(path))


def test_something_else_in_the_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "my.npz"
    path.write_text("no archive")
    with pytest.raises(DataError, match=r"my\.npz: truncated or damaged: BadZipFile"):
        load(config(path))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    setting = config(tmp_path / "nowhere.npz")
    assert str(find_problem(setting)).endswith(
        f"data.root is {tmp_path}/nowhere.npz; it should be a file, or a folder with data.npz"
    )
    for act in (data_spec, load):
        with pytest.raises(DataError, match="data: npz is not at hand"):
            act(setting)
    assert find_problem(config(write(tmp_path / "my.npz", 8, 8))) is None
