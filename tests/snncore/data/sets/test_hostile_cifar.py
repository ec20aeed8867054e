"""CIFAR's pickles and Fashion-MNIST's idx files, as somebody may have changed them."""

from __future__ import annotations

import gzip
import pickle
import pickletools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncore.data.files import DamagedFileError
from snncore.data.sets import cifar, fashion_mnist
from tests.snncore.data.fixtures import (
    FASHION,
    cifar_batch,
    idx_bytes,
    python2_pickle,
    random_images,
    write_cifar10,
    write_fashion,
)


class Runs:
    """Unpickled, it writes a file."""

    def __reduce__(self) -> Any:
        return (open, ("ran", "w"))


def array(shape: tuple[int, ...], content: bytes) -> bytes:
    """A pickled array that claims a shape."""
    genuine = python2_pickle({b"data": random_images(1, 3072), b"labels": [0]})
    start, end = genuine.index(b"K\x01J"), genuine.index(b"\x89T") + 6
    dtype = genuine[genuine.index(b"cnumpy\ndtype") : genuine.index(b"\x89T")]
    sizes = b"".join(pickle.dumps(side, 2)[2:-1] for side in shape)
    head = genuine[:start] + b"K\x01" + sizes + b"\x86" + dtype
    return head + b"\x89T" + struct.pack("<i", len(content)) + content + genuine[end + 3072 :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(Runs()), "it names io.open, which no batch does"),
        (pickle.dumps({"data": Runs(), "labels": [0]}), "it names io.open"),
        (b"cos\nsystem\n(S'touch ran'\ntR.", "it names os.system"),
        (b"cnumpy.core.multiarray\nscalar\n.", "it names numpy.core.multiarray.scalar"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "it names builtins.eval"),
        (b"(ios\nsystem\n.", "the instruction INST"),
        (b"\x80\x02\x82\x01.", "the instruction EXT1"),
        (b"Pid\n.", "the instruction PERSID"),
        (b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".", ""),
        (b"\x80\x04\x8f.", "the instruction EMPTY_SET"),
        (b"\x80\x02Nr" + struct.pack("<I", 2**31) + b".", "it puts a value in place 2147483648"),
        (b"Np99999999999999\n.", "it puts a value in place 99999999999999"),
        (b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.", "pickle data was"),
        (array((2**40, 3072), b""), r"0 bytes of images for a shape of \(1099511627776, 3072\)"),
        (array((-1, 3072), b""), ""),
        (array((1, 3072), bytes(3071)), "3071 bytes of images for a shape"),
        (python2_pickle({b"data": random_images(1, 3072), b"labels": [2**31 - 1]}), "labels from 2147483647"),
        (pickle.dumps({"data": 5, "labels": [0]}, 2), "AttributeError"),
        (b"\x80\x02" + b"(" * 10**5 + b".", ""),
        (b"]" * 10**5 + b"a" * (10**5 - 1) + b".", ""),
    ],
)
def test_a_batch_of_something_else_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_cifar10(tmp_path) / "data_batch_2"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=rf"data_batch_2: truncated or damaged: .*{message}"):
        cifar.read("cifar10", tmp_path, is_train=True)
    assert not (tmp_path / "ran").exists()


def test_the_pickle_of_these_tests_is_sound() -> None:
    assert [op.name for op, _, _ in pickletools.genops(array((2, 3072), bytes(6144)))][-1] == "STOP"


def test_a_batch_with_a_changed_byte_is_read_or_named(tmp_path: Path) -> None:
    path = write_cifar10(tmp_path, n_batch=2) / "data_batch_2"
    content = bytearray(cifar_batch(2, 10))
    rng = np.random.default_rng(0)
    structure = [*range(400), *range(len(content) - 120, len(content))]
    for _ in range(300):
        changed = bytearray(content)
        changed[rng.choice(structure)] = rng.integers(0, 256)
        path.write_bytes(changed)
        try:
            cifar.read("cifar10", tmp_path, is_train=True)
        except DamagedFileError as error:
            assert error.path == path  # noqa: PT017


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (struct.pack(">HBBIII", 0, 8, 3, 2**31, 28, 28), "sizes of"),
        (struct.pack(">HBBIII", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "sizes of"),
        (struct.pack(">HBBIII", 0, 8, 3, 40, 28, 28) + bytes(99), "31360 bytes should follow .* it holds 99"),
        (idx_bytes(random_images(40, 28, 28)) + b"x", "it holds 31361 or more"),
        (struct.pack(">HBB", 0, 8, 255) + bytes(2000), "it begins with 00 00 08 ff"),
        (b"\0\0", "it begins with 00 00,"),
        (struct.pack(">HBBI", 0, 8, 3, 40), "sizes of"),
    ],
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_an_idx_file_that_lies_is_named(
    tmp_path: Path, content: bytes, message: str, is_packed: bool
) -> None:
    folder = write_fashion(tmp_path / "FashionMNIST" / "raw", gzipped=is_packed)
    path = folder / (FASHION[0] + ".gz" * is_packed)
    path.write_bytes(gzip.compress(content) if is_packed else content)
    with pytest.raises(DamagedFileError, match=rf"{path.name}: truncated or damaged: ValueError .*{message}"):
        fashion_mnist.read(tmp_path, is_train=True)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    folder = write_fashion(tmp_path / "FashionMNIST" / "raw", gzipped=True)
    path = folder / f"{FASHION[0]}.gz"
    content = idx_bytes(random_images(40, 28, 28)) + bytes(2**26)
    path.write_bytes(gzip.compress(content, 1))
    with pytest.raises(DamagedFileError, match="it holds 31361 or more"):
        fashion_mnist.read(tmp_path, is_train=True)
