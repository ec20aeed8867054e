"""A disk cache of decoded images, so that a node decodes them once, not once per process.

For sets whose files have 4 MiB or more. A cache is a folder ROOT/decoded_images/NAME-PART-…/ with images.npy,
uint8 (M, C, H, W) or event frames uint8 (M, T, C, H, W), and labels.npy, int64 (M,). The files are
memory-mapped: all trials of a node share one copy, and starting a trial reads only headers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree

import numpy as np
import torch

from snncore.config.schema import DataConfig
from snncore.data.cache.disk_cache import (
    CacheEntry,
    CacheError,
    CacheKind,
    cache_folders,
    cached,
    print_stderr,
)
from snncore.data.cache.source_files import source_of
from snncore.data.config_spec import data_spec
from snncore.data.files import root_folder
from snncore.data.sets.npy import map_npy
from snncore.data.split import Split

FOLDER = "decoded_images"
_KIND = CacheKind(FOLDER, "decoded images", "set a smaller data.size")
_IMAGES, _LABELS = "images.npy", "labels.npy"
_FORMAT = 2  # increase when the same files would be decoded differently

SMALLEST_BYTES = 2**22
"""Sets with smaller files are decoded in a few milliseconds."""


class _SourceChangedError(Exception):
    """The files were replaced while they were decoded."""


def decoded(config: DataConfig, is_train: bool, decode: Callable[[], Split]) -> Split:
    """The result of `decode`, from the cache if the set is large; made by one process, read by all.

    `decode` must depend only on the files, `config.size` and `is_train`. If the cache cannot be kept, a line
    on stderr says so, and this process has its own copy. A cache of files that have changed since is not
    used, and removed.

    Raises:
        DataError: those of `decode`.
    """
    source = source_of(config, is_train)
    if source is None or source.n_bytes < SMALLEST_BYTES:
        return decode()
    part = "train" if is_train else "test"
    # Several roots may share the user's cache folder.
    root_code = blake2b(os.fsencode(root_folder(config.root).absolute()), digest_size=4).hexdigest()
    family = f"{config.name}-{part}-{config.size or 'native'}-{root_code}"
    about = {
        "root": str(root_folder(config.root).absolute()),
        "source": source.fingerprint,
        "format": _FORMAT,
    }
    code = blake2b(f"{_FORMAT} {source.fingerprint}".encode(), digest_size=8).hexdigest()
    kept: list[Split] = []

    def make(folder: Path) -> None:
        split = decode()
        kept.append(split)
        if source_of(config, is_train) != source:
            raise _SourceChangedError
        np.save(folder / _IMAGES, split.images.numpy())
        np.save(folder / _LABELS, split.labels.numpy())

    entry = CacheEntry(f"{family}-{code}", config.name, about, source.n_bytes, make, partial(_read, config))
    try:
        split = cached(_KIND, entry, config.root)
    except _SourceChangedError:
        return kept[0]
    except CacheError as error:
        print_stderr(f"{error}; until then each trial keeps its own copy of the images")
        return kept[0] if kept else decode()
    if kept:
        _remove_outdated(config.root, family, entry.stem)
    return split


def _read(config: DataConfig, folder: Path) -> Split:
    spec = data_spec(config.model_copy(update={"events": "none"}))
    images, labels = (map_npy(folder / name) for name in (_IMAGES, _LABELS))
    if images.dtype != np.uint8 or images.ndim not in (4, 5) or labels.dtype != np.int64:
        raise ValueError(f"images are {images.dtype} {images.shape}, labels {labels.dtype}")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    if images.shape[-3:] != spec.image_shape or len(labels) == 0:
        raise ValueError(f"images are {images.shape}, of which the last should be {spec.image_shape}")
    if labels.min() < 0 or labels.max() >= spec.n_classes:
        raise ValueError(f"labels from {labels.min()} to {labels.max()} of {spec.n_classes} classes")
    return Split(torch.from_numpy(images), torch.from_numpy(np.array(labels)))


def _remove_outdated(root: str, family: str, stem: str) -> None:
    """Remove caches of earlier versions of the same files; processes that read them can go on."""
    for folder in cache_folders(_KIND, root):
        for left in folder.glob(f"{family}-*"):
            if left.name != stem:
                rmtree(left, ignore_errors=True)
