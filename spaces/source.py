"""Finds the file of a space, by path or by the name of a packaged one, and reads its text."""

from __future__ import annotations

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
    path: Path | Traversable = Path(path_or_name)
    try:
        if not path.is_file():
            path = _packaged_file(path_or_name)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _error(path_or_name, f"cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise _error(path_or_name, f"larger than {MAX_BYTES // 1024} KiB, which no space needs")
    try:
        return str(path) if isinstance(path, Path) else path_or_name, content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error(path_or_name, f"not UTF-8 text (byte {error.start})", line) from error


def _packaged() -> list[Traversable]:
    return list(files("spaces").iterdir())


def _packaged_file(name: str) -> Traversable:
    for item in _packaged():
        if item.name == name + _SUFFIX:
            return item
    names = packaged_names()
    hint = did_you_mean(Path(name).stem, names)
    raise _error(name, f"no such file, and no packaged space; packaged are: {', '.join(names)}{hint}")


def _error(source: str, message: str, line: int | None = None) -> SpaceError:
    return SpaceError([Mistake("", message, line)], source)
