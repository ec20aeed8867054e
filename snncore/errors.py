"""The errors of the trainer, by who can fix them.

Errors are pickled between processes: one whose constructor takes more than its message has `__reduce__`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikefront.errors import InputError


@dataclass(frozen=True)
class Problem:
    """One mistake in a config: where (`key`, dotted; "" for the whole), and what to do about it."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class UserError(InputError):
    """A mistake of the user: printed as one readable block, without a traceback; exit code 2."""


class ConfigError(UserError):
    """A config that cannot be trained. `problems` holds every mistake, not only the first."""

    def __init__(self, problems: list[Problem], source: str = "config") -> None:
        self.problems, self.source = problems, source
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{source}: {len(problems)} problem{'s'[: len(problems) != 1]}\n{lines}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems, self.source)


class DataError(UserError):
    """A data set that is missing, incomplete or corrupt; the message names the file and the command."""


class DivergedError(RuntimeError):
    """A loss is not finite; raised before the optimizer step that would have used it."""

    def __init__(self, epoch: int, step: int, loss: float) -> None:
        self.epoch, self.step, self.loss = epoch, step, loss
        super().__init__(f"diverged: loss {loss} in epoch {epoch}, step {step}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.epoch, self.step, self.loss)


class SilentNetworkError(RuntimeError):
    """Layers of neurons, counted from 1, that never fire on a whole set of samples.

    Raised at the end of training; or after `epoch`, if no gradient reaches them, so that they never will.
    """

    def __init__(self, layers: list[int], epoch: int | None = None, on: str = "the validation set") -> None:
        self.layers, self.epoch, self.on = layers, epoch, on
        names = ", ".join(str(layer) for layer in layers)
        for_ever = "" if epoch is None else f" after epoch {epoch}, and no gradient can change that"
        super().__init__(f"silent: no spikes in neuron layer {names} on {on}{for_ever}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.layers, self.epoch, self.on)
