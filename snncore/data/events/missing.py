"""Checks whether an event data set can be read, before anything starts. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from snncore.data.events.files import CIFAR_CLASSES, EVENT_FILES, event_folder
from snncore.data.events.packages import package_problem
from snncore.data.files import fetch_command, root_folder


def find_problem(name: str, root: str | Path) -> str | None:
    """Why data set `name` under `root` cannot be read, with the command that fixes it; None if it can.

    Checks that files exist, not their content: reading finds damaged files.
    """
    if not root_folder(root).is_dir():
        reason: str | None = f"the folder {root} does not exist"
    else:
        reason = absent_reason(name, event_folder(name, root))
    if reason is not None:
        return f"data: {name} is not at hand: {reason}; run: {fetch_command(name, root)}"
    problems = (package_problem(package, name) for package in _packages(name, root))
    return next((problem for problem in problems if problem is not None), None)


def absent_reason(name: str, folder: Path) -> str | None:
    """Which parts of data set `name` are not in `folder`, as text; None if all are there."""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    absent = [part for part in EVENT_FILES[name].parts if not (folder / part).exists()]
    return f"{folder} lacks {', '.join(absent)}" if absent else None


def _packages(name: str, root: str | Path) -> tuple[str, ...]:
    if name == "cifar10_dvs":
        first = event_folder(name, root) / CIFAR_CLASSES[0]
        return ("aedat",) if next(first.glob("*.aedat4"), None) else ()
    return ("h5py",) if name == "shd" else ()
