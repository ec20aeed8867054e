"""Getting an event data set onto the disk: behind `spikefront data NAME` for the names in EVENT_SPECS."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from snncore.data.download import downloading
from snncore.data.events.files import EVENT_FILES, event_folder
from snncore.data.events.missing import absent_reason
from snncore.data.events.packages import load_package
from snncore.data.events.sources import open_source
from snncore.data.events.unpack import unpack
from snncore.data.files import DamagedFileError, fetch_command
from snncore.errors import DataError

Report = Callable[[str], object]

_TONIC_CLASSES = {
    "cifar10_dvs": "CIFAR10DVS",
    "dvs_gesture": "DVSGesture",
    "nmnist": "NMNIST",
    "shd": "SHD",
}


def install(name: str, root: Path, source: Path | None, report: Report) -> Path:
    """Bring the data set `name` under `root`, from `source` or by tonic's download; returns its folder.

    What is there already and can be read stays as it is. The files arrive in a temporary folder under `root`,
    every recording is read once, and only then do they move to their place. `report` is told each step.

    Raises:
        DataError: nothing usable in `source`, a failed download, damaged files, or a package is missing.
        OSError: `root` cannot be written.
    """
    folder = event_folder(name, root)
    if _is_installed(name, root, report):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".installing-") as temporary:
        scratch = Path(temporary)
        if source is None:
            report(f"{name}: downloading")
            _download(name, scratch, fetch_command(name, root))
        else:
            report(f"{name}: unpacking {unpack(name, source, scratch)}")
        try:
            counts = _count(name, scratch)
        except DamagedFileError as error:
            arrived = error.path.relative_to(scratch) if scratch in error.path.parents else error.path
            raise DataError(f"{name}: what arrived cannot be used: {arrived}: {error.reason}") from error
        _move(name, scratch, root)
    report(f"{name}: now in {folder}, {counts}")
    return folder


def _is_installed(name: str, root: Path, report: Report) -> bool:
    if absent_reason(name, event_folder(name, root)) is not None:
        return False
    try:
        report(f"{name}: already in {event_folder(name, root)}, {_count(name, root)}; nothing to do")
    except DamagedFileError as error:
        report(f"{error}; it will be replaced")
        return False
    return True


def _count(name: str, root: Path) -> str:
    """How many recordings there are; reads all of them."""
    counts = []
    for is_train in (True, False):
        source = open_source(name, root, is_train)
        for index in range(len(source.labels)):
            source.read(index)
        counts.append(len(source.labels))
    return f"{counts[0]} training and {counts[1]} test recordings"


def _download(name: str, scratch: Path, command: str) -> None:
    dataset = getattr(load_package("tonic.datasets", name), _TONIC_CLASSES[name])
    parts = [{}] if name == "cifar10_dvs" else [{"train": True}, {"train": False}]
    with downloading(name, command):
        for part in parts:
            dataset(save_to=str(scratch), **part)


def _move(name: str, scratch: Path, root: Path) -> None:
    """Put the parts into place, each in one step; what else lies there stays."""
    arrived, target = event_folder(name, scratch), event_folder(name, root)
    replaced = scratch / "replaced"
    replaced.mkdir()
    target.mkdir(exist_ok=True)
    for part in EVENT_FILES[name].parts:
        if (target / part).exists():
            (target / part).rename(replaced / part)
        (arrived / part).rename(target / part)
