"""All metrics that the trainer measures, with units in their names.

Imports no torch: the space checker reads it before any trainer is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """One measured quantity.

    known: "probe" before the first epoch, without trained weights; "training" after training.
    better: the direction that users prefer; None if neither is better by itself.
    worst: the worst possible value, or None if there is no bound.
    """

    meaning: str
    known: Literal["probe", "training"]
    better: Direction | None = "minimize"
    worst: float | None = None


BESIDE_LATENCY = ("latency_ms_q25", "latency_ms_q75", "latency_under_load")
"""Measured with latency_ms by every probe: its quartiles, and whether other processes were busy."""

BESIDE_ACCURACY = (
    "n_classes",
    "n_train_classes",
    "n_val_samples",
    "n_val_classes",
    "val_largest_class_share",
)
"""Recorded with val_accuracy by every training: a description of its data
(`spikefront.accuracy.about_split`)."""

METRICS: dict[str, Metric] = {
    "val_accuracy": Metric("top-1 on the validation split, percent", "training", "maximize", 0.0),
    "balanced_accuracy": Metric(
        "mean recall of the classes, validation, percent", "training", "maximize", 0.0
    ),
    "train_memory_mib": Metric("peak memory of one training step", "probe"),
    "infer_memory_mib": Metric("peak memory of classifying one batch", "probe"),
    "latency_ms": Metric("median time to classify one batch with all T steps", "probe"),
    "train_step_ms": Metric("median time of one training step", "probe"),
    "n_parameters": Metric("parameters of the network that is deployed, without branches", "probe"),
    "macs": Metric("multiply-accumulates of one sample over all T steps, without branches", "probe"),
    "accuracy_at_1": Metric(
        "top-1 on the validation split after the first time step, percent", "training", "maximize", 0.0
    ),
    "exit_steps": Metric(
        "mean time steps of a validation sample that stops at measure.exit_confidence", "training"
    ),
    "exit_accuracy": Metric(
        "top-1 on the validation split when samples stop at measure.exit_confidence, percent",
        "training",
        "maximize",
        0.0,
    ),
    "firing_rate": Metric("spikes per neuron and time step, mean over all neurons", "training"),
    "synops": Metric("accumulations that spikes cause, of one sample over all T steps", "training"),
    "energy_uj": Metric("arithmetic energy of one sample over all T steps at 45 nm, microjoule", "training"),
    "train_time_s": Metric("seconds spent in training steps, evaluation excluded", "training"),
}
"""Scalar metrics: each can be an objective or a constraint."""

PROBED = frozenset(name for name, metric in METRICS.items() if metric.known == "probe")
"""The metrics that are exact before the first epoch."""


def is_probed(name: str) -> bool:
    """Whether a probe measures it: a metric known before training, or one recorded with latency."""
    return name in PROBED or name in BESIDE_LATENCY


PLANNED_METRICS: dict[str, str] = {
    "accuracy_at_t": "a list with one value per time step cannot be an objective or a constraint",
    **dict.fromkeys(BESIDE_ACCURACY, "it describes the data, not the result of a config"),
}
"""Names that users may know from the documents, with the reason why a study cannot use them."""
