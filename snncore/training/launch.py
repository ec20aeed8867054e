"""What torchrun tells the process it starts, by environment variables. Knows no torch."""

from __future__ import annotations

import os

_NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_TOLD = (*_NUMBERS, "MASTER_ADDR", "MASTER_PORT")


def is_one_of_several() -> bool:
    """Whether this process was started to train together with others."""
    told = all(name in os.environ for name in _TOLD)
    return (
        told and all(os.environ[name].isdecimal() for name in _NUMBERS) and int(os.environ["WORLD_SIZE"]) > 1
    )


def place_on_node() -> int:
    """Number of this process on its node, from 0."""
    return int(os.environ["LOCAL_RANK"]) if is_one_of_several() else 0


def is_main() -> bool:
    """Whether this process writes the files and tells what happens."""
    return not is_one_of_several() or os.environ["RANK"] == "0"


def default_threads() -> int:
    """The cores of this node, divided among the processes on it."""
    n_processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_one_of_several() else 1
    return max(1, (os.cpu_count() or 1) // n_processes)
