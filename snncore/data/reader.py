"""From indices to bytes on a device: out of memory, or out of files that worker processes decode.

N samples in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from snncore.data.split import AnySplit, MemorySplit, Split, SplitView

DrawKey: TypeAlias = tuple[str | int, ...]

_RESIDENT_BYTES = 2**30
"""A training split up to this size is moved to the device once; trials that share it have a copy each."""


class Reader(Protocol):
    """Reads batches of a split."""

    @property
    def device(self) -> torch.device:
        """Where batches arrive."""

    @property
    def place(self) -> torch.device:
        """Where indices are looked up."""

    def read(self, batches: Sequence[Tensor], draw: DrawKey | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """For each tensor of indices, int64 (N,): images as bytes and labels (N,), on the device.

        draw: the key of random crops made while decoding, see `seeds`; None: no randomness.
        """


def make_reader(split: AnySplit, device: str, is_read_once: bool = False) -> Reader:
    """The reader of a split. is_read_once: do not move the whole of it to the device."""
    if isinstance(split, Split | SplitView):
        return MemoryReader(split, torch.device(device), is_read_once)
    from snncore.data.file_reader import FileReader

    return FileReader(split, torch.device(device))


class MemoryReader:
    """Images lie on the device where they fit, or on the CPU, perhaps in a memory-mapped file."""

    def __init__(self, split: MemorySplit, device: torch.device, is_read_once: bool = False) -> None:
        self.device = device
        self.place = torch.device("cpu")
        self.labels = split.labels.to(device)
        self.split = split
        if device.type != "cpu" and not is_read_once and _n_bytes(split) <= _RESIDENT_BYTES:
            self.place = device
            self.split = Split(split.images.to(device), self.labels)

    def read(self, batches: Sequence[Tensor], draw: DrawKey | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels of each batch, on the device; `draw` has no meaning here."""
        for chosen in batches:
            images = self.split.take(chosen).to(self.device)
            yield images, self.labels.index_select(0, chosen.to(self.device))


def _n_bytes(split: MemorySplit) -> int:
    whole = split.source.images if isinstance(split, SplitView) else split.images
    return len(split) * whole[:1].nbytes
