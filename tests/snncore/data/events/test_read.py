from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snncore.config.load import make_config
from snncore.config.schema import DataConfig
from snncore.data.batches.batches import eval_batches, training_batches
from snncore.data.events.frames import frames_of_events
from snncore.data.events.read import read
from snncore.data.events.sets.open_source import open_source
from snncore.data.load import load_data
from snncore.data.missing import find_problem
from snncore.data.specs import EVENT_SPECS
from snncore.errors import DataError
from tests.snncore.data.events.fixtures import nmnist_bytes, random_stream, write_nmnist
from tests.snncore.data.events.test_missing import WRITERS

SIZES = {"cifar10_dvs": 48, "dvs_gesture": None, "nmnist": 20, "shd": None}


@pytest.mark.parametrize("frames_by", ["time", "count"])
@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize("name", sorted(EVENT_SPECS))
def test_frames_and_labels_of_each_set(tmp_path: Path, name: str, is_train: bool, frames_by: str) -> None:
    WRITERS[name](tmp_path)
    spec, size, T = EVENT_SPECS[name], SIZES[name], 3
    split = read(name, tmp_path, is_train, T, size, frames_by)
    source = open_source(name, tmp_path, is_train)
    side = (spec.height, spec.width) if size is None else (size, size)
    assert split.images.shape == (len(source.labels), T, spec.channels, *side)
    assert split.images.dtype == torch.uint8
    assert split.labels.tolist() == source.labels.tolist()
    assert split.labels.dtype == torch.int64
    for index, frames in enumerate(split.images.numpy()):
        events = source.read(index)
        assert frames.sum() == len(events)
        assert np.array_equal(frames, frames_of_events(events, T, spec, size, frames_by))


def test_many_events_in_a_pixel_make_wider_numbers(tmp_path: Path) -> None:
    folder = write_nmnist(tmp_path)
    stream = random_stream(700, 34, seed=0)
    stream[:, :3] = 1
    (folder / "Train" / "4" / "00005.bin").write_bytes(nmnist_bytes(stream))
    split = read("nmnist", tmp_path, True, 2, None, "count")
    assert split.images.dtype == torch.int16
    assert split.images[8, :, 1, 1, 1].tolist() == [350, 350]
    assert int(split.images.sum(dtype=torch.int64)) == 19 * 60 + 700


def test_it_is_told_once_what_takes_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_nmnist(tmp_path)
    for expected in (
        "nmnist: cutting 20 (published: 60000) train recordings into T=4 frames, "
        "kept in event_frames for the next time\n",
        "",
    ):
        read("nmnist", tmp_path, True, 4, None, "time")
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", expected)


def test_changed_files_give_new_frames(tmp_path: Path) -> None:
    folder = write_nmnist(tmp_path)
    first = read("nmnist", tmp_path, False, 2, None, "time")
    path = folder / "Test" / "3" / "00004.bin"
    path.write_bytes(path.read_bytes()[:-50])
    second = read("nmnist", tmp_path, False, 2, None, "time")
    assert int(first.images.sum()) - int(second.images.sum()) == 10


def test_size_may_not_exceed_the_sensor(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.size: 48 is more than the 34 × 34 pixels of nmnist"):
        read("nmnist", tmp_path, True, 4, 48, "time")


@pytest.mark.parametrize("name", sorted(EVENT_SPECS))
def test_a_damaged_file_is_named_with_the_command(tmp_path: Path, name: Any) -> None:
    folder = WRITERS[name](tmp_path)
    test_names = ("/Test/", "Test/", "_test", "_0.")
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(each in str(path) for each in test_names)
    ]
    path = paths[len(paths) // 2]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 - 7])
    with pytest.raises(
        DataError, match=rf"{path.name}: truncated or damaged: .*; run: spikefront data {name}"
    ):
        load_data(DataConfig(name=name, root=str(tmp_path)), 2)
    assert not list(tmp_path.glob("event_frames/*/frames.npy"))


@pytest.mark.parametrize("name", sorted(EVENT_SPECS))
def test_from_a_config_to_batches(tmp_path: Path, name: Any) -> None:
    WRITERS[name](tmp_path)
    augment = "none" if name == "shd" else "events"
    data = {"name": name, "root": str(tmp_path), "val_fraction": 0.5, "size": SIZES[name], "augment": augment}
    config = make_config({"data": data, "T": 3, "optim": {"batch_size": 8}, "model": {"arch": "mlp"}})
    assert find_problem(config.data) is None
    loaded = load_data(config.data, config.T)
    x, labels = next(iter(training_batches(loaded, config, "cpu").epoch(1)))
    assert x.shape == (3, 8, *loaded.spec.image_shape)
    assert x.dtype == torch.float32
    assert len(labels) == 8
    x, labels = next(eval_batches(loaded.read_test(), 4, loaded.normalisation))
    raw = read(name, tmp_path, False, 3, SIZES[name], "time")
    assert x.transpose(0, 1).numpy() == pytest.approx(raw.images[:4].float().numpy(), abs=1e-4)
    assert labels.tolist() == raw.labels[:4].tolist()


def test_a_search_does_not_read_the_test_part(tmp_path: Path) -> None:
    folder = write_nmnist(tmp_path)
    for path in (folder / "Test").rglob("*.bin"):
        path.write_bytes(b"?")
    loaded = load_data(DataConfig(name="nmnist", root=str(tmp_path), val_fraction=0.5), 2)
    assert not list((tmp_path / "event_frames").glob("*test*"))
    with pytest.raises(DataError, match=r"Test/0/00001\.bin: truncated or damaged"):
        loaded.read_test()
