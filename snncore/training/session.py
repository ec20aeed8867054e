"""One training, epoch by epoch: used by trials of a search and by final trainings.

`snncore.training.step` does one batch; here are epochs, the schedule, evaluation, and the checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from snncore.config.earlier_versions import changed_meaning
from snncore.config.rules import canonical
from snncore.config.schema import Config
from snncore.data.batches.batches import Batch, eval_batches, training_batches
from snncore.data.load import load_data
from snncore.data.split import AnySplit
from snncore.devices import default_device
from snncore.distributed import is_distributed, rank, sum_over_ranks, world_size
from snncore.errors import DivergedError, SilentNetworkError
from snncore.evaluation.evaluate import Evaluation, eval_batch_size, evaluate
from snncore.evaluation.operations import count_operations
from snncore.neuron.precision import forward_precision
from snncore.saved import checkpoint
from snncore.saved.state import FORMAT, TrainingState
from snncore.training.allocator import keep_freed_memory
from snncore.training.divergence import NonFiniteLossError
from snncore.training.optim import lr_at
from snncore.training.silence import DeadLayerCheck, silent_layers
from snncore.training.step import Step, Trainer
from snncore.training.trainer_state import restore_trainer, trainer_tensors
from spikefront.accuracy import about_split


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


class _EpochSums:
    """Per-sample sums over the steps of an epoch, kept on the device and read once."""

    def __init__(self) -> None:
        self.n: Tensor | int = 0
        self._losses: Tensor | None = None  # total, ce, kd, then reliable_share
        self._hits: Tensor | None = None  # of this process

    def add(self, step: Step, labels: Tensor) -> None:
        # In one tensor: with small networks, every operation on a scalar lengthens a trial noticeably.
        losses = torch.cat([torch.stack(step.losses[:3]), step.losses.reliable_share]) * step.n
        hits = (step.logits.argmax(-1) == labels).sum()
        self._losses = losses if self._losses is None else self._losses.add_(losses)
        self._hits = hits if self._hits is None else self._hits.add_(hits)
        self.n = self.n + step.n

    def means(self) -> tuple[list[float], float]:
        """Means of total, ce, kd and the reliable shares; and the share of hits. Waits for the device."""
        assert self._losses is not None, "an epoch without a step"
        assert self._hits is not None
        n = int(self.n)
        return [value / n for value in self._losses.tolist()], int(sum_over_ranks(self._hits)) / n


class TrainingSession:
    """A config being trained on one device; with several processes, one session in each.

    device: "cpu", "cuda" or None for CUDA if there is one. threads: of torch in this process.

    Raises:
        DataError: the data set cannot be read.
        UserError: there are more processes than samples in a batch.
    """

    def __init__(self, config: Config, device: str | None = None, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self.threads = threads
        self.config = config
        self.device = device or default_device()
        if self.device == "cpu":
            keep_freed_memory()
        self.data = load_data(config.data, config.T)
        self.batches = training_batches(self.data, config, self.device, rank(), world_size())
        self.trainer = Trainer(config, self.device)
        self.network = self.trainer.network
        self._dead_layers = DeadLayerCheck(self.network.body)
        self.epochs_trained = 0
        self.train_time_s = 0.0
        self.last_evaluation: Evaluation | None = None

    def run_epoch(self) -> Epoch:
        """Train one epoch, then evaluate on the validation split.

        Raises:
            DivergedError: a loss is not finite; the weights are those before that step. Or the weights are
                not finite after the epoch, reported as a loss of nan in its last step.
            SilentNetworkError: a layer does not fire on the validation split, and no gradient reaches it.
        """
        epoch = self.epochs_trained + 1
        lr = lr_at(self.config.optim, epoch)
        self.trainer.set_lr(lr)
        self._dead_layers.begin()
        started = time.perf_counter()
        (total, ce, kd, *reliable_share), hits = self._train_batches(epoch).means()
        # The loss does not show it: a potential that is NaN never reaches the threshold.
        if not self.trainer.has_finite_weights():
            raise DivergedError(epoch, len(self.batches), float("nan"))
        self.train_time_s += time.perf_counter() - started
        self.last_evaluation = self.evaluate(self.data.val)
        self._refuse_dead_layers(lr, epoch)
        self.epochs_trained = epoch
        return Epoch(
            epoch=epoch,
            lr=lr,
            train_loss=total,
            train_accuracy=100.0 * hits,
            val_accuracy=self.last_evaluation.accuracy,
            seconds=time.perf_counter() - started,
            ce=ce,
            kd=kd,
            reliable_share=tuple(reliable_share),
            firing_rate=self.last_evaluation.firing_rate,
        )

    def _train_batches(self, epoch: int) -> _EpochSums:
        self.network.train()
        sums = _EpochSums()
        try:
            for x, labels in self.batches.epoch(epoch):
                sums.add(self.trainer.step(x, labels), labels)
            self.trainer.check()
        except NonFiniteLossError as error:
            raise DivergedError(epoch, error.step, error.loss) from error
        return sums

    def _refuse_dead_layers(self, lr: float, epoch: int) -> None:
        evaluation = self.last_evaluation
        assert evaluation is not None
        on = "the validation set"
        if evaluation.n == 0 and epoch == 1:
            on, evaluation = "training samples", self.evaluate(_sample_of(self.data.train))
        silent = silent_layers(evaluation)
        if self._dead_layers.is_dead(silent, len(evaluation.firing_rate), lr):
            raise SilentNetworkError(silent, epoch, on)

    def evaluate(self, split: AnySplit) -> Evaluation:
        """Evaluate the network, or its moving average if there is one, on a split of the data.

        With several processes each evaluates its share, and all must call it.
        """
        with forward_precision(self.config, self.device):
            return evaluate(
                self.trainer.predictor,
                self.config.T,
                self._batches(split),
                exit_confidence=self.config.measure.exit_confidence,
                over_ranks=is_distributed(),
            )

    def _batches(self, split: AnySplit) -> Iterator[Batch]:
        # At least as large as in training, where a sample needs more memory.
        trained = self.config.optim.batch_size // world_size()
        size = max(trained, eval_batch_size(self.data.spec, self.config.T))
        return eval_batches(split, size, self.data.normalisation, self.device, rank(), world_size())

    def operations(self, split: AnySplit) -> dict[str, float]:
        """synops and energy_uj per sample: the mean over 512 samples of a split, or over all if fewer."""
        batches = self._batches(_sample_of(split))
        with forward_precision(self.config, self.device):
            counted = count_operations(self.trainer.predictor, self.config.T, batches)
        return {"synops": counted.synops, "energy_uj": counted.energy_uj}

    def metrics(self) -> dict[str, float | list[float]]:
        """The metrics after training: of the last epoch, never of the best.

        Without a validation split only the training time.

        Raises:
            SilentNetworkError: a layer never fires on the validation split.
        """
        evaluation = self.last_evaluation
        assert evaluation is not None, "metrics() before the first epoch"
        if silent := silent_layers(evaluation):
            raise SilentNetworkError(silent)
        if evaluation.n == 0:
            return {"train_time_s": self.train_time_s}
        return {
            "val_accuracy": evaluation.accuracy,
            "balanced_accuracy": evaluation.balanced_accuracy,
            **evaluation.by_steps,
            "firing_rate": evaluation.mean_firing_rate,
            "train_time_s": self.train_time_s,
            "accuracy_at_t": list(evaluation.accuracy_at_t),
            **self.operations(self.data.val),
            "n_train_classes": self.n_train_classes,
            **about_split("val", evaluation.n_per_class),
        }

    @property
    def n_train_classes(self) -> int:
        """Number of classes that have a training sample; others cannot be learned."""
        return len(self.data.train.labels.unique())

    def save(self, folder: Path) -> None:
        """Write a checkpoint from which `restore` continues with bit-equal weights on the same CPU."""
        average, evaluation = self.trainer.average, self.last_evaluation
        state = {
            "format": FORMAT,
            "config": self.config.as_dict(),
            "epochs_trained": self.epochs_trained,
            "train_time_s": self.train_time_s,
            "n_averaged": 0 if average is None else average.n_updates,
            "evaluation": asdict(evaluation) if evaluation and evaluation.n else None,  # JSON has no NaN
        }
        checkpoint.write_folder(folder, trainer_tensors(self.trainer), state)

    def restore(self, folder: Path) -> None:
        """Continue from a checkpoint of the same config.

        Raises:
            CheckpointError: it is missing, damaged, of another config, or of another version.
        """
        written = checkpoint.read_state(folder)
        if written.get("format") != FORMAT:
            raise checkpoint.CheckpointError(
                f"{folder}: a checkpoint of another version; start a new training"
            )
        state = checkpoint.checked_state(folder, TrainingState)
        if canonical(state.config) != canonical(self.config):
            raise checkpoint.CheckpointError(f"{folder}: a checkpoint of another config")
        changed = changed_meaning(written["config"])
        if changed is not None:
            raise checkpoint.CheckpointError(f"{folder}: a checkpoint of an earlier version; {changed}")
        n_epochs, last = self.config.optim.epochs, state.evaluation
        if state.epochs_trained > n_epochs or (last and len(last.accuracy_at_t) != self.config.T):
            content = f"{state.epochs_trained} epochs of {n_epochs}, accuracies not of {self.config.T} steps"
            raise checkpoint.CheckpointError(f"{folder}: no usable checkpoint: {content}")
        restore_trainer(self.trainer, folder, state.n_averaged)
        self.epochs_trained, self.train_time_s = state.epochs_trained, state.train_time_s
        if last is not None and last.is_complete:
            self.last_evaluation = Evaluation(**dict(last))
        else:  # no validation split, or written by a version that measured less
            self.last_evaluation = self.evaluate(self.data.val)


def _sample_of(split: AnySplit) -> AnySplit:
    """512 evenly spaced samples of a split, or all if it has fewer."""
    n = min(512, len(split))
    return split.subset(torch.arange(n) * len(split) // n)
