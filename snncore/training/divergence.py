"""Losses that are not finite, told before the weights are touched; on a GPU without waiting for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class NonFiniteLossError(FloatingPointError):
    """The loss of a step is not finite; nothing was changed by that step but running statistics.

    loss: of the first such step; step: its number, from 1, since the watch was last asked.
    """

    def __init__(self, loss: float, step: int) -> None:
        super().__init__(f"loss {loss} in step {step}")
        self.loss, self.step = loss, step

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.loss, self.step)


class LossWatch:
    """Looks at each step's loss. waits: stop at once; else the device decides, and is asked at the end.

    Where it does not wait, from the first bad step on the optimizer is told, by the flag that fused
    optimizers know from gradient scaling, to leave weights and state as they are: no step has to wait for
    the device, and the weights end as they were before the bad step.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: str, waits: bool) -> None:
        self._optimizer, self._waits = optimizer, waits
        self._n = 0
        self._bad = torch.zeros((), device=device)  # 1.0 from the first bad step on
        self._first = torch.zeros(2, device=device)  # its loss and its number

    def see(self, loss: Tensor) -> None:
        """Before the backward pass of every step; loss: of the global batch, without gradient.

        Raises:
            NonFiniteLossError: it waits, and the loss is not finite.
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

    def ask(self) -> None:
        """At the end of an epoch; waits for the device.

        Raises:
            NonFiniteLossError: a loss was not finite since the last time.
        """
        self._n = 0
        if not self._waits and bool(self._bad):
            loss, number = self._first.tolist()
            raise NonFiniteLossError(loss, int(number))
