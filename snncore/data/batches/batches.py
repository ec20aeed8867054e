"""Batches for a network: shuffled and augmented for training, in order for evaluation.

N samples in a batch, T time steps, C channels, H × W pixels, M samples in the split.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from torch import Generator, Tensor

from snncore.config.schema import Config
from snncore.data.augment.crop_flip import Augmentation, make_augmentation
from snncore.data.batches.normalisation import Normalisation, network_input
from snncore.data.batches.order import EpochOrder, share
from snncore.data.batches.reader import Reader, make_reader
from snncore.data.load import DataSet
from snncore.data.seeds import seed_of
from snncore.data.split import AnySplit

Batch: TypeAlias = tuple[Tensor, Tensor]
"""x, float32: still images (N, C, H, W), normalised, or event frames (T, N, C, H, W). labels: int64 (N,)."""


@dataclass(frozen=True, eq=False)
class BatchSource:
    """Training batches, without a state: an epoch is a pure function of its number."""

    reader: Reader
    order: EpochOrder
    augmentation: Augmentation
    normalisation: Normalisation
    has_random_crops: bool = False  # made when files are decoded, sample by sample

    def __len__(self) -> int:
        """Batches in an epoch, the same on every process."""
        return self.order.n_batches

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch `number`, on the device; the same on every call.

        Every sample comes once; a short last batch is left out (see `EpochOrder.n_batches`). The batches of
        all processes together are those of a single process, before augmentation.

        Raises:
            DataError: an image file is missing or damaged.
        """
        order = self.order
        generator = Generator(self.reader.device)
        generator.manual_seed(seed_of("augment", order.seed, number, order.rank))
        batches = order.batches(number, self.reader.index_device)
        draw = ("crop", order.seed, number) if self.has_random_crops else None
        for images, labels in self.reader.read(batches, draw):
            yield network_input(self.augmentation(images, generator), self.normalisation), labels


def training_batches(
    data: DataSet, config: Config, device: str, rank: int = 0, world_size: int = 1
) -> BatchSource:
    """The training batches of one of `world_size` processes; `optim.batch_size` counts over all of them.

    Raises:
        DataError: `config.data.augment` does not apply to the data.
        UserError: too few samples for so many processes.
    """
    return BatchSource(
        reader=make_reader(data.train, device),
        order=EpochOrder(len(data.train), config.optim.batch_size, config.seed, rank, world_size),
        augmentation=make_augmentation(config.data, data.spec, data.normalisation),
        normalisation=data.normalisation,
        has_random_crops=config.data.augment == "imagenet",
    )


def eval_batches(
    split: AnySplit,
    batch_size: int,
    normalisation: Normalisation,
    device: str = "cpu",
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[Batch]:
    """The process's share of the split in its order: every world_size-th sample, each once.

    Nothing is left out and nothing is random; an empty share gives no batch.

    Raises:
        DataError: an image file is missing or damaged.
    """
    batches = [part for part in share(len(split), rank, world_size).split(batch_size) if len(part)]
    for images, labels in make_reader(split, device).read(batches):
        yield network_input(images, normalisation), labels
