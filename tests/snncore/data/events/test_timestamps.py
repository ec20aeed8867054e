from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snncore.config.schema import DataConfig
from snncore.data.cache import disk_cache
from snncore.data.events.timestamps import far_events
from snncore.data.install.install import install
from snncore.errors import DataError
from tests.snncore.data.events.fixtures import (
    aedat2_bytes,
    gesture_array,
    random_stream,
    write_cifar10_dvs,
    write_dvs_gesture,
)
from tests.snncore.data.fixtures import load

HOUR = 3600 * 10**6


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_cache, "_printed", set())


def even(n: int = 1000, duration_us: int = 300_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, duration_us, n)


SOUND: dict[str, Callable[[], np.ndarray]] = {
    "even": even,
    "in order": lambda: np.sort(even()),
    "three bursts": lambda: np.concatenate([even(300, 10_000) + start for start in (0, 100_000, 200_000)]),
    "noise around a burst": lambda: np.concatenate([even(800, 30_000) + 150_000, even(200)]),
    "exponential": lambda: np.random.default_rng(0).exponential(50_000, 1000).astype(np.int64),
    "normal": lambda: np.random.default_rng(0).normal(0, 50_000, 1000).astype(np.int64),
    "Unix time": lambda: even() + 1_650_000_000 * 10**6,
    "milliseconds": lambda: even() // 1000 * 1000,
    "few, far apart": lambda: np.array([0, 1, 10**12]),
    "few, at once": lambda: np.zeros(19, dtype=np.int64),
    "none": lambda: np.zeros(0, dtype=np.int64),
    "one": lambda: np.array([5]),
}


@pytest.mark.parametrize("kind", sorted(SOUND))
def test_sound_times_are_left_alone(kind: str) -> None:
    assert not far_events(SOUND[kind]()).any()


@pytest.mark.parametrize("bad", [[HOUR], [-HOUR], [2**53], [HOUR, 2 * HOUR, 50 * HOUR], [-(2**53), 2**53]])
@pytest.mark.parametrize("is_ordered", [False, True])
def test_far_times_are_found_wherever_they_stand(bad: list[int], is_ordered: bool) -> None:
    t = np.insert(even(), [400 + 7 * number for number in range(len(bad))], bad)
    t = np.sort(t) if is_ordered else t
    assert sorted(t[far_events(t)].tolist()) == sorted(bad)


@pytest.mark.parametrize(
    ("t", "message"),
    [
        (np.zeros(20, dtype=np.int64), "all of its 20 events have the same time"),
        (np.linspace(0, 25 * HOUR, 1000).astype(np.int64), r"its events span 1\.04 days"),
        (np.concatenate([even(500), even(500) + HOUR]), "two groups, 3599[0-9]* microseconds apart"),
        (np.concatenate([2**32 - 1 - even(500), even(500)]), "as after a counter that wrapped around"),
        (np.random.default_rng(0).integers(-(2**53), 2**53, 1000), "its events span .* days"),
    ],
)
def test_times_that_make_no_recording_are_refused(t: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        far_events(t)


def config(root: Path, frames_by: str = "time") -> DataConfig:
    return DataConfig.model_validate(
        {"name": "dvs_gesture", "root": str(root), "frames_by": frames_by, "val_fraction": 0}
    )


def spoil(root: Path, user: int, gesture: int, t_ms: float, n: int = 1) -> Path:
    """Add events at a time to a recording of the training part."""
    path = root / "DVSGesture" / "ibmGestureTrain" / f"user{user:02}_fluorescent_led" / f"{gesture}.npy"
    array = np.load(path)
    np.save(path, np.concatenate([array, np.tile([3, 4, 1, t_ms], (n, 1))]))
    return path


@pytest.mark.parametrize("frames_by", ["time", "count"])
def test_one_bad_time_does_not_put_a_recording_into_one_frame(
    tmp_path: Path, frames_by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dvs_gesture(tmp_path / "sound", n_events=400)
    write_dvs_gesture(tmp_path / "bad", n_events=400)
    path = spoil(tmp_path / "bad", 1, 4, 1e9)
    spoil(tmp_path / "bad", 2, 7, -1e9, n=3)
    sound, bad = (load(config(tmp_path / name, frames_by), T=10) for name in ("sound", "bad"))
    assert np.array_equal(sound.train.images.numpy(), bad.train.images.numpy())
    assert sound.train.images.flatten(2).sum(2).max() < 100
    line = (
        "dvs_gesture: 22 train recordings: 2 with 4 events whose times are far from all others, which are "
        f"left out; the first: {path}, 1 events"
    )
    assert capsys.readouterr().err.splitlines().count(line) == 1
    disk_cache._printed.clear()  # as in another process, which finds the frames made
    load(config(tmp_path / "bad", frames_by), T=10)
    assert capsys.readouterr().err == line + "\n"


def test_recordings_without_events_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dvs_gesture(tmp_path, n_events=400)
    for gesture in (3, 8):
        path = tmp_path / "DVSGesture" / "ibmGestureTrain" / "user01_fluorescent_led" / f"{gesture}.npy"
        np.save(path, np.zeros((0, 4)))
    load(config(tmp_path), T=4)
    assert "dvs_gesture: 22 train recordings: 2 without events; the first: " in capsys.readouterr().err


def test_only_recordings_without_events_are_refused(tmp_path: Path) -> None:
    for path in write_dvs_gesture(tmp_path).rglob("*.npy"):
        np.save(path, np.zeros((0, 4)))
    with pytest.raises(
        DataError, match="training samples: 22 of 22 are equal to one another, zero everywhere"
    ):
        load(config(tmp_path), T=4)


def test_a_recording_without_times_is_named_with_the_command(tmp_path: Path) -> None:
    write_dvs_gesture(tmp_path, n_events=400)
    path = tmp_path / "DVSGesture" / "ibmGestureTrain" / "user01_fluorescent_led" / "5.npy"
    array = gesture_array(random_stream(100, 128, 0))
    array[:, 3] = 7
    np.save(path, array)
    message = rf"{path}: truncated or damaged: all of its 100 events have the same time; run: spikefront data"
    with pytest.raises(DataError, match=message):
        load(config(tmp_path), T=4)


def test_odd_times_are_told_when_a_set_is_installed(tmp_path: Path) -> None:
    write_cifar10_dvs(tmp_path / "hand", suffix=".aedat", to_bytes=aedat2_bytes, n_events=100)
    path = tmp_path / "hand" / "CIFAR10DVS" / "cat" / "cifar10_cat_2.aedat"
    stream = random_stream(100, 128, 0)
    stream[60, 3] = 2**32 - 1
    path.write_bytes(aedat2_bytes(stream))
    lines: list[str] = []
    install("cifar10_dvs", tmp_path / "data", tmp_path / "hand", lines.append)
    assert lines[-1] == (
        f"cifar10_dvs: now in {tmp_path / 'data' / 'CIFAR10DVS'}, 20 training and 10 test recordings; 20 "
        "train recordings: 1 with 1 events whose times are far from all others, which are left out; the "
        "first: CIFAR10DVS/cat/cifar10_cat_2.aedat, 1 events"
    )
