"""One measurement of times at once on a machine, whoever asks for it: two would each measure the other."""

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
"""A measurement takes seconds, a quiet one with a large network a minute; they come one after another."""

_is_alone: ContextVar[bool | None] = ContextVar("_is_alone", default=None)


@contextmanager
def alone_on_machine() -> Iterator[bool]:
    """Keep other measurements of this user on this machine waiting.

    Yields whether they do wait; inside of another such block, what that one yields. After `LIMIT_S`, or when
    the one that measures is stopped, a warning names it and the block is entered all the same: what is
    measured in it must count as taken under load.
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
        # No error: a time that is marked as taken under load is better than none.
        warnings.warn(f"times are measured beside another measurement: {error}", stacklevel=3)
        is_alone = False
    token = _is_alone.set(is_alone)
    try:
        yield is_alone
    finally:
        _is_alone.reset(token)
        lock.release()


def lock_file() -> Path:
    """The same for all processes of a user, whatever their TMPDIR is."""
    common = Path("/tmp")
    folder = common if os.access(common, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return folder / f"spikefront-probe-{os.getuid() if hasattr(os, 'getuid') else 0}.lock"
