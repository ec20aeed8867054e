"""Accuracy and firing of a network on a split.

python -m snncore.evaluate FOLDER        # of a finished training: validation and test accuracy
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snncore.network import SpikingConvNet
from snncore.neuron import LIF
from snncore.passes import EvalPass, split_time


@dataclass(frozen=True)
class Evaluation:
    """n: samples. accuracy_at_t: top-1 in percent of the mean logits of the first 1..T steps.

    firing_rate: per layer of neurons, spikes per neuron and step. All NaN when n is 0.
    """

    n: int
    accuracy_at_t: tuple[float, ...]
    firing_rate: tuple[float, ...]
    mean_firing_rate: float

    @property
    def accuracy(self) -> float:
        """Top-1 in percent, all T steps."""
        return self.accuracy_at_t[-1]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Evaluation:
        """The evaluation whose `dataclasses.asdict` was written as JSON."""
        return cls(
            n=values["n"],
            accuracy_at_t=tuple(values["accuracy_at_t"]),
            firing_rate=tuple(values["firing_rate"]),
            mean_firing_rate=values["mean_firing_rate"],
        )


class _SpikeCounter:
    """Sums spikes per layer on the device; read once at the end, so that no batch waits for it."""

    def __init__(self) -> None:
        self.spikes: dict[LIF, Tensor] = {}
        self.sites: dict[LIF, int] = {}

    def __call__(self, lif: LIF, spikes: Tensor) -> None:
        self.spikes[lif] = self.spikes.get(lif, torch.zeros((), device=spikes.device)) + spikes.sum()
        self.sites[lif] = self.sites.get(lif, 0) + spikes.numel()

    def rates(self) -> tuple[float, ...]:
        return tuple(float(count) / self.sites[lif] for lif, count in self.spikes.items())

    def mean_rate(self) -> float:
        return sum(float(count) for count in self.spikes.values()) / max(1, sum(self.sites.values()))


def evaluate(network: SpikingConvNet, T: int, batches: Iterable[tuple[Tensor, Tensor]]) -> Evaluation:
    """Classify every batch with running statistics; batches: (images (N, C, H, W), labels (N,))."""
    was_training = network.training
    network.eval()
    counter = _SpikeCounter()
    run = EvalPass(T, on_spikes=counter)
    right: Tensor | None = None
    n = 0
    divisor = torch.arange(1, T + 1).view(T, 1, 1)
    with torch.inference_mode():
        for images, labels in batches:
            steps = split_time(network(images, run).logits, T)
            means = steps.cumsum(0) / divisor.to(steps.device)  # (T, N, K): logits after t steps
            hits = (means.argmax(-1) == labels).sum(1)  # (T,)
            right = hits if right is None else right + hits
            n += len(labels)
    network.train(was_training)
    if right is None:
        return Evaluation(0, (float("nan"),) * T, (), float("nan"))
    accuracies = tuple(100.0 * int(count) / n for count in right.tolist())
    return Evaluation(n, accuracies, counter.rates(), counter.mean_rate())


def main(argv: list[str] | None = None) -> int:
    """The command; 0 done, 2 bad input."""
    import argparse

    from rich.console import Console

    from snncore.errors import UserError
    from snncore.predictor import load

    parser = argparse.ArgumentParser(prog="python -m snncore.evaluate", description="Evaluate a training.")
    parser.add_argument("folder", help="what snncore.train wrote")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    arguments = parser.parse_args(argv)
    try:
        predictor = load(arguments.folder)
        evaluation = predictor.evaluate(arguments.split)
    except UserError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False)
        return 2
    print(f"{arguments.split} accuracy {evaluation.accuracy:.2f} % of {evaluation.n} images")
    for t, accuracy in enumerate(evaluation.accuracy_at_t, start=1):
        print(f"  after {t} of {len(evaluation.accuracy_at_t)} steps {accuracy:.2f} %")
    rates = ", ".join(f"{rate:.3f}" for rate in evaluation.firing_rate)
    print(f"  spikes per neuron and step, by layer: {rates}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
