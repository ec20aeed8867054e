"""Recordings that hang, crash or mislead the libraries that read them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest

from snncore.data.events import isolated
from snncore.data.events.sets import cifar10_dvs, dvs_gesture, nmnist
from snncore.data.events.sets.open_source import open_source
from snncore.data.files import DamagedFileError
from tests.snncore.data.events.fixtures import (
    aedat4_bytes,
    gesture_array,
    random_stream,
    write_shd,
    write_shd_file,
)

READERS: dict[str, Callable[[Path], Any]] = {
    "a.bin": nmnist.read_file,
    "a.npy": dvs_gesture.read_file,
    "a.aedat": cifar10_dvs.read_file,
    "a.aedat4": cifar10_dvs.read_file,
}


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("kind", ["FIFO", "folder", "nothing", "zeros", "link to zeros", "circle"])
def test_what_is_no_file_is_named(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "zeros":
        path.touch()
        os.truncate(path, 2**36)
    elif kind == "link to zeros":
        path.symlink_to("/dev/zero")
    elif kind == "circle":
        path.symlink_to(name)
    with pytest.raises(DamagedFileError, match=f"^{path}: truncated or damaged: "):
        READERS[name](path)


def changed(content: bytes, rng: np.random.Generator, n: int) -> bytes:
    """Some bytes replaced at random."""
    values = bytearray(content)
    for place in rng.integers(0, len(values), n):
        values[place] = rng.integers(0, 256)
    return bytes(values)


def test_random_changes_of_aedat4_never_end_this_process(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "a.aedat4"
    n_damaged = 0
    contents = [aedat4_bytes(random_stream(40, 128, 0), is_lz4) for is_lz4 in (False, True)]
    for number in range(150):
        path.write_bytes(changed(contents[number % 2], rng, 1 + number % 5))
        try:
            cifar10_dvs.read_file(path)
        except DamagedFileError as error:
            assert error.path == path  # noqa: PT017
            n_damaged += 1
    assert n_damaged > 20


def test_a_panic_of_rust_is_named_and_the_reader_goes_on(tmp_path: Path) -> None:
    """PanicException is a BaseException: a number in the header that points behind the end."""
    path, stream = tmp_path / "a.aedat4", random_stream(40, 128, 0)
    content = bytearray(aedat4_bytes(stream))
    for place in range(14, 60):
        for value in (0x7F, 0xFF):
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                cifar10_dvs.read_file(path)
            except DamagedFileError as error:
                if "PanicException" in str(error):
                    break
        else:
            continue
        break
    else:
        pytest.fail("no change of the header made it panic")
    child = isolated._child
    path.write_bytes(content)
    assert len(cifar10_dvs.read_file(path)) == 40
    assert isolated._child is child


def test_a_reader_that_dies_is_named_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.aedat4"
    path.write_bytes(aedat4_bytes(random_stream(40, 128, 0)))
    assert len(cifar10_dvs.read_file(path)) == 40

    def dies(child: Any, line: bytes) -> None:
        child._process.send_signal(signal.SIGABRT)

    with monkeypatch.context() as patch:
        patch.setattr(isolated._Child, "_send", dies)
        with pytest.raises(DamagedFileError, match=r"the process that reads it died \(signal 6\)"):
            cifar10_dvs.read_file(path)
    assert len(cifar10_dvs.read_file(path)) == 40


def test_a_reader_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.aedat4"
    path.write_bytes(aedat4_bytes(random_stream(40, 128, 0)))
    cifar10_dvs.read_file(path)
    assert isolated._child is not None
    pid = isolated._child._process.pid
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(isolated, "_SECONDS", 0.3)
    with pytest.raises(DamagedFileError, match=r"reading it took more than 0 s"):
        cifar10_dvs.read_file(path)
    assert not psutil.pid_exists(pid)
    monkeypatch.undo()
    assert len(cifar10_dvs.read_file(path)) == 40


def test_the_reader_ends_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    path.write_bytes(aedat4_bytes(random_stream(40, 128, 0)))
    code = (
        "import os, signal; from pathlib import Path\n"
        "from snncore.data.events import isolated\n"
        "from snncore.data.events.sets import cifar10_dvs\n"
        f"cifar10_dvs.read_file(Path({str(path)!r}))\n"
        "print(isolated._child._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    pid, deadline = int(done.stdout), time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_reader_serves_many_files_of_both_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    path.write_bytes(aedat4_bytes(random_stream(40, 128, 0)))
    write_shd(tmp_path, n_train=130)
    children = set()
    for index in range(130):
        assert len(open_source("shd", tmp_path, is_train=True).read(index)) == 30 + index
        children.add(isolated._child)
        if index % 40 == 0:
            assert len(cifar10_dvs.read_file(path)) == 40
    assert len(children) == 1


def soft(file: Any) -> None:
    del file["spikes/times"]
    file["spikes/times"] = h5py.SoftLink("/spikes/times")


def external(file: Any) -> None:
    del file["spikes/times"]
    file["spikes/times"] = h5py.ExternalLink("shd_test.h5", "/spikes/times")


def external_group(file: Any) -> None:
    del file["spikes"]
    file["spikes"] = h5py.ExternalLink("shd_test.h5", "/spikes")


def external_storage(file: Any) -> None:
    del file["labels"]
    file.create_dataset("labels", (20,), "u1", external=[("/etc/passwd", 0, 20)])


def virtual(file: Any) -> None:
    del file["labels"]
    layout = h5py.VirtualLayout((20,), "u2")
    layout[:] = h5py.VirtualSource("shd_test.h5", "labels", (20,))
    file.create_virtual_dataset("labels", layout)


def huge_labels(file: Any) -> None:
    del file["labels"]
    file.create_dataset("labels", (2**36,), "u2", chunks=(1024,))


def text_labels(file: Any) -> None:
    del file["labels"]
    file["labels"] = [b"zero"] * 20


def float_labels(file: Any) -> None:
    del file["labels"]
    file["labels"] = np.full(20, np.nan)


def group_labels(file: Any) -> None:
    del file["labels"]
    file.create_group("labels")


def plain_times(file: Any) -> None:
    del file["spikes/times"]
    file["spikes/times"] = np.zeros((20, 5))


def text_times(file: Any) -> None:
    del file["spikes/times"]
    file.create_dataset("spikes/times", (20,), h5py.vlen_dtype(np.dtype("S5")))


def huge_times(file: Any) -> None:
    del file["spikes/times"]
    file.create_dataset("spikes/times", (2**40,), h5py.vlen_dtype(np.dtype("f2")), chunks=(64,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (soft, "spikes/times is a link to another place"),
        (external, "spikes/times is a link to another place"),
        (external_group, "spikes is a link to another place"),
        (external_storage, "labels lies in another file"),
        (virtual, "labels lies in another file"),
        (huge_labels, "labels of 68719476736 recordings"),
        (text_labels, "labels are"),
        (float_labels, "labels are float64, should be whole numbers"),
        (group_labels, "labels should be an array"),
        (plain_times, r"times is float64 \(20, 5\), should be an array for each recording"),
        (text_times, "times is object"),
        (huge_times, "times of 1099511627776 recordings"),
        (lambda file: file.pop("spikes/times"), "spikes/times is missing"),
    ],
)
def test_an_hdf5_file_that_leads_elsewhere_is_named(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    path = write_shd(tmp_path, n_train=20) / "shd_train.h5"
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(DamagedFileError, match=rf"shd_train\.h5: truncated or damaged: .*{message}"):
        open_source("shd", tmp_path, is_train=True)


@pytest.mark.parametrize("kind", ["FIFO", "folder", "zeros"])
def test_no_hdf5_file_is_named(tmp_path: Path, kind: str) -> None:
    path = write_shd(tmp_path) / "shd_train.h5"
    path.unlink()
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 2**36)
    with pytest.raises(DamagedFileError, match=r"shd_train\.h5: truncated or damaged"):
        open_source("shd", tmp_path, is_train=True)


def test_random_changes_of_hdf5_never_end_this_process(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(1), tmp_path / "SHD" / "shd_train.h5"
    write_shd(tmp_path, n_train=3)
    content = path.read_bytes()
    for number in range(120):
        path.write_bytes(changed(content, rng, 1 + number % 8))
        try:
            source = open_source("shd", tmp_path, is_train=True)
            for index in range(len(source.labels)):
                source.read(index)
        except DamagedFileError as error:
            assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("times", [[1e300, 0], [-1e300, 0], [0, 2e9]])
def test_times_beyond_all_bounds_are_kept_at_a_limit(tmp_path: Path, times: list[float]) -> None:
    array = gesture_array(random_stream(2, 128, 0))
    array[:, 3] = times
    np.save(tmp_path / "3.npy", array)
    assert abs(dvs_gesture.read_file(tmp_path / "3.npy").t).max() in (2**53, 2 * 10**12)


@pytest.mark.parametrize("value", [1e300, -1e300, 128, -1])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_places_beyond_all_bounds_are_named(tmp_path: Path, value: float, column: int) -> None:
    array = gesture_array(random_stream(2, 128, 0))
    array[1, column] = value
    np.save(tmp_path / "3.npy", array)
    with pytest.raises(
        DamagedFileError, match=r"(columns|rows|channels) from -?\d+ to \d+, should be from 0 to"
    ):
        dvs_gesture.read_file(tmp_path / "3.npy")


def test_many_overflows_of_nmnist_take_no_time(tmp_path: Path) -> None:
    """Each once moved all times that follow: two million of them took hours."""
    path = tmp_path / "1.bin"
    path.write_bytes((bytes((0, 240)) + bytes(3)) * 2_000_000 + bytes((1, 2, 0, 0, 5)))
    assert nmnist.read_file(path).t.tolist() == [2_000_000 * 2**13 + 5]


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    write_shd(tmp_path)
    assert len(open_source("shd", tmp_path, is_train=True).read(0)) == 30
    write_shd_file(tmp_path / "SHD" / "shd_train.h5", [([0.5], [3])] * 40)
    assert len(open_source("shd", tmp_path, is_train=True).read(0)) == 1


def test_spikes_of_other_types_are_read(tmp_path: Path) -> None:
    (tmp_path / "SHD").mkdir()
    for part in ("train", "test"):
        write_shd_file(tmp_path / "SHD" / f"shd_{part}.h5", [([0.25, 0.5], [3, 4])] * 20)
    assert open_source("shd", tmp_path, is_train=True).read(19).t.tolist() == [250_000, 500_000]
