"""Synthetic studies: one that looks like a search on digits, and the odd ones a report must survive."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from studies.model import EpochRow, Objective, Study, StudyInfo, Trial
from studies.pareto import front
from studies.record import read_study

START = datetime(2025, 3, 14, 9, 20, tzinfo=UTC)

ACCURACY = Objective("val_accuracy", "maximize")
MEMORY = Objective("train_memory_mib", "minimize")
LATENCY = Objective("latency_ms", "minimize")

BRANCH_MODES = ("reliable", "supervised")
SPACE: dict[str, Any] = {
    "name": "digits",
    "base": {"data": {"name": "digits", "root": "data"}, "optim": {"epochs": 12}},
    "search": {
        "T": {"int": [1, 8]},
        "gradient": {"choice": ["rate", "bptt"], "when": {"distillation.mode": ["none", *BRANCH_MODES]}},
        "model.width": {"choice": [0.25, 0.5, 1.0, 2.0]},
        "optim.lr": {"float": [0.01, 0.5], "log": True},
        "distillation.mode": {"choice": ["none", "supervised", "reliable", "strong2weak"]},
        "distillation.branches": {"subset": [1, 2, 3], "when": {"distillation.mode": list(BRANCH_MODES)}},
        "distillation.reliability_threshold": {
            "float": [0.0, 0.9],
            "when": {"distillation.mode": ["reliable"]},
        },
        "distillation.alpha": {
            "float": [0.1, 2.0],
            "log": True,
            "when": {"distillation.mode": list(BRANCH_MODES)},
        },
        "distillation.beta": {"float": [0.0, 1.0], "when": {"distillation.mode": {"not": ["none"]}}},
    },
    "objectives": {"val_accuracy": "maximize", "train_memory_mib": "minimize", "latency_ms": "minimize"},
    "constraints": {"train_memory_mib": {"max": 200}},
    "fidelity": {"min_epochs": 3, "eta": 3},
    "budget": {"trials": 60},
    "sampler": {"name": "auto", "seed": 7},
    "resources": {"cpu": 1, "gpu": "auto"},
}


@cache
def real_study() -> Study:
    """A search of 64 trials on digits as it was run, its front timed again and trained with another seed."""
    return read_study(Path(__file__).parent / "real_digits")


def info(objectives: Sequence[Objective] = (ACCURACY, MEMORY, LATENCY), name: str = "digits") -> StudyInfo:
    return StudyInfo(
        name=name,
        space=SPACE,
        objectives=tuple(objectives),
        machine={
            "cpu": "Example CPU 9000",
            "cores": 8,
            "memory_gib": 31.2,
            "devices": ["cpu"],
            "os": "Linux 6.1",
        },
        versions={"spikefront": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "ray": "2.60.0"},
        started_at=START,
        finished_at=START + timedelta(minutes=7, seconds=41),
    )


def digits_study(n_trials: int = 60, seed: int = 0, n_epochs: int = 12) -> Study:
    """Trials of every state over the whole space, with epochs, as a real search on digits leaves them."""
    generator = np.random.default_rng(seed)
    trials: list[Trial] = []
    epochs: list[EpochRow] = []
    for number in range(n_trials):
        params = _params(generator)
        trial, rows = _trained(generator, number, params, n_epochs)
        trials.append(trial)
        epochs += rows
    return Study(info(), tuple(trials), tuple(epochs))


def _params(generator: np.random.Generator) -> dict[str, Any]:
    mode = str(generator.choice(["none", "supervised", "reliable", "strong2weak"]))
    params: dict[str, Any] = {"T": int(generator.integers(1, 9))}
    if mode != "strong2weak":
        params["gradient"] = str(generator.choice(["rate", "bptt"]))
    params["model.width"] = float(generator.choice([0.25, 0.5, 1.0, 2.0]))
    params["optim.lr"] = float(math.exp(generator.uniform(math.log(0.01), math.log(0.5))))
    params["distillation.mode"] = mode
    if mode in BRANCH_MODES:
        subsets = ["1", "2", "3", "1,2", "1,3", "2,3", "1,2,3"]
        params["distillation.branches"] = str(generator.choice(subsets))
        params["distillation.alpha"] = float(math.exp(generator.uniform(math.log(0.1), math.log(2.0))))
    if mode == "reliable":
        params["distillation.reliability_threshold"] = float(generator.uniform(0, 0.9))
    if mode != "none":
        params["distillation.beta"] = float(generator.uniform(0, 1))
    return params


def _config(params: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {
        "T": 4,
        "gradient": "bptt",
        "data": {"name": "digits", "root": "data", "val_fraction": 0.1, "train_limit": None},
        "model": {"arch": "convnet", "width": 1.0},
        "distillation": {"mode": "none", "branches": [], "alpha": 1.0, "beta": 0.3},
        "optim": {"name": "sgd", "lr": 0.1, "epochs": 12},
        "seed": 0,
    }
    for name, value in params.items():
        *sections, field = name.split(".")
        target = config
        for section in sections:
            target = target[section]
        target[field] = [int(n) for n in value.split(",") if n] if field == "branches" else value
    return config


def _trained(
    generator: np.random.Generator, number: int, params: dict[str, Any], n_epochs: int
) -> tuple[Trial, list[EpochRow]]:
    T, width = params["T"], params["model.width"]
    bonus = {"none": 0.0, "supervised": 0.8, "reliable": 1.6, "strong2weak": 0.9}[params["distillation.mode"]]
    gap = 9 * math.exp(-0.55 * T) + 2.2 / width**0.7 + 1.5 * abs(math.log10(params["optim.lr"] / 0.1))
    accuracy = round(1797 * min(0.995, (99.2 - gap + bonus + generator.normal(0, 0.4)) / 100)) / 17.97
    per_step = T if params.get("gradient", "bptt") == "bptt" else 1.6
    memory = 2.1 + 5.2 * width**1.3 * per_step + (1.1 if "distillation.branches" in params else 0.0)
    latency = 0.12 + 0.11 * T * width**0.9 * float(generator.normal(1, 0.03))
    state, reason, last = "complete", None, n_epochs
    draw = generator.uniform()
    if draw > 0.93:
        state, reason, last = "failed", f"RuntimeError: worker {number} died", 2
    elif draw > 0.87:
        state, reason, last = "infeasible", f"diverged: loss nan in epoch 3, step {number + 5}", 2
    elif draw > 0.7:
        last = 3 if draw > 0.78 else 6
        state, reason = "stopped", f"dominated at epoch {last}"
    started = START + timedelta(seconds=7 * number)
    metrics = {
        "train_memory_mib": memory,
        "latency_ms": latency,
        "latency_ms_q25": latency * 0.97,
        "latency_ms_q75": latency * 1.05,
        "latency_under_load": bool(generator.uniform() < 0.1),
        "n_parameters": int(48_000 * width**2) + 4_000,
        "macs": int(1.9e6 * width**2 * T),
        "train_step_ms": 3.1 * per_step * width,
        "infer_memory_mib": 0.9 + 1.2 * width,
    }
    if state == "complete":
        metrics |= {
            "val_accuracy": accuracy,
            "firing_rate": 0.11 + 0.01 * T,
            "train_time_s": 5.4 + T,
            "accuracy_at_t": [accuracy - 4 / (t + 1) for t in range(T)],
        }
    trial = Trial(
        number=number,
        state=state,  # type: ignore[arg-type]
        config=_config(params),
        params=params,
        reason=reason,
        values={name: metrics[name] for name in ("val_accuracy", "train_memory_mib", "latency_ms")}
        if state == "complete"
        else {},
        constraints={"train_memory_mib": memory / 200 - 1},
        metrics=metrics,
        epochs_trained=last,
        started_at=started,
        finished_at=started + timedelta(seconds=6.4),
        worker="worker-1",
        node="node-1",
        device="cpu",
    )
    heads = len(params.get("distillation.branches", "").split(",")) + 1
    rows = [
        EpochRow(
            number=number,
            epoch=epoch,
            lr=params["optim.lr"] * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / n_epochs)),
            train_loss=2.3 * math.exp(-0.35 * epoch) + 0.03 + 0.02 * float(generator.uniform()),
            train_accuracy=min(100.0, accuracy + 1),
            val_accuracy=accuracy - 70 * math.exp(-0.8 * epoch) - float(generator.uniform(0, 1)),
            seconds=0.5,
            ce=1.0,
            kd=0.1,
            reliable_share=tuple(1 - 0.8 * math.exp(-0.4 * epoch - 0.1 * head) for head in range(heads))
            if params["distillation.mode"] == "reliable"
            else (),
            firing_rate=(0.1, 0.12),
        )
        for epoch in range(1, last + 1)
    ]
    return trial, rows


def small(
    rows: Sequence[Sequence[float | None]],
    objectives: Sequence[Objective] = (ACCURACY, MEMORY, LATENCY),
    params: Callable[[int], dict[str, Any]] = lambda number: {"T": number + 1},
    name: str = "small",
) -> Study:
    """One complete trial a row of values, without epochs."""
    trials = [
        Trial(
            number=number,
            state="complete",
            config=_config({"T": 4}),
            params=params(number),
            values=dict(zip([objective.name for objective in objectives], values, strict=True)),
            epochs_trained=1,
        )
        for number, values in enumerate(rows)
    ]
    return Study(info(objectives, name), tuple(trials))


def noisy_study(n_trials: int = 60, seed: int = 0, n_seeds: int = 2) -> Study:
    """A search whose front was trained again with other seeds and timed again with the machine quiet.

    The first trial of the front was timed while something else ran; trial n_trials - 1 failed to learn.
    """
    study = digits_study(n_trials, seed)
    generator = np.random.default_rng(seed + 1)
    trials = list(study.trials)
    bad = {"val_accuracy": 11.0, "train_memory_mib": 70.0, "latency_ms": 2.4}
    last = trials[-1]
    trials[-1] = replace(
        last, state="complete", reason=None, values=bad, metrics={**last.metrics, **bad}, constraints={}
    )
    epochs = list(study.epochs)
    for place, trial in enumerate(front(replace(study, trials=tuple(trials)))):
        quiet = trial.metrics["latency_ms"] * (0.6 if place == 0 else float(generator.normal(1, 0.01)))
        again = {
            "latency_ms_quiet": quiet,
            "latency_ms_quiet_q25": 0.99 * quiet,
            "latency_ms_quiet_q75": 1.02 * quiet,
            "train_step_ms_quiet": 0.97 * trial.metrics["train_step_ms"],
        }
        trials[trial.number] = replace(trial, metrics={**trial.metrics, **again})
        for offset in range(n_seeds):
            copy, rows = _replicate(generator, trial, len(trials), offset + 1)
            trials.append(copy)
            epochs += rows
    return replace(study, trials=tuple(trials), epochs=tuple(epochs))


def _replicate(
    generator: np.random.Generator, trial: Trial, number: int, seed: int
) -> tuple[Trial, list[EpochRow]]:
    accuracy = min(100.0, trial.values["val_accuracy"] - 0.2 + float(generator.normal(0, 0.5)))  # type: ignore[operator]
    timed = {"train_time_s": trial.metrics["train_time_s"] * float(generator.normal(1, 0.05))}
    copy = replace(
        trial,
        number=number,
        seed=seed,
        replicate_of=trial.number,
        config={**trial.config, "seed": seed},
        values={**trial.values, "val_accuracy": accuracy},
        metrics={**trial.metrics, "val_accuracy": accuracy, **timed},
        finished_at=START + timedelta(minutes=7),
    )
    return copy, [EpochRow(number, 1, 0.1, 1.0, accuracy, accuracy, 0.5, 1.0, 0.1)]


def all_failed() -> Study:
    study = small([[90.0, 10.0, 1.0]] * 4)
    trials = [
        replace(trial, state="failed", values={}, reason="OSError: <disk> full") for trial in study.trials
    ]
    return replace(study, trials=tuple(trials))


def hostile() -> Study:
    """A user whose every text is an attack."""
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    study = digits_study(24)
    trials = []
    for trial in study.trials:
        params = {**trial.params, attack: attack if trial.number % 2 else "{{data}}"}
        trials.append(replace(trial, params=params, reason=trial.reason and attack, device=attack))
    machine = {"cpu": attack, "os": "\u2028&lt;b&gt;"}
    about = replace(study.info, name="<script>alert(1)</script>", machine=machine, versions={attack: attack})
    return replace(study, info=about, trials=tuple(trials))


MANY = (
    ACCURACY,
    MEMORY,
    LATENCY,
    Objective("n_parameters", "minimize"),
    Objective("<b>weird_ms", "maximize"),
)


def all_over_the_limit() -> Study:
    """Every trial was trained to the end, and none keeps the limit on memory."""
    study = digits_study(40)
    broken = {"train_memory_mib": 1.5}
    return replace(study, trials=tuple(replace(trial, constraints=broken) for trial in study.trials))


def memory_of_the_stopped() -> Study:
    """Memory leads the objectives, and nobody was trained to the end: probes alone tell it."""
    study = digits_study(40)
    trials = tuple(
        replace(trial, state="stopped", reason="dominated", values={}, constraints={})
        for trial in study.trials
    )
    return replace(study, info=replace(study.info, objectives=(MEMORY, ACCURACY)), trials=trials)


def silent_over_the_limit() -> Study:
    """Objectives that spread over decades, and a trial beyond a limit with a zero that has no logarithm."""
    rows = [[10.0 ** (4 + n % 4) * (1 + 0.01 * n), 60.0 + n] for n in range(24)]
    synops = Objective("synops", "minimize")
    study = small(rows, (synops, ACCURACY), lambda number: {"T": 1 + number % 6})
    silent = replace(
        study.trials[5], values={"synops": 0.0, "val_accuracy": 10.0}, constraints={"firing_rate": 1.0}
    )
    trials = tuple(silent if trial.number == 5 else trial for trial in study.trials)
    return replace(study, trials=trials)


ODD: dict[str, Callable[[], Study]] = {
    "none": lambda: small([]),
    "one": lambda: small([[91.0, 12.0, 1.5]]),
    "two": lambda: small([[91.0, 12.0, 1.5], [94.0, 20.0, 1.2]]),
    "all_failed": all_failed,
    "all_equal": lambda: small([[91.0, 12.0, 1.5]] * 12),
    "nan": lambda: small([[math.nan, 12.0, 1.5], [94.0, None, 1.2], [math.nan, math.inf, 1.0]]),
    "some_nan": lambda: small([[90.0 + n, 12.0 + n * n, math.nan if n % 3 else 1.0 + n] for n in range(12)]),
    "one_objective": lambda: small([[90.0 + n % 7] for n in range(12)], (ACCURACY,)),
    "two_objectives": lambda: small([[90.0 + n, 3.0 + n * n] for n in range(12)], (ACCURACY, MEMORY)),
    "five_objectives": lambda: small(
        [[80.0 + n, 3.0**n, 1.0 + n % 5, 1000 * (n + 1), float(n % 4)] for n in range(16)], MANY
    ),
    "no_objectives": lambda: small([[], []], ()),
    "no_epochs": lambda: replace(digits_study(20), epochs=()),
    "noisy": noisy_study,
    "hostile": hostile,
    "all_over_the_limit": all_over_the_limit,
    "memory_of_the_stopped": memory_of_the_stopped,
    "silent_over_the_limit": silent_over_the_limit,
}
