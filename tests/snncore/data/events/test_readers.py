from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snncore.data.events.files import CIFAR_CLASSES, list_recordings
from snncore.data.events.sets import cifar10_dvs, dvs_gesture, nmnist
from snncore.data.events.sets.open_source import open_source
from snncore.data.events.stream import Events
from snncore.data.files import DamagedFileError
from tests.snncore.data.events.fixtures import (
    Stream,
    aedat2_bytes,
    aedat4_bytes,
    gesture_array,
    nmnist_bytes,
    nmnist_seed,
    random_stream,
    shd_spikes,
    write_cifar10_dvs,
    write_dvs_gesture,
    write_nmnist,
    write_shd,
    write_shd_file,
)
from tests.snncore.data.fixtures import garble


def columns(events: Events, is_shifted: bool = False) -> list[list[int]]:
    """Column, row, polarity, time of each event; is_shifted: time from the first event on."""
    t = events.t - events.t.min() if is_shifted else events.t
    return np.stack([events.x, events.y, events.channel, t], axis=1).tolist()


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_nmnist_events_are_those_written(tmp_path: Path) -> None:
    stream = random_stream(200, 34, seed=0)
    events = nmnist.read_file(written(tmp_path, "00001.bin", nmnist_bytes(stream)))
    assert columns(events) == stream.tolist()


def test_nmnist_time_goes_on_after_an_overflow(tmp_path: Path) -> None:
    overflow = bytes((0, 240)) + bytes(3)  # y of 240 marks that 2**13 microseconds are to be added
    content = nmnist_bytes(np.array([[1, 2, 0, 5]])) + overflow + nmnist_bytes(np.array([[3, 4, 1, 6]]))
    assert columns(nmnist.read_file(written(tmp_path, "1.bin", content))) == [[1, 2, 0, 5], [3, 4, 1, 8198]]


@pytest.mark.parametrize("dtype", [np.float64, np.int16, np.uint32])
def test_gesture_events_are_those_written(tmp_path: Path, dtype: type) -> None:
    stream = random_stream(200, 128, seed=0, duration_us=6_000_000)
    np.save(tmp_path / "3.npy", gesture_array(stream).astype(dtype))
    stream[:, 3] = stream[:, 3] // 1000 * 1000  # kept in milliseconds
    assert columns(dvs_gesture.read_file(tmp_path / "3.npy")) == stream.tolist()


@pytest.mark.parametrize("is_lz4", [False, True])
@pytest.mark.parametrize("has_table", [False, True])
def test_aedat4_events_are_those_written(tmp_path: Path, is_lz4: bool, has_table: bool) -> None:
    stream = random_stream(5000, 128, seed=0)
    path = written(tmp_path, "a.aedat4", aedat4_bytes(stream, is_lz4, n_packets=3, has_table=has_table))
    stream[:, 3] -= stream[0, 3]
    assert columns(cifar10_dvs.read_file(path), is_shifted=True) == stream.tolist()


def test_aedat2_events_are_those_written(tmp_path: Path) -> None:
    stream = random_stream(200, 128, seed=0)
    path = written(tmp_path, "a.aedat", aedat2_bytes(stream))
    assert columns(cifar10_dvs.read_file(path)) == stream.tolist()


def test_aedat2_marks_that_no_pixel_has_seen_are_left_out(tmp_path: Path) -> None:
    stream = random_stream(3, 128, seed=0)
    mark = (0x8000).to_bytes(4, "big") + (7).to_bytes(4, "big")
    path = written(tmp_path, "a.aedat", aedat2_bytes(stream) + mark)
    assert columns(cifar10_dvs.read_file(path)) == stream.tolist()


def test_the_axes_and_the_polarity_of_aedat2(tmp_path: Path) -> None:
    address, t = 0b0_0000011_0000101_1, 9  # 3 of one axis, 5 of the other, off
    content = b"#!AER-DAT2.0\r\n" + address.to_bytes(4, "big") + t.to_bytes(4, "big")
    events = cifar10_dvs.read_file(written(tmp_path, "a.aedat", content))
    assert columns(events) == [[127 - 3, 127 - 5, 0, 9]]


def test_shd_spikes_are_those_written(tmp_path: Path) -> None:
    write_shd(tmp_path, n_train=22, n_test=20)
    source = open_source("shd", tmp_path, is_train=True)
    assert source.labels.tolist() == [*range(20), 0, 1]
    for index in (0, 21, 7):
        times, units = shd_spikes(30 + index, index)
        events = source.read(index)
        assert events.channel.tolist() == units.tolist()
        assert events.t.tolist() == [round(float(time) * 1e6) for time in times]
        assert not events.x.any()
        assert not events.y.any()


def test_parts_and_labels(tmp_path: Path) -> None:
    write_nmnist(tmp_path, n_train=2, n_test=1)
    write_dvs_gesture(tmp_path, n_train=3, n_test=2)
    for is_train, part in ((True, "Train"), (False, "Test")):
        source = open_source("nmnist", tmp_path, is_train)
        n = 2 if is_train else 1
        assert source.labels.tolist() == [digit for digit in range(10) for _ in range(n)]
        stream = random_stream(60, 34, seed=nmnist_seed(part, 7, n - 1))
        assert columns(source.read(8 * n - 1)) == stream.tolist()
        gestures = open_source("dvs_gesture", tmp_path, is_train)
        assert gestures.labels.tolist() == [*range(11)] * (3 if is_train else 2)


@pytest.mark.parametrize("suffix", [".aedat4", ".aedat"])
def test_the_first_tenth_of_each_class_by_number_is_the_test_part(tmp_path: Path, suffix: str) -> None:
    write_cifar10_dvs(tmp_path, per_class=30, suffix=suffix, to_bytes=lambda stream: b"")
    for is_train, numbers in ((False, [0, 1, 2]), (True, [*range(3, 30)])):
        recordings = list_recordings("cifar10_dvs", tmp_path, is_train)
        expected = [
            (f"cifar10_{name}_{number}{suffix}", label)
            for label, name in enumerate(CIFAR_CLASSES)
            for number in numbers
        ]
        assert [(recording.path.name, recording.label) for recording in recordings] == expected


def test_one_form_of_cifar10_dvs_is_read_where_both_are(tmp_path: Path) -> None:
    write_cifar10_dvs(tmp_path, per_class=2)
    folder = tmp_path / "CIFAR10DVS" / "cat"
    (folder / "cifar10_cat_0.aedat").write_bytes(b"")
    assert len(list_recordings("cifar10_dvs", tmp_path, is_train=True)) == 10


Damage = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-1], "299 bytes, should be a multiple of 5"),
        (lambda content: b"", "0 bytes"),
        (lambda content: b"\x22" + content[1:], "columns from .* to 34, should be from 0 to 33"),
        (lambda content: content[:1] + b"\x22" + content[2:], "rows from .* to 34, should be"),
    ],
)
def test_a_damaged_nmnist_file_is_named(tmp_path: Path, damage: Damage, reason: str) -> None:
    refused(nmnist.read_file, tmp_path / "00001.bin", damage(nmnist_bytes(random_stream(60, 34, 0))), reason)


@pytest.mark.parametrize("to_bytes", [aedat4_bytes, lambda stream: aedat4_bytes(stream, is_lz4=True)])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[: len(content) - 40], "failed to fill whole buffer"),
        (lambda content: content[: len(content) // 2], "failed to fill whole buffer"),
        (lambda content: content[:20], "failed to fill whole buffer"),
        (lambda content: b"", "failed to fill whole buffer"),
        (lambda content: b"#!AER-DAT3.1\r\n" + content[14:], "wrong magic number"),
        (lambda content: content.replace(b"EVTS", b"EVTX"), "unsupported stream type"),
        (lambda content: content.replace(b">EVTS<", b">TRIG<"), "no events in the file"),
    ],
)
def test_a_damaged_aedat4_file_is_named(
    tmp_path: Path, to_bytes: Callable[[Stream], bytes], damage: Damage, reason: str
) -> None:
    content = damage(to_bytes(random_stream(60, 128, 0)))
    refused(cifar10_dvs.read_file, tmp_path / "cifar10_cat_7.aedat4", content, reason)


def test_an_event_outside_the_sensor_of_aedat4_is_named(tmp_path: Path) -> None:
    content = aedat4_bytes(np.array([[128, 0, 1, 0], [0, 0, 1, 1]]))
    refused(cifar10_dvs.read_file, tmp_path / "a.aedat4", content, "columns from 0 to 128")


def test_a_garbled_aedat4_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a.aedat4", aedat4_bytes(random_stream(60, 128, 0)))
    garble(path)
    with pytest.raises(DamagedFileError, match=r"a\.aedat4: truncated or damaged"):
        cifar10_dvs.read_file(path)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-3], "bytes of events, should be a multiple of 8"),
        (lambda content: content[:60], "bytes of events|ends in its header"),
        (lambda content: content[:20], "it ends in its header"),
        (lambda content: content[:-480], ": 0 bytes of events"),
        (lambda content: content.replace(b"DAT2.0", b"DAT3.1"), "does not begin with #!AER-DAT2"),
        (lambda content: content[:-8] + b"\1" + content[-7:], "addresses of more than 16 bits"),
    ],
)
def test_a_damaged_aedat2_file_is_named(tmp_path: Path, damage: Damage, reason: str) -> None:
    content = damage(aedat2_bytes(random_stream(60, 128, 0)))
    refused(cifar10_dvs.read_file, tmp_path / "cifar10_cat_7.aedat", content, reason)


@pytest.mark.parametrize("n_bytes", [0, 5, 100, 500])
def test_a_truncated_gesture_file_is_named(tmp_path: Path, n_bytes: int) -> None:
    np.save(tmp_path / "whole.npy", gesture_array(random_stream(60, 128, 0)))
    content = (tmp_path / "whole.npy").read_bytes()[:n_bytes]
    refused(dvs_gesture.read_file, tmp_path / "3.npy", content, "")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros((5, 3)), r"\(5, 3\), should be \(events, 4\)"),
        (np.zeros(20), r"\(20,\), should be"),
        (np.array([["a"] * 4]), "holds <U1"),
        (np.full((2, 4), np.nan), "not all numbers"),
        (np.array([[0, 0, 2, 0]]), "channels from 2 to 2, should be from 0 to 1"),
        (np.array([[0, -1, 0, 0]]), "rows from -1 to -1"),
    ],
)
def test_wrong_gestures_are_told(tmp_path: Path, values: np.ndarray, reason: str) -> None:
    np.save(tmp_path / "3.npy", values)
    refused(dvs_gesture.read_file, tmp_path / "3.npy", (tmp_path / "3.npy").read_bytes(), reason)


def test_pickled_gestures_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "3.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DamagedFileError, match=r"3\.npy.*holds object \(1,\), which are no numbers"):
        dvs_gesture.read_file(tmp_path / "3.npy")


def refused(reader: Callable[[Path], Events], path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=rf"{path.name}: truncated or damaged.*{reason}"):
        reader(path)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_shd_file_is_named(tmp_path: Path, share: float) -> None:
    path = write_shd(tmp_path) / "shd_test.h5"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedFileError, match=r"shd_test\.h5: truncated or damaged: OSError"):
        open_source("shd", tmp_path, is_train=False)


@pytest.mark.parametrize(
    ("units", "times", "labels", "reason"),
    [
        ([700], [0.5], [0], "channels from 700 to 700, should be from 0 to 699"),
        ([1, 2], [0.5], [0], "its events lack parts"),
        ([1], [np.nan], [0], "recording 0 has times that are not finite"),
        ([1], [0.5], [20], "labels from 20 to 20, should be from 0 to 19"),
        ([1], [0.5], [0, 1], r"times, units and labels differ in number: \[1, 2\]"),
    ],
)
def test_wrong_spikes_are_told(
    tmp_path: Path, units: list[int], times: list[float], labels: list[int], reason: str
) -> None:
    path = write_shd(tmp_path) / "shd_train.h5"
    write_shd_file(path, [(np.float16(times), np.uint16(units))], labels)
    with pytest.raises(DamagedFileError, match=rf"shd_train\.h5: truncated or damaged: {reason}"):
        open_source("shd", tmp_path, is_train=True).read(0)


def test_an_hdf5_file_of_something_else(tmp_path: Path) -> None:
    import h5py

    folder = write_shd(tmp_path)
    with h5py.File(folder / "shd_train.h5", "w") as file:
        file["labels"] = [0]
    with pytest.raises(
        DamagedFileError, match=r"shd_train\.h5: truncated or damaged: ValueError spikes is missing"
    ):
        open_source("shd", tmp_path, is_train=True)


def test_a_recording_without_events_is_kept(tmp_path: Path) -> None:
    np.save(tmp_path / "3.npy", np.zeros((0, 4)))
    assert len(dvs_gesture.read_file(tmp_path / "3.npy")) == 0


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("nmnist", "NMNIST/Test"),
        ("dvs_gesture", "DVSGesture/ibmGestureTest"),
        ("shd", "SHD/shd_test.h5"),
        ("cifar10_dvs", "CIFAR10DVS/airplane"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, name: str, absent: str) -> None:
    with pytest.raises(DamagedFileError, match=f"{absent}: truncated or damaged: it is missing"):
        open_source(name, tmp_path, is_train=False)


def test_folders_and_files_that_tell_no_class(tmp_path: Path) -> None:
    write_nmnist(tmp_path)
    write_dvs_gesture(tmp_path)
    (tmp_path / "NMNIST" / "Train" / "5").rename(tmp_path / "NMNIST" / "Train" / "five")
    with pytest.raises(DamagedFileError, match=r"five.*: 'five' should be the number of its class"):
        open_source("nmnist", tmp_path, is_train=True)
    folder = tmp_path / "DVSGesture" / "ibmGestureTrain" / "user01_fluorescent_led"
    (folder / "10.npy").rename(folder / "11.npy")
    with pytest.raises(DamagedFileError, match=r"11\.npy: .*class 11, should be from 0 to 10"):
        open_source("dvs_gesture", tmp_path, is_train=True)


def test_empty_parts(tmp_path: Path) -> None:
    (tmp_path / "NMNIST" / "Train" / "0").mkdir(parents=True)
    with pytest.raises(DamagedFileError, match=r"Train: .*it holds no recordings"):
        open_source("nmnist", tmp_path, is_train=True)
    write_cifar10_dvs(tmp_path, per_class=1)
    with pytest.raises(DamagedFileError, match=r"CIFAR10DVS: .*none is left for testing"):
        open_source("cifar10_dvs", tmp_path, is_train=False)
