"""Accuracy and firing of a network on a split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snncore.config.schema import EXIT_CONFIDENCE
from snncore.data.batches.batches import Batch
from snncore.data.specs import DataSpec
from snncore.distributed import sum_over_ranks
from snncore.evaluation.early_exit import exit_steps
from snncore.network.network import SpikingNetwork
from snncore.neuron.neuron import LIF
from snncore.passes.passes import EvalPass, split_time
from spikefront.accuracy import balanced_accuracy

MAX_BATCH, MAX_SITES = 256, 2**22
"""Limits of an evaluation batch: samples, and pixels times T, so that large images or many steps fit into
memory."""

Observer = Callable[[Tensor, Tensor], None]
"""Called with every batch: mean logits of the first 1..T steps (T, N, K), labels (N,)."""


@dataclass(frozen=True)
class Evaluation:
    """n: number of samples. accuracy_at_t: top-1 in percent of the mean logits of the first 1..T steps.

    firing_rate: per layer of neurons, spikes per neuron and step. exit_steps: mean steps, 1..T, if samples
    stop once the network is confident (`exit_confidence` of `evaluate`); exit_accuracy: their top-1 in
    percent. All NaN when n is 0. n_per_class: samples of each class; right_per_class: of these, the number
    classified rightly with all T steps.
    """

    n: int
    accuracy_at_t: tuple[float, ...]
    firing_rate: tuple[float, ...]
    mean_firing_rate: float
    exit_steps: float
    exit_accuracy: float
    n_per_class: tuple[int, ...]
    right_per_class: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """Top-1 in percent, all T steps."""
        return self.accuracy_at_t[-1]

    @property
    def balanced_accuracy(self) -> float:
        """See `spikefront.accuracy.balanced_accuracy`."""
        return balanced_accuracy(self.n_per_class, self.right_per_class)

    @property
    def by_steps(self) -> dict[str, float]:
        """The metrics of early exit: `accuracy_at_1`, `exit_steps`, `exit_accuracy`."""
        return {
            "accuracy_at_1": self.accuracy_at_t[0],
            "exit_steps": self.exit_steps,
            "exit_accuracy": self.exit_accuracy,
        }


class _SpikeCounter:
    """Sums spikes per layer on the device; read once, at the end, so that no batch waits for the device."""

    def __init__(self, network: SpikingNetwork, device: torch.device) -> None:
        # In the order of the modules, not of the first batch, so that a rank without a batch has the same.
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
    """Classify every batch once, with running statistics. For `precision: bf16`, call in `forward_precision`.

    exit_confidence: softmax probability of the mean logits so far at which a sample stops, at the latest at
    T. over_ranks: `batches` are the share of this process, and the counts of all processes are added up;
    every process must call this, even if its share is empty. Observers see the batches of their process only.
    """
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    counter = _SpikeCounter(network, device)
    run = EvalPass(T, on_spikes=counter)
    K = network.spec.n_classes
    right_at_t = torch.zeros(T, dtype=torch.float64, device=device)
    exits = torch.zeros(2, dtype=torch.float64, device=device)  # sum of steps at exit; number right at exit
    per_class = torch.zeros(2, K, dtype=torch.float64, device=device)  # samples; number right after T steps
    with torch.inference_mode():
        for x, labels in batches:
            means = running_means(split_time(network(x, run).logits, T))
            is_right = means.argmax(-1) == labels  # (T, N)
            right_at_t += is_right.sum(1)
            step = exit_steps(means, (exit_confidence,))  # (1, N), from 0
            exits += torch.stack([(step + 1).sum(), is_right.gather(0, step).sum()])
            per_class.index_add_(
                1, labels, torch.stack([torch.ones_like(is_right[-1]), is_right[-1]]).double()
            )
            for observe in observers:
                observe(means, labels)
        counts = torch.cat([right_at_t, exits, per_class.flatten(), counter.spikes, counter.sites.to(device)])
        if over_ranks:
            counts = sum_over_ranks(counts)
    network.train(was_training)
    return _summary(*counts.cpu().split([T, 2, K, K, len(counter.layers), len(counter.layers)]))


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


def _summary(
    right_at_t: Tensor, exits: Tensor, n_of: Tensor, right_of: Tensor, spikes: Tensor, sites: Tensor
) -> Evaluation:
    n = int(n_of.sum())
    n_per_class, right_per_class = (tuple(map(int, counts.tolist())) for counts in (n_of, right_of))
    ran = sites > 0  # a layer that a network holds but never runs has no rate
    return Evaluation(
        n=n,
        accuracy_at_t=tuple((100.0 * right_at_t / n).tolist()) if n else (math.nan,) * len(right_at_t),
        firing_rate=tuple((spikes[ran] / sites[ran]).tolist()),
        mean_firing_rate=float(spikes.sum() / sites.sum().clamp(min=1)) if n else math.nan,
        exit_steps=float(exits[0] / n) if n else math.nan,
        exit_accuracy=float(100.0 * exits[1] / n) if n else math.nan,
        n_per_class=n_per_class,
        right_per_class=right_per_class,
    )
