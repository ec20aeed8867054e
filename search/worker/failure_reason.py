"""Whether the config of a trial may be the cause of its error, and the reason for the record."""

from __future__ import annotations

import re

from snncore.errors import DivergedError, SilentNetworkError

_NO_MEMORY = re.compile(
    r"out of memory|(can't|cannot|unable to) allocate|not enough memory|running low on memory"
    r"|_STATUS_ALLOC_FAILED|std::bad_alloc",
    re.IGNORECASE,
)
"""In the words of CUDA, its libraries, torch, numpy, the C library and Ray."""


def infeasible_reason(error: BaseException) -> str | None:
    """Why the config cannot be trained: it diverged, never spiked, ran out of memory. None for any other."""
    if isinstance(error, DivergedError | SilentNetworkError):
        return str(error)
    if is_out_of_memory(error):
        lines = str(error).strip().splitlines()
        return f"out of memory: {lines[0] if lines else type(error).__name__}"
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory, on a device or the machine.

    Known by its text and its type's name, because neither torch nor ray is loaded here.
    """
    is_named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return is_named or _NO_MEMORY.search(str(error)) is not None
