"""Files that are whole or not there: a reader never sees half of one, a crash never leaves one."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_IS_FOLDER = "is a folder, not a file"


class WriteError(OSError):
    """A file that cannot be written; its text names the file as the user did, not one of our own names."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends without an error.

    It is written under another name in the same folder, flushed to the disk, then renamed; on an error
    the old file stays and the new one is removed. The folder is made if need be.

    Raises:
        WriteError: `path` is a folder, its folder cannot be made or written, or the disk is full.
    """
    if not path.name:
        raise WriteError(errno.EISDIR, _IS_FOLDER, str(path))
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            with suppress(OSError):  # what went wrong before it is what to tell
                fresh.unlink(missing_ok=True)
        if os.name == "posix":  # elsewhere a folder cannot be opened; the rename is durable a little later
            _flush_folder(path.parent)
    except OSError as error:
        if error.filename not in (None, str(fresh), *map(str, path.parents)):
            raise  # about a file of the block
        raise WriteError(error.errno, _why(path, error), str(path)) from error


def _why(path: Path, error: OSError) -> str:
    """Why a file cannot be written, in words."""
    with suppress(OSError):  # a folder that cannot be read does not say what it holds
        if path.is_dir():
            return _IS_FOLDER
        for parent in path.parents:
            if parent.is_file():
                return f"cannot be written: {parent} is a file, not a folder"
    return f"cannot be written: {error.strerror or error}"


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; False where that cannot be known, as writing will tell why."""
    try:
        return path.exists()
    except OSError:
        return False


def remove_halves(path: Path) -> None:
    """Remove what processes left that were killed while they wrote `path`; nobody may be writing it now."""
    for half in path.parent.glob(f".{path.name}.*.tmp"):
        half.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all; see `replacing`."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))
