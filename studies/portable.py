"""Which metrics mean the same on every machine."""

from __future__ import annotations

EVERYWHERE = frozenset(
    {"val_accuracy", "balanced_accuracy", "accuracy_at_t", "accuracy_at_1", "exit_steps", "exit_accuracy"}
    | {"firing_rate", "synops", "energy_uj", "n_parameters", "macs"}
    | {"n_classes", "n_train_classes", "n_val_samples", "n_val_classes", "val_largest_class_share"}
)
"""Metrics that do not depend on the machine; energy_uj counts operations. Others hold on one device model."""
