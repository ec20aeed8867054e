"""Shape and number of the samples of each data set. Imports neither torch nor configs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSpec:
    """Shape and number of samples. n_train: before the validation split.

    has_time: a sample is T event frames (C, H, W), not one still image of that shape.
    """

    n_classes: int
    channels: int
    height: int
    width: int
    n_train: int
    n_test: int
    has_time: bool = False

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image or one frame."""
        return self.channels, self.height, self.width


IMAGE_SPECS = {
    "digits": DataSpec(n_classes=10, channels=1, height=8, width=8, n_train=1438, n_test=359),
    "fashion_mnist": DataSpec(n_classes=10, channels=1, height=28, width=28, n_train=60_000, n_test=10_000),
    "cifar10": DataSpec(n_classes=10, channels=3, height=32, width=32, n_train=50_000, n_test=10_000),
    "cifar100": DataSpec(n_classes=100, channels=3, height=32, width=32, n_train=50_000, n_test=10_000),
    "imagenet": DataSpec(n_classes=1000, channels=3, height=224, width=224, n_train=1_281_167, n_test=50_000),
}
"""Sets of still images, in their published size; ImageNet in the usual one."""

EVENT_SPECS = {
    "cifar10_dvs": DataSpec(
        n_classes=10, channels=2, height=128, width=128, n_train=9_000, n_test=1_000, has_time=True
    ),
    "dvs_gesture": DataSpec(
        n_classes=11, channels=2, height=128, width=128, n_train=1_077, n_test=264, has_time=True
    ),
    "nmnist": DataSpec(
        n_classes=10, channels=2, height=34, width=34, n_train=60_000, n_test=10_000, has_time=True
    ),
    "shd": DataSpec(
        n_classes=20, channels=700, height=1, width=1, n_train=8_156, n_test=2_264, has_time=True
    ),
}
"""By `data.name` of a config. The channels of a camera are the polarities off and on.

The channels of SHD are the 700 units of its artificial cochlea. The numbers for DVS-Gesture are those of
tonic: one recording for each class, person and light; cutting the same films otherwise gives 1176 and 288.
"""

SPECS = IMAGE_SPECS | EVENT_SPECS
"""The published sets, by `data.name` of a config."""

OWN_DATA = frozenset({"folder", "npz"})
"""The user's own data, whose shape is read from the headers of the files."""
