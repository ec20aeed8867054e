"""Finds the file of a space, by path or by the name of a packaged one, and reads its text."""

from __future__ import annotations

import stat
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from spaces.errors import Mistake, SpaceError, did_you_mean
from spikefront.files import kind_of, read_text
from spikefront.yaml_nodes import MAX_BYTES

_SUFFIX = ".yaml"


def packaged_names() -> list[str]:
    """The names of the spaces in this package, sorted."""
    return sorted(item.name.removesuffix(_SUFFIX) for item in _packaged() if item.name.endswith(_SUFFIX))


def read_source(path_or_name: str) -> tuple[str, str]:
    """The file's name for messages, and its text. A file at that path takes precedence over a packaged name.

    Raises:
        FileMistakesError: neither exists, or the file cannot be read, is not UTF-8, or is too large.
    """
    try:
        mode = kind_of(path_or_name)
    except OSError as error:
        raise _error(path_or_name, f"cannot be read: {error.strerror or error}") from error
    if stat.S_ISREG(mode):
        return str(Path(path_or_name)), read_text(path_or_name, MAX_BYTES, "space")
    with as_file(_packaged_file(path_or_name, mode)) as path:
        return str(path), read_text(path, MAX_BYTES, "space")


def _packaged() -> list[Traversable]:
    return list(files("spaces").iterdir())


def _packaged_file(name: str, mode: int) -> Traversable:
    for item in _packaged():
        if item.name == name + _SUFFIX:
            return item
    names = packaged_names()
    hint = did_you_mean(Path(name).stem, names)
    what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device" if mode else "no such file"
    raise _error(name, f"{what}, and no packaged space; packaged are: {', '.join(names)}{hint}")


def _error(source: str, message: str) -> SpaceError:
    return SpaceError([Mistake("", message, None)], source)
