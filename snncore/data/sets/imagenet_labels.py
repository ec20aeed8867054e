"""The classes of ImageNet's validation images, which are not in their archive.

They are in the development kit, or in a list that is often distributed with the images.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

from snncore.data.file_access import open_regular, parsing, read_whole
from snncore.data.install.archives import BoundedGzip
from snncore.errors import DataError

DEVKIT = "ILSVRC2012_devkit_t12"
LIST = "imagenet_2012_validation_synset_labels.txt"
_LARGEST_BYTES = 2**26  # twenty times the published kit
_GROUND_TRUTH, _META = "data/ILSVRC2012_validation_ground_truth.txt", "data/meta.mat"


def read_val_classes(folder: Path) -> list[str]:
    """WordNet ids of the validation images 1, 2, …, from a file in `folder`.

    Either `imagenet_2012_validation_synset_labels.txt`, one id a line, or the development kit, unpacked or as
    `ILSVRC2012_devkit_t12.tar.gz`, whose ground truth holds numbers that meta.mat maps to ids.

    Raises:
        DataError: there is no such file, or it is damaged.
    """
    path = folder / LIST
    if path.is_file():
        return read_whole(path, _LARGEST_BYTES).decode("ascii", errors="replace").split()
    kit, archive = folder / DEVKIT, folder / f"{DEVKIT}.tar.gz"
    if (kit / _META).is_file():
        with parsing(kit):
            return _translated(*(read_whole(kit / name, _LARGEST_BYTES) for name in (_GROUND_TRUTH, _META)))
    if archive.is_file():
        with open_regular(archive) as file, parsing(archive):
            plain = BoundedGzip(file, _LARGEST_BYTES)
            with tarfile.open(fileobj=plain, mode="r:") as tar:
                return _translated(*(_member(tar, f"{DEVKIT}/{name}") for name in (_GROUND_TRUTH, _META)))
    raise DataError(f"{folder}: the validation images need their classes: put {archive.name} or {LIST} there")


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise LookupError(f"{name} is no file")
    return file.read()


def _translated(ground_truth: bytes, meta: bytes) -> list[str]:
    ids = _ids_by_number(meta)
    return [ids[int(number)] for number in ground_truth.split()]


def _ids_by_number(meta: bytes) -> dict[int, str]:
    """WordNet id of each ILSVRC2012_ID, of classes and of their parent synsets."""
    from scipy.io import loadmat

    try:
        synsets: Any = loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"]
    except Exception as error:  # on damaged files it raises many kinds of exceptions
        raise ValueError(f"meta.mat: {type(error).__name__} {error}") from error
    return {int(synset["ILSVRC2012_ID"]): str(synset["WNID"]) for synset in synsets.reshape(-1)}
