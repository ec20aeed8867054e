"""Installs a published data set: into a temporary folder, then read completely, then moved to its place."""

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
class InstallSteps:
    """The steps that differ between kinds of data sets; the first argument of each is the name of the set.

    folder: of its files under a root. is_absent: whether files are missing there, without reading them.
    unpack: a source into a temporary root; returns what it used, for messages.
    count: reads everything under a root, and returns the numbers of samples as text; raises DamagedFileError.
    move: from a temporary root to a root.
    """

    folder: Callable[[str, Path], Path]
    is_absent: Callable[[str, Path], bool]
    unpack: Callable[[str, Path, Path], object]
    count: Callable[[str, Path], str]
    move: Callable[[str, Path, Path], None]


def install_files(name: str, root: Path, source: Path | None, report: Report, steps: InstallSteps) -> Path:
    """Install the data set `name` under `root`, from `source` or by download; returns its folder.

    Files that are there already and can be read stay. New files are written to a temporary folder under
    `root`, all of them are read, and only then are they moved. `report` is called with a line for each step.

    Raises:
        DataError: nothing usable in `source`, a failed download, damaged files, or a package is missing.
        OSError: `root` cannot be written.
    """
    folder = steps.folder(name, root)
    if _is_there(name, root, report, steps):
        return folder
    with making_folder(root), tempfile.TemporaryDirectory(dir=root, prefix=".installing-") as temporary:
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
def making_folder(root: Path) -> Iterator[None]:
    """Make a folder and its parents for a block; if the block fails, remove those that are new and empty."""
    fresh = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in fresh:
            with suppress(OSError):  # not empty
                folder.rmdir()
        raise


def _is_there(name: str, root: Path, report: Report, steps: InstallSteps) -> bool:
    if steps.is_absent(name, root):
        return False
    try:
        report(f"{name}: already in {steps.folder(name, root)}, {steps.count(name, root)}; nothing to do")
    except DamagedFileError as error:
        report(f"{error}; it will be replaced")
        return False
    return True
