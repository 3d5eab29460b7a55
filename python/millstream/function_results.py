"""What users' functions return, as Arrow record batches of the user's pyarrow.

Every error begins with `where`, such as "MapBatches(scale)", and says what the function returned and what it may.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millstream.result_columns import is_single_value, one_chunk, result_column, unsigned_values

if TYPE_CHECKING:
    import pyarrow

_BATCHES = (
    "a batch is a dict of columns, for example {'x': numpy.array([1, 2])}, a pandas.DataFrame, a polars.DataFrame or a "
    "pyarrow.Table"
)
_ROWS = "a row is a dict, for example {'x': 1}"


def batch_from_result(result: Any, *, where: str) -> pyarrow.RecordBatch:
    """The batch that a function of `map_batches` returned.

    A dict of columns (lists, numpy arrays of any rank, Series, pyarrow arrays), a pandas or polars DataFrame, or a
    table or record batch of pyarrow, or of any library with __arrow_c_stream__. A frame's index is left out.

    Memory that the function might change later, that of writable numpy arrays and Series, is copied; that of Arrow and
    of read-only arrays, such as those that it was given, is shared.
    """
    pyarrow = _pyarrow(where)
    if isinstance(result, pyarrow.RecordBatch):
        return _checked(result, where)
    if isinstance(result, pyarrow.Table):
        return _of_table(result, where)
    if _is_frame(result, "pandas"):
        return _of_frame(result, where)
    if isinstance(result, Mapping):
        _check_names(result, where)
        return _of_columns(list(result.items()), where)
    if hasattr(result, "__arrow_c_stream__") and (hasattr(result, "schema") or hasattr(result, "columns")):
        return _of_table(_imported(result, where), where)
    raise TypeError(f"{where}: the function {_returned(result)}; {_BATCHES}{_batch_remedy(result)}")


def rows_to_batch(rows: Sequence[Any], *, where: str, unsigned: Container[str] = ()) -> pyarrow.RecordBatch:
    """The batch of the rows that a function of `map` or `flat_map` gave, each a dict.

    Columns are in the order in which their names first appear; where a row lacks one it is null. `unsigned`: columns
    that stay uint64 where all of their values are whole numbers that fit, so that a batch of small ones is no other.
    """
    pyarrow = _pyarrow(where)
    names: dict[str, None] = {}
    for row in rows:
        if type(row) is not dict:
            row_from_result(row, where=where)
        if not row.keys() <= names.keys():
            _check_names(row, where)
            names.update(dict.fromkeys(row))
    if not names:
        return pyarrow.RecordBatch.from_struct_array(pyarrow.array([{}] * len(rows), pyarrow.struct([])))
    columns = [(name, [row.get(name) for row in rows]) for name in names]
    kept = [(name, unsigned_values(values) if name in unsigned else values) for name, values in columns]
    return _of_columns(kept, where)


def row_from_result(result: Any, *, where: str) -> Any:
    """The row that a function of `map` returned. TypeError where it is not a dict."""
    if type(result) is not dict and not isinstance(result, Mapping):  # which takes long to tell
        raise TypeError(f"{where}: the function {_returned(result)}; {_ROWS}{_row_remedy(result)}")
    return result


def rows_of_flat_map(result: Any, *, where: str) -> list[Any]:
    """The rows of one call of a function of `flat_map`: a list, or anything else that is looped over."""
    if isinstance(result, Mapping | str | bytes) or not isinstance(result, Iterable):
        remedy = "; put it in a list: [row]" if isinstance(result, Mapping) else ""
        raise TypeError(
            f"{where}: the function {_returned(result)}; flat_map takes a list of rows, or yields them, and {_ROWS}"
            f"{remedy or _none_remedy(result)}"
        )
    return [row_from_result(row, where=where) for row in result]


def keeps_row(result: Any, *, where: str) -> bool:
    """Whether a function of `filter` returned what is true. TypeError for what is neither true nor false."""
    try:
        return bool(result)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{where}: the function {_returned(result)}, which is neither true nor false ({error}); return True for "
            "the rows to keep"
        ) from None


def column_from_result(result: Any, *, name: str, rows: int, where: str) -> pyarrow.RecordBatch:
    """A batch of the one column that a function of `add_column` returned for a batch of `rows` rows.

    A single value, as for pandas, is the value of every row.
    """
    _pyarrow(where)
    batch = _of_columns([(name, [result] * rows if is_single_value(result) else result)], where)
    if batch.num_rows != rows:
        raise ValueError(
            f"{where}: the function returned {batch.num_rows} values for a batch of {rows} rows; return one a row"
        )
    return batch


def _pyarrow(where: str) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            f"{where}: functions of rows need pyarrow, which is not installed; pip install pyarrow"
        ) from error
    return pyarrow


def _of_columns(columns: Iterable[tuple[str, Any]], where: str, rows: int | None = None) -> pyarrow.RecordBatch:
    import pyarrow

    made = [result_column(name, values, where=where) for name, values in columns]
    if not made:
        return pyarrow.RecordBatch.from_struct_array(pyarrow.array([{}] * (rows or 0), pyarrow.struct([])))
    lengths = {field.name: len(array) for field, array in made}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} has {count}" for name, count in list(lengths.items())[:10])
        raise ValueError(
            f"{where}: the function returned columns of unequal length: {listed}; give each one value a row"
        )
    schema = pyarrow.schema([field for field, _ in made])
    return pyarrow.RecordBatch.from_arrays([array for _, array in made], schema=schema)


def _of_table(table: Any, where: str) -> pyarrow.RecordBatch:
    import pyarrow

    if table.num_columns == 0:
        return pyarrow.RecordBatch.from_struct_array(pyarrow.array([{}] * table.num_rows, pyarrow.struct([])))
    columns = [one_chunk(column) for column in table.columns]
    fields = [field.with_type(column.type) for field, column in zip(table.schema, columns, strict=True)]
    return _checked(pyarrow.RecordBatch.from_arrays(columns, schema=pyarrow.schema(fields)), where)


def _imported(frame: Any, where: str) -> Any:
    """Of any library but pandas as a table. polars gives texts as string views unless asked otherwise."""
    import pyarrow

    try:
        return frame.to_arrow() if _is_frame(frame, "polars") else pyarrow.table(frame)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise TypeError(
            f"{where}: the function {_returned(frame)} that pyarrow {pyarrow.__version__} cannot take ({error})"
        ) from error


def _checked(batch: Any, where: str) -> pyarrow.RecordBatch:
    _check_different(batch.schema.names, where)
    return batch.replace_schema_metadata(None)


def _of_frame(frame: Any, where: str) -> pyarrow.RecordBatch:
    """Of pandas. Numbers, its names of columns without one, become texts as in ray.data."""
    names = [str(name) if isinstance(name, int) else name for name in frame.columns]
    _check_names(names, where)
    _check_different(names, where)
    return _of_columns([(name, frame.iloc[:, index]) for index, name in enumerate(names)], where, rows=len(frame))


def _check_names(names: Iterable[Any], where: str) -> None:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"{where}: the function returned a column of the name {name!r}, of type {type(name).__name__}; "
                "names of columns are texts"
            )
        try:
            name.encode()
        except UnicodeError:
            raise ValueError(
                f"{where}: the function returned a column of the name {name!r}, which cannot be written as UTF-8; "
                "rename it"
            ) from None


def _check_different(names: list[str], where: str) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{where}: the function returned two columns of the name {twice!r}; rename one of them")


def _is_frame(value: Any, package: str) -> bool:
    # Another thread may be in the middle of the import: then the value is none of its frames.
    frame = getattr(sys.modules.get(package), "DataFrame", None)
    return frame is not None and isinstance(value, frame)


def _returned(value: Any) -> str:
    if value is None:
        return "returned None"
    kind = "generator" if inspect.isgenerator(value) else type(value).__name__
    return f"returned {'an' if kind[0] in 'aeiou' or kind == 'ndarray' else 'a'} {kind}"


def _none_remedy(value: Any) -> str:
    return " (is a return statement missing?)" if value is None else ""


def _batch_remedy(value: Any) -> str:
    if isinstance(value, list | tuple) or hasattr(value, "__array__"):
        return ". To make it a column, name it: {'name': values}"
    if hasattr(value, "collect"):
        return ". Call collect() for it"
    return _none_remedy(value)


def _row_remedy(value: Any) -> str:
    if inspect.isgenerator(value) or isinstance(value, list | tuple):
        return ". For several rows of one, use flat_map"
    if is_single_value(value) and value is not None:
        return ". To make it a column, name it: {'name': value}"
    return _none_remedy(value)
