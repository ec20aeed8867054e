"""Image sets for the benchmark of data, and torchvision's pipeline over the same images."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from snncore.config.schema import Config
from snncore.data.augment.crop_flip import crop_padding
from snncore.data.load import DataSet, load_data
from snncore.data.split import Split, SplitView
from snncore.data.torchvision_shim import import_torchvision

PREFETCH = 2
"""Batches that torch's DataLoader has each worker prepare ahead."""

_N_FILES = 5


def write_cifar10(root: Path, n_images: int) -> None:
    """Files laid out as CIFAR-10's, with `n_images` random training images of 32 × 32 and as many labels."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(1, _N_FILES + 1):
        _write_batch(folder / f"data_batch_{number}", n_images // _N_FILES, generator)
    _write_batch(folder / "test_batch", 10, generator)


def _write_batch(path: Path, n: int, generator: np.random.Generator) -> None:
    images = generator.integers(0, 256, (n, 3072), dtype=np.uint8)
    with path.open("wb") as file:
        pickle.dump({"data": images, "labels": [index % 10 for index in range(n)]}, file, protocol=2)


class TorchvisionImages(Dataset[tuple[Tensor, int]]):
    """The training images of a data set, changed one by one as torchvision's own data sets do it."""

    def __init__(self, data: DataSet, augment: str) -> None:
        import_torchvision()
        assert isinstance(data.train, Split | SplitView)
        # (M, C, H, W) -> (M, H, W, C), or (M, H, W) where they are grey
        images: NDArray[np.uint8] = data.train.images.permute(0, 2, 3, 1).contiguous().numpy()
        self._images = images[..., 0] if images.shape[-1] == 1 else images
        self._labels: list[int] = data.train.labels.tolist()
        self._transform = _transform(data, augment)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self._transform(Image.fromarray(self._images[index])), self._labels[index]


def _transform(data: DataSet, augment: str) -> Any:
    """`data.augment` with torchvision's transforms; RandomErasing for Cutout."""
    from torchvision import transforms

    H = data.spec.height
    steps: list[Any] = []
    if augment != "none":
        steps += [transforms.RandomCrop(H, padding=crop_padding(H)), transforms.RandomHorizontalFlip()]
    if augment == "autoaugment":
        steps.append(transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10))
    steps += [transforms.ToTensor(), transforms.Normalize(data.normalisation.mean, data.normalisation.std)]
    if augment == "autoaugment":
        steps.append(transforms.RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0)))
    return transforms.Compose(steps)


def torchvision_batches(
    images: TorchvisionImages, batch_size: int, n_workers: int, device: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end on the device, epoch after epoch; the workers live as long as the iterator."""
    loader = DataLoader(
        images,
        batch_size=batch_size,
        shuffle=True,
        num_workers=n_workers,
        drop_last=True,
        pin_memory=device == "cuda",
        persistent_workers=n_workers > 0,
        generator=torch.Generator().manual_seed(0),
    )
    if len(loader) == 0:
        raise SystemExit(f"{len(images)} images do not fill a batch of {batch_size}")
    while True:
        for x, labels in loader:
            yield x.to(device, non_blocking=True), labels.to(device, non_blocking=True)


def read(config: Config) -> DataSet:
    """The data of a config."""
    return load_data(config.data, config.T)
