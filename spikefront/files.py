"""Writes files atomically, and reads small files that may be anything.

A reader never sees half of a file written here, and a crash never leaves one. Before a file is read, it is
checked to be a regular file of a reasonable size: a pipe, a device or a sparse file of a terabyte is refused.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from spikefront.errors import FileMistakesError, Mistake

_OWN_INPUT = re.compile(r"/dev/(stdin|fd/\d+)|/proc/self/fd/\d+", re.ASCII)
"""Inputs that the parent process has opened, such as <(command) of a shell."""

_IS_FOLDER = "is a folder, not a file"


class WriteError(OSError):
    """A file that cannot be written; its text names the user's file, not a temporary one."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file, open for writing, that replaces `path` when the block ends without an error.

    Raises:
        WriteError: see `replacing_path`.
    """
    with replacing_path(path) as fresh, fresh.open("wb") as file:
        yield file


@contextmanager
def replacing_path(path: Path) -> Iterator[Path]:
    """The path of a new, empty file that replaces `path` when the block ends without an error.

    For libraries and programs that write a file by its name. The file has another name in the same folder; at
    the end it is flushed to the disk, then renamed. On an error the old file stays, and the new one and
    folders made for it are removed. The folder is made if need be.

    Raises:
        WriteError: `path` is a folder, its folder cannot be made or written, or the disk is full.
    """
    if not path.name:
        raise WriteError(errno.EISDIR, _IS_FOLDER, str(path))
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    missing = [folder for folder in path.parents if not is_there(folder)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fresh.touch(exist_ok=False)
            yield fresh
            flush(fresh)
            fresh.replace(path)
        finally:
            with suppress(OSError):  # the error before this one is what to report
                fresh.unlink(missing_ok=True)
        if os.name == "posix":  # elsewhere a folder cannot be opened; the rename is durable a little later
            flush(path.parent)
    except OSError as error:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        if error.filename not in (None, str(fresh), *map(str, path.parents)):
            raise  # about a file of the block
        raise WriteError(error.errno, _why(path, error), str(path)) from error


def require_replaceable(paths: Iterable[Path]) -> None:
    """Check that none of the paths is a folder, before the first of the files is written.

    Raises:
        WriteError: one is, or a parent of one is a file.
    """
    for path in paths:
        if path.is_dir() or any(parent.is_file() for parent in path.parents):
            reason = _why(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
            raise WriteError(errno.EISDIR, reason, str(path))


def _why(path: Path, error: OSError) -> str:
    """Why a file cannot be written, as text."""
    with suppress(OSError):  # a folder that cannot be read does not say what it holds
        if path.is_dir():
            return _IS_FOLDER
        for parent in path.parents:
            if parent.is_file():
                return f"cannot be written: {parent} is a file, not a folder"
    return f"cannot be written: {error.strerror or error}"


def flush(path: Path) -> None:
    """Flush a file's content, or the entries of a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; False if that cannot be known; writing will then report why."""
    try:
        return path.exists()
    except OSError:
        return False


def remove_halves(path: Path) -> None:
    """Remove temporary files of killed writers of `path`, which nobody may be writing now."""
    for half in path.parent.glob(f".{path.name}.*.tmp"):
        half.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically; see `replacing`."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def read_text(path: str | Path, max_bytes: int, what: str = "such file") -> str:
    """The text of a small file, UTF-8, without a byte order mark. what: names the kind of file in messages.

    Raises:
        FileMistakesError: no such file, no regular file (an input of this process such as /dev/stdin may be
            a pipe), larger than `max_bytes`, not readable, or not UTF-8.
    """
    try:
        content = _content(path, max_bytes)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _unreadable(path, "no such file") from error
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror or error}") from error
    if len(content) > max_bytes:
        raise _unreadable(path, f"larger than {max_bytes // 1024} KiB, which no {what} needs")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, f"not UTF-8 text (byte {error.start})", line) from error


def kind_of(path: str | Path) -> int:
    """The mode of a path, as of `stat`; 0 if there is nothing.

    Raises:
        OSError: that cannot be known, such as for a circular link.
    """
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - Path("") would be the folder we are in
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character in the name
        return 0


def _content(path: str | Path, max_bytes: int) -> bytes:
    """The first max_bytes + 1 bytes; never opens an endless file, and never waits for a writer."""
    mode = kind_of(path)
    if mode == 0:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if _OWN_INPUT.fullmatch(str(path)):
        with Path(path).open("rb") as file:
            return file.read(max_bytes + 1)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    with open(path, "rb", opener=_open_at_once) as file:
        return file.read(max_bytes + 1) or b""


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _unreadable(path: str | Path, reason: str, line: int | None = None) -> FileMistakesError:
    return FileMistakesError([Mistake("", reason, line)], str(path))
