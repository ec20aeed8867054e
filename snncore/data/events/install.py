"""Getting an event data set onto the disk: behind `spikefront data NAME` for the names in EVENT_SPECS."""

from __future__ import annotations

from pathlib import Path

from snncore.data.arrival import Report, Steps, bring
from snncore.data.download import downloading
from snncore.data.events.files import EVENT_FILES, event_folder
from snncore.data.events.missing import absent_reason
from snncore.data.events.packages import load_package
from snncore.data.events.sources import open_source
from snncore.data.events.unpack import unpack

_TONIC_CLASSES = {
    "cifar10_dvs": "CIFAR10DVS",
    "dvs_gesture": "DVSGesture",
    "nmnist": "NMNIST",
    "shd": "SHD",
}


def install(name: str, root: Path, source: Path | None, report: Report) -> Path:
    """Bring the data set `name` under `root`, from `source` or by tonic's download: see `bring`.

    Raises:
        DataError: nothing usable in `source`, a failed download, damaged files, or a package is missing.
        OSError: `root` cannot be written.
    """
    return bring(name, root, source, report, _STEPS)


def _is_absent(name: str, root: Path) -> bool:
    return absent_reason(name, event_folder(name, root)) is not None


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


_STEPS = Steps(event_folder, _is_absent, _download, unpack, _count, _move)
