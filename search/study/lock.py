"""The lock on a study: one driver, or several where a database server holds the study."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from search.errors import SearchError
from search.study.drivers import Drivers, OneDriver, server_drivers
from search.study.folder import RefusalLock, RunFolder
from search.study.urls import file_of, is_server
from spikefront.text import printable


@contextmanager
def lock_study(folder: RunFolder, url: str | None) -> Iterator[Drivers]:
    """Make this process a driver of a study for the time of the block.

    A journal has one driver: whoever holds the run folder. So has a file of SQLite, wherever the run folders
    lie. A server (PostgreSQL, MySQL, MariaDB) lets several drivers share a study, and a run folder too.
    url: of the database; by default the one the folder names, if any.

    Raises:
        SearchError: another driver has the study, or the server or the folder cannot be used.
    """
    url = url or folder.named_url()
    if url is not None and is_server(url):
        with folder.lock(shared=True), server_drivers(url, folder.path.name) as drivers:
            _tidy(folder, drivers)
            yield drivers
        return
    file = None if url is None else file_of(url)
    with folder.lock():
        if file is None:
            folder.tidy()
            yield OneDriver()
            return
        with _only_driver(file, folder.path.name):
            folder.tidy()
            yield OneDriver()


def _tidy(folder: RunFolder, drivers: Drivers) -> None:
    """Remove what killed drivers left in the folder."""
    left = {number: path for number, path in folder.scratches() if number != drivers.me}
    with drivers.exclusive():
        for number, path in left.items():
            if not drivers.is_alive(number):
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _only_driver(file: Path, study: str) -> Iterator[None]:
    """Hold a lock beside an SQLite database, which no run folder's lock guards."""
    try:
        lock = RefusalLock(Path(f"{file}.{study}.lock"))
        file.parent.stat()  # the lock would make the folder
        lock.acquire()
    except Timeout:
        raise SearchError(f"{file}: another process runs study {study!r} in it; wait for it") from None
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise SearchError(f"--storage: {printable(str(file))} cannot be used: {error}") from error
    with lock:
        yield
