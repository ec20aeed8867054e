"""Copies or unpacks the files of a data set from a folder into the form in which they are read."""

from __future__ import annotations

from pathlib import Path

from snncore.data.files import FILES, data_folder, find_file
from snncore.data.install.archives import copy_regular, extract, gunzip
from snncore.data.install.published import unpacked_limit
from snncore.errors import DataError


def is_available(name: str, source: Path) -> bool:
    """Whether `unpack` finds all files of data set `name` in `source`."""
    return _folder_with_files(name, source) is not None or _archive(name, source) is not None


def unpack(name: str, source: Path, root: Path) -> Path:
    """Copy or unpack the files of data set `name` to their place under `root`; returns what it used.

    source: a folder with the files (for Fashion-MNIST plain or gzipped), or with the published archive, or
    with their published folder; or the archive itself. It is not changed.

    Raises:
        DataError: it holds no such files, or the archive or a gzipped file is damaged.
    """
    folder = _folder_with_files(name, source)
    if folder is not None:
        _copy(name, folder, data_folder(name, root))
        return folder
    archive = _archive(name, source)
    if archive is None:
        raise DataError(f"{source}: {name} is not there; looked for {_expected(name)}")
    extract(archive, root, unpacked_limit(name))
    if not _has_files(name, data_folder(name, root)):
        raise DataError(f"{archive}: does not hold {FILES[name].folder}/ with {', '.join(FILES[name].names)}")
    return archive


def _folder_with_files(name: str, source: Path) -> Path | None:
    published = FILES[name].folder
    candidates = (source, source / published, source / Path(published).name)
    return next((folder for folder in candidates if _has_files(name, folder)), None)


def _has_files(name: str, folder: Path) -> bool:
    return all(find_file(name, folder, file_name) is not None for file_name in FILES[name].names)


def _archive(name: str, source: Path) -> Path | None:
    archive = FILES[name].archive
    if not archive:
        return None
    candidates = (source, source / archive) if source.name == archive else (source / archive,)
    return next((path for path in candidates if path.is_file()), None)


def _expected(name: str) -> str:
    files = FILES[name]
    names = ", ".join(files.names)
    return f"{files.archive}, or the files {names}" if files.archive else f"{names} (plain or .gz)"


def _copy(name: str, folder: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for file_name in FILES[name].names + FILES[name].others:
        path = find_file(name, folder, file_name)
        if path is None:  # only `others` may be absent
            continue
        if path.suffix == ".gz":
            gunzip(path, target / file_name, unpacked_limit(name))
        else:
            copy_regular(path, target / file_name)
