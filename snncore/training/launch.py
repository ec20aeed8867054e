"""Reads the environment variables that torchrun sets for its processes. Imports no torch."""

from __future__ import annotations

import os

_NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_REQUIRED = (*_NUMBERS, "MASTER_ADDR", "MASTER_PORT")


def is_torchrun_worker() -> bool:
    """Whether torchrun started this process to train together with others."""
    if not all(name in os.environ for name in _REQUIRED):
        return False
    return all(os.environ[name].isdecimal() for name in _NUMBERS) and int(os.environ["WORLD_SIZE"]) > 1


def local_rank() -> int:
    """Number of this process on its node, from 0."""
    return int(os.environ["LOCAL_RANK"]) if is_torchrun_worker() else 0


def is_main_process() -> bool:
    """Whether this is the process that writes files and prints: rank 0."""
    return not is_torchrun_worker() or os.environ["RANK"] == "0"


def default_threads() -> int:
    """Cores of this node divided by the number of processes on it, at least 1."""
    n_processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_torchrun_worker() else 1
    return max(1, (os.cpu_count() or 1) // n_processes)
