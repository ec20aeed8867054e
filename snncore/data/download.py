"""Around a download: a silent server ends it after half a minute, and a failure is told with a way out."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from zipfile import BadZipFile

from snncore.errors import DataError

_TIMEOUT_S = 30  # for each answer of a server, so that a machine behind a wall is told so


@contextmanager
def downloading(name: str, command: str) -> Iterator[None]:
    """A block that downloads the data set `name`; `command` is what the user typed.

    Raises:
        DataError: the download failed.
    """
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)
    try:
        yield
    except (OSError, EOFError, HTTPException, RuntimeError, BadZipFile) as error:
        raise DataError(
            f"{name} cannot be downloaded: {error}\n"
            f"with its files in a folder on this machine, run: {command} --from FOLDER"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)
