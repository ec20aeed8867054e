"""Probes: metrics known before the first epoch: memory, latency, parameters, multiply-accumulates.

None of them depends on trained weights or on data, so a config can be measured at the cost of a few steps.
`snncore.config.probe_key` tells which configs share a probe.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from snncore.config.metrics import BESIDE_LATENCY, PROBED
from snncore.config.schema import Config
from snncore.devices import default_device
from snncore.measure.alone import alone_on_machine
from snncore.measure.cost import count_macs, input_shape
from snncore.measure.memory import peak_mib
from snncore.measure.timing import Effort, Task, Timing, measure_in_turns, threads
from snncore.network.network import SpikingNetwork, build_network, deployed_parameters
from snncore.network.packing import packed, tensors_of
from snncore.neuron.precision import forward_precision
from snncore.passes.passes import inference
from snncore.passes.rows import channels_last
from snncore.training.allocator import keep_freed_memory
from snncore.training.step import Trainer

Metrics = dict[str, float | bool]

_OF_TRAINING = {"train_memory_mib", "train_step_ms"}

_LATENCY = Effort(n_warmup=1)
_STEP = Effort(n_warmup=0, n_min=5, seconds_min=0.03, seconds_max=0.06, relative_error=0.02)
"""Of train_step_ms. No warm-up is needed: a step or two have been run before."""

_QUIET_LATENCY = Effort(1, n_min=11, n_max=10_000, seconds_min=0.3, seconds_max=1.5, relative_error=0.005)
_QUIET_STEP = Effort(0, n_min=5, n_max=10_000, seconds_min=0.3, seconds_max=1.0, relative_error=0.005)

_N_FIRST = 3
"""Classifications before the measurement; the first one packs the weights."""


def probe(config: Config, device: str | None = None, names: Collection[str] = PROBED) -> Metrics:
    """The metrics known by probing: all, or only those in `names`, which takes less time.

    device: where the config is trained; `measure.device` is where latency is measured (auto: the same).
    latency_ms comes with latency_ms_q25 and _q75, and latency_under_load: whether other processes were busy.
    Timing waits for other measurements on the machine, and counts as under load if one of them does not end
    in time (see `alone_on_machine`); memory and counts do not wait. Torch's random state and number of
    threads do not change.

    Raises:
        ValueError: a name is not that of a probed metric.
    """
    unknown = sorted(set(names) - PROBED)
    if unknown:
        raise ValueError(f"no probe measures {', '.join(unknown)}; allowed: {', '.join(sorted(PROBED))}")
    bench = _Bench(config, device or default_device(), trains=not _OF_TRAINING.isdisjoint(names))
    metrics: Metrics = {}
    if bench.training is not None and "train_memory_mib" in names:
        metrics["train_memory_mib"] = bench.training.memory_mib()
    if "infer_memory_mib" in names:
        metrics["infer_memory_mib"] = bench.deployed().memory_mib()
    if "latency_ms" in names or "train_step_ms" in names:
        metrics |= _times(bench, names)
    if "n_parameters" in names:
        metrics["n_parameters"] = deployed_parameters(bench.network)
    if "macs" in names:
        metrics["macs"] = count_macs(bench.network.eval(), config.T)
    return metrics


def quiet_probe(config: Config, device: str | None = None) -> Metrics:
    """Times measured for up to five seconds, until medians are known to 0.5 %; for when nothing else runs.

    Other measurements on the machine wait for all of it, including building the network.

    Returns latency_ms_quiet, latency_ms_quiet_q25, latency_ms_quiet_q75 and train_step_ms_quiet; and
    latency_quiet_under_load: whether other processes were busy nevertheless. Leaves torch as `probe` does.
    """
    with alone_on_machine():
        bench = _Bench(config, device or default_device(), trains=True)
        assert bench.training is not None
        latency, step = _timed([bench.deployed().task(_QUIET_LATENCY), bench.training.task(_QUIET_STEP)])
    return {
        "latency_ms_quiet": latency.median_ms,
        "latency_ms_quiet_q25": latency.q25_ms,
        "latency_ms_quiet_q75": latency.q75_ms,
        "train_step_ms_quiet": step.median_ms,
        "latency_quiet_under_load": latency.under_load,
    }


class _Work(NamedTuple):
    """A function to measure, which has been called at least once; alive: the tensors between its calls."""

    function: Callable[[], object]
    alive: list[Tensor]
    device: str
    n_threads: int | None = None

    def memory_mib(self) -> float:
        with threads(self.n_threads):
            return peak_mib(self.function, self.alive, self.device)

    def task(self, effort: Effort) -> Task:
        return Task(self.function, self.device, effort, self.n_threads)


class _Bench:
    """The network of a config for all measurements, so that it is built once; trains: with a training
    step."""

    def __init__(self, config: Config, device: str, trains: bool) -> None:
        if device == "cpu":
            keep_freed_memory()
        self._config, self._device = config, device
        self._deployed: _Work | None = None
        self.training: _Work | None = None
        if trains:
            trainer = Trainer(config, device)
            self.network = trainer.network
            self.training = _Work(*_step_of(trainer, device), device)
        else:
            self.network = build_network(config).to(device)

    def deployed(self) -> _Work:
        """Classification as with `snncore.load`, on the device of `measure.device`."""
        if self._deployed is None:
            measured, n_threads = self._config.measure.device, self._config.measure.threads
            device = self._device if measured == "auto" else measured
            # Another device needs a network of its own: to() would move that of the training step.
            network = self.network if device == self._device else build_network(self._config).to(device)
            classify, alive = classification(network, self._config, device)
            with threads(n_threads):
                for _ in range(_N_FIRST):
                    classify()
            self._deployed = _Work(classify, alive, device, n_threads)
        return self._deployed


def _times(bench: _Bench, names: Collection[str]) -> Metrics:
    tasks = {}
    if "latency_ms" in names:
        tasks["latency_ms"] = bench.deployed().task(_LATENCY)
    if "train_step_ms" in names:
        assert bench.training is not None
        tasks["train_step_ms"] = bench.training.task(_STEP)
    timings = dict(zip(tasks, _timed(list(tasks.values())), strict=True))
    metrics: Metrics = {name: timing.median_ms for name, timing in timings.items()}
    if "latency_ms" in timings:
        latency = timings["latency_ms"]
        spread = (latency.q25_ms, latency.q75_ms, latency.under_load)
        metrics |= dict(zip(BESIDE_LATENCY, spread, strict=True))
    return metrics


def _timed(tasks: list[Task]) -> list[Timing]:
    with alone_on_machine() as is_alone:
        timings = measure_in_turns(tasks)
    return timings if is_alone else [replace(timing, under_load=True) for timing in timings]


def training_step(config: Config, device: str) -> tuple[Callable[[], object], list[Tensor]]:
    """A training step on random samples, already called once, and the tensors between its calls."""
    return _step_of(Trainer(config, device), device)


def _step_of(trainer: Trainer, device: str) -> tuple[Callable[[], object], list[Tensor]]:
    config = trainer.config
    trainer.network.train()
    trainer.set_lr(0.0)  # steps on random images must not blow the weights up
    x = _inputs(trainer.network, config.T, config.optim.batch_size, device)
    labels = torch.arange(config.optim.batch_size, device=device) % trainer.network.spec.n_classes

    def step() -> None:
        trainer.step(x, labels)

    step()  # allocates the optimizer's state, which stays between steps
    return step, [*trainer.tensors(), x, labels]


def classification(
    network: SpikingNetwork, config: Config, device: str
) -> tuple[Callable[[], Tensor], list[Tensor]]:
    """A function that classifies `measure.batch_size` random samples, and the tensors between its calls.

    As with `snncore.load`, with packed weights; the first call packs them.
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
