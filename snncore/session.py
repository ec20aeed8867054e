"""One training, epoch by epoch: what a trial of a search and a final training both drive.

`snncore.step` does one batch; here are epochs, the schedule, evaluation, and what a checkpoint holds.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from snncore import checkpoint
from snncore.config import Config
from snncore.data.batches import Batches, eval_batches
from snncore.data.load import Split, load_data
from snncore.devices import default_device
from snncore.distillation import Losses
from snncore.errors import DivergedError, SilentNetworkError
from snncore.evaluate import Evaluation, evaluate
from snncore.optim import lr_at
from snncore.rules import canonical
from snncore.step import NonFiniteLossError, Trainer


@dataclass(frozen=True)
class Epoch:
    """One trained epoch. Accuracies in percent (val_accuracy NaN without a validation split).

    train_loss, ce, kd: means over samples; ce and kd before alpha and beta. seconds: training and
    evaluation. reliable_share: per head, branches first. firing_rate: per layer, on validation data.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_accuracy: float
    seconds: float
    ce: float
    kd: float
    reliable_share: tuple[float, ...]
    firing_rate: tuple[float, ...]


class _Sums:
    """Per-sample sums kept on the device, read once per epoch."""

    def __init__(self) -> None:
        self.n = 0
        self.losses: Losses | None = None
        self.hits: Tensor | None = None

    def add(self, losses: Losses, logits: Tensor, labels: Tensor) -> None:
        n = len(labels)
        weighted = Losses(*(part * n for part in losses))
        hits = (logits.argmax(-1) == labels).sum()
        if self.losses is None or self.hits is None:
            self.losses, self.hits = weighted, hits
        else:
            self.losses = Losses(*(a + b for a, b in zip(self.losses, weighted, strict=True)))
            self.hits = self.hits + hits
        self.n += n


class TrainingSession:
    """A config being trained on one device.

    device: "cpu", "cuda" or None for CUDA where there is one. threads: of torch in this process.

    Raises:
        DataError: the data set cannot be read.
    """

    def __init__(self, config: Config, device: str | None = None, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self.config = config
        self.device = device or default_device()
        self.data = load_data(config.data)
        self.trainer = Trainer(config, self.device)
        self.network = self.trainer.network
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        self.batches = Batches(
            self.data.train,
            config.optim.batch_size,
            self.data.normalisation,
            augment=config.data.augment,
            generator=self.generator,
            device=self.device,
        )
        self.epochs_trained = 0
        self.train_time_s = 0.0
        self.last_evaluation: Evaluation | None = None

    def run_epoch(self) -> Epoch:
        """Train one epoch, evaluate on the validation split.

        Raises:
            DivergedError: a loss is not finite; the weights are those before that step.
        """
        epoch = self.epochs_trained + 1
        lr = lr_at(self.config.optim, epoch)
        self.trainer.set_lr(lr)
        started = time.perf_counter()
        sums = self._train_batches(epoch)
        assert sums.losses is not None
        assert sums.hits is not None
        total, ce, kd = (float(part) / sums.n for part in sums.losses[:3])  # waits for the device
        reliable: list[float] = sums.losses.reliable_share.tolist()
        self.train_time_s += time.perf_counter() - started
        self.last_evaluation = self.evaluate(self.data.val)
        self.epochs_trained = epoch
        return Epoch(
            epoch=epoch,
            lr=lr,
            train_loss=total,
            train_accuracy=100.0 * int(sums.hits) / sums.n,
            val_accuracy=self.last_evaluation.accuracy,
            seconds=time.perf_counter() - started,
            ce=ce,
            kd=kd,
            reliable_share=tuple(share / sums.n for share in reliable),
            firing_rate=self.last_evaluation.firing_rate,
        )

    def _train_batches(self, epoch: int) -> _Sums:
        self.network.train()
        sums = _Sums()
        for step, (images, labels) in enumerate(self.batches.epoch(), start=1):
            try:
                losses, logits = self.trainer.step(images, labels)
            except NonFiniteLossError as error:
                raise DivergedError(epoch, step, float(error.args[0])) from error
            sums.add(losses, logits, labels)
        return sums

    def evaluate(self, split: Split) -> Evaluation:
        """Evaluate the network as it is on a split of the data set."""
        batch_size = max(self.config.optim.batch_size, 256)
        batches = eval_batches(split, batch_size, self.data.normalisation, device=self.device)
        return evaluate(self.network, self.config.T, batches)

    def metrics(self) -> dict[str, float | list[float]]:
        """What is known after training: of the last epoch, never of the best.

        Raises:
            SilentNetworkError: some layer never fires on the validation split.
        """
        evaluation = self.last_evaluation
        assert evaluation is not None, "metrics() before the first epoch"
        silent = [index for index, rate in enumerate(evaluation.firing_rate, start=1) if rate == 0]
        if silent:
            raise SilentNetworkError(silent)
        return {
            "val_accuracy": evaluation.accuracy,
            "firing_rate": evaluation.mean_firing_rate,
            "train_time_s": self.train_time_s,
            "accuracy_at_t": list(evaluation.accuracy_at_t),
        }

    def save(self, folder: Path) -> None:
        """Write a checkpoint from which `restore` continues with bit-equal weights on the same CPU."""
        training = checkpoint.optimizer_tensors(self.trainer.optimizer, self.network)
        training["random/batches"] = self.generator.get_state()
        evaluation = self.last_evaluation
        state = {
            "config": self.config.as_dict(),
            "epochs_trained": self.epochs_trained,
            "train_time_s": self.train_time_s,
            "evaluation": asdict(evaluation) if evaluation else None,
        }
        tensors = {checkpoint.NETWORK: self.network.state_dict(), checkpoint.TRAINING: training}
        checkpoint.write_folder(folder, tensors, state)

    def restore(self, folder: Path) -> None:
        """Continue from a checkpoint of the same config.

        Raises:
            CheckpointError: it is missing, damaged, or of another config.
        """
        state = checkpoint.read_state(folder)
        if canonical(Config.model_validate(state["config"])) != canonical(self.config):
            raise checkpoint.CheckpointError(f"{folder}: a checkpoint of another config")
        self.network.load_state_dict(checkpoint.read_tensors(folder, checkpoint.NETWORK, self.device))
        training = checkpoint.read_tensors(folder, checkpoint.TRAINING, self.device)
        self.generator.set_state(training.pop("random/batches").cpu())
        checkpoint.restore_optimizer(self.trainer.optimizer, self.network, training)
        self.epochs_trained = state["epochs_trained"]
        self.train_time_s = state["train_time_s"]
        if state["evaluation"] is not None:
            self.last_evaluation = Evaluation.from_json(state["evaluation"])
