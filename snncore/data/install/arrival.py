"""The way of a published data set onto the disk: into a scratch folder, read whole, then to its place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from snncore.data.files import DamagedFileError, fetch_command
from snncore.data.install.download import download
from snncore.errors import DataError

Report = Callable[[str], object]


@dataclass(frozen=True)
class Steps:
    """What one kind of data set does in a way of its own; every step is given the name of the set first.

    folder: where its files lie below a root. is_absent: whether files are missing there, without reading.
    unpack: a source into a scratch root; gives what it took, in words.
    count: reads all below a root and tells how many samples; raises DamagedFileError.
    move: from a scratch root to a root.
    """

    folder: Callable[[str, Path], Path]
    is_absent: Callable[[str, Path], bool]
    unpack: Callable[[str, Path, Path], object]
    count: Callable[[str, Path], str]
    move: Callable[[str, Path, Path], None]


def bring(name: str, root: Path, source: Path | None, report: Report, steps: Steps) -> Path:
    """Put the data set `name` under `root`, from `source` or by its download; returns its folder.

    What is there already and can be read stays as it is. The files arrive in a temporary folder under `root`,
    every one is read, and only then do they move. `report` is told each step.

    Raises:
        DataError: nothing usable in `source`, a failed download, damaged files, or a package is missing.
        OSError: `root` cannot be written.
    """
    folder = steps.folder(name, root)
    if _is_there(name, root, report, steps):
        return folder
    with made(root), tempfile.TemporaryDirectory(dir=root, prefix=".installing-") as temporary:
        scratch = Path(temporary)
        if source is None:
            report(f"{name}: downloading")
            archives = scratch / "archives"
            download(name, archives, fetch_command(name, root), report)
            steps.unpack(name, archives, scratch)
            shutil.rmtree(archives)
        else:
            report(f"{name}: unpacking {steps.unpack(name, source, scratch)}")
        try:
            counts = steps.count(name, scratch)
        except DamagedFileError as error:
            arrived = error.path.relative_to(scratch) if scratch in error.path.parents else error.path
            raise DataError(f"{name}: what arrived cannot be used: {arrived}: {error.reason}") from error
        steps.move(name, scratch, root)
    report(f"{name}: now in {folder}, {counts}")
    return folder


@contextmanager
def made(root: Path) -> Iterator[None]:
    """The folder and those above it, for a block; if it fails and they stayed empty they are gone again."""
    fresh = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in fresh:
            with suppress(OSError):  # somebody has put something there
                folder.rmdir()
        raise


def _is_there(name: str, root: Path, report: Report, steps: Steps) -> bool:
    if steps.is_absent(name, root):
        return False
    try:
        report(f"{name}: already in {steps.folder(name, root)}, {steps.count(name, root)}; nothing to do")
    except DamagedFileError as error:
        report(f"{error}; it will be replaced")
        return False
    return True
