"""Dataset.write_sql: rows into a database, by Python's DB-API 2 or ADBC."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from millstream.datasink import Datasink, TaskContext, WriteResult
from millstream.sql import checked_factory, checked_statement
from millstream.sql_connection import close, connect, is_adbc
from millstream.user_code_error import library_error

if TYPE_CHECKING:
    import pyarrow

_WHERE = "WriteSQL"
_BATCH_ROWS = 1 << 10  # of a call of executemany
_NAME = r'(?:\w+|"[^"]+")'
_PLAIN_INSERT = re.compile(
    rf"\s*INSERT\s+INTO\s+(?:({_NAME})\s*\.\s*)?({_NAME})\s*\(([^()]+)\)\s*VALUES\s*\(([^()]+)\)\s*", re.IGNORECASE
)


class SQLDatasink(Datasink[None]):
    """Runs a statement for each row, all of them in one transaction of one connection."""

    def __init__(self, sql: str, connection_factory: Callable[[], Any]) -> None:
        self._sql = checked_statement(sql)
        self._factory = checked_factory(connection_factory)
        self._connection: Any = None
        self._cursor: Any = None
        self._ingested: tuple[str, str | None, list[str]] | None = None

    def get_name(self) -> str:
        return "SQL"

    def on_write_start(self, schema: pyarrow.Schema | None = None) -> None:
        self._connection = connect(self._factory, _WHERE)
        self._cursor = self._connection.cursor()
        if type(self._connection).__module__ == "sqlite3" and self._connection.isolation_level is None:
            self._asked(lambda: self._cursor.execute("BEGIN"))  # else each statement is a transaction of its own
        if is_adbc(self._cursor) and schema is not None:
            self._ingested = _ingested_table(self._sql, self._connection, schema)

    def write(self, blocks: Iterable[pyarrow.Table], ctx: TaskContext) -> None:
        for block in blocks:
            if is_adbc(self._cursor):
                self._asked(lambda block=block: self._write_arrow(block))  # type: ignore[misc]
                continue
            for rows in _row_lists(block):
                self._asked(lambda rows=rows: self._cursor.executemany(self._sql, rows))  # type: ignore[misc]

    def on_write_complete(self, write_result: WriteResult[None]) -> None:
        self._asked(self._connection.commit)
        self._close()

    def on_write_failed(self, error: Exception) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):  # of a connection that is broken, or has no transactions
                self._connection.rollback()
            self._close()

    def _write_arrow(self, block: pyarrow.Table) -> None:
        if self._ingested is None:
            self._cursor.executemany(self._sql, block)
            return
        table, table_schema, columns = self._ingested
        options = {} if table_schema is None else {"db_schema_name": table_schema}
        self._cursor.adbc_ingest(table, block.rename_columns(columns), mode="append", **options)

    def _asked(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:
            raise library_error(_WHERE, error) from error

    def _close(self) -> None:
        close(self._cursor)
        close(self._connection)
        self._connection = None


def _row_lists(block: pyarrow.Table) -> Iterator[list[tuple[Any, ...]]]:
    for first in range(0, block.num_rows, _BATCH_ROWS):
        part = block.slice(first, _BATCH_ROWS)
        yield list(zip(*(_values(column) for column in part.columns), strict=True))


def _values(column: pyarrow.ChunkedArray) -> list[Any]:
    """As Python has them; times of whole microseconds as its own, for drivers do not know those of pandas."""
    import pyarrow

    if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
        with contextlib.suppress(pyarrow.ArrowInvalid):
            column = column.cast(pyarrow.timestamp("us", column.type.tz))
    return column.to_pylist()  # type: ignore[no-any-return]


def _ingested_table(sql: str, connection: Any, schema: pyarrow.Schema) -> tuple[str, str | None, list[str]] | None:
    """The table, its schema and columns of a statement that does no more than to put each row into a table whose
    columns are of the rows' types: a driver then takes the rows without a statement. None for another.
    """
    insert = _PLAIN_INSERT.fullmatch(sql)
    if insert is None:
        return None
    table_schema, table, columns, values = insert.groups()
    names = [name.strip().strip('"') for name in columns.split(",")]
    placeholders = [value.strip() for value in values.split(",")]
    numbered = [f"${number}" for number in range(1, len(schema) + 1)]
    if len(names) != len(schema) or placeholders not in (["?"] * len(schema), numbered):
        return None
    plain_schema = table_schema and table_schema.strip('"')
    try:
        known = connection.adbc_get_table_schema(table.strip('"'), db_schema_filter=plain_schema)
    except Exception:  # a name that the driver does not find as it is written, or a driver that cannot tell
        connection.rollback()  # of the question, after which PostgreSQL takes no other
        return None
    wanted = [known.field(name).type if known.get_field_index(name) >= 0 else None for name in names]
    return (table.strip('"'), plain_schema, names) if wanted == schema.types else None
