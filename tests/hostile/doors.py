"""The doors of the product by name; how a case against each is made stands in the files beside this one."""

from __future__ import annotations

from tests.hostile import planted, study_doors, training_doors, typed_doors
from tests.hostile.case import Case, Door
from tests.hostile.training_doors import data, npz

DOORS: dict[str, Door] = {
    "space": study_doors.space,
    "config": training_doors.config,
    "set": typed_doors.override,
    "pick": typed_doors.pick,
    "journal": study_doors.journal,
    "database": study_doors.database,
    "storage": typed_doors.storage,
    "record": study_doors.record,
    "final": study_doors.final,
    "result": training_doors.result,
    "checkpoint": training_doors.checkpoint,
    "restore": training_doors.restore,
    "warm_start": study_doors.warm_start,
    "folder": study_doors.folder,
    "request": typed_doors.request,
    "arguments": typed_doors.arguments,
    "npz": npz("npz", 1),
    "npz_frames": npz("frames", 2),
    "images": data("folder", "images"),
    "images_resized": data("folder", "images", ", size: 8"),
    "fashion_mnist": data("fashion_mnist", "fashion"),
    "cifar10": data("cifar10", "cifar10"),
    "cifar100": data("cifar100", "cifar100"),
    "imagenet": data("imagenet", "imagenet", ", augment: imagenet, workers: 0"),
    "nmnist": data("nmnist", "nmnist", T=2),
    "frame_cache": data("nmnist", "frame_cache", T=2, targets="event_frames"),
    "dvs_gesture": data("dvs_gesture", "dvs_gesture", ", size: 16", T=2),
    "shd": data("shd", "shd", T=2),
    "aedat4": data("cifar10_dvs", "aedat4", ", size: 16", T=2),
    "aedat2": data("cifar10_dvs", "aedat2", ", size: 16, frames_by: count", T=2),
    "root": typed_doors.root,
    "install": training_doors.installed,
}
"""By the name that `--door` takes."""

OF_FILES = frozenset(DOORS) - {"space", "set", "pick", "storage", "request", "arguments", "root"}
"""Those whose cases are genuine files that were changed."""


def _planted(command: str) -> Door:
    return lambda _: Case((command, "input"), {"input": b"some!thing\n" * 20})


ALL_DOORS: dict[str, Door] = DOORS | {name: _planted(name) for name in planted.COMMANDS}
"""Also those of commands that have a fault each."""
