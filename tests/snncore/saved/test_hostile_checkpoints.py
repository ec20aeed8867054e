"""Checkpoints and finished networks that may hold anything: refused in words, before memory is asked for."""

from __future__ import annotations

import json
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import snncore
from snncore.config.load import make_config
from snncore.errors import UserError
from snncore.final_training import train
from snncore.saved.checkpoint import CheckpointError
from snncore.saved.result import read_result
from snncore.training.session import TrainingSession

FIELDS: dict[str, Any] = {
    "T": 2,
    "model": {"arch": "tests.snncore.tiny:build"},
    "data": {"train_limit": 60},
    "optim": {"epochs": 2, "batch_size": 30},
}
NAN = float("nan")
HUGE = int("9" * 30)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint after one epoch."""
    session = TrainingSession(make_config(FIELDS), "cpu")
    session.run_epoch()
    folder = tmp_path_factory.mktemp("saved") / "c"
    session.save(folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return copied(saved, tmp_path / "c")


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


def refusal(folder: Path) -> str:
    session = TrainingSession(make_config(FIELDS), "cpu")
    started = time.perf_counter()
    with pytest.raises(CheckpointError, match=r".") as caught:
        session.restore(folder)
    assert time.perf_counter() - started < 3
    assert len(str(caught.value)) < 2000
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs_trained", -1), ("epochs_trained", HUGE), ("epochs_trained", 3), ("epochs_trained", "1"),
        ("epochs_trained", 1.5), ("epochs_trained", None), ("epochs_trained", [1]), ("epochs_trained", True),
        ("train_time_s", float("nan")), ("train_time_s", -1), ("train_time_s", [1]),
        ("train_time_s", float("inf")),
        ("n_averaged", -1), ("n_averaged", HUGE), ("n_averaged", "x"), ("config", None), ("config", {"T": 0}),
        ("config", [1]), ("config", {}), ("evaluation", 1), ("evaluation", {}),
        ("format", [1]), ("format", 2),
        ("evaluation", {"n": -1, "accuracy_at_t": [1, 1], "firing_rate": [], "mean_firing_rate": 0}),
        ("evaluation", {"n": 1, "accuracy_at_t": [1], "firing_rate": [], "mean_firing_rate": 0}),
        ("evaluation", {"n": 1, "accuracy_at_t": [], "firing_rate": [], "mean_firing_rate": 0}),
        ("evaluation", {"n": 1, "accuracy_at_t": [1, 1e400], "firing_rate": [], "mean_firing_rate": 0}),
        ("evaluation", {"n": 1, "accuracy_at_t": [1, 2], "firing_rate": [NAN], "mean_firing_rate": 0}),
    ],
)  # fmt: skip
def test_a_field_of_the_state_that_cannot_be(copy: Path, key: str, value: Any) -> None:
    path = copy / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    assert "checkpoint" in refusal(copy)


@pytest.mark.parametrize(
    "key", ["config", "epochs_trained", "train_time_s", "n_averaged", "evaluation", "format"]
)
def test_a_field_of_the_state_that_is_missing(copy: Path, key: str) -> None:
    values = json.loads((copy / "state.json").read_text())
    del values[key]
    (copy / "state.json").write_text(json.dumps(values))
    assert "checkpoint" in refusal(copy)


@pytest.mark.parametrize(
    "content", ["", "[" * 100_000, '{"a": ' * 50_000, "9" * 5000, "null", "\0", "\ud800"]
)
def test_a_state_that_is_no_state(copy: Path, content: str) -> None:
    (copy / "state.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    assert "no readable checkpoint" in refusal(copy)


@pytest.mark.parametrize("name", ["state.json", "network.safetensors", "optimizer.safetensors"])
def test_what_is_no_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    refusal(copy)
    os.mkfifo(copy / name)
    refusal(copy)
    (copy / name).unlink()
    (copy / name).symlink_to(name)
    refusal(copy)
    (copy / name).unlink()
    (copy / name).symlink_to("/dev/zero")
    refusal(copy)


def header(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        b"", struct.pack("<Q", 2**63), struct.pack("<Q", 2**40) + b"{}",
        header({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        header({"a": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}}),
        header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}) + b"1234",
        header({"a": {"dtype": "X", "shape": [1], "data_offsets": [0, 4]}}) + b"1234",
        header({"body.x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}) + b"1234",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["network.safetensors", "optimizer.safetensors"])
def test_tensors_that_cannot_be(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    assert name in refusal(copy)


@pytest.mark.parametrize("name", ["network.safetensors", "optimizer.safetensors"])
def test_tensors_behind_which_lie_terabytes_of_nothing(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    os.truncate(copy / name, 2**42)
    assert "its header does not fit its size" in refusal(copy)
    (copy / name).write_bytes(content[:-1])
    assert "its header does not fit its size" in refusal(copy)


def test_a_momentum_that_could_be_stretched_is_not(copy: Path) -> None:
    path = copy / "optimizer.safetensors"
    tensors = load_file(path)
    name = next(name for name, value in tensors.items() if value.dim() == 4)
    save_file(tensors | {name: torch.ones(1, 1, 1, 1)}, path)
    assert f"{name} has the shape [1, 1, 1, 1], should have" in refusal(copy)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    fields = FIELDS | {"model": {"arch": "convnet", "width": 0.25}, "optim": {"epochs": 1, "batch_size": 30}}
    train(make_config(fields), folder, device="cpu", threads=1)
    return folder


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("normalisation", None), ("normalisation", {"mean": [0.5], "std": [0]}),
        ("normalisation", {"mean": []}),
        ("normalisation", {"mean": [0.1] * 2, "std": [1.0]}),
        ("normalisation", {"mean": ["x"], "std": [1.0]}),
        ("normalisation", {"mean": [float("nan")], "std": [1.0]}), ("spec", 1), ("spec", {}), ("spec", [1]),
        ("spec.n_classes", -1), ("spec.n_classes", 10**9), ("spec.n_classes", HUGE), ("spec.n_classes", "x"),
        ("spec.channels", 10**9), ("spec.channels", 0), ("spec.has_time", 7), ("spec.height", 1.5),
    ],
)  # fmt: skip
def test_a_finished_network_whose_state_cannot_be(
    trained: Path, tmp_path: Path, key: str, value: Any
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    copied(trained / "final", folder / "final")
    (folder / "config.yaml").write_bytes((trained / "config.yaml").read_bytes())
    values = json.loads((folder / "final" / "state.json").read_text())
    section, _, name = key.partition(".")
    if name:
        values[section][name] = value
    else:
        values[section] = value
    (folder / "final" / "state.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"run"):
        snncore.load(folder, "cpu")


def test_a_network_that_is_wider_than_its_weights_is_not_built(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    copied(trained / "final", folder / "final")
    text = (
        (trained / "config.yaml")
        .read_text()
        .replace("width: 0.25", "width: 64.0")
        .replace("convnet", "resnet18")
    )
    (folder / "config.yaml").write_text(text)
    with pytest.raises(UserError, match="the weights do not fit the network of config"):
        snncore.load(folder, "cpu")


@pytest.mark.parametrize(
    ("key", "value"),
    [("test_accuracy", "x"), ("metrics", [1]), ("config", 1),
     ("seconds", None), ("n_classes", 10**400)],
)  # fmt: skip
def test_a_result_that_cannot_be(trained: Path, tmp_path: Path, key: str, value: Any) -> None:
    values = json.loads((trained / "result.json").read_text())
    assert read_result(trained).metrics == values["metrics"]
    (tmp_path / "result.json").write_text(json.dumps(values | {key: value}))
    with pytest.raises(UserError, match=r"result\.json: no readable result: "):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"result\.json: no readable result: "):
        read_result(tmp_path)
