"""Several processes train the network that one process trains: two of them, with gloo, on the CPU."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file

import snncore
from snncore.config.load import make_config
from snncore.errors import UserError
from snncore.final_training import train
from tests.snncore.distributed_worker import CASES, run

ROOT = Path(__file__).parents[3]


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | more


class Ended(NamedTuple):
    code: int
    output: str
    errors: str


def run_two(*arguments: str) -> list[Ended]:
    """Two processes with what torchrun would tell them, without its agent, so that nobody ends them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(
                subprocess.run,
                [sys.executable, "-W", "error", *arguments],
                env=environment(RANK=rank, LOCAL_RANK=rank, **common),
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=120,
            )
            for rank in ("0", "1")
        ]
    done = [job.result() for job in jobs]
    return [Ended(process.returncode, process.stdout, process.stderr) for process in done]


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes wrote for all cases, in one start."""
    folder = tmp_path_factory.mktemp("two")
    for process in run_two("-m", "tests.snncore.distributed_worker", str(folder)):
        assert process.code == 0, process.errors
    return folder


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def numbers(row: dict[str, Any]) -> dict[str, float]:
    """Without nesting, and without what depends on the clock."""
    flat: dict[str, float] = {}
    for name, value in row.items():
        values = value if isinstance(value, list) else [value]
        flat |= {f"{name}[{place}]": number for place, number in enumerate(values) if name != "seconds"}
    return flat


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_what_one_does(case: str, by_two: Path, tmp_path: Path) -> None:
    run(case, tmp_path)
    one, two = (json.loads((folder / f"{case}.json").read_text()) for folder in (tmp_path, by_two))
    assert numbers(two["test"]) == pytest.approx(numbers(one["test"]), rel=1e-9)
    for ours, theirs in zip(two["epochs"], one["epochs"], strict=True):
        assert numbers(ours) == pytest.approx(numbers(theirs), rel=1e-7)  # shares are summed in float32
    assert one["epochs"][0]["kd"] > 0
    one, two = (load_file(folder / f"{case}.safetensors") for folder in (tmp_path, by_two))
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-9, atol=1e-11, msg=name)


CONFIG = """
T: 2
model: {arch: "tests.snncore.tiny:build"}
data: {train_limit: 200}
optim: {epochs: 2, batch_size: 50}
"""


@pytest.mark.slow
def test_torchrun_resumes_what_one_process_began(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(CONFIG)
    config = snncore.load_config(tmp_path / "small.yaml")
    straight = train(config, tmp_path / "straight", threads=1)

    class StopError(Exception):
        pass

    def stop(_: snncore.Epoch) -> None:
        raise StopError

    with pytest.raises(StopError):
        train(config, tmp_path / "two", threads=1, on_epoch=stop)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "snncore.train", "small.yaml", "--out", "two", "--resume", "--device", "cpu"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "two" / "result.json").read_text())
    assert result["n_processes"] == 2
    assert result["test_accuracy"] == pytest.approx(straight.test_accuracy, abs=2)
    assert {"latency_ms", "synops", "train_memory_mib"} <= set(result["metrics"])
    epochs = [
        [json.loads(line) for line in (tmp_path / name / "epochs.jsonl").read_text().splitlines()]
        for name in ("straight", "two")
    ]
    assert [epoch["epoch"] for epoch in epochs[1]] == [1, 2]
    assert epochs[1][1]["train_loss"] == pytest.approx(epochs[0][1]["train_loss"], rel=1e-4)
    assert done.stdout.count("\nwritten to two") == 1  # one process talks
    assert done.stdout.count("epoch 2/2") == 1
    assert "in each of 2 processes" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.yaml", "straight", "two"]
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        "config.yaml",
        "epochs.jsonl",
        "final",
        "result.json",
    ]


TROUBLE = """
import sys
from pathlib import Path
import torch
from snncore.config.load import make_config
from snncore.distributed import rank
from snncore.errors import DivergedError, UserError
from snncore.training.processes import run_on_main, process_group, run_on_all
from snncore.training.session import TrainingSession
from tests.snncore.distributed_worker import SMALL

def missing():
    if rank() == 1:
        raise UserError("no such file here")

with process_group("cpu"):
    try:
        run_on_all(missing)
    except UserError as error:
        print(error, flush=True)
    assert run_on_main(lambda: rank() + 5) == 5
    session = TrainingSession(make_config(SMALL), "cpu")
    if rank() == 1:
        session.network.get_parameter("body.classifier.bias").data.fill_(float("inf"))
    try:
        session.run_epoch()
    except DivergedError as error:
        print(error, flush=True)
    if rank() == 1:
        raise RuntimeError("broken")
    run_on_all(lambda: None)
"""


@pytest.mark.slow
def test_trouble_in_one_process_is_trouble_in_all(tmp_path: Path) -> None:
    started = time.monotonic()
    first, second = run_two("-c", TROUBLE)
    assert time.monotonic() - started < 60
    diverged = "diverged: loss nan in epoch 1, step 1"
    assert first.output.splitlines() == ["process 1: no such file here", diverged]
    assert second.output.splitlines() == ["no such file here", diverged]
    assert "broken" in second.errors
    assert "broken" not in first.errors
    assert first.code != 0
    assert second.code != 0


def test_more_processes_than_samples_in_a_batch_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snncore.training.session.world_size", lambda: 3)
    config: dict[str, Any] = {
        "optim": {"batch_size": 2, "epochs": 1},
        "model": {"arch": "tests.snncore.tiny:build"},
    }
    with pytest.raises(UserError, match="2 samples cannot be shared by 3 processes"):
        train(make_config(config), tmp_path / "out")
    assert not (tmp_path / "out").exists()
