"""The database of a study, by URL; and what reading a journal and a database have in common."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote

import optuna
from optuna.storages import BaseStorage

from search.errors import SearchError
from search.study.drivers import alone_on_server, server_connection
from search.study.urls import cannot_be_opened, file_of, is_server, with_driver
from spikefront.command import fault
from spikefront.errors import FailedError, InputError

_VERSION_TABLES = ("version_info", "alembic_version")


def open_url(url: str) -> BaseStorage:
    """Open the database behind an Optuna storage URL, such as sqlite:////abs/study.db or postgresql://...

    Tables are made where there are none; where there are some, nothing is changed by opening them.

    Raises:
        SearchError: the URL is malformed, its driver is missing, the database does not answer, or its tables
            are of another version of Optuna.
    """
    return _open_database(url, make=True)


def find_storage(url: str) -> BaseStorage | None:
    """As `open_url`, but nothing is made: None where the database holds no study, or a file is missing."""
    return _open_database(url, make=False) if _has_tables(url) else None


def _open_database(url: str, make: bool) -> BaseStorage:
    try:
        with ExitStack() as stack:
            if make and is_server(url):
                # Optuna makes its tables on first use; two drivers that do so at once fail.
                connection = stack.enter_context(server_connection(url))
                stack.enter_context(alone_on_server(connection, "making tables"))
            is_made = not make or _has_tables(url)
            backend = optuna.storages.RDBStorage(with_driver(url), skip_table_creation=is_made)
    except Exception as error:  # SQLAlchemy, its drivers and Optuna's check of versions each have their own
        raise cannot_be_opened(url, error) from error
    storage = optuna.storages.get_storage(backend)
    weakref.finalize(storage, backend.engine.dispose)  # Optuna never closes its connections
    return storage


def _has_tables(url: str) -> bool:
    """Whether a database has Optuna's tables with their versions; it is only read, and no file is made.

    Optuna writes a version that is missing as soon as it opens a database, whatever else is in it.

    Raises:
        SearchError: it cannot be opened, or the file is no database.
    """
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.pool import NullPool

    file = file_of(url)
    if file is not None and not file.exists():
        return False
    try:
        if file is not None:
            if not file.is_file():
                raise OSError("it is no file")
            full = f"sqlite:///file:{quote(str(file))}?mode=ro&uri=true"
        else:
            full = with_driver(url)
        engine = create_engine(full, poolclass=NullPool)
        with engine.connect() as connection:
            tables = inspect(connection)
            return all(
                tables.has_table(name) and connection.scalar(text(f"SELECT count(*) FROM {name}"))
                for name in _VERSION_TABLES
            )
    except Exception as error:
        raise cannot_be_opened(url, error) from error


@contextmanager
def reading(place: object) -> Iterator[None]:
    """A block that reads a storage, which may hold anything; what cannot be read is reported as damage.

    Raises:
        SearchError: in place of any exception of the block other than SpikeFront's own and OSError.
    """
    try:
        yield
    except (InputError, FailedError, OSError):
        raise
    except Exception as error:
        raise SearchError(
            f"{place}: its storage cannot be read: {fault(error)}; restore it from a backup"
        ) from error


def find_study(storage: BaseStorage, name: str) -> int | None:
    """The id of the study with this name in a storage, or None."""
    try:
        study_id: Any = storage.get_study_id_from_name(name)
    except KeyError:
        return None
    return int(study_id)
