"""Where data sets come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from millstream import _core
from millstream.arguments import check_count, refuse, refuse_placement
from millstream.dataset import Dataset
from millstream.expressions import Expr
from millstream.file_arguments import HIVE, Paths, ReadOptions, block_count, read_files
from millstream.materialized_dataset import MaterializedDataset

if TYPE_CHECKING:
    import numpy
    import pandas
    import pyarrow

    from millstream.datasource import Datasource

_RANGE_BLOCK_ROWS = 1 << 20

_READ_PARQUET_REMEDIES = {
    "catalog": "give the paths of the files",
    "skip_paths": "leave those paths out of the list",
    "tensor_column_schema": "write tensors as Arrow's fixed-shape tensor type",
}


def read_parquet(
    paths: Paths,
    *,
    catalog: Any = None,
    columns: Sequence[str] | None = None,
    filter: Expr | str | pyarrow.compute.Expression | None = None,
    tensor_column_schema: Any = None,
    include_row_hash: bool = False,
    skip_paths: Any = None,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Rows of Parquet files, in the order of the paths; within a directory in the order of the file names.

    Reads the footers now and rows when they are asked for.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        columns: Names of the columns to read, in that order. All by default.
        filter: Keeps the rows for which it is true: an expression, its text, or one of pyarrow, as in `Dataset.filter`.
            It may use columns that are not read. Files and row groups for which it cannot be true are not read.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: a directory without Parquet files, a file that is not Parquet, files whose columns do not fit.
        KeyError: an unknown column, naming the near ones.
    """
    refuse(
        "read_parquet",
        {
            "catalog": catalog,
            "tensor_column_schema": tensor_column_schema,
            "include_row_hash": include_row_hash,
            "skip_paths": skip_paths,
        },
        _READ_PARQUET_REMEDIES,
    )
    names = None if columns is None else _column_names(columns)
    dataset = read_files(
        "read_parquet",
        paths,
        lambda engine, files: _core.read_parquet(engine, files, None if filter is not None else names),
        options,
        partitioning=HIVE,
        file_extensions=("parquet",),
    )
    if filter is None:
        return dataset
    filtered = dataset.filter(expr=filter)
    return filtered if names is None else filtered.select_columns(names)


def read_datasource(
    datasource: Datasource,
    *,
    parallelism: int = -1,
    override_num_blocks: int | None = None,
    concurrency: int | None = None,
    compute: Any = None,
    **read_args: Any,
) -> Dataset:
    """Rows of a source of the user's own, in the order of its tasks, and within each of its blocks.

    Asks it now for its tasks, and reads them when rows are asked for. A task that yields blocks is read as a stream.

    Args:
        datasource: A `millstream.datasource.Datasource`.
        parallelism: As override_num_blocks; -1 lets the size of the data decide.
        override_num_blocks: Tasks to ask for. By default one for each 64 MB that the source estimates, from 8 to 4096;
            64 where it does not.
        concurrency: Tasks read at one time; by default one a CPU, up to 4. They are read on threads. The order of rows
            does not depend on it.
        compute: The same as a TaskPoolStrategy.

    Raises:
        UserCodeError: a task raised; the error names it, and its files where its metadata does.
    """
    from millstream.datasource import Datasource
    from millstream.read_tasks import datasource_plan

    refuse_placement("read_datasource", read_args)
    if not isinstance(datasource, Datasource):
        raise TypeError(f"read_datasource takes a Datasource, not {type(datasource).__name__}")
    return Dataset(datasource_plan(datasource, block_count(parallelism, override_num_blocks), compute, concurrency))


def range(
    n: int, *, parallelism: int = -1, concurrency: int | None = None, override_num_blocks: int | None = None
) -> Dataset:
    """One column "id" of the whole numbers from 0 to n - 1."""
    refuse_placement("range", {"concurrency": concurrency})
    rows = check_count(n, "n")
    if rows >= 1 << 48:
        raise ValueError(f"n must be below 2**48, got {rows}")
    blocks = block_count(parallelism, override_num_blocks) or max(1, -(-rows // _RANGE_BLOCK_ROWS))
    return Dataset(_core.Plan.range(rows, blocks))


def from_arrow(tables: Any, *, override_num_blocks: int | None = None) -> MaterializedDataset:
    """Rows of an Arrow table, or of several of the same schema one after the other.

    A table is any object with __arrow_c_stream__ or __arrow_c_array__: of pyarrow, polars, DuckDB and others. Its
    memory is shared, not copied.
    """
    if isinstance(tables, list | tuple):
        tables = _joined([_checked_table(table) for table in tables])
    _checked_table(tables)
    return MaterializedDataset(_core.Plan.from_arrow(tables, blocks=block_count(-1, override_num_blocks)))


def from_pandas(
    dfs: pandas.DataFrame | list[pandas.DataFrame], *, override_num_blocks: int | None = None
) -> MaterializedDataset:
    """Rows of a pandas.DataFrame, or of several one after the other.

    The index is left out; frame.reset_index() makes it a column.
    """
    import pandas
    import pyarrow

    frames = dfs if isinstance(dfs, list) else [dfs]
    for frame in frames:
        if not isinstance(frame, pandas.DataFrame):
            raise TypeError(f"from_pandas takes a DataFrame or a list of them, not {type(frame).__name__}")
    tables = [pyarrow.Table.from_pandas(frame, preserve_index=False) for frame in frames]
    return from_arrow(tables, override_num_blocks=override_num_blocks)


def from_items(
    items: list[Any], *, parallelism: int = -1, override_num_blocks: int | None = None
) -> MaterializedDataset:
    """One row an item: a dict gives its keys as columns, anything else the column "item".

    A key that an item lacks is null there. Types are found by pyarrow; arrays of numpy are tensors. TypeError or
    ValueError where values do not fit.
    """
    import pyarrow

    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise TypeError(
            f"from_items takes a list of rows, not {type(items).__name__}; a dict of columns is a table: "
            "from_arrow(pyarrow.table(columns))"
        )
    rows = [item if isinstance(item, dict) else {"item": item} for item in items]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [_column_of_items(name, [row.get(name) for row in rows]) for name in names]
    table = pyarrow.table([array for _, array in columns], pyarrow.schema([field for field, _ in columns]))
    return MaterializedDataset(_core.Plan.from_arrow(table, blocks=block_count(parallelism, override_num_blocks)))


def from_numpy(ndarrays: numpy.ndarray[Any, Any] | list[numpy.ndarray[Any, Any]]) -> MaterializedDataset:
    """One row an entry along the first axis, in the column "data"; further axes become fixed-shape tensors."""
    import numpy
    import pyarrow

    arrays = ndarrays if isinstance(ndarrays, list) else [ndarrays]
    for array in arrays:
        if not isinstance(array, numpy.ndarray) or array.ndim == 0:
            raise TypeError(
                "from_numpy takes an array with an axis of rows, or a list of them, not "
                + (type(array).__name__ if not isinstance(array, numpy.ndarray) else "a scalar")
            )
    return from_arrow([pyarrow.table({"data": _arrow_column(array)}) for array in arrays])


def _arrow_column(array: Any) -> Any:
    import pyarrow

    try:
        if array.ndim == 1:
            return pyarrow.array(array)
        return pyarrow.FixedShapeTensorArray.from_numpy_ndarray(array)
    except NotImplementedError as error:
        raise TypeError(f"numpy's dtype {array.dtype} has no Arrow type ({error}); convert the array before") from error


def _column_of_items(name: Any, values: list[Any]) -> tuple[pyarrow.Field, pyarrow.Array]:
    import pyarrow

    from millstream.result_columns import is_array_like, plain_values, result_column

    if not isinstance(name, str):
        raise TypeError(f"the keys of an item are names of columns; {name!r} is not a text")
    if any(map(is_array_like, values)):
        return result_column(name, values, where="from_items")
    try:
        array = plain_values(values)
    except OverflowError as error:
        raise ValueError(
            f"column {name!r} holds a whole number that does not fit in 64 bits, or not with the others ({error}); "
            "write it as a text or a float"
        ) from None
    except (ValueError, TypeError) as error:
        raise type(error)(f"column {name!r}: {error}; the values of a column must be of one type") from None
    return pyarrow.field(name, array.type), array


def _checked_table(table: Any) -> Any:
    if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        return table
    raise TypeError(
        "from_arrow takes an Arrow table or record batch, or a list of them (objects with __arrow_c_stream__ or "
        f"__arrow_c_array__), not {type(table).__name__}"
    )


def _joined(tables: Sequence[Any]) -> Any:
    if len(tables) == 1:
        return tables[0]
    import pyarrow

    if not tables:
        return pyarrow.table({})
    return pyarrow.concat_tables([pyarrow.table(table) for table in tables])


def _column_names(columns: Any) -> list[str]:
    names = [columns] if isinstance(columns, str) else columns
    if not isinstance(names, Sequence) or any(not isinstance(name, str) for name in names):
        raise TypeError(f"columns must be a list of names, not {columns!r}")
    return list(names)
