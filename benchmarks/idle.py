"""Trials that do nothing but sleep: a trainer for the engine, and the same for plain Ray Tune."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ray import tune

TRAINER = "benchmarks.idle:IdleTrainer"

LOAD_S = 3.0


@dataclass(frozen=True)
class IdleEpoch:
    """seconds: how long the trainer slept, as it measured."""

    epoch: int
    seconds: float
    val_accuracy: float
    lr: float = 0.1
    train_loss: float = 1.0
    train_accuracy: float = 50.0
    ce: float = 1.0
    kd: float = 0.0
    reliable_share: tuple[float, ...] = ()
    firing_rate: tuple[float, ...] = field(default=(0.1, 0.1))


def sleep(seconds: float) -> float:
    """Sleep; how long it really was."""
    began = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - began


@cache
def load_once() -> None:
    """The time a worker takes to load torch before its first trial.

    Without it the first trial ends before a second worker has started. Then Ray Tune hands the second trial
    to the first worker and lets go of the other, again and again: one slot does all the work.
    """
    time.sleep(LOAD_S)


def measured(T: int, width: float, lr: float) -> dict[str, float]:
    """Objectives that pull against one another."""
    return {
        "val_accuracy": 100.0 * (1.0 - 0.8 / (T * width) - abs(lr - 0.1)),
        "train_memory_mib": 10.0 * T * width,
        "latency_ms": 2.0 * T * width,
    }


class IdleTrainer:
    """`optim.batch_size` is milliseconds per epoch, as in no real training."""

    def __init__(self, device: str, threads: int) -> None:
        load_once()
        self._device = device

    def probe(self, config: Mapping[str, Any], names: Sequence[str] | None = None) -> Mapping[str, Any]:
        values = _measured(config)
        return {name: values[name] for name in ("train_memory_mib", "latency_ms")}

    def measure_quietly(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"latency_ms_quiet": _measured(config)["latency_ms"]}

    def session(self, config: Mapping[str, Any]) -> IdleSession:
        return IdleSession(config)

    def device_model(self) -> str:
        return f"{self._device}: idle"


class IdleSession:
    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.epochs_trained = 0

    def run_epoch(self) -> IdleEpoch:
        slept = sleep(self._config["optim"]["batch_size"] / 1000)
        self.epochs_trained += 1
        return IdleEpoch(self.epochs_trained, slept, _measured(self._config)["val_accuracy"])

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    def restore(self, folder: Path) -> None:
        raise AssertionError("no idle trial is begun twice")

    def metrics(self) -> Mapping[str, Any]:
        return {"val_accuracy": _measured(self._config)["val_accuracy"]}


def _measured(config: Mapping[str, Any]) -> dict[str, float]:
    return measured(config["T"], config["model"]["width"], config["optim"]["lr"])


def idle_function(config: dict[str, Any]) -> None:
    """The same trial for Ray Tune: a function that reports after each epoch."""
    load_once()
    slept = 0.0
    for _ in range(config["epochs"]):
        slept += sleep(config["sleep_s"])
        tune.report({**measured(config["T"], config["width"], config["lr"]), "slept_s": slept})
