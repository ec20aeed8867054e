"""The C library's allocator told to keep what tensors free, for training on a CPU. Knows no torch.

glibc maps every tensor over 32 MB anew and hands it back when it is freed: each call then waits for the
system to clear its pages, which made a training step up to a third longer (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

VARIABLE = "SPIKEFRONT_ALLOCATOR"
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # of glibc's malloc.h
_TOP_PAD = 64 * 1024 * 1024


@cache
def keep_freed_memory() -> bool:
    """Map no tensor on its own, and hand nothing freed back to the system, from now on in this process.

    Threads share one arena, since those that glibc makes for each cannot grow beyond 64 MB. False where the C
    library has no such switches, or SPIKEFRONT_ALLOCATOR=default asks to leave it alone.
    """
    if os.environ.get(VARIABLE) == "default":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, _TOP_PAD), (_M_ARENA_MAX, 1))
    return all(mallopt(name, value) for name, value in settings)  # -1: never trim
