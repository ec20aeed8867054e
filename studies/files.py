"""Files that are whole or not there: a reader never sees half of one, a crash never leaves one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends without an error.

    It is written under another name in the same folder, flushed to the disk, then renamed; on an error
    the old file stays and the new one is removed. The folder is made if need be.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with fresh.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened; the rename is durable a little later
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_halves(path: Path) -> None:
    """Remove what processes left that were killed while they wrote `path`; nobody may be writing it now."""
    for half in path.parent.glob(f".{path.name}.*.tmp"):
        half.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all; see `replacing`."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))
