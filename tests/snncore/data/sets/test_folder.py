from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from snncore.config.schema import DataConfig
from snncore.data.config_spec import data_spec
from snncore.data.install.install import install
from snncore.data.missing import find_problem
from snncore.data.sets.folder_index import index_folder
from snncore.errors import DataError
from tests.snncore.data.fixtures import load, photo, random_images


def write(
    root: Path,
    parts: dict[str, int],
    shape: tuple[int, ...] = (12, 10),
    classes: str = "ab",
    suffix: str = "png",
) -> Path:
    """So many random images per class and part, each with pixels of its own."""
    seed = 0
    for part, n in parts.items():
        for name in classes:
            (root / part / name).mkdir(parents=True)
            for number in range(n):
                image = Image.fromarray(random_images(1, *shape, seed=seed)[0])
                image.save(root / part / name / f"{number:03}.{suffix}")
                seed += 1
    return root


def config(root: Path, **data: Any) -> DataConfig:
    return DataConfig(name="folder", root=str(root), **data)


def test_images_come_by_class_and_name(tmp_path: Path) -> None:
    root = write(tmp_path, {"train": 10, "test": 3}, (12, 10, 3))
    data = load(config(root, val_fraction=0))
    expected = np.stack([random_images(1, 12, 10, 3, seed=seed)[0] for seed in range(20)]).transpose(
        0, 3, 1, 2
    )
    assert np.array_equal(data.train.images.numpy(), expected)
    assert data.train.labels.tolist() == [0] * 10 + [1] * 10
    test = data.read_test()
    assert np.array_equal(test.images[-1].numpy(), random_images(1, 12, 10, 3, seed=25)[0].transpose(2, 0, 1))
    assert test.labels.tolist() == [0] * 3 + [1] * 3
    assert data.spec == data_spec(config(root))
    assert (data.spec.n_classes, data.spec.n_train, data.spec.n_test) == (2, 20, 6)
    assert data.spec.image_shape == (3, 12, 10)


def test_grey_images_stay_grey_until_one_has_colour(tmp_path: Path) -> None:
    root = write(tmp_path, {"train": 5, "test": 2}, (8, 8))
    assert data_spec(config(root)).channels == 1
    assert np.array_equal(
        load(config(root)).read_test().images[0, 0].numpy(), random_images(1, 8, 8, seed=10)[0]
    )
    photo(8, 8).save(root / "test" / "b" / "colour.png")
    assert data_spec(config(root)).channels == 3
    train = load(config(root, val_fraction=0)).train.images
    assert np.array_equal(train[0, 2].numpy(), random_images(1, 8, 8, seed=0)[0])


def test_without_a_test_folder_a_fifth_is_kept_always_the_same(tmp_path: Path) -> None:
    root = write(tmp_path, {"train": 10}, (8, 8))
    data = load(config(root, val_fraction=0))
    test = data.read_test()
    assert (data.spec.n_train, data.spec.n_test) == (len(data.train), len(test)) == (16, 4)
    assert test.labels.tolist() == [0, 0, 1, 1]
    pictures = {image.numpy().tobytes() for image in data.train.images}
    held_out = [image.numpy().tobytes() for image in test.images]
    assert len(pictures | set(held_out)) == 20
    places = [seed for seed in range(20) if random_images(1, 8, 8, seed=seed)[0].tobytes() in held_out]
    assert places == [5, 9, 13, 16]  # worked out once: accuracies on this test part must stay comparable


def test_images_of_different_sizes_need_a_size(tmp_path: Path) -> None:
    root = write(tmp_path, {"train": 3}, (12, 10, 3))
    Image.fromarray(random_images(1, 20, 30, 3)[0]).save(root / "train" / "b" / "other.png")
    message = (
        r"data\.size: images differ in size: .*10 × 12.*other\.png is 30 × 20; set data\.size to the side"
    )
    for act in (data_spec, load):
        with pytest.raises(DataError, match=message):
            act(config(root))
    data = load(config(root, size=16, val_fraction=0))
    assert data.spec.image_shape == (3, 16, 16)
    assert tuple(data.train.images.shape[1:]) == (3, 16, 16)
    image = Image.open(root / "train" / "a" / "000.png").resize((16, 16), Image.Resampling.BILINEAR)
    n_same = sum(
        np.array_equal(found.numpy().transpose(1, 2, 0), np.asarray(image)) for found in data.train.images
    )
    n_same += sum(
        np.array_equal(found.numpy().transpose(1, 2, 0), np.asarray(image))
        for found in data.read_test().images
    )
    assert n_same == 1


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "bmp", "webp", "tif", "pgm"])
def test_suffixes(tmp_path: Path, suffix: str) -> None:
    root = write(tmp_path, {"train": 4}, (8, 8), suffix=suffix)
    assert data_spec(config(root)).n_train == 6


def test_one_class_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train holds the class a alone; it takes two or more"):
        data_spec(config(write(tmp_path, {"train": 3}, classes="a")))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: (root / "train" / "c").mkdir(), "train/c holds no images"),
        (
            lambda root: (root / "train" / "a.png").write_text(""),
            "train holds the file a.png; it should hold one",
        ),
        (
            lambda root: (root / "train" / "a" / "x.txt").write_text(""),
            "a holds x.txt, which is not read; allowed: .bmp",
        ),
        (lambda root: (root / "train" / "a" / "sub").mkdir(), "a holds the folder sub"),
        (lambda root: (root / "test" / "z").mkdir(), "test holds z, a class that train lacks"),
        (
            lambda root: (root / "test" / "a" / "x.png").write_text("no"),
            r"x\.png: truncated or damaged: cannot ident",
        ),
        (
            lambda root: Image.fromarray(np.zeros((12, 10), np.uint16)).save(
                root / "train" / "a" / "deep.png"
            ),
            r"deep\.png: pixels of mode I;16, and only 8 bits are read",
        ),
    ],
)
def test_what_does_not_belong_is_told(tmp_path: Path, make: Any, message: str) -> None:
    root = write(tmp_path, {"train": 2, "test": 1})
    make(root)
    with pytest.raises(DataError, match=message):
        data_spec(config(root))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_an_image_with_a_header_and_no_rest_is_named(tmp_path: Path, suffix: str) -> None:
    root = write(tmp_path, {"train": 4, "test": 2}, (40, 40, 3), suffix=suffix)
    path = root / "test" / "b" / f"001.{suffix}"
    path.write_bytes(path.read_bytes()[:-700])
    data = load(config(root, val_fraction=0))
    with pytest.raises(DataError, match=rf"b/001\.{suffix}: truncated or damaged: .*; fix it or remove it"):
        data.read_test()


def test_the_index_follows_the_folder(tmp_path: Path) -> None:
    root = write(tmp_path, {"train": 2, "test": 1})
    first = index_folder(root)
    assert index_folder(root) is first
    shutil.copy(root / "train" / "a" / "000.png", root / "train" / "a" / "new.png")
    assert len(index_folder(root).train) == len(first.train) + 1


def test_a_missing_root_is_told(tmp_path: Path) -> None:
    setting = config(tmp_path / "nowhere")
    problem = str(find_problem(setting))
    assert f"there is no folder {tmp_path}/nowhere/train; data.root should hold train/CLASS/IMAGE" in problem
    for act in (data_spec, load):
        with pytest.raises(DataError, match="data: folder is not at hand"):
            act(setting)
    assert find_problem(config(write(tmp_path, {"train": 2}))) is None


def test_the_command_tells_what_is_there(tmp_path: Path) -> None:
    root = write(tmp_path / "own", {"train": 10})
    lines: list[str] = []
    install("folder", root, report=lines.append)
    write(tmp_path / "other", {"train": 3, "test": 2}, classes="abc")
    install("folder", tmp_path / "other", report=lines.append)
    assert lines == [
        f"folder: {root}, 2 classes, 16 training samples and 4 kept for testing, a stratified fifth of all, "
        "since there is no test part; nothing to do",
        f"folder: {tmp_path}/other, 3 classes, 9 training samples and 6 for testing; nothing to do",
    ]
    with pytest.raises(
        DataError, match="folder: your own data are read where they are; give their place as --root"
    ):
        install("folder", root, tmp_path)
