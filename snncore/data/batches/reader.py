"""Reads samples by index to a device: from memory, or from files that worker processes decode.

N samples in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from snncore.data.split import AnySplit, MemorySplit, Split, SplitView

DrawKey: TypeAlias = tuple[str | int, ...]

_RESIDENT_SHARE = 0.1
"""A split of at most this share of the device's free memory is moved there as a whole, once."""

_residents: WeakKeyDictionary[MemorySplit, tuple[torch.device, Split]] = WeakKeyDictionary()
"""Splits on a device, as long as the originals exist: one copy for all trials of a process."""


class Reader(Protocol):
    """Reads batches of a split."""

    @property
    def device(self) -> torch.device:
        """The device of the batches."""

    @property
    def index_device(self) -> torch.device:
        """The device on which indices must be."""

    def read(self, batches: Sequence[Tensor], draw: DrawKey | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """For each tensor of indices, int64 (N,): images as bytes and labels (N,), on the device.

        draw: the key of random crops that are made while decoding, see `seeds`; None: no randomness.
        """


def make_reader(split: AnySplit, device: str) -> Reader:
    """The reader of a split."""
    if isinstance(split, Split | SplitView):
        return MemoryReader(split, torch.device(device))
    from snncore.data.batches.file_reader import FileReader

    return FileReader(split, torch.device(device))


class MemoryReader:
    """Reads a split that is kept on the device if it fits there, otherwise on the CPU, perhaps
    memory-mapped."""

    def __init__(self, split: MemorySplit, device: torch.device) -> None:
        resident = _resident(split, device)
        self.device = device
        self.index_device = torch.device("cpu") if resident is None else device
        self.split = split if resident is None else resident
        self.labels = split.labels.to(device) if resident is None else resident.labels

    def read(self, batches: Sequence[Tensor], draw: DrawKey | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels of each batch, on the device; `draw` is ignored."""
        for chosen in batches:
            images = self.split.take(chosen.to(self.index_device)).to(self.device)
            yield images, self.labels.index_select(0, chosen.to(self.device))


def _resident(split: MemorySplit, device: torch.device) -> Split | None:
    """The split as bytes on a device other than the CPU, moved there once; None if it does not fit."""
    if device.type == "cpu":
        return None
    kept = _residents.get(split)
    if kept is not None and kept[0] == device:
        return kept[1]
    if _n_bytes(split) > _RESIDENT_SHARE * _free_bytes(device):
        return None
    resident = Split(split.images.to(device), split.labels.to(device))
    _residents[split] = (device, resident)
    return resident


def _free_bytes(device: torch.device) -> int:
    """Memory that is free, or reserved by torch but unused."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def _n_bytes(split: MemorySplit) -> int:
    whole = split.source.images if isinstance(split, SplitView) else split.images
    return len(split) * whole[:1].nbytes
