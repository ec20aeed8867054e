"""Finds the file of a space, by path or by the name of a packaged one, and reads its text."""

from __future__ import annotations

import os
import stat
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from spaces.errors import Mistake, SpaceError, did_you_mean
from spaces.nodes import MAX_BYTES

_SUFFIX = ".yaml"


def packaged_names() -> list[str]:
    """The names of the spaces in this package, sorted."""
    return sorted(item.name.removesuffix(_SUFFIX) for item in _packaged() if item.name.endswith(_SUFFIX))


def read_source(path_or_name: str) -> tuple[str, str]:
    """What to call the file in messages, and its text. A file at that path goes before a packaged name.

    Raises:
        SpaceError: neither is there, or the file cannot be read, is not UTF-8, or is larger than MAX_BYTES.
    """
    packaged = None
    try:
        content = _content(path_or_name)
        if content is None:
            packaged = _packaged_file(path_or_name)
            content = packaged.read_bytes()
    except OSError as error:
        raise _error(path_or_name, f"cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise _error(path_or_name, f"larger than {MAX_BYTES // 1024} KiB, which no space needs")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(path_or_name, f"not UTF-8 text (byte {error.start})", line) from error
    return str(packaged or Path(path_or_name)), text


def _content(path: str) -> bytes | None:
    """The first MAX_BYTES + 1 bytes of a regular file; None where there is none.

    A pipe or a device is never opened, and nothing is waited for: what has no end would not let us go.
    """
    if not stat.S_ISREG(_mode(path)):
        return None
    with open(path, "rb", opener=_open_at_once) as file:
        return file.read(MAX_BYTES + 1) or b""


def _mode(path: str) -> int:
    """The kind of what is at a path, as `stat` tells it; 0 where there is nothing."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - Path("") would be the folder we are in
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character in the name
        return 0


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _packaged() -> list[Traversable]:
    return list(files("spaces").iterdir())


def _packaged_file(name: str) -> Traversable:
    for item in _packaged():
        if item.name == name + _SUFFIX:
            return item
    names = packaged_names()
    hint = did_you_mean(Path(name).stem, names)
    mode = _mode(name)
    what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device" if mode else "no such file"
    raise _error(name, f"{what}, and no packaged space; packaged are: {', '.join(names)}{hint}")


def _error(source: str, message: str, line: int | None = None) -> SpaceError:
    return SpaceError([Mistake("", message, line)], source)
