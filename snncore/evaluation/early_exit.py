"""Early exit: a sample stops at the first time step at which the network is confident enough.

E thresholds, T time steps, N samples of a batch, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snncore.errors import UserError


@dataclass(frozen=True)
class EarlyExitResult:
    """The result of one threshold. accuracy: percent; mean_steps: 1..T, steps per sample. NaN without
    samples.

    exits_at_t: how many samples stopped after each of 1..T steps.
    """

    threshold: float
    accuracy: float
    mean_steps: float
    exits_at_t: tuple[int, ...]


class EarlyExit:
    """Accuracy and steps for all thresholds in one pass; an observer for `evaluate`.

    A sample stops at the first t at which the largest softmax probability of the mean logits of steps 1..t
    is at least the threshold, and at T if there is no such t.

    Raises:
        UserError: a threshold is not a probability, or there is none.
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        wrong = [threshold for threshold in thresholds if not 0.0 <= threshold <= 1.0]
        if wrong or not thresholds:
            raise UserError(
                f"early exit: got {list(thresholds)}, need probabilities from 0 to 1, at least one"
            )
        self.thresholds = tuple(thresholds)
        self._exits: Tensor | None = None  # (E, T): samples that stop after t steps
        self._right: Tensor | None = None  # (E,)

    def __call__(self, means: Tensor, labels: Tensor) -> None:
        """means: (T, N, K), mean logits after t steps; labels: (N,)."""
        T = len(means)
        step = exit_steps(means, self.thresholds)  # (E, N)
        hits = (means.argmax(-1) == labels).expand(len(step), -1, -1)  # (E, T, N)
        right = hits.gather(1, step.unsqueeze(1)).sum((1, 2))  # (E,)
        exits = torch.nn.functional.one_hot(step, T).sum(1)  # (E, N, T) -> (E, T)
        self._right = right if self._right is None else self._right + right
        self._exits = exits if self._exits is None else self._exits + exits

    def results(self) -> list[EarlyExitResult]:
        """One result per threshold, in the order of the thresholds."""
        if self._exits is None or self._right is None:
            return [
                EarlyExitResult(threshold, float("nan"), float("nan"), ()) for threshold in self.thresholds
            ]
        results = []
        for threshold, exits, right in zip(
            self.thresholds, self._exits.tolist(), self._right.tolist(), strict=True
        ):
            n = sum(exits)
            steps = sum(t * n_stopped for t, n_stopped in enumerate(exits, start=1))
            results.append(EarlyExitResult(threshold, 100.0 * right / n, steps / n, tuple(exits)))
        return results


def exit_steps(means: Tensor, thresholds: Sequence[float]) -> Tensor:
    """The 0-based step at which each sample stops, (E, N); means (T, N, K): mean logits after 1..T steps."""
    confidence = means.softmax(-1).amax(-1)  # (T, N)
    bounds = torch.tensor(thresholds, dtype=confidence.dtype, device=confidence.device)
    is_sure = confidence >= bounds.view(-1, 1, 1)  # (E, T, N)
    is_sure[:, -1] = True  # all stop after T steps
    return is_sure.int().argmax(1)  # the first of equal maxima
