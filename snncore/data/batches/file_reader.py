"""Batches of images from files, decoded by worker processes.

N images in a batch, s × s pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from snncore.data.batches.file_split import FileSplit
from snncore.data.files import DamagedFileError, remedy
from snncore.errors import DataError

_Result = tuple[Tensor | None, str]
"""Decoded images, or None and the problem: not every exception can be passed between processes."""


class FileReader:
    """Worker processes decode whole batches ahead of training; the result does not depend on their number."""

    index_device = torch.device("cpu")

    def __init__(self, split: FileSplit, device: torch.device) -> None:
        self.split, self.device = split, device

    def read(
        self, batches: Sequence[Tensor], draw: tuple[str | int, ...] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images uint8 (N, 3, s, s) and labels (N,) of each batch; with `draw` random crops.

        Raises:
            DataError: a file is missing, truncated, or no image.
        """
        workers = min(self.split.workers, len(batches))
        loader = DataLoader(
            _DecodedBatches(self.split, batches, draw),
            batch_size=None,
            num_workers=workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # otherwise it would draw from the global state
        )
        with warnings.catch_warnings():
            # The workers only decode, and need no lock that another thread may hold.
            warnings.filterwarnings("ignore", message="This process .* is multi-threaded")
            results = iter(loader)
        for chosen, (images, problem) in zip(batches, results, strict=True):
            if images is None:
                raise DataError(f"{problem}; {remedy('imagenet', '')}")
            yield (
                images.to(self.device, non_blocking=True),
                self.split.labels.index_select(0, chosen).to(self.device),
            )


class _DecodedBatches(Dataset[_Result]):
    def __init__(
        self, split: FileSplit, batches: Sequence[Tensor], draw: tuple[str | int, ...] | None
    ) -> None:
        self.split, self.batches, self.draw = split, [chosen.numpy() for chosen in batches], draw

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> _Result:
        try:
            decoded = [self.split.decode(int(index), self.draw) for index in self.batches[number]]
        except DamagedFileError as error:
            return None, str(error)
        return torch.from_numpy(np.stack(decoded)), ""
