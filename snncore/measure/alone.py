"""Lets one measurement of times at a time run on a machine, so that they do not disturb each other."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from filelock import FileLock

from spikefront.locks import acquire

LIMIT_S = 180.0
"""How long to wait for others. A measurement takes seconds, a quiet one of a large network a minute."""

_is_alone: ContextVar[bool | None] = ContextVar("_is_alone", default=None)


@contextmanager
def alone_on_machine() -> Iterator[bool]:
    """Make other measurements of this user on this machine wait for the end of the block.

    Yields whether they do; in a nested block, what the outer one yields. If another measurement holds the
    lock for `LIMIT_S`, or its process is stopped, a warning names it, and the block runs and yields False:
    its measurements must count as taken under load.
    """
    outer = _is_alone.get()
    if outer is not None:
        yield outer
        return
    lock = FileLock(lock_file())
    is_alone = True
    try:
        acquire(lock, LIMIT_S)
    except OSError as error:
        # Not an error: a time that is marked as taken under load is better than none.
        warnings.warn(f"times are measured beside another measurement: {error}", stacklevel=3)
        is_alone = False
    token = _is_alone.set(is_alone)
    try:
        yield is_alone
    finally:
        _is_alone.reset(token)
        lock.release()


def lock_file() -> Path:
    """The lock file: the same for all processes of a user, whatever their TMPDIR."""
    common = Path("/tmp")
    folder = common if os.access(common, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return folder / f"spikefront-probe-{os.getuid() if hasattr(os, 'getuid') else 0}.lock"
