"""The drivers of one study: one alone, or several that share a study in the database of a server.

On a server each driver has a number of its own, drawn at random, and holds a lock of that name on a
connection of its own as long as it lives; the server frees it when the driver dies, however it dies.
So a driver can see whose running trials are abandoned. One more lock, that of the study, is held around
each `exclusive` section: read what the others did, ask, take the next number. Both are session locks of
one connection: a driver that holds the study's lock has not lost its own, so nobody has taken its trials.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from search.errors import SearchError, StudyFailedError
from search.study.urls import cannot_be_opened, with_driver

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

EXCLUSIVE_TIMEOUT_S = 120
"""An exclusive section takes a second or two; a driver that takes longer has been stopped."""

_SILENT_S = 30
"""Seconds without traffic after which the system checks whether the other side is still there."""

_FOREVER_S = 31_536_000


class Drivers(Protocol):
    """The drivers of a study. me: the number of this driver. are_many: whether there may be others."""

    me: int
    are_many: bool

    def exclusive(self) -> Any:
        """A context in which no other driver is in such a context; not to be nested."""

    def is_alive(self, driver: int) -> bool:
        """Whether the driver of this number is still alive; only called inside `exclusive`."""

    def lock_measuring(self) -> bool:
        """Whether this driver measures times quietly, until it ends; one driver of a study does."""


class OneDriver:
    """The only driver of a study; a lock on files keeps others away (see `search.study.lock`)."""

    me = 0
    are_many = False

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nothing to wait for."""
        yield

    def is_alive(self, driver: int) -> bool:
        """Only this driver is."""
        return driver == self.me

    def lock_measuring(self) -> bool:
        """There is no other."""
        return True


class ServerDrivers:
    """One of possibly several drivers, on a connection that nothing else uses. See the module."""

    are_many = True

    def __init__(self, connection: Connection, study: str) -> None:
        self._locks = _locks(connection)
        self._study = _number(f"spikefront study {study}")
        self._measuring = _number(f"spikefront measuring {study}")
        self.me = 0
        while not self.me:
            drawn = secrets.randbits(62) + 1
            self.me = drawn if self._locks.take(drawn, wait=False) else 0

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """See `Drivers.exclusive`.

        Raises:
            StudyFailedError: the connection is lost, and with it this driver's lock on its trials; or
                another driver has held the study for `EXCLUSIVE_TIMEOUT_S`.
        """
        with _fatal():
            if not self._locks.take(self._study, wait=True):
                raise StudyFailedError(
                    f"another driver has held the study for {EXCLUSIVE_TIMEOUT_S} s; if it hangs, end it"
                )
        try:
            yield
        finally:
            with _fatal():
                self._locks.give_back(self._study)

    def is_alive(self, driver: int) -> bool:
        """Whether the driver holds its lock."""
        if driver == self.me:
            return True
        with _fatal():
            return not self._locks.is_free(driver)

    def lock_measuring(self) -> bool:
        """Whether this driver has that lock, or gets it."""
        with _fatal():
            return self._locks.take(self._measuring, wait=False)


class _PostgreSQL:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ask(f"SET lock_timeout = {EXCLUSIVE_TIMEOUT_S * 1000}")

    def take(self, lock: int, wait: bool) -> bool:
        from sqlalchemy.exc import OperationalError

        if not wait:
            return bool(self._ask(f"SELECT pg_try_advisory_lock({lock})"))
        try:
            self._ask(f"SELECT pg_advisory_lock({lock})")
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", getattr(error.orig, "pgcode", None)) == "55P03":
                return False
            raise
        return True

    def give_back(self, lock: int) -> None:
        self._ask(f"SELECT pg_advisory_unlock({lock})")

    def is_free(self, lock: int) -> bool:
        if not self.take(lock, wait=False):
            return False
        self.give_back(lock)
        return True

    def _ask(self, statement: str) -> Any:
        return _ask(self._connection, statement)


class _MySQL:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # A connection that is silent for 8 hours is closed by default, in the middle of a long training.
        _ask(connection, f"SET SESSION wait_timeout = {_FOREVER_S}")
        database = _ask(connection, "SELECT DATABASE()")
        # Names hold for the whole server, and are at most 64 characters long.
        self._prefix = f"spikefront {_number(str(database)):x} "

    def take(self, lock: int, wait: bool) -> bool:
        seconds = EXCLUSIVE_TIMEOUT_S if wait else 0
        return bool(_ask(self._connection, f"SELECT GET_LOCK('{self._prefix}{lock:x}', {seconds})"))

    def give_back(self, lock: int) -> None:
        _ask(self._connection, f"SELECT RELEASE_LOCK('{self._prefix}{lock:x}')")

    def is_free(self, lock: int) -> bool:
        return bool(_ask(self._connection, f"SELECT IS_FREE_LOCK('{self._prefix}{lock:x}')"))


_Locks = _PostgreSQL | _MySQL
_LOCKS: dict[str, Callable[[Connection], _Locks]] = {
    "postgresql": _PostgreSQL,
    "mysql": _MySQL,
    "mariadb": _MySQL,
}


@contextmanager
def server_drivers(url: str, study: str) -> Iterator[ServerDrivers]:
    """This process as a driver of a study in a server's database, for the time of the block.

    url: such that the connection is a session of the server's own: no pool that shares sessions between
    transactions may stand in between.

    Raises:
        SearchError: the server does not answer, or does not let this user in.
    """
    with server_connection(url) as connection:
        yield ServerDrivers(connection, study)


@contextmanager
def server_connection(url: str) -> Iterator[Connection]:
    """A connection that commits each statement, closed at the end; errors as in `server_drivers`."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    full = with_driver(url)
    options: dict[str, Any] = {}
    if full.startswith("postgresql+psycopg"):
        options = {"keepalives": 1, "keepalives_idle": _SILENT_S, "keepalives_interval": _SILENT_S}
    try:
        engine = create_engine(full, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=options)
        connection = engine.connect()
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise cannot_be_opened(url, error) from error
    try:
        yield connection
    finally:
        connection.close()  # there is no pool: the session ends, and with it all of its locks


@contextmanager
def alone_on_server(connection: Connection, what: str) -> Iterator[None]:
    """Hold the lock of this name, for something that only one process may do at a time.

    Raises:
        SearchError: another process has held it for `EXCLUSIVE_TIMEOUT_S`.
    """
    locks, number = _locks(connection), _number(f"spikefront {what}")
    if not locks.take(number, wait=True):
        raise SearchError(f"--storage: another process has held its lock for {EXCLUSIVE_TIMEOUT_S} s: {what}")
    yield  # the lock goes with the connection
    locks.give_back(number)


def _locks(connection: Connection) -> _Locks:
    return _LOCKS[connection.dialect.name](connection)


def _ask(connection: Connection, statement: str) -> Any:
    result = connection.exec_driver_sql(statement)
    return result.scalar() if result.returns_rows else None


def _number(text: str) -> int:
    """A number from 1 to 2^62 made of a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % 2**62 + 1


@contextmanager
def _fatal() -> Iterator[None]:
    """An error of the lock's connection ends this driver, even if everything else still works."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        line = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StudyFailedError(
            f"the connection that held this driver's place in the study is lost ({line}); "
            "its running trials are free for others, or for a resume"
        ) from error
