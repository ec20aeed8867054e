"""URLs of databases: which backend and file they name, and how to show them without a password."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from search.errors import SearchError
from spikefront.text import printable

SERVERS = frozenset({"postgresql", "mysql", "mariadb"})
"""The databases (SQLAlchemy's names) that several drivers may share; see `search.study.drivers`."""


def is_server(url: str) -> bool:
    """Whether a storage URL names a server whose database several drivers may share."""
    return _backend(url) in SERVERS


def cannot_be_opened(url: str, error: Exception) -> SearchError:
    """The error message about a database, without its password."""
    if isinstance(error, SearchError):
        return error
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "optuna storage upgrade" in line:  # tables of an older Optuna; its own words name a variable
        line = (
            "its tables are of an older Optuna; after a backup, "
            f"`optuna storage upgrade --storage {without_password(url)}` brings them up to date"
        )
    elif "no longer compatible" in line:
        line = "its tables are of a newer Optuna than the one installed here; `pip install -U optuna`"
    if isinstance(error, ImportError) and _backend(url) == "postgresql":
        line = f"{line}; pip install 'spikefront[postgresql]'"
    return SearchError(f"--storage: {without_password(url)} cannot be opened: {line}")


def with_driver(url: str) -> str:
    """The URL with psycopg as its driver where it names only PostgreSQL; else the driver depends on
    SQLAlchemy."""
    scheme, separator, rest = url.partition("://")
    if scheme == "postgresql" and importlib.util.find_spec("psycopg"):
        scheme = "postgresql+psycopg"
    return f"{scheme}{separator}{rest}"


def file_of(url: str) -> Path | None:
    """The file of an SQLite database, or None for any other."""
    from sqlalchemy.engine import make_url

    if _backend(url) != "sqlite":
        return None
    database = make_url(url).database
    return None if database in (None, "", ":memory:") else Path(str(database)).absolute()


def absolute(url: str) -> str:
    """The URL with the file of an SQLite database as an absolute path; any other as it is."""
    from sqlalchemy.engine import make_url

    file = file_of(url)
    if file is None or str(make_url(url).database).startswith("file:"):
        return url
    return make_url(url).set(database=str(file)).render_as_string(hide_password=False)


def _backend(url: str) -> str | None:
    """SQLAlchemy's name of the database, or None for text that is no URL."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).get_backend_name()
    except (ArgumentError, ValueError):  # such as a port of thousands of digits
        return None


def without_password(url: str) -> str:
    """A storage URL as it may be shown and kept; text that is no URL comes back as it is."""
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    try:
        full = make_url(url)
    except (ArgumentError, ValueError):
        return url
    if not url.isprintable():
        return printable(f"{full.get_backend_name()}:...")  # what cannot be written as a URL again
    query = {key: value for key, value in full.query.items() if key not in ("password", "passwd")}
    bare = URL.create(full.drivername, full.username, None, full.host, full.port, full.database, query)
    return bare.render_as_string(hide_password=False)
