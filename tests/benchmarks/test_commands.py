"""The four benchmarks from their command lines, tiny: they run, tell all they promise, and refuse load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import benchmarks.rounds
import benchmarks.surroundings
from benchmarks import data, inference, memory, train_step
from benchmarks.memory import PARTS
from benchmarks.rows import has_snntorch
from snncore.measure.timing import ForeignLoad

TINY = ["--device", "cpu", "--width", "0.125", "--batch-size", "2", "--allocator", "default"]
ONCE = ["--steps", "1", "--warmup", "0", "--allow-load"]
OURS = {f"ours {gradient} {precision}" for gradient in ("rate", "bptt") for precision in ("fp32", "bf16")}
FLOORS = {"floor fp32", "floor bf16"}
SNNTORCH = {"snnTorch bptt fp32"} if has_snntorch() else set()
PEERS = {"SpikingJelly bptt fp32", "SpikingJelly bptt bf16"} | SNNTORCH


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(benchmarks.surroundings, "LOOK_S", 0.0)
    monkeypatch.setattr(benchmarks.rounds, "TURN_S", 1e-9)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def result(main: Any, folder: Path, *options: str) -> dict[str, Any]:
    path = folder / "result.json"
    assert main([*TINY, "--json", str(path), *options]) == 0
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_train_step_has_all_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = result(train_step.main, tmp_path, "--T", "2", *ONCE)
    rows = {row["name"]: row for row in content["rows"]}
    assert set(rows) == OURS | FLOORS | PEERS
    for name, row in rows.items():
        assert (row["T"], row["n"], len(row["times_ms"])) == (2, 1, 1)
        assert row["to_spikingjelly"] == row["median_ms"] / rows["SpikingJelly bptt fp32"]["median_ms"]
        assert row["to_floor"] == row["median_ms"] / rows[f"floor {row['precision']}"]["median_ms"]
        assert set(row["tried"]) == ({"channels-last", "channels-first"} if name in PEERS else set())
        assert row["under_load"] is (row["busy_cores"] > 0.1)
    assert rows["SpikingJelly bptt fp32"]["note"].endswith(", torch-reference")
    assert "| ours rate fp32" in capsys.readouterr().out


@pytest.mark.slow
def test_train_step_tells_growth_over_several_numbers_of_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = result(train_step.main, tmp_path, "--T", "2", "1", "--only", "floor", *ONCE)
    medians = {(row["T"], row["name"]): row["median_ms"] for row in content["rows"]}
    assert set(medians) == {(T, name) for T in (1, 2) for name in FLOORS}
    printed = capsys.readouterr().out
    assert "| row | T = 2 over T = 1 |" in printed
    assert f"| floor fp32 | {medians[2, 'floor fp32'] / medians[1, 'floor fp32']:.2f} |" in printed


def test_json_tells_machine_versions_threads_and_allocator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_TOP_PAD_", "1024")
    content = result(train_step.main, tmp_path, "--only", "floor fp32", "--T", "1", *ONCE, "--threads", "1")
    assert [row["name"] for row in content["rows"]] == ["floor fp32"]
    assert content["rows"][0]["to_spikingjelly"] is None
    environment = content["environment"]
    assert environment["machine"].keys() == {"processor", "cores", "bf16_instructions", "device"}
    assert environment["versions"]["torch"] == torch.__version__
    assert {"python", "spikingjelly", "snntorch"} <= environment["versions"].keys()
    assert environment["threads"] == 1
    assert environment["allocator"]["setting"] == "default"
    assert environment["allocator"]["environment"]["MALLOC_TOP_PAD_"] == "1024"
    assert content["options"]["batch_size"] == 2


@pytest.mark.parametrize("main", [train_step.main, inference.main, data.main])
def test_a_busy_machine_is_refused(
    main: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(ForeignLoad, "busy_cores", lambda self: 1.0)
    path = tmp_path / "result.json"
    assert main([*TINY, "--json", str(path)]) == 1
    printed = capsys.readouterr()
    assert "other processes use 1.0 of its cores" in printed.err
    assert "--allow-load" in printed.err
    assert printed.out == ""
    assert not path.exists()


def test_a_busy_machine_is_allowed_and_marked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(ForeignLoad, "busy_cores", lambda self: 1.0)
    content = result(train_step.main, tmp_path, "--only", "floor", "--T", "1", *ONCE)
    assert [(row["busy_cores"], row["under_load"]) for row in content["rows"]] == [(1.0, True)] * 2
    assert "| floor fp32* |" in capsys.readouterr().out


@pytest.mark.slow
def test_memory_is_the_sum_of_its_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = {"ours rate fp32", "ours bptt fp32"}
    only = ",".join(["SpikingJelly bptt fp32", *ours])
    content = result(memory.main, tmp_path, "--T", "1", "2", "--peer-T", "2", "--only", only)
    rows = {(row["name"], row["T"]): row for row in content["rows"]}
    assert set(rows) == {(name, T) for name in ours for T in (1, 2)} | {("SpikingJelly bptt fp32", 2)}
    base = rows["SpikingJelly bptt fp32", 2]["peak_mib"]
    for (_, T), row in rows.items():
        assert sum(row[part] for part in PARTS) == pytest.approx(row["peak_mib"])
        assert row["to_spikingjelly"] == (row["peak_mib"] / base if T == 2 else None)
        assert row["state_mib"] > 2 * row["gradients_mib"] > 0  # weights and momentum, and the batch
        assert row["saved_mib"] > 0
        assert row["peak_mib"] <= min([row["peak_mib"], *row["tried"].values()])
    saved = {name: rows[name, 2]["saved_mib"] - rows[name, 1]["saved_mib"] for name in ours}
    assert saved["ours bptt fp32"] > 4 * saved["ours rate fp32"]
    assert "growth from T = 1 to 2" in capsys.readouterr().out


def test_memory_that_does_not_fit_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "free_mib", lambda device: 0.0)
    content = result(memory.main, tmp_path, "--T", "1", "2", "--only", "ours rate fp32")
    assert [row["T"] for row in content["rows"]] == [1]  # the first is run to learn what it needs
    assert "ours rate fp32 at T = 2 left out" in capsys.readouterr().out


@pytest.mark.slow
def test_inference_has_all_rows(tmp_path: Path) -> None:
    content = result(inference.main, tmp_path, "--T", "2", "--threads", "1", *ONCE)
    rows = {row["name"]: row for row in content["rows"]}
    names = {"ours fp32", "ours bf16", "SpikingJelly fp32"} | FLOORS
    assert set(rows) == names | ({"snnTorch fp32"} if has_snntorch() else set())
    base = rows["SpikingJelly fp32"]["median_ms"]
    for row in rows.values():
        assert (row["batch_size"], row["threads"], row["T"]) == (2, 1, 2)
        assert row["to_spikingjelly"] == row["median_ms"] / base


@pytest.mark.slow
def test_inference_without_options_is_batch_1_and_32_on_one_thread_and_all(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    options = ["--width", "0.125", "--device", "cpu", "--allocator", "default", "--only", "floor fp32"]
    torch.set_num_threads(2)
    assert inference.main([*options, *ONCE, "--json", str(path)]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [(row["batch_size"], row["threads"]) for row in rows] == [(1, 1), (1, 2), (32, 1), (32, 2)]


@pytest.mark.slow
def test_data_compares_the_same_augmentations(tmp_path: Path) -> None:
    options = ["--images", "50", "--workers", "0", "--seconds", "0.001", "--T", "1"]
    content = result(data.main, tmp_path, *options, "--steps", "1", "--allow-load")
    rows = {(row["set"], row["augment"], row["name"]): row for row in content["rows"]}
    pairs = [(name, augment) for name, augments in data.SETS.items() for augment in augments]
    assert set(rows) == {(*p, name) for p in pairs for name in ("ours", "torchvision, 0 workers")}
    for (name, augment, _), row in rows.items():
        peer = rows[name, augment, "torchvision, 0 workers"]
        assert row["images_per_s"] == 2000 / row["median_ms"]
        assert row["to_torchvision"] == row["images_per_s"] / peer["images_per_s"]
        assert (row["to_step"] is None) == (name == "digits")
