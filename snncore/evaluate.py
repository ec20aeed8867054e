"""Accuracy and firing of a network on a split.

python -m snncore.evaluate best.yaml        # that was trained, or the folder; accuracy on the test split
python -m snncore.evaluate FOLDER --split val --confusion --early-exit 0.9,0.99 --pgd 0.03
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snncore.config import EXIT_CONFIDENCE
from snncore.data.batches import Batch
from snncore.data.dataspec import DataSpec
from snncore.distributed import sum_over_ranks
from snncore.early_exit import exit_steps
from snncore.network import SpikingNetwork
from snncore.neuron import LIF
from snncore.passes import EvalPass, split_time

MAX_BATCH, MAX_SITES = 256, 2**22
"""Of an evaluation batch: samples, and pixels times T, so that large images or long runs fit into memory."""

Observer = Callable[[Tensor, Tensor], None]
"""Is shown every batch: mean logits of the first 1..T steps (T, N, K), labels (N,)."""


@dataclass(frozen=True)
class Evaluation:
    """n: samples. accuracy_at_t: top-1 in percent of the mean logits of the first 1..T steps.

    firing_rate: per layer of neurons, spikes per neuron and step. exit_steps: mean steps, 1..T, of samples
    that stop as soon as they are confident (`exit_confidence` of `evaluate`); exit_accuracy: their top-1 in
    percent. All NaN when n is 0.
    """

    n: int
    accuracy_at_t: tuple[float, ...]
    firing_rate: tuple[float, ...]
    mean_firing_rate: float
    exit_steps: float
    exit_accuracy: float

    @property
    def accuracy(self) -> float:
        """Top-1 in percent, all T steps."""
        return self.accuracy_at_t[-1]

    @property
    def by_steps(self) -> dict[str, float]:
        """The metrics of stopping early: `accuracy_at_1`, `exit_steps`, `exit_accuracy`."""
        return {
            "accuracy_at_1": self.accuracy_at_t[0],
            "exit_steps": self.exit_steps,
            "exit_accuracy": self.exit_accuracy,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Evaluation:
        """The evaluation whose `dataclasses.asdict` was written as JSON."""
        return cls(
            n=values["n"],
            accuracy_at_t=tuple(values["accuracy_at_t"]),
            firing_rate=tuple(values["firing_rate"]),
            mean_firing_rate=values["mean_firing_rate"],
            exit_steps=values["exit_steps"],
            exit_accuracy=values["exit_accuracy"],
        )


class _SpikeCounter:
    """Sums spikes per layer on the device; read once at the end, so that no batch waits for it."""

    def __init__(self, network: SpikingNetwork, device: torch.device) -> None:
        # In the order of the modules, not of the first batch: the same on a rank that has no batch.
        self.layers = {lif: index for index, lif in enumerate(_layers_of_neurons(network))}
        self.spikes = torch.zeros(len(self.layers), dtype=torch.float64, device=device)
        self.sites = torch.zeros(len(self.layers), dtype=torch.float64)

    def __call__(self, lif: LIF, spikes: Tensor) -> None:
        self.spikes[self.layers[lif]] += spikes.sum(dtype=torch.float32)
        self.sites[self.layers[lif]] += spikes.numel()


def evaluate(
    network: SpikingNetwork,
    T: int,
    batches: Iterable[Batch],
    *,
    exit_confidence: float = EXIT_CONFIDENCE,
    observers: Sequence[Observer] = (),
    over_ranks: bool = False,
) -> Evaluation:
    """Classify every batch once, with running statistics; for `precision: bf16`, in `forward_precision`.

    exit_confidence: softmax probability of the mean logits so far at which a sample stops, T at the latest.
    over_ranks: `batches` are this process's share, and the counts of all processes are added up; every
    process must call it, also one whose share is empty. Observers see their own process's batches.
    """
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    counter = _SpikeCounter(network, device)
    run = EvalPass(T, on_spikes=counter)
    right_and_n = torch.zeros(T + 1, dtype=torch.float64, device=device)  # right after t = 1..T steps; n
    exits = torch.zeros(2, dtype=torch.float64, device=device)  # steps until samples stop; right then
    with torch.inference_mode():
        for x, labels in batches:
            means = running_means(split_time(network(x, run).logits, T))
            is_right = means.argmax(-1) == labels  # (T, N)
            right_and_n[:T] += is_right.sum(1)
            right_and_n[T] += len(labels)
            step = exit_steps(means, (exit_confidence,))  # (1, N), from 0
            exits += torch.stack([(step + 1).sum(), is_right.gather(0, step).sum()])
            for observe in observers:
                observe(means, labels)
        counts = torch.cat([right_and_n, exits, counter.spikes, counter.sites.to(device)])
        if over_ranks:
            counts = sum_over_ranks(counts)
    network.train(was_training)
    return _summary(T, *counts.cpu().split([T + 1, 2, len(counter.layers), len(counter.layers)]))


def eval_batch_size(spec: DataSpec, T: int) -> int:
    """Samples per batch that an evaluation with all T steps can hold in memory; at least 1."""
    return max(1, min(MAX_BATCH, MAX_SITES // (T * spec.height * spec.width)))


def running_means(step_logits: Tensor) -> Tensor:
    """Mean logits of the first 1..T steps, (T, N, K), from the logits of each step; float32 at least."""
    T = len(step_logits)
    logits = step_logits.to(torch.promote_types(step_logits.dtype, torch.float32))
    return logits.cumsum(0) / torch.arange(1, T + 1, device=step_logits.device).view(T, 1, 1)


def _layers_of_neurons(network: SpikingNetwork) -> list[LIF]:
    return [module for module in network.modules() if isinstance(module, LIF)]


def _summary(T: int, right_and_n: Tensor, exits: Tensor, spikes: Tensor, sites: Tensor) -> Evaluation:
    n = int(right_and_n[T])
    nan = float("nan")
    if n == 0:
        return Evaluation(0, (nan,) * T, (), nan, nan, nan)
    ran = sites > 0  # a layer that a network holds but never runs has no rate
    return Evaluation(
        n=n,
        accuracy_at_t=tuple((100.0 * right_and_n[:T] / n).tolist()),
        firing_rate=tuple((spikes[ran] / sites[ran]).tolist()),
        mean_firing_rate=float(spikes.sum() / sites.sum().clamp(min=1)),
        exit_steps=float(exits[0] / n),
        exit_accuracy=float(100.0 * exits[1] / n),
    )


if __name__ == "__main__":
    from snncore.evaluate_cli import main

    raise SystemExit(main())
