"""What is known before the first epoch: memory, latency, parameters, multiply-accumulates.

None of it depends on trained weights or on data, so a config can be judged for the cost of a few steps.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from snncore.config import Config
from snncore.cost import count_macs
from snncore.data.specs import SPECS
from snncore.devices import default_device
from snncore.memory import MIB, peak_growth_bytes, tensor_bytes
from snncore.network import SpikingConvNet, build_network, deployed_parameters
from snncore.passes import inference
from snncore.step import Trainer
from snncore.timing import measure


def probe(config: Config, device: str | None = None) -> dict[str, float | bool]:
    """All metrics that `snncore.metrics` says are known by probing, and how latency was taken.

    device: where the config is trained; `measure.device` says where latency is measured (auto: the same).
    Also latency_ms_q25 and latency_ms_q75, and latency_under_load: whether other processes were busy.
    Probes of a node take turns. Torch's random state and number of threads are left as they were.
    """
    device = device or default_device()
    measure_device = device if config.measure.device == "auto" else config.measure.device
    # One lock for the node: two probes at once would each measure the other.
    user = os.getuid() if hasattr(os, "getuid") else 0
    with FileLock(Path(tempfile.gettempdir()) / f"spikefront-probe-{user}.lock"):
        return {**_training(config, device), **_inference(config, measure_device)}


def _training(config: Config, device: str) -> dict[str, float | bool]:
    trainer = Trainer(config, device)
    trainer.network.train()
    trainer.set_lr(0.0)  # steps on random images must not blow the weights up
    images = _images(config, config.optim.batch_size, device)
    labels = torch.arange(len(images), device=device) % SPECS[config.data.name].n_classes

    def step() -> None:
        trainer.step(images, labels)

    step()  # allocates the optimizer's state, which lives on between steps
    state = [value for entry in trainer.optimizer.state.values() for value in entry.values()]
    alive = [*trainer.network.parameters(), *trainer.network.buffers(), images, labels]
    before = tensor_bytes([*alive, *(value for value in state if isinstance(value, Tensor))])
    peak = before + peak_growth_bytes(step, device)
    timing = measure(step, device, n_warmup=1, n_min=5, seconds=0.1)
    return {"train_memory_mib": peak / MIB, "train_step_ms": timing.median_ms}


def _inference(config: Config, device: str) -> dict[str, float | bool]:
    network = build_network(config).to(device).eval()
    images = _images(config, config.measure.batch_size, device)

    def classify() -> Tensor:
        return inference(network, images, config.T).mean(0).argmax(-1)

    with _threads(config.measure.threads):
        timing = measure(classify, device)
        weights = tensor_bytes([*_deployed(network), images])
        memory = weights + peak_growth_bytes(classify, device)
    return {
        "latency_ms": timing.median_ms,
        "latency_ms_q25": timing.q25_ms,
        "latency_ms_q75": timing.q75_ms,
        "latency_under_load": timing.under_load,
        "infer_memory_mib": memory / MIB,
        "n_parameters": deployed_parameters(network),
        "macs": count_macs(network, config),
    }


def _deployed(network: SpikingConvNet) -> list[Tensor]:
    named = [*network.named_parameters(), *network.named_buffers()]
    return [tensor for name, tensor in named if not name.startswith("branches.")]


def _images(config: Config, n: int, device: str) -> Tensor:
    spec = SPECS[config.data.name]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(n, spec.channels, spec.height, spec.width, generator=generator)
    return images.to(device, memory_format=torch.channels_last)


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
