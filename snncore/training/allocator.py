"""Makes the C library's allocator keep the memory that tensors free, for training on a CPU. No torch.

glibc maps memory for every tensor over 32 MB and returns it when it is freed: each call then waits for the
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
    """From now on in this process, allocate all tensors on the heap and return no memory to the system.

    Threads share one arena, because arenas of their own cannot grow beyond 64 MB. Returns False if the C
    library has no such options, or SPIKEFRONT_ALLOCATOR=default disables this.
    """
    if os.environ.get(VARIABLE) == "default":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, _TOP_PAD), (_M_ARENA_MAX, 1))
    return all(mallopt(name, value) for name, value in settings)  # -1: never trim
