"""Silence around SpikingJelly, imported only where it is needed: it tells of what no user can mend."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_spikingjelly() -> Iterator[None]:
    """Drop its note that Triton is missing, which every machine without a GPU gets, and warnings of imports.

    Parts of SpikingJelly are imported at their first call, so the call belongs inside as well.
    """
    logger = logging.getLogger("torch._library.triton")
    logger.addFilter(_drop)  # a level would not do: torch sets levels anew in the course of its imports
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:
    return False
