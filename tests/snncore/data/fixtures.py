"""Writers of small data sets in the genuine formats, byte for byte as they are published."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from snncore.config.schema import DataConfig
from snncore.data.load import DataSet, load_data

Bytes = NDArray[np.uint8]

FASHION = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def load(config: DataConfig, T: int = 4) -> DataSet:
    """The data of a config whose number of steps does not matter."""
    return load_data(config, T)


def random_images(n: int, *shape: int, seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def cycling_labels(n: int, n_classes: int) -> Bytes:
    return (np.arange(n) % n_classes).astype(np.uint8)


def idx_bytes(values: Bytes) -> bytes:
    """The idx format: two zero bytes, type 8 (bytes), number of dimensions, big-endian sizes, values."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_fashion(folder: Path, n_train: int = 40, n_test: int = 20, gzipped: bool = False) -> Path:
    """The four files of a small Fashion-MNIST in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = []
    for seed, n in enumerate((n_train, n_test)):
        arrays += [random_images(n, 28, 28, seed=seed), cycling_labels(n, 10)]
    for name, values in zip(FASHION, arrays, strict=True):
        if gzipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(values)))
        else:
            (folder / name).write_bytes(idx_bytes(values))
    return folder


def garble(path: Path, n_bytes: int = 200) -> None:
    """Overwrite bytes in the middle, as a bad disk or a broken transfer does."""
    content = path.read_bytes()
    middle = len(content) // 2
    noise = np.random.default_rng(0).bytes(n_bytes)
    path.write_bytes(content[:middle] + noise + content[middle + n_bytes :])


def _text(value: bytes) -> bytes:
    return b"U" + bytes([len(value)]) + value


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _list(items: list[bytes]) -> bytes:
    return b"](" + b"".join(items) + b"e"


def _array(values: Bytes) -> bytes:
    """A two-dimensional byte array as numpy pickled it under Python 2: flags are numbers, bytes are str."""
    dtype = b"cnumpy\ndtype\n" + _text(b"u1") + b"K\x00K\x01\x87R(K\x03" + _text(b"|")
    dtype += b"NNN" + _number(-1) * 2 + b"K\x00tb"
    data = values.tobytes()
    head = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + _text(b"b") + b"\x87R"
    shape = _number(values.shape[0]) + _number(values.shape[1]) + b"\x86"
    return head + b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(data)) + data + b"tb"


def python2_pickle(entries: dict[bytes, Bytes | list[int] | list[bytes]]) -> bytes:
    """A dictionary as Python 2 pickled it (protocol 2), the form in which CIFAR is published."""
    body = b""
    for key, value in entries.items():
        if isinstance(value, np.ndarray):
            body += _text(key) + _array(value)
        else:
            items = [_text(item) if isinstance(item, bytes) else _number(item) for item in value]
            body += _text(key) + _list(items)
    return b"\x80\x02}(" + body + b"u."


def cifar_batch(n: int, n_classes: int, seed: int = 0) -> bytes:
    key = b"labels" if n_classes == 10 else b"fine_labels"
    labels = [int(label) for label in cycling_labels(n, n_classes)]
    return python2_pickle({b"data": random_images(n, 3072, seed=seed), key: labels})


def write_cifar10(root: Path, n_batch: int = 20, n_test: int = 10) -> Path:
    """A small CIFAR-10 under `root`: five training batches, a test batch, the names of the classes."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number in range(1, 6):
        (folder / f"data_batch_{number}").write_bytes(cifar_batch(n_batch, 10, seed=number))
    (folder / "test_batch").write_bytes(cifar_batch(n_test, 10))
    (folder / "batches.meta").write_bytes(python2_pickle({b"label_names": [b"airplane", b"automobile"]}))
    return folder


def write_cifar100(root: Path, n_train: int = 200, n_test: int = 100) -> Path:
    """A small CIFAR-100 under `root`."""
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    (folder / "train").write_bytes(cifar_batch(n_train, 100))
    (folder / "test").write_bytes(cifar_batch(n_test, 100, seed=1))
    (folder / "meta").write_bytes(python2_pickle({b"fine_label_names": [b"apple", b"aquarium_fish"]}))
    return folder


def photo(height: int, width: int, seed: int = 0) -> Image.Image:
    """A smooth colour image, which survives JPEG: noise of 4 × 4 pixels, enlarged."""
    small = Image.fromarray(random_images(1, 4, 4, 3, seed=seed)[0])
    return small.resize((width, height), Image.Resampling.BICUBIC)


WNIDS = ("n01440764", "n01443537", "n02110341")


def write_imagenet(root: Path, n_train: int = 4, n_val: int = 2) -> Path:
    """A small ImageNet under `root`: JPEG files of different sizes, one of them grey."""
    for part, n in (("train", n_train), ("val", n_val)):
        for label, wnid in enumerate(WNIDS):
            folder = root / "imagenet" / part / wnid
            folder.mkdir(parents=True)
            for number in range(n):
                image = photo(40 + 3 * number, 50 - 5 * label, seed=10 * label + number)
                if part == "train" and number == label == 1:
                    image = image.convert("L")
                stem = (
                    f"{wnid}_{number}" if part == "train" else f"ILSVRC2012_val_{number * 3 + label + 1:08}"
                )
                image.save(folder / f"{stem}.JPEG", quality=90)
    return root / "imagenet"
