"""The allocator for all rows alike: as training sets it (`snncore.training.allocator`), or the C library's.

Pages that are mapped and cleared anew are a cost of the allocator and not of a training step, and hit rows
that allocate much more than others.
"""

from __future__ import annotations

import os

from snncore.training.allocator import VARIABLE, keep_freed_memory


def set_allocator(setting: str) -> None:
    """kept or default; before the first tensor.

    Raises:
        SystemExit: it is to be kept, and the C library has no switch for it.
    """
    os.environ[VARIABLE] = setting
    if setting == "kept" and not keep_freed_memory():
        raise SystemExit("--allocator kept: this C library has no mallopt; use --allocator default")


def environment_settings() -> dict[str, str]:
    """The allocator's environment variables: of glibc, and of allocators loaded before it."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "PYTORCH_CUDA_ALLOC_CONF"))
    }
