"""What is known before the first epoch: memory, latency, parameters, multiply-accumulates.

None of it depends on trained weights or on data, so a config can be judged for the cost of a few steps.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from snncore.allocator import keep_freed_memory
from snncore.config import Config
from snncore.cost import count_macs, input_shape
from snncore.devices import default_device
from snncore.memory import peak_mib
from snncore.network import SpikingNetwork, build_network, deployed_parameters
from snncore.packing import packed, tensors_of
from snncore.passes import inference
from snncore.precision import forward_precision
from snncore.rows import channels_last
from snncore.step import Trainer
from snncore.timing import Effort, ForeignLoad, measure

_TRAINING_EFFORT = Effort(n_warmup=0, n_min=5, seconds_min=0.03, seconds_max=0.06, relative_error=0.02)
"""Of train_step_ms. Measuring memory has warmed it up: two steps are done by then."""


def probe(config: Config, device: str | None = None) -> dict[str, float | bool]:
    """All metrics that `snncore.metrics` says are known by probing, and how latency was taken.

    device: where the config is trained; `measure.device` says where latency is measured (auto: the same).
    Also latency_ms_q25 and latency_ms_q75, and latency_under_load: whether other processes were busy.
    Probes of a node take turns. Torch's random state and number of threads are left as they were.
    """
    device = device or default_device()
    if device == "cpu":
        keep_freed_memory()
    measure_device = device if config.measure.device == "auto" else config.measure.device
    # One lock for the node: two probes at once would each measure the other.
    user = os.getuid() if hasattr(os, "getuid") else 0
    with FileLock(Path(tempfile.gettempdir()) / f"spikefront-probe-{user}.lock"):
        load = ForeignLoad()
        metrics = {**_training(config, device), **_inference(config, measure_device)}
        # Of the whole probe: latency alone may take less time than the system's clock of busy time resolves.
        return {**metrics, "latency_under_load": load.is_busy()}


def _training(config: Config, device: str) -> dict[str, float | bool]:
    step, alive = training_step(config, device)
    memory = peak_mib(step, alive, device)
    timing = measure(step, device, _TRAINING_EFFORT)
    return {"train_memory_mib": memory, "train_step_ms": timing.median_ms}


def training_step(config: Config, device: str) -> tuple[Callable[[], object], list[Tensor]]:
    """One step on random samples, done once already, and the tensors that live between its calls."""
    trainer = Trainer(config, device)
    trainer.network.train()
    trainer.set_lr(0.0)  # steps on random images must not blow the weights up
    x = _inputs(trainer.network, config.T, config.optim.batch_size, device)
    labels = torch.arange(config.optim.batch_size, device=device) % trainer.network.spec.n_classes

    def step() -> None:
        trainer.step(x, labels)

    step()  # allocates the optimizer's state, which lives on between steps
    return step, [*trainer.tensors(), x, labels]


def _inference(config: Config, device: str) -> dict[str, float | bool]:
    network = build_network(config).to(device).eval()
    classify, alive = classification(network, config, device)
    with _threads(config.measure.threads):
        timing = measure(classify, device)
        memory = peak_mib(classify, alive, device)
    return {
        "latency_ms": timing.median_ms,
        "latency_ms_q25": timing.q25_ms,
        "latency_ms_q75": timing.q75_ms,
        "infer_memory_mib": memory,
        "n_parameters": deployed_parameters(network),
        "macs": count_macs(network, config.T),
    }


def classification(
    network: SpikingNetwork, config: Config, device: str
) -> tuple[Callable[[], Tensor], list[Tensor]]:
    """Classifying `measure.batch_size` random samples, and the tensors that live between the calls.

    As `snncore.load` does it, with packed weights; the first call packs them.
    """
    x = _inputs(network, config.T, config.measure.batch_size, device)
    deployed = packed(network, config)

    def classify() -> Tensor:
        with forward_precision(config, device):
            return inference(deployed, x, config.T).mean(0).argmax(-1)

    return classify, [*tensors_of(deployed), x]


def _inputs(network: SpikingNetwork, T: int, n: int, device: str) -> Tensor:
    """A batch of `n` random samples, the same every time."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(input_shape(network.spec, T, n), generator=generator).to(device)
    return channels_last(x)


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
