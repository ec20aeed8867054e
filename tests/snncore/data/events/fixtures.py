"""Writers of small event data sets in the genuine formats, byte for byte, in tonic's folders."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snncore.data.events.files import CIFAR_CLASSES

Stream = NDArray[np.int64]
"""A recording: events (n, 4) of column, row, polarity and time in microseconds."""


def random_stream(n: int, side: int, seed: int, duration_us: int = 300_000) -> Stream:
    """n events in the order of time, at uniform places of a square sensor."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, duration_us, n))
    return np.stack([rng.integers(0, side, n), rng.integers(0, side, n), rng.integers(0, 2, n), t], axis=1)


def nmnist_bytes(stream: Stream) -> bytes:
    """N-MNIST: 40 bits an event, big-endian: 8 of column, 8 of row, 1 of polarity, 23 of time."""
    return b"".join(
        bytes((x, y)) + (polarity << 23 | t).to_bytes(3, "big") for x, y, polarity, t in stream.tolist()
    )


def write_nmnist(root: Path, n_train: int = 2, n_test: int = 1, n_events: int = 60) -> Path:
    """n recordings of each of the ten digits in either part."""
    for part, n in (("Train", n_train), ("Test", n_test)):
        for digit in range(10):
            folder = root / "NMNIST" / part / str(digit)
            folder.mkdir(parents=True)
            for number in range(n):
                stream = random_stream(n_events, 34, seed=nmnist_seed(part, digit, number))
                (folder / f"{number * 10 + digit + 1:05}.bin").write_bytes(nmnist_bytes(stream))
    return root / "NMNIST"


def nmnist_seed(part: str, digit: int, number: int) -> int:
    return digit * 100 + number + (50 if part == "Test" else 0)


def gesture_array(stream: Stream) -> NDArray[np.float64]:
    """DVS-Gesture as tonic brings it: the same four columns, time in milliseconds."""
    array = stream.astype(np.float64)
    array[:, 3] //= 1000
    return array


def write_dvs_gesture(root: Path, n_train: int = 2, n_test: int = 1, n_events: int = 80) -> Path:
    """n persons in either part, with the eleven gestures each."""
    for part, n in (("ibmGestureTrain", n_train), ("ibmGestureTest", n_test)):
        for user in range(1, n + 1):
            folder = root / "DVSGesture" / part / f"user{user:02}_fluorescent_led"
            folder.mkdir(parents=True)
            for gesture in range(11):
                stream = random_stream(n_events, 128, seed=user * 100 + gesture, duration_us=6_000_000)
                np.save(folder / f"{gesture}.npy", gesture_array(stream))
    return root / "DVSGesture"


def write_shd(root: Path, n_train: int = 40, n_test: int = 20, n_spikes: int = 30) -> Path:
    """Two HDF5 files; times in seconds and 16 bits, as published."""
    folder = root / "SHD"
    folder.mkdir(parents=True)
    for part, n in (("train", n_train), ("test", n_test)):
        write_shd_file(folder / f"shd_{part}.h5", [shd_spikes(n_spikes + index, index) for index in range(n)])
    return folder


def shd_spikes(n: int, seed: int) -> tuple[NDArray[np.float16], NDArray[np.uint16]]:
    rng = np.random.default_rng(seed)
    return np.sort(rng.random(n)).astype(np.float16), rng.integers(0, 700, n).astype(np.uint16)


def write_shd_file(path: Path, recordings: list[tuple[Any, Any]], labels: Any = None) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, column, dtype in (("times", 0, np.float16), ("units", 1, np.uint16)):
            values = file.create_dataset(
                f"spikes/{name}", (len(recordings),), dtype=h5py.vlen_dtype(np.dtype(dtype))
            )
            for index, recording in enumerate(recordings):
                values[index] = recording[column]
        file["labels"] = (np.arange(len(recordings)) % 20).astype(np.uint16) if labels is None else labels
        file["extra/keys"] = np.array([b"zero", b"eins"])
        file["extra/speaker"] = np.zeros(len(recordings), dtype=np.uint16)


def aedat2_bytes(stream: Stream) -> bytes:
    """AEDAT 2.0 of a DVS128, as CIFAR10-DVS was published: 32 bits of address, 32 of time, big-endian."""
    head = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
    return head + b"".join(
        struct.pack(">II", (127 - x) << 8 | (127 - y) << 1 | (1 - polarity), t)
        for x, y, polarity, t in stream.tolist()
    )


_DESCRIPTION = """<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">
<node name="0" path="/mainloop/Recorder/outInfo/0/"><attr key="compression" type="string">{compression}</attr>
<attr key="originalModuleName" type="string">input</attr>
<attr key="originalOutputName" type="string">events</attr>
<attr key="typeDescription" type="string">Array of events (polarity ON/OFF).</attr>
<attr key="typeIdentifier" type="string">EVTS</attr>
<node name="info" path="/mainloop/Recorder/outInfo/0/info/"><attr key="sizeX" type="int">128</attr>
<attr key="sizeY" type="int">128</attr>
<attr key="source" type="string">DVS128</attr></node></node></node></dv>
"""
_EPOCH_US = 1_650_000_000_000_000  # times in the file are Unix times in microseconds


def aedat4_bytes(stream: Stream, is_lz4: bool = False, n_packets: int = 2, has_table: bool = True) -> bytes:
    """AEDAT 4.0: the version, a header, packets of events, a table of the packets (empty here).

    Header, packets and table are flatbuffers with their size before them. A file whose recorder was stopped
    has no table.
    """
    version = b"#!AER-DAT4.0\r\n"
    packets = b""
    for part in np.array_split(stream, n_packets):
        content = _lz4(_event_packet(part)) if is_lz4 else _event_packet(part)
        packets += struct.pack("<II", 0, len(content)) + content  # stream 0
    start = len(version) + len(_header(is_lz4, -1))
    header = _header(is_lz4, start + len(packets) if has_table else -1)
    table = _sized(struct.pack("<I4sHHHHiII", 16, b"FTAB", 6, 8, 4, 0, 8, 4, 0)) if has_table else b""
    return version + header + packets + table


def _header(is_lz4: bool, table_position: int) -> bytes:
    text = _DESCRIPTION.format(compression="LZ4" if is_lz4 else "NONE").encode()
    fixed = struct.pack(
        "<I4sHHHHHHiiqII", 20, b"IOHE", 10, 20, 4, 8, 16, 0, 12, is_lz4, table_position, 4, len(text)
    )
    return _sized(fixed + text + b"\0")


def _event_packet(stream: Stream) -> bytes:
    elements = b"".join(struct.pack("<qhh?3x", t + _EPOCH_US, x, y, p) for x, y, p, t in stream.tolist())
    return _sized(struct.pack("<I4sHHHHiII", 16, b"EVTS", 6, 8, 4, 0, 8, 4, len(stream)) + elements)


def _sized(buffer: bytes) -> bytes:
    return struct.pack("<I", len(buffer)) + buffer


def _lz4(content: bytes) -> bytes:
    """An LZ4 frame of blocks that are stored as they are, which the format allows."""
    blocks = b"".join(
        struct.pack("<I", 0x80000000 | len(block)) + block
        for block in (content[start : start + 65536] for start in range(0, len(content), 65536))
    )
    return b"\x04\x22\x4d\x18\x60\x40\x82" + blocks + bytes(4)


def write_cifar10_dvs(
    root: Path,
    per_class: int = 3,
    suffix: str = ".aedat4",
    to_bytes: Callable[[Stream], bytes] = aedat4_bytes,
    n_events: int = 50,
) -> Path:
    """per_class recordings of each class, numbered from 0 as published."""
    for label, name in enumerate(CIFAR_CLASSES):
        folder = root / "CIFAR10DVS" / name
        folder.mkdir(parents=True)
        for number in range(per_class):
            stream = random_stream(n_events, 128, seed=label * 100 + number)
            (folder / f"cifar10_{name}_{number}{suffix}").write_bytes(to_bytes(stream))
    return root / "CIFAR10DVS"
