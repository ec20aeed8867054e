"""Opens files that somebody else wrote. Imports no torch.

All readers of data sets use this: only regular files are opened (a FIFO would block for ever, a device has no
end), every exception of a parser becomes a `DamagedFileError` that names the file, and sizes are compared
with the available memory before it is allocated.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import BinaryIO

import psutil

from snncore.data.files import DamagedFileError
from snncore.errors import DataError

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_regular(path: Path) -> os.stat_result:
    """The stat result of a regular file; links are followed.

    Raises:
        DamagedFileError: it is missing, a broken or circular link, or no regular file.
    """
    try:
        state = path.stat()
    except FileNotFoundError as error:
        raise DamagedFileError(path, "it is missing") from error
    except (OSError, ValueError) as error:
        raise DamagedFileError(path, _in_words(error)) from error
    if not stat.S_ISREG(state.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(state.st_mode)), "something else")
        raise DamagedFileError(path, f"it is {kind}, not a file")
    return state


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, without ever waiting for a writer at the other end.

    Raises:
        DamagedFileError: see `require_regular`; or it cannot be read.
    """
    require_regular(path)
    try:
        # Does not block if the path has become a FIFO meanwhile; has no effect on a regular file.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise DamagedFileError(path, _in_words(error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedFileError(path, "it is not a file")
    return os.fdopen(descriptor, "rb")


def read_whole(path: Path, largest: int) -> bytes:
    """All bytes of a regular file.

    Raises:
        DamagedFileError: see `open_regular`; or it has more than `largest` bytes.
    """
    with open_regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise DamagedFileError(path, f"{require_regular(path).st_size} bytes, at most {largest} are read")
    return content


@contextmanager
def parsing(path: Path, what: str = "") -> Iterator[None]:
    """A block that parses the file `path`: every exception becomes a `DamagedFileError`.

    The exceptions that a parser raises on damaged files cannot be listed; every list so far missed one. Put
    only the parser's call into the block. what: part of the file, for the message.

    Raises:
        DamagedFileError: the block raised anything but a `DataError`; that is passed on.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        before = f"{what}: " if what else ""
        raise DamagedFileError(path, before + _in_words(error)) from error


def require_memory(n_bytes: int, what: str, remedy: str = "") -> None:
    """Check that n_bytes fit into the memory that is available now.

    Raises:
        DataError: they do not; the message names `what` needs them.
    """
    available = psutil.virtual_memory().available
    if n_bytes > available:
        more = f"; {remedy}" if remedy else ""
        raise DataError(f"{what} takes {_gib(n_bytes)} of memory, and {_gib(available)} are available{more}")


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes < 2**60 else f"{n_bytes:.1e} bytes"


def _in_words(error: BaseException) -> str:
    """A library's error as one line, shortened, because some repeat what they read."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return shorten(f"{type(error).__name__} {text}", 300, placeholder=" …")
