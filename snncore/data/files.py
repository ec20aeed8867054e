"""The paths of the files of each data set. Imports no torch."""

from __future__ import annotations

import importlib.util
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snncore.errors import DataError


class DamagedFileError(DataError):
    """A file of a data set that is truncated or does not hold what it should."""

    def __init__(self, path: Path, reason: object) -> None:
        self.path, self.reason = path, str(reason)
        super().__init__(f"{path}: truncated or damaged: {reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.reason)


@dataclass(frozen=True)
class DataFiles:
    """Files of a data set, named as published, in the folder in which torchvision looks for them.

    folder: relative to the root. train, test: the files of each part, in order.
    archive: the one file in which the data set is published, "" if there are several.
    others: published and kept with them, though nothing here reads them.
    """

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    archive: str = ""
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The files of both parts."""
        return self.train + self.test


FILES = {
    "fashion_mnist": DataFiles(
        folder="FashionMNIST/raw",
        train=("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        test=("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    ),
    "cifar10": DataFiles(
        folder="cifar-10-batches-py",
        train=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test=("test_batch",),
        archive="cifar-10-python.tar.gz",
        others=("batches.meta",),
    ),
    "cifar100": DataFiles(
        folder="cifar-100-python",
        train=("train",),
        test=("test",),
        archive="cifar-100-python.tar.gz",
        others=("meta",),
    ),
}
"""The image sets that are a few files under a root. Digits come with scikit-learn instead."""

GZIPPED = frozenset({"fashion_mnist"})
"""Data sets whose files are published gzipped, and are read in that form too."""


def root_folder(root: str | Path) -> Path:
    """The folder that `data.root` names; "~" is the home folder.

    Raises:
        DataError: it is no valid path: a null byte, too long, or the home folder of an unknown user.
    """
    try:
        place = Path(root).expanduser()
        place.exists()
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"data.root: {str(root)!r}: {reason}") from error
    return place


def data_folder(name: str, root: str | Path) -> Path:
    """The folder with the files of data set `name`; "~" in the root is the home folder."""
    return root_folder(root) / FILES[name].folder


def find_file(name: str, folder: Path, file_name: str) -> Path | None:
    """The file in `folder`, plain or (where that is read) with ".gz"; plain first; None when absent."""
    candidates = [folder / file_name]
    if name in GZIPPED:
        candidates.append(folder / f"{file_name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def digits_file() -> Path | None:
    """The digits file in the installed scikit-learn, found without importing it; None if not installed.

    Importing scikit-learn takes seconds, in every worker of a study.
    """
    package = importlib.util.find_spec("sklearn")
    for place in (package.submodule_search_locations or ()) if package else ():
        path = Path(place) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return path
    return None


def fetch_command(name: str, root: str | Path) -> str:
    """The command that installs the data set."""
    return f"spikefront data {name} --root {shlex.quote(str(root))}"


def own_data_problem(name: str, root: str | Path) -> str | None:
    """Why the user's own data, "folder" or "npz", are not found at `root`; None if they are."""
    place = root_folder(root)
    if name == "npz":
        if place.is_file() or (place / "data.npz").is_file():
            return None
        return (
            f"data: npz is not at hand: data.root is {root}; it should be a file, or a folder with data.npz"
        )
    if (place / "train").is_dir():
        return None
    return (
        f"data: folder is not at hand: there is no folder {place / 'train'}; "
        "data.root should hold train/CLASS/IMAGE and, if there are test images, test/CLASS/IMAGE"
    )


def remedy(name: str, root: str | Path) -> str:
    """What to do about a damaged file of the data set; goes after the message that names it."""
    if name == "digits":
        return "install scikit-learn again"
    if name in ("folder", "npz"):
        return "fix it or remove it"
    if name == "imagenet":
        return "unpack it from the published archive again"
    return f"run: {fetch_command(name, root)}"
