"""read_sql: rows of a database, by Python's DB-API 2 or ADBC."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from millstream.arguments import check_columns, check_text, refuse_placement
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import Datasource, ReadTask
from millstream.file_arguments import block_count
from millstream.read_tasks import datasource_plan
from millstream.sql_connection import POSTGRES_DRIVERS, close, connect, driver_of, is_adbc, run
from millstream.sql_rows import RowBatches, row_values
from millstream.table_reading import told_blocks

if TYPE_CHECKING:
    import pyarrow

    from millstream.context import DataContext

WHERE = "ReadSQL"
_TASK_ROWS_MIN = 50
_SHARDS = 8  # where nobody asks for another number


def read_sql(
    sql: str,
    connection_factory: Callable[[], Any],
    *,
    sql_params: Sequence[Any] | Mapping[str, Any] | None = None,
    shard_keys: Sequence[str] | None = None,
    shard_hash_fn: str = "MD5",
    schema: pyarrow.Schema | None = None,
    parallelism: int = -1,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """The rows that a statement gives, in the order in which the database gives them.

    They are fetched in parts and never held as a whole: by a cursor on the server with psycopg and psycopg2, in Arrow
    batches where the connection is ADBC's (adbc_driver_sqlite.dbapi.connect and the like), else by `fetchmany`, which
    some drivers (pymysql, MySQLdb) answer from memory unless the factory asks them for cursors on the server.

    The statement runs anew in each epoch, and for `schema()`. What changes in the database between changes the rows:
    a pass sees what the database shows to one statement. ORDER BY a key makes the order, and so that of a shuffle by
    seed, the same each time.

    Args:
        sql: A SELECT, or what the database takes in its place.
        connection_factory: Makes a connection, such as `lambda: sqlite3.connect("flights.db")`. It is called on
            several threads, and pickled with the data set: let it read passwords from where they are kept.
        sql_params: Values of the statement's placeholders, as the driver writes those.
        shard_keys: Columns by whose hash the rows are shared out to tasks, each a statement of its own, which read
            side by side: "... WHERE ABS(MOD(hash(key), tasks)) = task". The order is that of the tasks, whose rows may
            come from different moments. Where the database does not know the functions there is one task.
        shard_hash_fn: The function: it must give whole numbers, such as "hashtext" of PostgreSQL or "hash" of DuckDB.
            ray.data's default, "MD5", does in few databases.
        schema: Types of some or all columns, in place of those found. By default they are PostgreSQL's and ADBC's own,
            else those of the first rows.
        parallelism: As override_num_blocks.
        concurrency: Tasks read at one time, as in `read_datasource`.
        override_num_blocks: Tasks to share the rows out to, of at least 50 rows each; 8 by default, one without
            `shard_keys`.

    The other arguments are ray.data's and place work on a cluster.

    Raises, when rows are asked for or shared out, what the driver raises, as a UserCodeError. TypeError where a column
    changes its type. No message repeats what a failing connection says in quotes.
    """
    refuse_placement("read_sql", ray_remote_args)
    types: dict[str, pyarrow.DataType] = {} if schema is None else {each.name: each.type for each in schema}
    query = Query(checked_statement(sql), checked_factory(connection_factory), sql_params, types)
    hash_function = check_text(shard_hash_fn, "shard_hash_fn")
    source = SQLDatasource(query, check_columns(shard_keys or [], "shard_keys"), hash_function)
    asked = block_count(parallelism, override_num_blocks) or _SHARDS
    return Dataset(datasource_plan(source, asked, None, concurrency))


def checked_factory(connection_factory: Any) -> Callable[[], Any]:
    """TypeError for what is no function, such as a connection."""
    if not callable(connection_factory):
        raise TypeError(
            "connection_factory must be a function that makes a connection, such as lambda: sqlite3.connect(path), "
            f"not {type(connection_factory).__name__}"
        )
    return connection_factory  # type: ignore[no-any-return]


def checked_statement(sql: Any) -> str:
    """Without a semicolon at the end. TypeError for what is no text, ValueError for an empty one."""
    statement = check_text(sql, "sql").rstrip().rstrip(";")
    if not statement.strip():
        raise ValueError("sql is empty: give a statement")
    return statement


@dataclass(frozen=True)
class Query:
    """A statement, and all that it takes to run it. `given`: types of columns, by the user."""

    sql: str
    connection_factory: Callable[[], Any] = field(repr=False)
    parameters: Any = field(repr=False)
    given: Mapping[str, pyarrow.DataType]

    def blocks(
        self, sql: str | None = None, found: Mapping[str, pyarrow.DataType] | None = None
    ) -> Iterator[pyarrow.RecordBatch]:
        """What it gives, or what `sql` does in its place. `found`: types of its columns, where rows were looked at."""
        connection = connect(self.connection_factory, WHERE)
        try:
            driver = driver_of(connection)
            # One on the server, where a cursor without a name fetches all rows at once.
            cursor = connection.cursor(name="millstream") if driver in POSTGRES_DRIVERS else connection.cursor()
            try:
                run(cursor, sql or self.sql, self.parameters, WHERE)
                yield from self._batches(cursor, driver, found)
            finally:
                close(cursor)
        finally:
            close(connection)

    def row(self, sql: str) -> Any:
        """The first row of another statement."""
        connection = connect(self.connection_factory, WHERE)
        try:
            cursor = connection.cursor()
            run(cursor, sql, self.parameters, WHERE)
            return row_values(cursor.fetchone())
        finally:
            close(connection)

    def _batches(self, cursor: Any, driver: str, found: Mapping[str, Any] | None) -> Iterable[pyarrow.RecordBatch]:
        if is_adbc(cursor):
            return told_blocks(WHERE, lambda: _adbc_batches(cursor, self.given))
        return RowBatches(cursor, driver, WHERE, self.given, found)


class SQLDatasource(Datasource):
    """Rows of a query, shared out by the hash of their keys where there are any."""

    def __init__(self, query: Query, shard_keys: list[str], hash_function: str) -> None:
        self._query = query
        keys = f"CONCAT({', '.join(shard_keys)})" if len(shard_keys) > 1 else "".join(shard_keys)
        self._keys = keys
        self._hash = f"{hash_function}({keys})"

    def get_name(self) -> str:
        return "SQL"

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: DataContext | None = None
    ) -> list[ReadTask]:
        rows = self._rows_to_share(parallelism)
        tasks = 1 if rows is None else min(parallelism, -(-rows // _TASK_ROWS_MIN))
        if rows is None or tasks <= 1:
            return [ReadTask(self._query.blocks, BlockMetadata(rows))]
        types = self._types_found(tasks)
        return [
            ReadTask(
                functools.partial(self._query.blocks, self._shard(task, tasks), types), BlockMetadata(rows // tasks)
            )
            for task in range(tasks)
        ]

    def _rows_to_share(self, tasks: int) -> int | None:
        """Rows of all tasks; None where they cannot be shared out. Raises what the statement by itself raises."""
        if not self._keys or tasks == 1:
            return None
        counted = f"SELECT COUNT(*) FROM ({self._query.sql}) AS T"
        try:
            self._query.row(f"{counted} WHERE {_condition(self._hash, 0, 2)}")
        except Exception as error:
            self._query.row(counted)
            self._check_keys()
            warnings.warn(
                f"read_sql: one task reads all rows, for the database cannot share them out by {self._hash}: give the "
                f"name of a function that makes a whole number of the key as shard_hash_fn ({error})",
                stacklevel=5,
            )
            return None
        return int(self._query.row(counted)[0])

    def _check_keys(self) -> None:
        try:
            self._query.row(f"SELECT COUNT({self._keys}) FROM ({self._query.sql}) AS T WHERE 1 = 0")
        except Exception as error:
            text = f"shard_keys are not columns of the statement, or not ones to share out by ({error})"
        else:
            return
        raise ValueError(text)

    def _types_found(self, tasks: int) -> dict[str, pyarrow.DataType]:
        """Those of the first task's first rows, for all tasks."""
        blocks = self._query.blocks(self._shard(0, tasks))
        try:
            return {each.name: each.type for each in next(iter(blocks)).schema if str(each.type) != "null"}
        finally:
            blocks.close()  # type: ignore[attr-defined]

    def _shard(self, task: int, tasks: int) -> str:
        return f"SELECT * FROM ({self._query.sql}) AS T WHERE {_condition(self._hash, task, tasks)}"


def _condition(hashed: str, task: int, tasks: int) -> str:
    """Of the rows of one task. Whatever the function gives, null and fractions too, each row is in just one.

    The remainder before ABS, where ray.data has it behind: the least number of all has no absolute value.
    """
    share = f"ABS(MOD({hashed}, {tasks}))"
    from_here, to_here = f"{share} >= {task}", f"{share} < {task + 1}"
    if task == 0:
        return f"({to_here} OR {share} IS NULL)"
    return from_here if task == tasks - 1 else f"{from_here} AND {to_here}"


def _adbc_batches(cursor: Any, given: Mapping[str, pyarrow.DataType]) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    for batch in cursor.fetch_record_batch():
        arrays = [_adbc_column(column, given.get(name)) for name, column in zip(batch.schema.names, batch, strict=True)]
        yield pyarrow.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _adbc_column(column: pyarrow.Array, wanted: pyarrow.DataType | None) -> pyarrow.Array:
    """What the driver knows no type for, such as numeric, it gives as texts that are marked so."""
    plain = column.storage if getattr(column.type, "extension_name", "") == "arrow.opaque" else column
    return plain if wanted is None else plain.cast(wanted)
