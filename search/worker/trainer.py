"""What the engine needs from a trainer, and the real one. A trainer is named `module:factory` in a job.

The engine itself never imports torch: a worker builds its trainer from the name, so that a simulated
trainer, or a test's fake, takes the same place.
"""

from __future__ import annotations

import importlib
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from search.errors import SearchError


class Session(Protocol):
    """One training, epoch by epoch."""

    epochs_trained: int

    def run_epoch(self) -> Any:
        """Train one epoch; returns an object with the fields of an epoch row. Raises DivergedError."""

    def save(self, folder: Path) -> None:
        """Write a checkpoint, whole or not at all, in place of what may stand there."""

    def restore(self, folder: Path) -> None:
        """Continue from a checkpoint; raises on one that cannot be used."""

    def metrics(self) -> Mapping[str, Any]:
        """What is known after training, of the last epoch. Raises SilentNetworkError."""


class Trainer(Protocol):
    """Made by a factory called with (device, threads): "cpu" or "cuda", and threads per trial."""

    def probe(self, config: Mapping[str, Any], names: Sequence[str] | None = None) -> Mapping[str, Any]:
        """The metrics known before the first epoch: at least those of `names`, None for all."""

    def measure_quietly(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The times of `probe` measured again, as separate metrics, while nothing else runs."""

    def session(self, config: Mapping[str, Any]) -> Session:
        """A training that has not begun."""

    def device_model(self) -> str:
        """The device's model, as values are only compared within one model."""


class SnncoreTrainer:
    """The real trainer: `snncore`, imported when the first trial begins."""

    def __init__(self, device: str, threads: int) -> None:
        self._device, self._threads = device, threads

    def probe(self, config: Mapping[str, Any], names: Sequence[str] | None = None) -> Mapping[str, Any]:
        """See `snncore.measure.probe.probe`."""
        from snncore.config.load import make_config
        from snncore.config.metrics import PROBED
        from snncore.measure.probe import probe

        self._limit_threads()
        return probe(make_config(config), self._device, PROBED if names is None else names)

    def measure_quietly(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `snncore.measure.probe.quiet_probe`."""
        from snncore.config.load import make_config
        from snncore.measure.probe import quiet_probe

        self._limit_threads()
        return quiet_probe(make_config(config), self._device)

    def session(self, config: Mapping[str, Any]) -> Session:
        """See `snncore.training.session.TrainingSession`."""
        from snncore.config.load import make_config
        from snncore.training.session import TrainingSession

        return TrainingSession(make_config(config), self._device, self._threads)

    def device_model(self) -> str:
        """The GPU's name, or the processor's, and the backend that trains on it."""
        from snncore.devices import device_model

        return device_model(self._device)

    def _limit_threads(self) -> None:
        # The session sets threads for training; a probe's training steps must run with as many.
        importlib.import_module("torch").set_num_threads(self._threads)


def place_of(trainer: Trainer) -> dict[str, str]:
    """Where a trainer measures: the machine's name, and the device's model."""
    return {"node": platform.node(), "device": trainer.device_model()}


def load_trainer(name: str, device: str, threads: int) -> Trainer:
    """The trainer a dotted name `module:factory` stands for.

    `module:factory@ARGUMENT` hands the text behind the first @ to the factory as its third argument.

    Raises:
        SearchError: there is no such module or factory.
    """
    dotted, has_argument, argument = name.partition("@")
    module, _, factory = dotted.partition(":")
    try:
        make = getattr(importlib.import_module(module), factory)
    except (ImportError, AttributeError, ValueError) as error:
        raise SearchError(f"trainer {name!r}: not found: {error}") from error
    trainer: Trainer = make(device, threads, argument) if has_argument else make(device, threads)
    return trainer
