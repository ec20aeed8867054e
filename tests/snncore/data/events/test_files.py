from __future__ import annotations

import importlib
from typing import Any

import pytest

from snncore.data.events.files import CIFAR_CLASSES, EVENT_FILES
from snncore.data.specs import EVENT_SPECS

TONIC_CLASSES = {"cifar10_dvs": "CIFAR10DVS", "dvs_gesture": "DVSGesture", "nmnist": "NMNIST", "shd": "SHD"}


def tonic_class(name: str) -> Any:
    return getattr(importlib.import_module("tonic.datasets"), TONIC_CLASSES[name])


def test_every_set_has_files() -> None:
    assert EVENT_FILES.keys() == EVENT_SPECS.keys() == TONIC_CLASSES.keys()
    assert all(spec.has_time for spec in EVENT_SPECS.values())


@pytest.mark.parametrize("name", sorted(EVENT_SPECS))
def test_folders_and_sensors_are_tonics(name: str) -> None:
    theirs, files, spec = tonic_class(name), EVENT_FILES[name], EVENT_SPECS[name]
    assert files.folder == theirs.__name__
    width, height, n_polarities = theirs.sensor_size
    if name == "shd":
        assert (width, height, n_polarities) == (spec.channels, spec.height, spec.width)
    else:
        assert (width, height, n_polarities) == (spec.width, spec.height, spec.channels)
        assert len(theirs.classes) == spec.n_classes


def test_archives_are_tonics() -> None:
    nmnist, gesture, shd = (tonic_class(name) for name in ("nmnist", "dvs_gesture", "shd"))
    assert EVENT_FILES["nmnist"].parts == (nmnist.train_folder, nmnist.test_folder)
    published = {
        "nmnist": (nmnist.train_filename, nmnist.test_filename),
        "dvs_gesture": (gesture.train_filename, gesture.test_filename),
        "shd": (shd.train_zip, shd.test_zip),
    }
    for name, archives in published.items():
        assert tuple(names[0] for names in EVENT_FILES[name].archives) == archives
    cifar = tonic_class("cifar10_dvs")
    assert EVENT_FILES["cifar10_dvs"].whole == cifar.filename
    assert [names[0] for names in EVENT_FILES["cifar10_dvs"].archives] == cifar.data_filename
    assert cifar.classes == {name: label for label, name in enumerate(CIFAR_CLASSES)}
