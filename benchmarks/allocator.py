"""The C library's allocator told to keep freed memory, as `--allocator kept` asks.

glibc maps every tensor over 32 MB anew and hands it back when it is freed: each call then waits for the
system to clear its pages. That is a cost of the allocator and not of a training step, and it hits rows that
allocate much more than others; so it is switched off for all of them, or for none.
"""

from __future__ import annotations

import ctypes
import os

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
_TOP_PAD = 64 * 1024 * 1024


def keep_freed_memory() -> None:
    """Map no tensor on its own, and hand nothing freed back to the system; call before the first tensor.

    Raises:
        SystemExit: the C library has no such switch.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, _TOP_PAD))  # -1: never trim
    if mallopt is None or not all(mallopt(name, value) for name, value in settings):
        raise SystemExit("--allocator kept: this C library has no mallopt; use --allocator default")


def environment_settings() -> dict[str, str]:
    """What the environment tells the allocator: variables of glibc, and of others loaded before it."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "PYTORCH_CUDA_ALLOC_CONF"))
    }
