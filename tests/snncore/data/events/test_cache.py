from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncore.data.cache import disk_cache
from snncore.data.cache.disk_cache import checksum
from snncore.data.events import cache
from snncore.data.events.cache import FrameKey, cache_folders, cached_frames
from snncore.data.events.frame_file import map_frames, write_frames
from snncore.errors import DataError
from tests.snncore.data.fixtures import garble

SHAPE = (5, 3, 2, 4, 4)
KEY = FrameKey("nmnist", "train", SHAPE, "time", "abc")


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "spikefront" / "event_frames"


def counts(largest: int = 200, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 200, SHAPE)
    values[3, 1, 0, 2, 2] = largest
    return values


class Maker:
    """Makes frames, one sample at a time, and counts how often it was asked."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.n_calls = values, 0

    def __call__(self) -> Iterator[np.ndarray]:
        self.n_calls += 1
        return (sample[None] for sample in self.values)


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.int16), (32767, np.int16)])
def test_frames_are_those_made_in_the_smallest_type(tmp_path: Path, largest: int, dtype: type) -> None:
    maker = Maker(counts(largest))
    for _ in range(2):
        frames = cached_frames(KEY, tmp_path, maker)
        assert frames.dtype == dtype
        assert np.array_equal(frames, maker.values)
    assert maker.n_calls == 1
    assert not list(tmp_path.glob("event_frames/.*making*"))


def test_a_count_beyond_sixteen_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"counts 32768 events, at most 32767 can be kept; set a larger T"):
        cached_frames(KEY, tmp_path, Maker(counts(32768)))
    assert [path.suffix for path in (tmp_path / "event_frames").iterdir()] == [".lock"]


def test_writing_to_frames_leaves_the_file_alone(tmp_path: Path) -> None:
    maker = Maker(counts())
    cached_frames(KEY, tmp_path, maker)[:] = 0
    assert np.array_equal(cached_frames(KEY, tmp_path, maker), maker.values)


@pytest.mark.parametrize(
    "other",
    [
        {"name": "shd"},
        {"part": "test"},
        {"shape": (5, 3, 2, 2, 8)},
        {"shape": (5, 2, 3, 4, 4)},
        {"how": "count"},
        {"source": "abd"},
        {"format": 99},
    ],
)
def test_every_part_of_the_key_keeps_frames_apart(tmp_path: Path, other: dict[str, Any]) -> None:
    key = FrameKey(**{**KEY.__dict__, **other})
    cached_frames(KEY, tmp_path, Maker(counts()))
    maker = Maker(counts(seed=1).reshape(key.shape))
    assert np.array_equal(cached_frames(key, tmp_path, maker), maker.values)
    assert maker.n_calls == 1


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("name", ["frames.npy", "about.json"])
@pytest.mark.parametrize("damage", [truncate, empty, garble])
def test_a_damaged_cache_is_told_and_made_again(
    tmp_path: Path, name: str, damage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    maker = Maker(counts())
    cached_frames(KEY, tmp_path, maker)
    damage(tmp_path / "event_frames" / KEY.stem / name)
    again = cached_frames(KEY, tmp_path, maker)
    assert np.array_equal(again, maker.values)
    assert maker.n_calls == 2
    assert f"{KEY.stem}: damaged event frames, which will be made again" in capsys.readouterr().err
    cached_frames(KEY, tmp_path, maker)
    assert maker.n_calls == 2
    assert len(list((tmp_path / "event_frames").iterdir())) == 2  # the frames and the lock


@pytest.mark.parametrize("name", ["frames.npy", "about.json"])
def test_a_lost_file_is_made_again(tmp_path: Path, name: str) -> None:
    maker = Maker(counts())
    cached_frames(KEY, tmp_path, maker)
    (tmp_path / "event_frames" / KEY.stem / name).unlink()
    assert np.array_equal(cached_frames(KEY, tmp_path, maker), maker.values)
    assert maker.n_calls == 2


def test_a_failing_maker_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield counts()[:1]
        raise DataError("a recording is damaged")

    with pytest.raises(DataError, match="a recording is damaged"):
        cached_frames(KEY, tmp_path, broken)
    assert [path.name for path in (tmp_path / "event_frames").iterdir()] == [f".{KEY.stem}.lock"]
    maker = Maker(counts())
    cached_frames(KEY, tmp_path, maker)
    assert maker.n_calls == 1


def test_a_root_that_cannot_be_written_gives_way_to_the_users_cache(
    tmp_path: Path, user_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "event_frames").write_text("in the way")
    maker = Maker(counts())
    for _ in range(2):
        cached_frames(KEY, root, maker)
    assert maker.n_calls == 1
    assert (user_cache / KEY.stem / "frames.npy").is_file()
    assert f"event frames are kept in {user_cache} instead" in capsys.readouterr().err


def test_frames_that_someone_else_made_are_read_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Maker(counts())
    cached_frames(KEY, tmp_path, maker)
    monkeypatch.setattr(Path, "touch", lambda path: pytest.fail("it tried to write"))
    cached_frames(KEY, tmp_path, maker)
    assert maker.n_calls == 1


def test_no_place_at_all_is_told(tmp_path: Path, user_cache: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for folder in (root / "event_frames", user_cache):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("in the way")
    with pytest.raises(DataError, match=r"kept nowhere: .*data/event_frames: .*; .*home.*; make one of them"):
        cached_frames(KEY, root, Maker(counts()))


def test_a_full_disk_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=400)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    maker = Maker(counts())
    with pytest.raises(DataError, match=r"event frames of nmnist take 0 MiB, and 0 MiB are free; make room"):
        cached_frames(KEY, tmp_path, maker)
    assert maker.n_calls == 0


def test_a_disk_that_fills_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "write_frames", full)
    with pytest.raises(DataError, match=r"event frames cannot be written: .*No space left on device"):
        cached_frames(KEY, tmp_path, Maker(counts()))


def test_beside_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.npz").touch()
    assert cache_folders(tmp_path / "own.npz")[0] == tmp_path / "event_frames"


def test_a_large_file_is_sampled_over_its_whole_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "_WHOLE_BYTES", 2**20)
    path = tmp_path / "large"
    content = bytearray(np.random.default_rng(0).bytes(6 * 2**20))
    path.write_bytes(content)
    before = checksum(path)
    assert checksum(path) == before
    for share in (0, 0.25, 0.5, 0.75, 1):
        start = int(share * (len(content) - 2**17))
        lost = content[:start] + bytes(2**17) + content[start + 2**17 :]  # a hole, as after a lost write
        path.write_bytes(lost)
        assert checksum(path) != before


def test_a_single_byte_of_a_smaller_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "smaller"
    content = bytearray(np.random.default_rng(0).bytes(6 * 2**20))
    path.write_bytes(content)
    before = checksum(path)
    content[4_000_001] ^= 1
    path.write_bytes(content)
    assert checksum(path) != before


def test_a_file_of_other_frames_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "frames.npy"
    write_frames(path, SHAPE, iter([counts()]))
    assert map_frames(path, SHAPE).shape == SHAPE
    with pytest.raises(ValueError, match=r"should be uint8 or int16 \(5, 3, 2, 4, 5\)"):
        map_frames(path, (5, 3, 2, 4, 5))
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match="takes 480 bytes, and it holds 484"):
        map_frames(path, SHAPE)
    np.save(path, counts().astype(np.float32))
    with pytest.raises(ValueError, match="holds float32"):
        map_frames(path, SHAPE)


def start(root: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.snncore.data.events.frame_maker", str(root), *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_processes_make_frames_once_and_a_killed_one_breaks_nothing(tmp_path: Path) -> None:
    killed = start(tmp_path, "die")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "making\n"
    others = [start(tmp_path), start(tmp_path)]
    for process in others:
        assert process.stderr is not None
        assert "waiting for another process" in process.stderr.readline()
    assert list((tmp_path / "event_frames").glob(".*.making-new/frames.npy"))
    killed.communicate("now\n", timeout=60)
    assert killed.returncode == -9
    outputs = [process.communicate(timeout=60)[0] for process in others]
    assert [process.returncode for process in others] == [0, 0]
    assert sorted(outputs) == ["4950\n", "making\n4950\n"]
    assert len(list((tmp_path / "event_frames").iterdir())) == 2  # the frames and the lock
