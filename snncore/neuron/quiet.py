"""Hides warnings of SpikingJelly and of its imports that no user can do anything about."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_spikingjelly() -> Iterator[None]:
    """Hide the note that Triton is missing, which every machine without a GPU gets, and import warnings.

    SpikingJelly imports parts of itself at their first call, so put that call inside the block as well.
    """
    logger = logging.getLogger("torch._library.triton")
    logger.addFilter(_drop)  # setting a level would not work: torch sets levels while it is imported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:
    return False
