"""Trains, is killed without warning at random moments, and goes on; says how far each life came.

    python -m tests.snncore.killed_worker FOLDER N_LIVES

Each life is a process of its own, forked from this one, in which torch is loaded already.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from snncore.config.load import make_config
from snncore.config.schema import Config
from snncore.final_training import CHECKPOINT, train
from snncore.saved import checkpoint
from snncore.training.session import Epoch, TrainingSession


def config() -> Config:
    """Epochs of two steps, so that much of the time goes into checkpoints."""
    return make_config(
        {
            "T": 1,
            "model": {"arch": "tests.snncore.tiny:build"},
            "data": {"train_limit": 40, "val_fraction": 0.01},
            "optim": {"epochs": 10_000, "batch_size": 20, "ema_decay": 0.5},
        }
    )


def epochs_in(folder: Path) -> int:
    """Epochs trained by the checkpoint of a training, 0 without one; raises where it does not load."""
    if not checkpoint.exists(folder / CHECKPOINT):
        return 0
    session = TrainingSession(config())
    session.restore(folder / CHECKPOINT)
    return session.epochs_trained


class EndError(Exception):
    """Ends a life that nobody kills."""


def live(folder: Path, n_epochs: int = 10_000) -> None:
    """Train; raises EndError after n_epochs."""

    def count(epoch: Epoch) -> None:
        if epoch.epoch == n_epochs:
            raise EndError

    train(config(), folder, resume=folder.exists(), device="cpu", threads=1, on_epoch=count)


def fork(folder: Path, n_epochs: int = 10_000) -> int:
    """The id of a process that lives."""
    child = os.fork()
    if child == 0:
        try:
            live(folder, n_epochs)
        finally:
            os._exit(1)
    return child


def main(folder: Path, n_lives: int) -> list[int]:
    """Epochs trained after each life."""
    TrainingSession(config())  # what is imported at the first use is imported before the children are made
    started = time.monotonic()
    os.waitpid(fork(folder.with_name("measured"), 4), 0)
    longest = time.monotonic() - started
    moments = random.Random(0)
    reached = []
    for _ in range(n_lives):
        child = fork(folder)
        time.sleep(moments.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it ended by itself"
        reached.append(epochs_in(folder))
    return reached


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
