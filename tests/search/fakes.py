"""A trainer without torch, steered by fields of the config, and spaces to go with it.

optim.lr 5: diverges in its second epoch. neuron.v_threshold 100: never spikes. optim.momentum 0.5: raises
in its second epoch, 0.6: raises in its first start only, 0.7: out of memory, 0.8: the worker dies,
0.85 and 0.86: takes memory until somebody kills the worker, in its probe and in its first epoch.
optim.batch_size: milliseconds per epoch. Each session appends a line to `<data.root>/starts.txt`; while there
are at most as many lines as `<data.root>/no_memory.txt` says, any config is out of memory.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snncore.errors import DivergedError, SilentNetworkError
from spaces.options import Choice
from spaces.ranges import FloatRange, IntRange
from spaces.space import Budget, Fidelity, Limit, Objective, Resources, SamplerChoice, Space

TRAINER = "tests.search.fakes:FakeTrainer"


class OutOfMemoryError(RuntimeError):
    """Named as torch names it."""


@dataclass(frozen=True)
class FakeEpoch:
    epoch: int
    val_accuracy: float
    lr: float = 0.1
    train_loss: float = 1.0
    train_accuracy: float = 50.0
    seconds: float = 0.01
    ce: float = 1.0
    kd: float = 0.0
    reliable_share: tuple[float, ...] = (0.5, 0.25)
    firing_rate: tuple[float, ...] = (0.1, 0.2, 0.3)


class FakeTrainer:
    def __init__(self, device: str, threads: int) -> None:
        self.device, self.threads = device, threads

    def probe(self, config: Mapping[str, Any], names: Sequence[str] | None = None) -> Mapping[str, Any]:
        if config["optim"]["momentum"] == 0.85:
            take_memory()
        return {
            "train_memory_mib": 10.0 * config["T"],
            "latency_ms": 2.0 * config["T"] * config["model"]["width"],
            "n_parameters": 1000,
            "latency_under_load": False,
        }

    def measure_quietly(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"latency_ms_quiet": 1.9 * config["T"] * config["model"]["width"]}

    def session(self, config: Mapping[str, Any]) -> FakeSession:
        root = Path(config["data"]["root"])
        root.mkdir(parents=True, exist_ok=True)
        with (root / "starts.txt").open("a") as file:
            file.write(json.dumps({"T": config["T"], "width": config["model"]["width"]}) + "\n")
        full = root / "no_memory.txt"
        if full.exists() and len(starts(root)) <= int(full.read_text()):
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB")
        return FakeSession(config)

    def device_model(self) -> str:
        return f"{self.device}: fake"


def take_memory() -> None:
    """Ten GiB, slowly enough for somebody to notice."""
    taken = []
    for _ in range(400):
        taken.append(b"x" * (25 * 2**20))
        time.sleep(0.02)


class FakeSession:
    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.epochs_trained = 0

    def accuracy(self) -> float:
        """Better with T and width, and with every epoch."""
        ceiling = 100.0 * (1.0 - math.exp(-0.3 * self.config["T"] * self.config["model"]["width"]))
        return ceiling * self.epochs_trained / (self.epochs_trained + 1.0)

    def run_epoch(self) -> FakeEpoch:
        optim = self.config["optim"]
        time.sleep(optim["batch_size"] / 1000.0)
        if optim["lr"] == 5 and self.epochs_trained == 1:
            raise DivergedError(2, 3, math.inf)
        if optim["momentum"] == 0.5 and self.epochs_trained == 1:
            raise KeyError("first line\nthe fake breaks")
        if optim["momentum"] == 0.6:
            marker = Path(self.config["data"]["root"]) / f"broken-{self.config['T']}"
            if not marker.exists():
                marker.touch()
                raise OSError("a passing fault")
        if optim["momentum"] == 0.7:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2 TiB")
        if optim["momentum"] == 0.8:
            os._exit(3)
        if optim["momentum"] == 0.86:
            take_memory()
        self.epochs_trained += 1
        return FakeEpoch(self.epochs_trained, self.accuracy())

    def save(self, folder: Path) -> None:
        fresh = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        (fresh / "state.json").write_text(json.dumps({"epochs_trained": self.epochs_trained}))
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)

    def restore(self, folder: Path) -> None:
        self.epochs_trained = json.loads((folder / "state.json").read_text())["epochs_trained"]

    def metrics(self) -> Mapping[str, Any]:
        if self.config["neuron"]["v_threshold"] == 100:
            raise SilentNetworkError([2])
        return {
            "val_accuracy": self.accuracy(),
            "firing_rate": 0.2,
            "train_time_s": 0.1,
            "accuracy_at_t": [1.0] * self.config["T"],
        }


def starts(root: Path) -> list[dict[str, Any]]:
    """What `session` has noted."""
    path = root / "starts.txt"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def make_space(root: Path | str = "data", **changes: Any) -> Space:
    """Eight T and two widths, accuracy against memory and latency; `changes` replace fields of the space.

    `base` changes are dotted fields; `search` changes are added to T and width.
    """
    base: dict[str, Any] = {
        "data": {"root": str(root)},
        "optim": {"epochs": 3, "batch_size": 1, "lr": 0.1, "momentum": 0.9},
    }
    for key, value in changes.pop("base", {}).items():
        section, _, name = key.rpartition(".")
        (base.setdefault(section, {}) if section else base)[name] = value
    search = {"T": IntRange(1, 8), "model.width": Choice((1.0, 2.0)), **changes.pop("search", {})}
    values: dict[str, Any] = {
        "name": "toy",
        "base": base,
        "search": search,
        "objectives": {
            "val_accuracy": Objective("maximize"),
            "train_memory_mib": Objective("minimize"),
            "latency_ms": Objective("minimize"),
        },
        "budget": Budget(6),
        "sampler": SamplerChoice("random", 0),
        "resources": Resources(1, 0),
        **changes,
    }
    return Space(**values)


__all__ = ["Budget", "Fidelity", "FloatRange", "Limit", "Objective", "Resources", "SamplerChoice"]
