"""Trains small configs for two epochs and writes what came out; alone, or as one of several processes.

Computes in float64: with several processes sums are added in another order, and a spike more or less
would hide whether the same is computed.

    python -m tests.snncore.distributed_worker FOLDER     # with torchrun's variables in the environment
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from snncore.config.load import make_config
from snncore.distributed import rank
from snncore.training.processes import process_group
from snncore.training.session import TrainingSession

SMALL: dict[str, Any] = {
    "T": 3,
    "model": {"arch": "tests.snncore.tiny:build"},
    "data": {"train_limit": 101, "val_fraction": 0.03},  # the last batch has 5 samples: 3 and 2
    "optim": {"epochs": 2, "batch_size": 32, "lr": 0.1},
}
CASES: dict[str, dict[str, Any]] = {
    "rate+reliable": {
        "model": {"arch": "resnet18", "width": 0.03125},
        "distillation": {"mode": "reliable", "branches": [1, 3], "beta": 1.0},
    },
    "bptt+strong2weak": {"gradient": "bptt", "distillation": {"mode": "strong2weak", "beta": 1.0}},
    "bptt+both": {
        "gradient": "bptt",
        "distillation": {"mode": "reliable+simultaneous", "branches": [2], "variant": "cascade"},
        "optim": {**SMALL["optim"], "clip_norm": 0.5, "label_smoothing": 0.1, "ema_decay": 0.9},
    },
}


def run(case: str, folder: Path) -> None:
    """Train `case`; the first process writes FOLDER/case.json and FOLDER/case.safetensors."""
    session = TrainingSession(make_config(SMALL | CASES[case]), "cpu")
    for network in (session.network, session.trainer.predictor):
        network.register_forward_pre_hook(_to_double)
    epochs = [asdict(session.run_epoch()) for _ in range(2)]
    test = asdict(session.evaluate(session.data.read_test()))
    if rank() == 0:
        (folder / f"{case}.json").write_text(json.dumps({"epochs": epochs, "test": test}))
        predictor = session.trainer.predictor
        weights = session.network.state_dict() | {f"ema.{k}": v for k, v in predictor.state_dict().items()}
        save_file({k: v.contiguous().clone() for k, v in weights.items()}, folder / f"{case}.safetensors")


def refuse_gloo_threads() -> None:
    """End with 1 if a thread of gloo outlives its group; the system tells the names of threads on Linux."""
    names = [comm.read_text().strip() for comm in Path("/proc/self/task").glob("*/comm")]
    if any("gloo" in name for name in names):
        print(f"threads left: {names}", file=sys.stderr, flush=True)
        os._exit(1)


def _to_double(_: nn.Module, inputs: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
    x, way = inputs
    return x.double(), way


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    atexit.register(refuse_gloo_threads)  # called after all that is registered later
    with process_group("cpu"):
        for name in CASES:
            run(name, Path(sys.argv[1]))
