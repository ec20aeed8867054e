from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snncore.config.schema import DataConfig
from snncore.data import load
from snncore.data.cache import disk_cache, image_cache, last_data
from snncore.data.cache.disk_cache import checksum
from snncore.data.cache.image_cache import FOLDER
from snncore.data.read import read_split
from snncore.data.sets import cifar
from snncore.data.split import Split, SplitView
from snncore.errors import DataError
from tests.snncore.data.fixtures import (
    cifar_batch,
    garble,
    photo,
    random_images,
    write_cifar10,
    write_cifar100,
    write_fashion,
)


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches of every set, however small; the user's own in the test's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(image_cache, "SMALLEST_BYTES", 0)
    return tmp_path / "home" / "spikefront" / FOLDER


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cifar100(tmp_path / "data").parent


def config(root: Path, name: str = "cifar100", **fields: Any) -> DataConfig:
    return DataConfig(name=name, root=str(root), **fields)  # type: ignore[arg-type]


def read(root: Path, is_train: bool = True, **fields: Any) -> Split:
    split = read_split(config(root, **fields), 4, is_train)
    assert isinstance(split, Split)
    return split


def caches(root: Path) -> list[Path]:
    return sorted(path for path in (root / FOLDER).glob("*") if not path.name.startswith("."))


def same(one: Split, other: Split) -> bool:
    return torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


def never(*arguments: Any) -> Split:
    raise AssertionError("it decoded the files again")


def test_what_is_read_from_the_cache_is_what_was_decoded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = {is_train: cifar.read("cifar100", root, is_train) for is_train in (True, False)}
    for is_train in (True, False):
        assert same(read(root, is_train), decoded[is_train])
    monkeypatch.setattr(cifar, "read", never)
    for is_train in (True, False):
        again = read(root, is_train)
        assert same(again, decoded[is_train])
        assert again.images.is_contiguous()
    assert [path.name[:14] for path in caches(root)] == ["cifar100-test-", "cifar100-train"]


def write_npz(root: Path) -> None:
    root.mkdir()
    np.savez(root / "data.npz", x_train=random_images(40, 3, 2, 8, 8), y_train=np.arange(40) % 4)


def write_folder(root: Path) -> None:
    for number in range(8):
        place = root / "train" / f"class{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        photo(12, 10, seed=number).save(place / f"{number}.png")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("cifar10", write_cifar10),
        ("fashion_mnist", lambda root: write_fashion(root / "FashionMNIST" / "raw", gzipped=True)),
        ("npz", write_npz),
        ("folder", write_folder),
    ],
)
def test_every_set_in_memory_is_decoded_once(
    tmp_path: Path, name: str, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    write(root)
    size = 16 if name == "folder" else None
    setting = config(root, name, size=size)
    first = [read_split(setting, 3, is_train) for is_train in (True, False)]
    monkeypatch.setattr("snncore.data.read._decode", never)
    for is_train, split in zip((True, False), first, strict=True):
        again = read_split(setting, 3, is_train)
        assert isinstance(split, Split)
        assert isinstance(again, Split)
        assert same(split, again)


def test_small_sets_and_digits_leave_no_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_cache, "SMALLEST_BYTES", 2**22)
    read(root)
    assert not caches(root)
    read_split(DataConfig(root=str(root)), 4, True)
    assert not caches(root)


def test_files_that_change_are_decoded_again_and_the_old_cache_goes(root: Path) -> None:
    path = root / "cifar-100-python" / "train"
    read(root)
    before = caches(root)
    stat = path.stat()
    path.write_bytes(cifar_batch(200, 100, seed=7))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))  # the same size, a nanosecond later
    assert same(read(root), cifar.read("cifar100", root, True))
    assert len(caches(root)) == 1
    assert caches(root) != before


def test_another_size_and_another_root_have_caches_of_their_own(root: Path, tmp_path: Path) -> None:
    native, small = read(root), read(root, size=8)
    assert tuple(small.images.shape[2:]) == (8, 8)
    assert same(read(root), native)
    assert len(caches(root)) == 2


def test_a_class_more_in_train_changes_the_labels_of_the_test_part(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for name in ("b", "c"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(2):
                photo(9, 9, seed=number).save(tmp_path / part / name / f"{number}.png")
    assert read(tmp_path, False, name="folder").labels.tolist() == [0, 0, 1, 1]
    (tmp_path / "train" / "a").mkdir()
    photo(9, 9).save(tmp_path / "train" / "a" / "0.png")
    assert read(tmp_path, False, name="folder").labels.tolist() == [1, 1, 2, 2]


def test_frames_of_another_number_of_steps_are_refused_from_the_cache_too(tmp_path: Path) -> None:
    write_npz(tmp_path / "data")
    read_split(config(tmp_path / "data", "npz"), 3, True)
    with pytest.raises(DataError, match="the config has 4 time steps"):
        read_split(config(tmp_path / "data", "npz"), 4, True)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "about.json"])
@pytest.mark.parametrize("damage", [truncate, empty, garble, Path.unlink])
def test_a_damaged_cache_is_made_again(
    root: Path, name: str, damage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    read(root)
    (place,) = caches(root)
    damage(place / name)
    assert same(read(root), cifar.read("cifar100", root, True))
    told = capsys.readouterr().err
    assert ("damaged decoded images, which will be made again" in told) == (
        damage is not Path.unlink or name != "about.json"
    )
    read(root)
    assert not capsys.readouterr().err
    assert caches(root) == [place]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 3, 32, 32), np.uint8), np.zeros(2, np.int64), "3 images but 2 labels"),
        (np.zeros((3, 3, 32, 32), np.uint8), np.zeros(3, np.int32), "labels int32"),
        (np.zeros((3, 3, 32, 31), np.uint8), np.zeros(3, np.int64), r"should be \(3, 32, 32\)"),
        (np.zeros((3, 3, 32, 32), np.uint8), np.full(3, 100), "labels from 100 to 100 of 100 classes"),
        (np.zeros((3, 3, 32, 32), np.uint8), np.full(3, -1), "labels from -1 to -1"),
        (np.zeros((3, 3, 32, 32), np.int8), np.zeros(3, np.int64), "images are int8"),
    ],
)
def test_arrays_that_do_not_fit_are_damage(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", labels)
    with pytest.raises(ValueError, match=message):
        image_cache._read(config(tmp_path, "cifar100"), tmp_path)


def plant(place: Path, **about: Any) -> None:
    """Other labels in a cache, with the checksum that belongs to them."""
    np.save(place / "labels.npy", np.zeros_like(np.load(place / "labels.npy")) + 99)
    known = json.loads((place / "about.json").read_text())
    sums = {"checksum": sum(checksum(place / name) for name in known["files"])}
    (place / "about.json").write_text(json.dumps(known | sums | about))


@pytest.mark.parametrize(
    "about",
    [
        {"source": "other"},
        {"files": ["../../../etc/passwd"]},
        {"files": 3},
        {"checksum": "no number"},
        {"notes": 7},
    ],
)
def test_a_cache_of_other_data_is_made_again(root: Path, about: dict[str, Any]) -> None:
    read(root)
    (place,) = caches(root)
    plant(place, **about)
    disk_cache._printed.discard(place)
    assert same(read(root), cifar.read("cifar100", root, True))


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "about.json"])
def test_a_fifo_in_a_cache_does_not_block(root: Path, name: str) -> None:
    read(root)
    (place,) = caches(root)
    (place / name).unlink()
    os.mkfifo(place / name)
    assert same(read(root), cifar.read("cifar100", root, True))


def test_writing_to_images_leaves_the_file_alone(root: Path) -> None:
    read(root).images.zero_()
    assert same(read(root), cifar.read("cifar100", root, True))


def test_a_root_that_cannot_be_written_gives_way_to_the_users_cache(
    root: Path, user_cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / FOLDER).write_text("in the way")
    first = read(root)
    assert f"decoded images are kept in {user_cache} instead" in capsys.readouterr().err
    monkeypatch.setattr(cifar, "read", never)
    assert same(read(root), first)


@pytest.mark.parametrize("fault", ["no place", "full"])
def test_where_nothing_can_be_kept_images_are_decoded_all_the_same(
    fault: str,
    root: Path,
    user_cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if fault == "no place":
        for folder in (root / FOLDER, user_cache):
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.write_text("in the way")
    else:
        usage = shutil.disk_usage(root)._replace(free=400)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert same(read(root), cifar.read("cifar100", root, True))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("until then each trial keeps its own copy of the images")


def test_damaged_sources_are_named_and_leave_no_cache(root: Path) -> None:
    path = root / "cifar-100-python" / "train"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="train: truncated or damaged"):
        read(root)
    assert not caches(root)


def test_files_replaced_while_they_are_decoded_are_not_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "cifar-100-python" / "train"
    decode = cifar.read

    def slowly(name: str, root: str | Path, is_train: bool) -> Split:
        split = decode(name, root, is_train)
        path.write_bytes(cifar_batch(150, 100, seed=3))
        return split

    monkeypatch.setattr(cifar, "read", slowly)
    assert len(read(root)) == 200
    assert not caches(root)
    monkeypatch.setattr(cifar, "read", decode)
    assert len(read(root)) == 150


def test_parts_are_views_of_the_one_copy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SMALLEST_BYTES", 0)
    monkeypatch.setattr(load, "_LAST", last_data.LastData())
    views = load.load_data(config(root, val_fraction=0.25, train_limit=100), 4)
    assert isinstance(views.train, SplitView)
    assert isinstance(views.val, SplitView)
    assert views.train.source is views.val.source
    monkeypatch.setattr(load, "SMALLEST_BYTES", 2**22)
    monkeypatch.setattr(load, "_LAST", last_data.LastData())
    copies = load.load_data(config(root, val_fraction=0.25, train_limit=100), 4)
    assert isinstance(copies.train, Split)
    for one, other in ((views.train, copies.train), (views.val, copies.val)):
        assert isinstance(one, SplitView)
        assert isinstance(other, Split)
        assert same(Split(one.images, one.labels), other)


SCRIPT = """
import sys
from snncore.config.schema import DataConfig
from snncore.data import read
from snncore.data.cache import image_cache
image_cache.SMALLEST_BYTES = 0
decode = read._decode
def told(*arguments):
    print("decoding")
    return decode(*arguments)
read._decode = told
split = read.read_split(DataConfig(name="cifar100", root=sys.argv[1]), 4, True)
print(int(split.images.sum()), int(split.labels.sum()))
"""


@pytest.mark.slow
def test_processes_decode_once(root: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(root)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    split = cifar.read("cifar100", root, True)
    sums = f"{int(split.images.sum())} {int(split.labels.sum())}\n"
    assert sorted(outputs) == [sums, sums, f"decoding\n{sums}"]
    assert len(caches(root)) == 1
