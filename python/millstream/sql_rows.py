"""Rows of a cursor as Arrow batches: fetched in parts, with types that are found once and kept.

Types are those that PostgreSQL tells; of other databases those of the first rows, found as `from_items` finds them.
Later rows fit them where no value changes (nulls, whole numbers among floats, decimals of fewer digits); what does not
is an error that names the column and the row.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millstream.result_columns import result_column
from millstream.sql_connection import POSTGRES_DRIVERS
from millstream.type_fits import fits
from millstream.user_code_error import library_error

if TYPE_CHECKING:
    import pyarrow

_FIRST_ROWS = 64  # of the first fetch, before it is known how large a row is
_FETCHED_ROWS = 1 << 10  # of a fetch, for what follows small rows may be large ones
_BLOCK_ROWS = 1 << 13
_BLOCK_BYTES = 4 << 20
_LOOKED_AT = 8  # blocks that are waited for where a column is null in all of them
_SAMPLED_ROWS = 32
_DIGITS_MAX = 76  # of decimals
_REMEDY = "CAST it in the SQL, or give its type: schema=pyarrow.schema([({name!r}, ...)])"

# PostgreSQL's numbers of its own types, and the Arrow types that the values have which psycopg makes of them.
_POSTGRES_TYPES = {
    **dict.fromkeys((20, 21, 23, 26), "int64"),
    **dict.fromkeys((700, 701), "float64"),
    **dict.fromkeys((18, 19, 25, 1042, 1043), "string"),
    16: "bool_",
    17: "binary",
    1082: "date32",
}


class RowBatches:
    """Makes batches of the rows that one statement gives.

    `types` are known beforehand, by name: those of `given` are the user's, and values are brought to them by Arrow's
    casts; those of `found` are from other rows of the same statement.
    """

    def __init__(
        self,
        cursor: Any,
        driver: str,
        where: str,
        given: Mapping[str, pyarrow.DataType],
        found: Mapping[str, pyarrow.DataType] | None = None,
    ) -> None:
        self._cursor = cursor
        self._where = where
        self._given = given
        self._first_part = self._fetched(_FIRST_ROWS)  # before the description, which psycopg2 has only then
        self._names = _column_names(cursor.description, where)
        self._rows_before = 0
        self.types = dict(found if found is not None else _described_types(cursor.description, driver))
        if unknown := [name for name in given if name not in self._names]:
            raise KeyError(f"{where}: schema has a column {unknown[0]!r}, and the rows have {', '.join(self._names)}")

    def __iter__(self) -> Iterator[pyarrow.RecordBatch]:
        """At least one, without rows where there are none."""
        groups = self._groups()
        yield self._batch(self._first_rows(groups))
        for rows in groups:
            yield self._batch(rows)

    # ---- rows ----
    def _first_rows(self, groups: Iterator[list[Any]]) -> list[Any]:
        """More than one block's where a column has no value in them that tells its type."""
        rows: list[Any] = []
        untold = {index for index, name in enumerate(self._names) if name not in self._given and name not in self.types}
        for count, group in enumerate(groups, 1):
            rows += group
            untold = {index for index in untold if all(row[index] is None for row in group)}
            if not untold or count == _LOOKED_AT:
                break
        return rows

    def _groups(self) -> Iterator[list[Any]]:
        """Rows in lists of about a block."""
        rows: list[Any] = []
        size = 0
        for part, part_bytes in self._parts():
            rows += part
            size += part_bytes
            if len(rows) >= _BLOCK_ROWS or size >= _BLOCK_BYTES:
                yield rows
                rows, size = [], 0
        if rows:
            yield rows

    def _parts(self) -> Iterator[tuple[Sequence[Any], int]]:
        """Rows as they are fetched, as many at a time as a block takes, and their bytes, about."""
        part, asked = self._first_part, _FIRST_ROWS
        while part:
            row_bytes = _row_bytes(part)
            yield part, row_bytes * len(part)
            asked = max(1, min(asked * 8, _FETCHED_ROWS, _BLOCK_BYTES // row_bytes))
            part = self._fetched(asked)

    def _fetched(self, rows: int) -> Sequence[Any]:
        try:
            fetched: Sequence[Any] = self._cursor.fetchmany(rows)
        except Exception as error:
            raise library_error(self._where, error) from error
        return [row_values(row) for row in fetched] if fetched and isinstance(fetched[0], Mapping) else fetched

    # ---- columns ----
    def _batch(self, rows: list[Any]) -> pyarrow.RecordBatch:
        import pyarrow

        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._names)
        arrays = [self._array(name, list(values)) for name, values in zip(self._names, columns, strict=True)]
        self._rows_before += len(rows)
        return pyarrow.RecordBatch.from_arrays(arrays, names=self._names)

    def _array(self, name: str, values: list[Any]) -> pyarrow.Array:
        if name in self._given:
            return self._as_given(name, values, self._given[name])
        if name in self.types:
            return self._as_found(name, values, self.types[name])
        array = self._inferred(name, values)
        if _is_null(array.type):
            return array
        if self._rows_before:
            raise TypeError(
                f"{self._where}: column {name!r} is null in the first {self._rows_before} rows and then {array.type}; "
                + _REMEDY.format(name=name)
            )
        self.types[name] = kept = _widened(array.type)
        return array if kept == array.type else array.cast(kept)

    def _inferred(self, name: str, values: list[Any]) -> pyarrow.Array:
        try:
            return result_column(name, values, where=self._where)[1]
        except (TypeError, ValueError) as error:
            text = f"{error}; {_REMEDY.format(name=name)}"
        raise TypeError(text)

    def _as_given(self, name: str, values: list[Any], wanted: pyarrow.DataType) -> pyarrow.Array:
        import pyarrow

        try:
            return pyarrow.array(values, wanted)
        except (pyarrow.ArrowException, OverflowError):
            pass
        try:
            return self._inferred(name, values).cast(wanted)
        except pyarrow.ArrowException as error:
            text = f"{self._where}: column {name!r} does not become {wanted}, which schema says that it is ({error})"
        raise TypeError(text)

    def _as_found(self, name: str, values: list[Any], wanted: pyarrow.DataType) -> pyarrow.Array:
        import pyarrow

        array = self._inferred(name, values)
        if array.type == wanted:
            return array
        error: Exception | None = None
        if fits(wanted, array.type):
            try:
                return pyarrow.array(values, wanted)
            except (pyarrow.ArrowException, OverflowError) as refused:
                error = refused
        raise TypeError(
            f"{self._where}: column {name!r} is {wanted} at first and {array.type} in rows {self._rows_before} to "
            f"{self._rows_before + len(values) - 1}{f' ({error})' if error else ''}; {_REMEDY.format(name=name)}"
        )


def row_values(row: Any) -> Sequence[Any]:
    """The row's values in order, also where the user's connection makes dicts of rows."""
    return tuple(row.values()) if isinstance(row, Mapping) else row


def _column_names(description: Any, where: str) -> list[str]:
    if description is None:
        raise ValueError(f"{where}: the statement gives no rows; give a SELECT")
    names = [str(column[0]) for column in description]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{where}: two columns have the name {twice[0]!r}; name one of them otherwise with AS")
    return names


def _described_types(description: Any, driver: str) -> dict[str, pyarrow.DataType]:
    """The types that the database itself tells."""
    import pyarrow

    if driver not in POSTGRES_DRIVERS:
        return {}
    further = {
        1083: pyarrow.time64("us"),
        1114: pyarrow.timestamp("us"),
        1184: pyarrow.timestamp("us", "UTC"),  # whatever zone the session is in
        1186: pyarrow.duration("us"),
    }
    types: dict[str, pyarrow.DataType] = {}
    for name, number, _, _, precision, scale, *_ in description:
        if number == 1700 and precision and 0 <= (scale or 0) <= precision <= _DIGITS_MAX:
            types[name] = _decimal(precision, scale or 0)
        elif number in _POSTGRES_TYPES:
            types[name] = getattr(pyarrow, _POSTGRES_TYPES[number])()
        elif number in further:
            types[name] = further[number]
    return types


def _widened(found: pyarrow.DataType) -> pyarrow.DataType:
    """Decimals of as many digits as fit: the first rows may be small ones."""
    import pyarrow

    return _decimal(38, found.scale) if pyarrow.types.is_decimal128(found) else found


def _decimal(precision: int, scale: int) -> pyarrow.DataType:
    import pyarrow

    return pyarrow.decimal128(precision, scale) if precision <= 38 else pyarrow.decimal256(precision, scale)


def _is_null(kind: pyarrow.DataType) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_null(kind))


def _row_bytes(rows: Sequence[Sequence[Any]]) -> int:
    """Bytes of a row, about, by some of them."""
    sampled = rows[:: max(1, len(rows) // _SAMPLED_ROWS)]
    return max(1, sum(sys.getsizeof(value) for row in sampled for value in row) // len(sampled))
