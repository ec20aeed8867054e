"""Unpacks archives and copies files that somebody else made. Imports no torch.

Only regular files and folders are written, nothing outside the target, and no more than a given number of
bytes: an archive of a few kilobytes can hold a disk full of zeros.
"""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO
from zipfile import ZipFile

from snncore.data.file_access import open_regular, parsing
from snncore.errors import DataError

_LARGEST_READ = 2**26
"""Limit of one read: a valid header has less than 64 MiB of names or attributes."""


def extract(archive: Path, target: Path, limit: int) -> None:
    """Unpack a .zip, .tar.gz or .gz file into the folder `target`; checksums are checked.

    limit: of the unpacked bytes.

    Raises:
        DataError: it is damaged, holds links, devices or paths outside, or more than `limit`.
    """
    with open_regular(archive) as file, unpacking(archive):
        if archive.suffix == ".zip":
            with ZipFile(file) as zipped:
                _require_limit(sum(info.file_size for info in zipped.infolist()), limit)
                zipped.extractall(target)  # paths that lead outside are put inside
            return
        with BoundedGzip(file, limit) as plain:
            if archive.name.endswith(".tar.gz"):
                with tarfile.open(fileobj=plain, mode="r:") as tar:
                    tar.extractall(target, checked_members(tar, limit), filter="data")
                while plain.read(2**20):  # the checksum is at the end, where tarfile does not look
                    pass
            else:
                with (target / archive.stem).open("wb") as out:
                    copyfileobj(plain, out, 2**20)


@contextmanager
def unpacking(archive: Path) -> Iterator[None]:
    """A block that unpacks: every exception becomes a `DataError`.

    Raises:
        DataError: the block raised anything; the message names the archive.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__} {error}" if not str(error) or len(str(error)) < 9 else str(error)
        raise DataError(f"{archive}: cannot be unpacked: {reason[:300]}") from error


def copy_folder(source: Path, target: Path, depth: int) -> None:
    """Copy regular files, and folders in it down to `depth` levels; links are followed.

    Raises:
        DataError: it holds something else, such as a FIFO, a deeper folder, or a broken link.
    """
    target.mkdir()
    with os.scandir(source) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            if path.is_dir():
                if depth == 0:
                    raise DataError(f"{path}: a folder, where files should be")
                copy_folder(path, target / entry.name, depth - 1)
            else:
                copy_regular(path, target / entry.name)


def copy_regular(source: Path, target: Path) -> None:
    """Copy the content of a regular file.

    Raises:
        DamagedFileError: it is no regular file, or cannot be read.
    """
    with open_regular(source) as file, target.open("wb") as out:
        copyfileobj(file, out, 2**20)


def gunzip(source: Path, target: Path, limit: int) -> None:
    """Unpack a .gz file of at most `limit` bytes; its checksum is checked.

    Raises:
        DamagedFileError: it is truncated or damaged, or holds more.
    """
    with open_regular(source) as file, parsing(source), target.open("wb") as out:
        copyfileobj(BoundedGzip(file, limit), out, 2**20)


def checked_members(tar: tarfile.TarFile, limit: int) -> Iterator[tarfile.TarInfo]:
    """Files and folders of a tar archive, up to `limit` bytes in total.

    Raises:
        ReadError: a member is a link, a device, or a sparse file.
        ValueError: they exceed the limit.
    """
    n_bytes = 0
    for member in tar:
        if not (member.isfile() or member.isdir()) or member.sparse is not None:
            raise tarfile.ReadError(f"{member.name} is neither a file nor a folder")
        n_bytes += member.size
        _require_limit(n_bytes, limit)
        yield member


def _require_limit(n_bytes: int, limit: int) -> None:
    if n_bytes > limit:
        raise ValueError(
            f"it holds {n_bytes / 2**20:.0f} MiB or more, should be less than {limit / 2**20:.0f}"
        )


class BoundedGzip(gzip.GzipFile):
    """A gzip file that limits the total of bytes to `limit`, and the bytes of one read."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._limit = limit + 2**20  # tar rounds up, and adds headers

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes.

        Raises:
            ValueError: the read or the total is too large.
        """
        if size is None or size < 0 or size > _LARGEST_READ:
            raise ValueError(f"a member with a header of {size} bytes")
        content = super().read(size)
        _require_limit(self.tell(), self._limit)
        return content
