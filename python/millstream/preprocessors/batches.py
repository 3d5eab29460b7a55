"""Single batches for `transform_batch`: DataFrames, tables and dicts of arrays, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from millstream.batch_format import is_variable_shape_type, numpy_of_array
from millstream.function_results import batch_from_result
from millstream.preprocessor import Preprocessor
from millstream.result_columns import one_chunk

if TYPE_CHECKING:
    import pandas
    import pyarrow


def transformed(preprocessor: Preprocessor, data: Any) -> Any:
    """The batch as the preprocessor's `_transform_arrow` changes it, of the kind that it was given as.

    Of a DataFrame only the columns that are read cross into Arrow, and those written come back: its index and its other
    columns stay as they are.
    """
    if _is_frame(data):
        read = [name for name in preprocessor.get_input_columns() if name in data.columns]
        known = len(read) == len(preprocessor.get_input_columns())
        table = arrow_table(data[read] if known else data)
        return _into_frame(data, table, _result(preprocessor, table))
    table = _result(preprocessor, converted(data, "pyarrow"))
    return _numpy_batch(table) if isinstance(data, Mapping) else table


def converted(data: Any, batch_format: str) -> Any:
    """The batch as `batch_format`. TypeError for what is no batch."""
    import pyarrow

    if isinstance(data, pyarrow.RecordBatch):
        data = pyarrow.Table.from_batches([data])
    if not (_is_frame(data) or isinstance(data, pyarrow.Table | Mapping)):
        raise TypeError(
            "transform_batch takes a pandas.DataFrame, a pyarrow.Table or a dict of arrays such as "
            f"{{'x': numpy.array([1, 2])}}, not {type(data).__name__}"
        )
    if batch_format == "pyarrow":
        return data if isinstance(data, pyarrow.Table) else arrow_table(data)
    if batch_format == "pandas":
        return data if _is_frame(data) else arrow_table(data).to_pandas()
    return dict(data) if isinstance(data, Mapping) else _numpy_batch(arrow_table(data))


def arrow_table(data: Any) -> pyarrow.Table:
    """As a function of `map_batches` could return it."""
    import pyarrow

    return pyarrow.Table.from_batches([batch_from_result(data, where="transform_batch")])


def _result(preprocessor: Preprocessor, table: pyarrow.Table) -> pyarrow.Table:
    import pyarrow

    result = preprocessor._transform_arrow(table.combine_chunks())
    if isinstance(result, pyarrow.Table):
        return result
    return pyarrow.Table.from_batches([batch_from_result(result, where=type(preprocessor).__name__)])


def _is_frame(data: Any) -> bool:
    return hasattr(data, "iloc") and hasattr(data, "columns")


def _numpy_batch(table: pyarrow.Table) -> dict[str, Any]:
    return {
        name: numpy_of_array(one_chunk(column), name, is_variable_shape_type(column.type))
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _into_frame(frame: pandas.DataFrame, before: pyarrow.Table, after: pyarrow.Table) -> pandas.DataFrame:
    """`frame` with the columns of `after` that are new or changed, without those that are gone."""
    gone = [name for name in before.column_names if name not in after.column_names]
    result = frame.drop(columns=gone) if gone else frame.copy(deep=False)
    for name in after.column_names:
        if name not in before.column_names or not after.column(name).equals(before.column(name)):
            result[name] = _series(after.column(name), frame)
    return result


def _series(column: pyarrow.ChunkedArray, frame: pandas.DataFrame) -> pandas.Series:
    """Backed by Arrow where a column of the frame is."""
    import pandas
    import pyarrow

    if isinstance(column.type, pyarrow.FixedShapeTensorType):
        values = list(_numpy_batch(pyarrow.table({"x": column}))["x"])
        return pandas.Series(values, index=frame.index, dtype=object)
    backed = any(isinstance(dtype, pandas.ArrowDtype) for dtype in frame.dtypes)
    if backed and not pyarrow.types.is_dictionary(column.type):
        return pandas.Series(pandas.array(column, dtype=pandas.ArrowDtype(column.type)), index=frame.index)
    return pandas.Series(column.to_pandas().array, index=frame.index)
