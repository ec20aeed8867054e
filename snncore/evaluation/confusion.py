"""The confusion matrix of a network.

K classes, T time steps, N samples of a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Confusion:
    """Counts pairs of true and predicted class; an observer for `evaluate`."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        self._counts: Tensor | None = None

    def __call__(self, means: Tensor, labels: Tensor) -> None:
        """means: (T, N, K), mean logits after t steps, of which the last are used; labels: (N,)."""
        K = self.n_classes
        pairs = labels * K + means[-1].argmax(-1)  # (N,)
        counts = torch.bincount(pairs, minlength=K * K).view(K, K)
        self._counts = counts if self._counts is None else self._counts + counts

    def counts(self) -> Tensor:
        """(K, K) int64 on the CPU: row = true class, column = predicted class; zeros before any sample."""
        if self._counts is None:
            return torch.zeros(self.n_classes, self.n_classes, dtype=torch.int64)
        return self._counts.cpu()
