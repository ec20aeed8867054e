"""The paths of the recordings of each event data set, as in tonic's downloads. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from snncore.data.file_access import require_regular
from snncore.data.files import DamagedFileError, root_folder

CIFAR_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


@dataclass(frozen=True)
class EventFiles:
    """folder: under the root. parts: the folders or files in it; archives: for each part, possible names.

    whole: one archive that holds the archives of all parts, "" if there is none.
    """

    folder: str
    parts: tuple[str, ...]
    archives: tuple[tuple[str, ...], ...]
    whole: str = ""


EVENT_FILES = {
    "cifar10_dvs": EventFiles(
        "CIFAR10DVS", CIFAR_CLASSES, tuple((f"{name}.zip",) for name in CIFAR_CLASSES), "CIFAR10DVS.zip"
    ),
    "dvs_gesture": EventFiles(
        "DVSGesture",
        ("ibmGestureTrain", "ibmGestureTest"),
        (("ibmGestureTrain.tar.gz",), ("ibmGestureTest.tar.gz",)),
    ),
    "nmnist": EventFiles("NMNIST", ("Train", "Test"), (("train.zip", "Train.zip"), ("test.zip", "Test.zip"))),
    "shd": EventFiles(
        "SHD",
        ("shd_train.h5", "shd_test.h5"),
        (("shd_train.h5.zip", "shd_train.h5.gz"), ("shd_test.h5.zip", "shd_test.h5.gz")),
    ),
}
"""tonic's folders, so that files downloaded by tonic can be used."""


def event_folder(name: str, root: str | Path) -> Path:
    """The folder with the files of data set `name`; "~" in the root is the home folder."""
    return root_folder(root) / EVENT_FILES[name].folder


@dataclass(frozen=True)
class Recording:
    """A file with one recording of class `label`; n_bytes on the disk."""

    path: Path
    label: int
    n_bytes: int


def list_recordings(name: str, root: str | Path, is_train: bool) -> list[Recording]:
    """The recordings of a part of cifar10_dvs, dvs_gesture or nmnist, in an order that depends on names only.

    Raises:
        DamagedFileError: a folder is missing, holds no recordings, or its name is not that of a class.
    """
    folder = event_folder(name, root)
    if name == "cifar10_dvs":
        return _cifar10_dvs(folder, is_train)
    part = folder / EVENT_FILES[name].parts[0 if is_train else 1]
    recordings = []
    for inner in _folders(part):
        entries = _entries(inner, ".bin" if name == "nmnist" else ".npy")
        for path, n_bytes in entries:
            label = _label(path.parent.name if name == "nmnist" else path.stem, path)
            recordings.append(Recording(path, label, n_bytes))
    if not recordings:
        raise DamagedFileError(part, "it holds no recordings")
    return recordings


def _cifar10_dvs(folder: Path, is_train: bool) -> list[Recording]:
    """The published set has no test part: it is the first tenth of each class, by number.

    This is the split of TEBN, whose test part is the numbers 0 … 99 (CIFAR10DVSTEBNSplit in SpikingJelly). A
    class of two to nine recordings has one test recording.
    """
    recordings = []
    for label, name in enumerate(CIFAR_CLASSES):
        entries = _entries(folder / name, ".aedat4") or _entries(folder / name, ".aedat")
        if not entries:
            raise DamagedFileError(folder / name, "it holds no recordings")
        n_test = max(len(entries) // 10, int(len(entries) > 1))
        chosen = entries[n_test:] if is_train else entries[:n_test]
        recordings += [Recording(path, label, n_bytes) for path, n_bytes in chosen]
    if not recordings:
        raise DamagedFileError(
            folder, "no class has more than one recording, so that none is left for testing"
        )
    return recordings


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DamagedFileError(folder, "it is missing")
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _entries(folder: Path, suffix: str) -> list[tuple[Path, int]]:
    """Files and their sizes, by the number at the end of their names (…_2 before …_10), then by name."""
    if not folder.is_dir():
        raise DamagedFileError(folder, "it is missing")
    with os.scandir(folder) as entries:
        found = [
            (Path(entry.path), require_regular(Path(entry.path)).st_size)
            for entry in entries
            if entry.name.endswith(suffix) and not entry.name.startswith(".")
        ]
    return sorted(found, key=lambda entry: (_number(entry[0].stem), entry[0].name))


def _number(stem: str) -> int:
    digits = stem[len(stem.rstrip("0123456789")) :]
    return int(digits) if digits else -1


def _label(text: str, path: Path) -> int:
    if not text.isdecimal() or len(text) > 4:
        raise DamagedFileError(path, f"{text!r} should be the number of its class")
    return int(text)
