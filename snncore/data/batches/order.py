"""The samples of each batch, by epoch and process: a pure function of the seed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from snncore.data.seeds import seed_of
from snncore.errors import UserError


@dataclass(frozen=True)
class EpochOrder:
    """M samples in a new order each epoch, cut into global batches, of which each process takes a share.

    batch_size: of the global batch. The share of a process is every world_size-th sample of it.

    Raises:
        UserError: several processes, and too few samples in a batch for each to have one.
    """

    M: int
    batch_size: int
    seed: int
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        largest = min(self.M, self.batch_size)
        if self.world_size > 1 and largest < self.world_size:
            field = "optim.batch_size" if self.batch_size <= self.M else "data.train_limit"
            raise UserError(
                f"{field}: a batch of {largest} samples cannot be shared by {self.world_size} processes; "
                f"start at most {largest}, or give larger batches"
            )

    @property
    def n_batches(self) -> int:
        """Batches in an epoch: a short last one is left out, unless it is the only one.

        Short means fewer than two samples, since batch norm has no variance over one value, or fewer than one
        per process. With batch_size 1 and one process, all batches stay.
        """
        n_full, n_left = divmod(self.M, self.batch_size)
        least = 1 if self.batch_size == 1 else max(2, self.world_size)
        return n_full + (n_left >= least or (n_full == 0 and n_left > 0))

    def batches(self, epoch: int, device: torch.device | str = "cpu") -> list[Tensor]:
        """This process's share of each global batch of the epoch: int64 indices on `device`."""
        # Drawn on the CPU, so that the order is the same on every device and in every process.
        generator = Generator().manual_seed(seed_of("order", self.seed, epoch))
        order = torch.randperm(self.M, generator=generator).to(device)
        return [part[self.rank :: self.world_size] for part in order.split(self.batch_size)[: self.n_batches]]


def share(M: int, rank: int, world_size: int) -> Tensor:
    """A process's samples of M in their order, int64: every world_size-th; may be empty."""
    return torch.arange(M)[rank::world_size]
