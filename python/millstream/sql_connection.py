"""Connections by Python's DB-API 2, ADBC's among them, as the user's factory opens them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from millstream.connection_error import connection_error
from millstream.user_code_error import library_error

POSTGRES_DRIVERS = ("psycopg", "psycopg2")


def driver_of(connection: Any) -> str:
    """The package that a connection is of; behind SQLAlchemy's, that of the connection which it holds."""
    return type(getattr(connection, "driver_connection", connection)).__module__.partition(".")[0]


def is_adbc(cursor: Any) -> bool:
    """Whether a cursor gives and takes Arrow batches by ADBC's names."""
    return hasattr(cursor, "adbc_statement")


def connect(connection_factory: Callable[[], Any], where: str) -> Any:
    """A connection, which is not in a mode that commits each statement where the driver has an attribute for that.

    What the factory raises is told as `connection_error` tells it; TypeError for what is no connection of DB-API 2.
    """
    failure: BaseException | None = None
    try:
        connection = connection_factory()
    except Exception as error:
        failure = connection_error(f"{where}: connection_factory()", error, "call connection_factory() by itself")
    if failure is not None:  # not raised above, for it would have the driver's own error as its context
        raise failure
    lacks = [name for name in ("cursor", "commit", "close") if not callable(getattr(connection, name, None))]
    if lacks:
        raise TypeError(
            f"{where}: connection_factory() returned {type(connection).__name__}, which has no {lacks[0]}(); return a "
            "connection of DB-API 2, such as sqlite3.connect(path)"
        )
    driver_connection = getattr(connection, "driver_connection", connection)
    if getattr(driver_connection, "autocommit", None) is True:
        driver_connection.autocommit = False
    return connection


def close(closed: Any) -> None:
    """Closes a connection or cursor; that it is broken is nobody's matter any more."""
    with contextlib.suppress(Exception):
        closed.close()


def run(cursor: Any, sql: str, parameters: Any, where: str) -> None:
    """Executes a statement; what the driver raises is raised with `where` before it."""
    try:
        cursor.execute(sql) if parameters is None else cursor.execute(sql, parameters)
    except Exception as error:
        raise library_error(where, error) from error
