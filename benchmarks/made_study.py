"""A synthetic study of any size, drawn from a seed: like a search over the params of the method."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from snncore.config.load import make_config
from studies.model import EpochRow, Objective, Study, StudyInfo, Trial

EPOCHS_OF = 1000
"""How many trials, the last ones, have epochs."""

START = datetime(2025, 3, 14, 9, 20, tzinfo=UTC)

MODES = ("none", "reliable", "strong2weak", "weak2strong")

SPACE: dict[str, Any] = {
    "name": "made",
    "base": {"data": {"name": "cifar100", "root": "data"}, "gradient": "bptt"},
    "search": {
        "T": {"int": [1, 8]},
        "model.width": {"float": [0.2, 2.0], "log": True},
        "optim.lr": {"float": [0.01, 0.5], "log": True},
        "distillation.mode": {"choice": list(MODES)},
        "distillation.branches": {"subset": [1, 2, 3], "when": {"distillation.mode": ["reliable"]}},
        "distillation.reliability_threshold": {
            "float": [0.0, 0.9],
            "when": {"distillation.mode": ["reliable"]},
        },
        "distillation.alpha": {
            "float": [0.1, 2.0],
            "log": True,
            "when": {"distillation.mode": ["reliable"]},
        },
        "distillation.beta": {"float": [0.0, 1.0], "when": {"distillation.mode": {"not": ["none"]}}},
    },
    "budget": {"trials": 1000},
    "sampler": {"name": "auto", "seed": 0},
}

OBJECTIVES = (
    Objective("val_accuracy", "maximize"),
    Objective("train_memory_mib", "minimize"),
    Objective("latency_ms", "minimize"),
)


def made_study(n_trials: int, n_epochs: int, seed: int = 0) -> Study:
    """Trials that are complete (four of five), stopped or failed, with every metric a trainer measures.

    Accuracies stand on a grid of 0.02 points, as those of 5,000 images do; a latency is a noisy clock's.
    """
    generator = np.random.default_rng(seed)
    base = make_config({"data": {"name": "cifar100"}, "gradient": "bptt"}).model_dump(mode="json")
    trials, epochs = [], []
    for number in range(n_trials):
        trial = _trial(generator, number, base, n_epochs)
        trials.append(trial)
        if number >= n_trials - EPOCHS_OF:
            epochs += _epochs(generator, trial, n_epochs)
    info = StudyInfo(
        name=f"made-{n_trials}",
        space=SPACE,
        objectives=OBJECTIVES,
        machine={"cpu": "Example CPU", "cores": 8, "memory_gib": 32.0, "devices": ["cpu"]},
        versions={"spikefront": "0.1.0"},
        started_at=START,
        finished_at=START + timedelta(seconds=7 * n_trials),
    )
    return Study(info, tuple(trials), tuple(epochs))


def _params(generator: np.random.Generator) -> dict[str, Any]:
    mode = str(generator.choice(MODES))
    params: dict[str, Any] = {
        "T": int(generator.integers(1, 9)),
        "model.width": math.exp(generator.uniform(math.log(0.2), math.log(2.0))),
        "optim.lr": math.exp(generator.uniform(math.log(0.01), math.log(0.5))),
        "distillation.mode": mode,
    }
    if mode == "reliable":
        params["distillation.branches"] = str(generator.choice(["1", "2", "3", "1,2", "1,3", "2,3", "1,2,3"]))
        params["distillation.reliability_threshold"] = float(generator.uniform(0, 0.9))
        params["distillation.alpha"] = math.exp(generator.uniform(math.log(0.1), math.log(2.0)))
    if mode != "none":
        params["distillation.beta"] = float(generator.uniform(0, 1))
    return params


def _config(base: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    config = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
    for name, value in params.items():
        section, _, field = name.rpartition(".")
        target = config[section] if section else config
        target[field] = [int(part) for part in value.split(",")] if field == "branches" else value
    return config


def _trial(generator: np.random.Generator, number: int, base: dict[str, Any], n_epochs: int) -> Trial:
    params = _params(generator)
    metrics = _metrics(generator, params)
    draw = generator.uniform()
    state = "complete" if draw < 0.8 else "stopped" if draw < 0.95 else "failed"
    last = n_epochs if state == "complete" else max(1, n_epochs // 3)
    trained = {name: metrics.pop(name) for name in ("val_accuracy", "firing_rate", "synops", "energy_uj")}
    if state == "complete":
        metrics |= trained
    return Trial(
        number=number,
        state=state,  # type: ignore[arg-type]
        config=_config(base, params),
        params=params,
        reason={"stopped": f"dominated at epoch {last}", "failed": "loss nan"}.get(state),
        values={item.name: metrics[item.name] for item in OBJECTIVES} if state == "complete" else {},
        metrics=metrics,
        epochs_trained=last,
        started_at=START + timedelta(seconds=7 * number),
        finished_at=START + timedelta(seconds=7 * number + 60),
        device="cpu",
    )


def _metrics(generator: np.random.Generator, params: dict[str, Any]) -> dict[str, Any]:
    T, width = params["T"], params["model.width"]
    gap = 25 * math.exp(-0.5 * T) + 9 / width**0.6 + 6 * abs(math.log10(params["optim.lr"] / 0.1))
    bonus = {"none": 0.0, "reliable": 2.5, "strong2weak": 1.2, "weak2strong": 0.8}[
        params["distillation.mode"]
    ]
    accuracy = round(50 * max(1.0, 76 - gap + bonus + generator.normal(0, 0.7))) / 50
    latency = 0.4 + 0.9 * T * width**1.2 * float(generator.lognormal(0, 0.05))
    n_parameters = int(11_000_000 * width**2) + 51_300
    synops = 4e7 * T * width**1.7 * float(generator.uniform(0.8, 1.2))
    return {
        "val_accuracy": accuracy,
        "train_memory_mib": 40 + 210 * width * T**0.8 + 18 * len(params.get("distillation.branches", "")),
        "latency_ms": latency,
        "latency_ms_q25": latency * float(generator.uniform(0.95, 0.99)),
        "latency_ms_q75": latency * float(generator.uniform(1.01, 1.06)),
        "latency_under_load": bool(generator.uniform() < 0.2),
        "infer_memory_mib": 8 + 44 * width**1.5,
        "n_parameters": n_parameters,
        "macs": int(5.6e8 * width**2 * T),
        "train_step_ms": 21 * T * width,
        "firing_rate": float(generator.uniform(0.05, 0.3)),
        "synops": synops,
        "energy_uj": synops * 0.9e-6 + 3.1,
    }


def _epochs(generator: np.random.Generator, trial: Trial, n_epochs: int) -> list[EpochRow]:
    final = trial.metrics.get("val_accuracy", 60.0)
    noise = generator.uniform(0, 1, (trial.epochs_trained, 3)).tolist()
    is_reliable = trial.params["distillation.mode"] == "reliable"
    return [
        EpochRow(
            number=trial.number,
            epoch=epoch,
            lr=trial.params["optim.lr"] * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / n_epochs)),
            train_loss=4.6 * math.exp(-0.12 * epoch) + 0.1 * draws[0],
            train_accuracy=min(100.0, final + draws[1]),
            val_accuracy=max(1.0, final * (1 - math.exp(-0.2 * epoch)) - draws[2]),
            seconds=1.9,
            ce=1.0,
            kd=0.2,
            reliable_share=(0.4 + 0.01 * epoch, 0.5 + 0.01 * epoch) if is_reliable else (),
            firing_rate=(0.1, 0.12, 0.15),
        )
        for epoch, draws in enumerate(noise, start=1)
    ]
