"""What each event data set holds, at the size of its sensor. Knows no torch."""

from __future__ import annotations

from snncore.data.dataspec import DataSpec

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
"""By the name that `data.name` takes in a config. The channels of a camera are the polarities off and on.

The channels of SHD are the 700 units of its artificial cochlea. DVS-Gesture is counted as tonic cuts it:
one recording for each class, person and light; other cuttings of the same films give 1176 and 288.
"""
