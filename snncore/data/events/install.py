"""Installs an event data set: `spikefront data NAME` for the names in EVENT_SPECS."""

from __future__ import annotations

from pathlib import Path

from snncore.data.events.files import EVENT_FILES, event_folder
from snncore.data.events.missing import absent_reason
from snncore.data.events.packages import require_package
from snncore.data.events.sets.open_source import open_source
from snncore.data.events.timestamps import Oddities
from snncore.data.events.unpack import unpack
from snncore.data.install.arrival import InstallSteps, Report, install_files

_READERS = {"cifar10_dvs": "aedat", "shd": "h5py"}
"""Packages that read the downloaded files."""


def install(name: str, root: Path, source: Path | None, report: Report) -> Path:
    """Install the data set `name` under `root`, from `source` or by download: see `install_files`.

    Raises:
        DataError: nothing usable in `source`, a failed download, damaged files, or a package is missing.
        OSError: `root` cannot be written.
    """
    if source is None and name in _READERS:  # before downloading gigabytes that cannot be read
        require_package(_READERS[name], name)
    return install_files(name, root, source, report, _STEPS)


def _is_absent(name: str, root: Path) -> bool:
    return absent_reason(name, event_folder(name, root)) is not None


def _count(name: str, root: Path) -> str:
    """Number of recordings, and what is unusual about them; reads all of them."""
    counts, lines = [], []
    for is_train, part in ((True, "train"), (False, "test")):
        source = open_source(name, root, is_train)
        oddities = Oddities(f"{len(source.labels)} {part} recordings")
        for index in range(len(source.labels)):
            oddities.without_far_events(source.read(index), source.location(index).replace(f"{root}/", ""))
        counts.append(len(source.labels))
        lines += oddities.lines()
    return "; ".join([f"{counts[0]} training and {counts[1]} test recordings", *lines])


def _move(name: str, scratch: Path, root: Path) -> None:
    """Move the parts to their place, each in one step; other files there stay."""
    arrived, target = event_folder(name, scratch), event_folder(name, root)
    replaced = scratch / "replaced"
    replaced.mkdir()
    target.mkdir(exist_ok=True)
    for part in EVENT_FILES[name].parts:
        if (target / part).exists():
            (target / part).rename(replaced / part)
        (arrived / part).rename(target / part)


_STEPS = InstallSteps(event_folder, _is_absent, unpack, _count, _move)
