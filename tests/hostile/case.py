"""One hostile case: the files that a user would have, and the command that is typed beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

CANARY = "CANARY"
"""A file of this name appears where code out of a hostile file has been run."""

CANARY_MODULE = "canary_module"
PAYLOAD = f"open({CANARY!r}, 'w').close()"
"""Run in the folder of a case, this leaves the canary."""

Files = Mapping[str, bytes]


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**36)


def _endless_folders(path: Path) -> None:
    path.mkdir()
    (path / "again").symlink_to(".")


SPECIALS: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "fifo": os.mkfifo,
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to nowhere": lambda path: path.symlink_to("nowhere"),
    "link to zeros": lambda path: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path: path.symlink_to(os.devnull),
    "link to memory": lambda path: path.symlink_to("/proc/self/mem"),
    "link to its folder": lambda path: path.symlink_to("."),
    "folder in itself": _endless_folders,
    "64 GiB of nothing": _sparse,
}
"""What may stand where a file should be, and how it is made."""


@dataclass(frozen=True)
class Case:
    """argv: a module and its arguments, as behind `python -m`; the first is a key of `commands.COMMANDS`.

    files: by path below the case's folder. specials: paths at which something of `SPECIALS` stands. genuine:
    what the files were before they were changed; what is in both and equal was left alone.
    """

    argv: tuple[str, ...]
    files: Files = field(default_factory=dict)
    specials: Mapping[str, str] = field(default_factory=dict)
    genuine: Files = field(default_factory=dict)

    def changed(self) -> list[str]:
        """The files that are not genuine."""
        return [path for path, content in self.files.items() if self.genuine.get(path) != content]

    def write(self, folder: Path) -> None:
        """Make the files in an empty folder, with a module beside them that nothing should import."""
        (folder / f"{CANARY_MODULE}.py").write_text(f"{PAYLOAD}\n", encoding="utf-8")
        for name, content in self.files.items():
            if name not in self.specials:
                _with_folder(folder / name).write_bytes(content)
        for name, kind in self.specials.items():
            SPECIALS[kind](_with_folder(folder / name))


def _with_folder(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


Door = Callable[[Random], Case]
"""Makes a case against one kind of input."""
