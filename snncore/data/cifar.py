"""CIFAR-10 and CIFAR-100: 32 × 32 colour images, in pickled batches."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snncore.data.files import FILES, DamagedFileError, data_folder
from snncore.data.specs import SPECS
from snncore.data.split import Split, checked_split
from snncore.data.torchvision_shim import import_torchvision

_UNREADABLE = (
    OSError,
    EOFError,
    pickle.UnpicklingError,
    ImportError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)  # all that unpickling bytes of any kind was seen to raise


def read(name: str, root: str | Path, is_train: bool) -> Split:
    """The training or the test images of "cifar10" or "cifar100" under `root`, through torchvision.

    torchvision compares checksums and tells only that something is wrong; here each batch is read on its
    own and its content is checked, so that the message names the file and a small fixture will do.

    Raises:
        DamagedFileError: a file is missing, truncated or not what it should be.
        DataError: torchvision does not load.
    """
    import_torchvision()
    files = FILES[name].train if is_train else FILES[name].test
    parts = [_read_batch(name, root, file_name) for file_name in files]
    return Split(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))


def _read_batch(name: str, root: str | Path, file_name: str) -> Split:
    path = data_folder(name, root) / file_name
    if not path.is_file():
        raise DamagedFileError(path, "it is missing")
    try:
        with warnings.catch_warnings():
            # The published pickles write dtype flags as numbers, which numpy 2.4 dislikes.
            warnings.filterwarnings("ignore", message=r"dtype\(\): align should be passed")
            images, labels = _through_torchvision(name, root, file_name)
    except _UNREADABLE as error:
        raise DamagedFileError(path, f"{type(error).__name__} {error}".strip()) from error
    return checked_split(images, labels, SPECS[name], path)


def _through_torchvision(name: str, root: str | Path, file_name: str) -> tuple[Tensor, Tensor]:
    """uint8 (M, 3, 32, 32) and int64 (M,) of one batch file."""
    from torchvision import datasets

    published: Any = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]

    class OneBatch(published):  # type: ignore[misc]
        train_list = ((file_name, None),)  # without a checksum
        test_list = ()

        def _load_meta(self) -> None:
            """The names of the classes are not needed."""

    batch = OneBatch(Path(root).expanduser(), train=True, download=False)
    images = torch.from_numpy(batch.data).permute(0, 3, 1, 2)  # (M, 32, 32, 3) -> (M, 3, 32, 32)
    return images, torch.tensor(batch.targets, dtype=torch.int64)
