"""Memory of one training step over T: without a gradient, under rate, under bptt.

    python -m benchmarks.activations                    # ResNet-18 with three branches, 32 × 32, batch 32

saved: what autograd keeps between the forward and the backward pass, in MiB, the weights themselves
excluded; it decides how T grows. peak: the metric `train_memory_mib`. Without a gradient nothing is
saved; its peak is that of classifying the same batch. The same numbers on every run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snncore.config import Config, make_config
from snncore.cost import input_shape
from snncore.data.specs import data_spec
from snncore.gradient import make_gradient
from snncore.memory import MIB, peak_mib
from snncore.network import build_network
from snncore.probe import classification, training_step

STEPS = (1, 2, 4, 8, 16)


def saved_mib(config: Config, x: Tensor) -> float:
    """What autograd keeps for the backward pass of the gradient that `config` names."""
    network = build_network(config).train()
    kept = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        heads = make_gradient(config)(network, x).heads
    assert heads.requires_grad
    return sum(size for place, size in storages.items() if place not in kept) / MIB


def train_mib(config: Config) -> float:
    """The metric train_memory_mib."""
    return peak_mib(*training_step(config, "cpu"), "cpu")


def inference_mib(config: Config) -> float:
    """Peak of classifying the batch."""
    classify, alive = classification(build_network(config).eval(), config, "cpu")
    classify()
    return peak_mib(classify, alive, "cpu")


def measured(arch: str, branches: list[int], batch_size: int, T: int) -> dict[str, Any]:
    values = {
        "T": T,
        "data": {"name": "cifar10"},
        "optim": {"batch_size": batch_size},
        "measure": {"batch_size": batch_size},
        "model": {"arch": arch},
        "distillation": {"mode": "supervised" if branches else "none", "branches": branches},
    }
    rate, bptt = make_config(values), make_config(values | {"gradient": "bptt"})
    x = torch.randn(
        input_shape(data_spec(rate.data), T, batch_size), generator=torch.Generator().manual_seed(0)
    )
    x = x.to(memory_format=torch.channels_last)
    return {
        "T": T,
        "none_peak": inference_mib(rate),
        "rate_saved": saved_mib(rate, x),
        "rate_peak": train_mib(rate),
        "bptt_saved": saved_mib(bptt, x),
        "bptt_peak": train_mib(bptt),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--arch", default="resnet18")
    parser.add_argument("--branches", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--json", help="write the numbers to this file too")
    arguments = parser.parse_args()
    rows = []
    print(
        "| T | none, peak | rate, saved | rate, peak | bptt, saved | bptt, peak |\n|---|---|---|---|---|---|"
    )
    for T in STEPS:
        row = measured(arguments.arch, arguments.branches, arguments.batch_size, T)
        rows.append(row)
        print(f"| {T} | " + " | ".join(f"{value:.1f}" for key, value in row.items() if key != "T") + " |")
    ratio = rows[-1]["rate_saved"] / rows[0]["rate_saved"]
    print(f"\nsaved under rate at T = {STEPS[-1]}: {ratio:.4f} of T = 1")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
