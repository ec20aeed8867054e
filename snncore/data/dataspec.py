"""The shape and the size of a data set, as a value. Knows no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSpec:
    """What a sample looks like, and how many there are. n_train counts them before a validation split.

    has_time: a sample is T event frames of (C, H, W), not one still image of that shape.
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
