"""Detects losses that are not finite, before the weights change; on a GPU without waiting for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class NonFiniteLossError(FloatingPointError):
    """The loss of a step is not finite; that step changed nothing except running statistics.

    loss: of the first such step; step: its number, from 1, since the last `LossWatch.check`.
    """

    def __init__(self, loss: float, step: int) -> None:
        super().__init__(f"loss {loss} in step {step}")
        self.loss, self.step = loss, step

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.loss, self.step)


class LossWatch:
    """Watches the loss of each step. waits: raise at once; otherwise at the end of the epoch, in `check`.

    If it does not wait, fused optimizers skip all steps from the first bad one on, by the flag `found_inf`,
    which they have for gradient scaling. So no step waits for the device, and the weights stay as they were
    before the bad step.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: str, waits: bool) -> None:
        self._optimizer, self._waits = optimizer, waits
        self._n = 0
        self._bad = torch.zeros((), device=device)  # 1.0 from the first bad step on
        self._first = torch.zeros(2, device=device)  # its loss and its number

    def observe(self, loss: Tensor) -> None:
        """Call before the backward pass of every step. loss: of the global batch, without gradient.

        Raises:
            NonFiniteLossError: the watch waits, and the loss is not finite.
        """
        self._n += 1
        is_finite = torch.isfinite(loss)
        if self._waits:
            if not is_finite:
                number, self._n = self._n, 0
                raise NonFiniteLossError(loss.item(), number)
            return
        is_first = ~is_finite & (self._bad == 0)
        now = torch.stack([loss.float(), torch.full_like(self._bad, self._n)])
        self._first = torch.where(is_first, now, self._first)
        self._bad = torch.maximum(self._bad, (~is_finite).float())
        self._optimizer.found_inf = self._bad  # type: ignore[attr-defined]

    def check(self) -> None:
        """Call at the end of an epoch; waits for the device.

        Raises:
            NonFiniteLossError: a loss was not finite since the last call.
        """
        self._n = 0
        if not self._waits and bool(self._bad):
            loss, number = self._first.tolist()
            raise NonFiniteLossError(loss, int(number))
