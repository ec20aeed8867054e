"""From samples in memory or in files to batches on a device."""

from snncore.data.batches.batches import eval_batches, training_batches

__all__ = ["eval_batches", "training_batches"]
