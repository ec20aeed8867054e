"""What each data set holds, known without reading it. Knows no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSpec:
    """Shape and size of a data set as published. n_train counts the images before a validation split."""

    n_classes: int
    channels: int
    height: int
    width: int
    n_train: int
    n_test: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return self.channels, self.height, self.width


SPECS = {
    "digits": DataSpec(n_classes=10, channels=1, height=8, width=8, n_train=1438, n_test=359),
    "fashion_mnist": DataSpec(n_classes=10, channels=1, height=28, width=28, n_train=60_000, n_test=10_000),
    "cifar10": DataSpec(n_classes=10, channels=3, height=32, width=32, n_train=50_000, n_test=10_000),
    "cifar100": DataSpec(n_classes=100, channels=3, height=32, width=32, n_train=50_000, n_test=10_000),
}
"""By the name that `data.name` takes in a config."""
