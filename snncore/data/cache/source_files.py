"""The files that a data set is read from, and a fingerprint to see changes. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from snncore.config.schema import DataConfig
from snncore.data.files import FILES, data_folder, digits_file, find_file


@dataclass(frozen=True)
class Source:
    """n_bytes: of all files. fingerprint: of their paths, sizes and modification times, and of all else that
    affects how they are read.
    """

    n_bytes: int
    fingerprint: str


def source_of(config: DataConfig, is_train: bool) -> Source | None:
    """The files of the training or test part as they are now.

    None for event data and ImageNet, which are not kept in memory, and if a file is missing.

    Raises:
        DataError: the user's own folder has invalid content.
    """
    paths = _paths(config, is_train)
    if not paths:
        return None
    code, n_bytes = blake2b(_context(config).encode(), digest_size=16), 0
    try:
        for path in paths:
            stat = path.stat()
            code.update(os.fsencode(path.absolute()) + f"\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
            n_bytes += stat.st_size
    except OSError:
        return None
    return Source(n_bytes, code.hexdigest())


def _context(config: DataConfig) -> str:
    """For a user's folders, what affects both parts: a new class in `train` changes the labels of `test`."""
    if config.name != "folder":
        return config.name
    from snncore.data.sets.folder_index import index_folder

    index = index_folder(config.root)
    return repr((index.classes, index.channels, index.common_size))


def _paths(config: DataConfig, is_train: bool) -> list[Path]:
    """The files; empty if one is missing, or for data that are not cached."""
    name, root = config.name, config.root
    if name == "digits":
        path = digits_file()
        return [path] if path else []
    if name == "npz":
        from snncore.data.sets.npz_header import npz_file

        return [npz_file(root)]
    if name == "folder":
        from snncore.data.sets.folder_index import index_folder

        index = index_folder(root)
        images = index.train if is_train else index.test
        return [images.path(number) for number in range(len(images))]
    if name not in FILES:
        return []
    folder = data_folder(name, root)
    names = FILES[name].train if is_train else FILES[name].test
    found = [find_file(name, folder, file_name) for file_name in names]
    return [path for path in found if path is not None] if None not in found else []
