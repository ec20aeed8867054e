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
from snncore.data.specs import data_spec
from snncore.gradient import make_gradient
from snncore.memory import MIB, peak_growth_bytes, tensor_bytes
from snncore.network import build_network
from snncore.passes import inference
from snncore.step import Trainer

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


def peak_mib(config: Config, x: Tensor) -> float:
    """The metric train_memory_mib."""
    trainer = Trainer(config, "cpu")
    trainer.network.train()
    trainer.set_lr(0.0)
    labels = torch.zeros(len(x), dtype=torch.long)
    trainer.step(x, labels)
    before = tensor_bytes([*trainer.tensors(), x, labels])
    return (before + peak_growth_bytes(lambda: trainer.step(x, labels), "cpu")) / MIB


def inference_mib(config: Config, x: Tensor) -> float:
    """Peak of classifying the batch."""
    network = build_network(config).eval()
    inference(network, x, config.T)
    before = tensor_bytes([*network.body.parameters(), *network.body.buffers(), x])
    return (before + peak_growth_bytes(lambda: inference(network, x, config.T), "cpu")) / MIB


def measured(arch: str, branches: list[int], batch_size: int, T: int) -> dict[str, Any]:
    values = {
        "T": T,
        "data": {"name": "cifar10"},
        "model": {"arch": arch},
        "distillation": {"mode": "supervised" if branches else "none", "branches": branches},
    }
    rate, bptt = make_config(values), make_config(values | {"gradient": "bptt"})
    shape = (batch_size, *data_spec(rate.data).image_shape)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    x = x.to(memory_format=torch.channels_last)
    return {
        "T": T,
        "none_peak": inference_mib(rate, x),
        "rate_saved": saved_mib(rate, x),
        "rate_peak": peak_mib(rate, x),
        "bptt_saved": saved_mib(bptt, x),
        "bptt_peak": peak_mib(bptt, x),
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
