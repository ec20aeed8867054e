"""Files of arrays that nobody would write by accident, and some that one would."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncore.data import file_access
from snncore.data.config_spec import data_spec
from snncore.errors import DataError
from tests.snncore.data.fixtures import cycling_labels, load, random_images
from tests.snncore.data.sets.test_npz import config, write

DEEP = "(" * 190 + ")" * 190


def npy(descr: str, shape: str, values: bytes = b"", version: int = 1, fortran: str = "False") -> bytes:
    """An .npy file with a header of any text."""
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes((version, 0)) + size + text + values


def labels(n: int = 20) -> bytes:
    return npy("'|u1'", f"({n},)", cycling_labels(n, 2).tobytes())


IMAGES = npy("'|u1'", "(20, 8, 8)", random_images(20, 8, 8).tobytes())


def archive(path: Path, method: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, content in ({"x_train": IMAGES, "y_train": labels()} | members).items():
            packed.writestr(f"{name}.npy", content)
    return path


def refused(path: Path, message: str) -> None:
    for act in (data_spec, load):
        with pytest.raises(DataError, match=rf"^(data: )?{path}.*{message}"):
            act(config(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy("'|u1'", "(64, 32768, 32768)", bytes(99)), "takes 68719476736 bytes, and it holds 99"),
        (npy("'<f8'", f"({2**62}, 4)", bytes(99)), r"takes \d{21} bytes, and it holds 99"),
        (npy("'|u1'", "(20, -8, -8)", bytes(1280)), r"a shape of \(20, -8, -8\)"),
        (npy("'|u1'", "(True, 8, 8)", bytes(64)), "a shape of"),
        (npy("'|u1'", f"({'9' * 3000}, 8, 8)", b""), "x_train: "),
        (npy("'|u1'", "(20, 8, 8)", bytes(1281)), "takes 1280 bytes, and it holds 1281"),
        (npy("'|u1'", DEEP, b""), "x_train: "),
        (npy("'|u1'", "-" * 3000 + "1", b""), "x_train: "),
        (npy("__import__('os').system('touch ran')", "(1,)", b""), "x_train: "),
        (npy("[('a', 'O')]", "(20, 8, 8)", b""), r"x_train is \[\('a', 'O'\)\] \(20, 8, 8\); it should be"),
        (npy("'|V1000000000'", "(20, 8, 8)", b""), "takes 1280000000000 bytes"),
        (npy("'nonsense'", "(20, 8, 8)", b""), "x_train: "),
        (
            b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{",
            "a header of 2147483648 bytes, at most 4096",
        ),
        (b"\x93NUMPY\x09\x00" + bytes(99), "does not begin as an .npy file does"),
        (b"\x93NUM", "does not begin as an .npy file does"),
        (b"", "does not begin as an .npy file does"),
    ],
)
def test_a_header_that_lies_is_refused_before_memory_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(archive(tmp_path / "my.npz", x_train=content), message)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_each_version_of_the_header_and_both_orders_are_read(tmp_path: Path, version: int) -> None:
    values = random_images(20, 8, 9)
    content = npy("'|u1'", "(20, 8, 9)", values.tobytes("F"), version, fortran="True")
    data = load(config(archive(tmp_path / "my.npz", x_train=content)))
    whole = np.concatenate([data.train.images.numpy(), data.read_test().images.numpy()])[:, 0]
    assert sorted(image.tobytes() for image in whole) == sorted(image.tobytes() for image in values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([0, 10**9] * 10), r"it holds 1000000000, and 20 samples cannot show so many classes"),
        (np.array([0, 2**63 + 5] * 10, dtype=np.uint64), "it holds 9223372036854775813, and 20 samples"),
        (np.array([0, -(2**62)] * 10), "y_train holds -4611686018427387904"),
        (np.array([0, 1, 2, 5] * 5), "class 3 has no sample, nor have 1 others"),
        (np.array([0.0, 1.0] * 10), "y_train is float64"),
        (np.array([0.0, np.nan] * 10), "y_train is float64"),
        (np.array(["cat", "dog"] * 10), "y_train is <U3"),
        (np.array([0, 1] * 10).astype("M8[s]"), "y_train is datetime64"),
        (np.array([True, False] * 10), "y_train is bool"),
        (np.array(1), r"y_train is int64 \(\)"),
    ],
)
def test_labels_that_are_no_classes_are_told(tmp_path: Path, values: np.ndarray, message: str) -> None:
    refused(write(tmp_path / "my.npz", 8, 8, y_train=values), message)


def test_labels_of_either_byte_order_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "my.npz", 8, 8, y_train=cycling_labels(20, 2).astype(">i4"))
    assert load(config(path)).train.labels.tolist() == [0, 1] * 10


@pytest.mark.parametrize("name", ["x_train", "y_train"])
def test_an_array_that_is_there_twice_is_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "my.npz")
    with zipfile.ZipFile(path, "a") as packed, pytest.warns(UserWarning, match="Duplicate name"):
        packed.writestr(f"{name}.npy", labels())
    refused(path, f"{name}: ValueError the archive holds it 2 times")


def test_other_members_are_left_alone(tmp_path: Path) -> None:
    members = {"../../x_train": b"outside", "notes": b"no array", "big": npy("'|u1'", f"({2**50},)", b"")}
    assert len(load(config(archive(tmp_path / "my.npz", **members))).train) == 16


def test_an_archive_of_many_other_things_is_told_in_short(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "my.npz", "w") as packed:
        for number in range(1000):
            packed.writestr(f"{number:04}.npy", b"")
    refused(tmp_path / "my.npz", r"holds 0000, 0001, .*0009, …; it should hold x_train")


def patched(path: Path, old: bytes, new: bytes, n: int) -> None:
    content = path.read_bytes()
    assert content.count(old) == n
    path.write_bytes(content.replace(old, new))


def test_a_member_of_64_gib_in_a_few_bytes_is_refused(tmp_path: Path) -> None:
    """The size is the same lie in the archive's header, in its directory and in the array's own header."""
    content = npy("'|u1'", "(15, 16384, 16384)", bytes(64))
    path = archive(tmp_path / "my.npz", zipfile.ZIP_DEFLATED, x_train=content)
    claimed = 15 * 2**28 + len(content) - 64
    patched(path, struct.pack("<I", len(content)), struct.pack("<I", claimed), 2)
    refused(path, r"x_train: ValueError \d+ bytes in the file cannot be \d+ bytes")


def test_a_true_bomb_is_held_against_the_memory_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(
        tmp_path / "my.npz",
        zipfile.ZIP_DEFLATED,
        x_train=npy("'|u1'", "(20, 1000, 1000)", bytes(20_000_000)),
    )
    assert path.stat().st_size < 30_000
    memory = file_access.psutil.virtual_memory()._replace(available=10**7)
    monkeypatch.setattr(file_access.psutil, "virtual_memory", lambda: memory)
    with pytest.raises(
        DataError, match=r"my\.npz: x_train, uint8 \(20, 1000, 1000\), takes 0\.0 GiB of memory"
    ):
        load(config(path))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(tmp_path: Path, method: int) -> None:
    refused(archive(tmp_path / "my.npz", method), "packed in a way that numpy does not use")


def test_an_encrypted_archive_is_told(tmp_path: Path) -> None:
    path = archive(tmp_path / "my.npz")
    content = bytearray(path.read_bytes())
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(start)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(start, place + 4)
    path.write_bytes(bytes(content))
    refused(path, "RuntimeError .*encrypted")


@pytest.mark.parametrize("place", ["file", "in a folder"])
def test_a_fifo_does_not_block(tmp_path: Path, place: str) -> None:
    path = tmp_path / "data.npz"
    os.mkfifo(path)
    with pytest.raises(DataError, match="data: npz is not at hand"):
        load(config(path if place == "file" else tmp_path))


@pytest.mark.parametrize("root", ["~nobody-of-this-name/x", "a\0b", "x" * 5000, "loop/data.npz"])
def test_a_root_that_is_no_path_is_told(tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    for name in ("npz", "folder", "cifar10", "fashion_mnist", "imagenet", "nmnist", "shd"):
        with pytest.raises(DataError, match=r"^data"):
            load(config(Path("unused")).model_copy(update={"name": name, "root": root}))


def test_one_sample_of_each_class_leaves_none_for_testing(tmp_path: Path) -> None:
    values: dict[str, Any] = {"x_train": random_images(3, 8, 8), "y_train": np.arange(3)}
    path = write(tmp_path / "my.npz", 8, 8, **values, x_test=None, y_test=None)
    refused(path, "holds one sample of each class, so that none is left for testing")


def test_a_test_part_without_samples_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "my.npz", 8, 8, x_test=np.zeros((0, 8, 8), np.uint8), y_test=np.zeros(0, int))
    refused(path, "x_test holds no samples; leave x_test and y_test out")


def test_no_class_with_two_samples_leaves_none_for_validation(tmp_path: Path) -> None:
    path = write(tmp_path / "my.npz", 8, 8, x_train=random_images(3, 8, 8), y_train=np.arange(3))
    assert len(load(config(path, val_fraction=0)).train) == 3
    with pytest.raises(DataError, match=r"data\.val_fraction: no class of npz has two training samples"):
        load(config(path, val_fraction=0.5))


def test_a_wrong_checksum_is_found(tmp_path: Path) -> None:
    path = archive(tmp_path / "my.npz")
    sums = struct.pack("<I", zlib.crc32(IMAGES))
    patched(path, sums, struct.pack("<I", zlib.crc32(IMAGES) ^ 1), 2)
    with pytest.raises(DataError, match=r"x_train: BadZipFile Bad CRC-32"):
        load(config(path))
