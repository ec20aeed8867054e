"""Getting an event data set onto the disk: behind `spikefront data NAME` for the names in EVENT_SPECS."""

from __future__ import annotations

from pathlib import Path

from snncore.data.events.files import EVENT_FILES, event_folder
from snncore.data.events.missing import absent_reason
from snncore.data.events.packages import require_package
from snncore.data.events.sets.open_source import open_source
from snncore.data.events.timestamps import Oddities
from snncore.data.events.unpack import unpack
from snncore.data.install.arrival import Report, Steps, bring

_READERS = {"cifar10_dvs": "aedat", "shd": "h5py"}
"""Packages that read what is downloaded."""


def install(name: str, root: Path, source: Path | None, report: Report) -> Path:
    """Bring the data set `name` under `root`, from `source` or by download: see `bring`.

    Raises:
        DataError: nothing usable in `source`, a failed download, damaged files, or a package is missing.
        OSError: `root` cannot be written.
    """
    if source is None and name in _READERS:  # before gigabytes arrive that cannot be read
        require_package(_READERS[name], name)
    return bring(name, root, source, report, _STEPS)


def _is_absent(name: str, root: Path) -> bool:
    return absent_reason(name, event_folder(name, root)) is not None


def _count(name: str, root: Path) -> str:
    """How many recordings there are, and what is odd about them; reads all of them."""
    counts, lines = [], []
    for is_train, part in ((True, "train"), (False, "test")):
        source = open_source(name, root, is_train)
        oddities = Oddities(f"{len(source.labels)} {part} recordings")
        for index in range(len(source.labels)):
            oddities.sound(source.read(index), source.place(index).replace(f"{root}/", ""))
        counts.append(len(source.labels))
        lines += oddities.lines()
    return "; ".join([f"{counts[0]} training and {counts[1]} test recordings", *lines])


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


_STEPS = Steps(event_folder, _is_absent, unpack, _count, _move)
