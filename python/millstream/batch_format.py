"""Batches of the engine as numpy, pandas, polars and pyarrow see them.

Columns become numpy arrays as in ray.data: plain numbers are views of the batch's own memory, nullable numbers are
float with NaN (float64 for integers), text, binary, decimals, times of day, nullable booleans, lists, maps and structs
are object arrays, dates and timestamps datetime64 of their unit (in UTC), durations timedelta64, dictionaries are their
values, fixed-shape tensors arrays of that shape (object arrays of arrays where some are null), variable-shape tensors
object arrays of arrays, columns of the null type float32 NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.tensor_columns import FIXED_SHAPE, VARIABLE_SHAPE, fixed_shape_to_numpy, variable_shape_to_numpy

if TYPE_CHECKING:
    import numpy
    import pandas
    import polars
    import pyarrow

# The Arrow types whose values are numpy's, as Batch.column_kind names them.
PLAIN_KINDS = frozenset(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double"))

BATCH_FORMATS = ("default", "numpy", "pandas", "polars", "pyarrow", None)


def batch_formatter(batch_format: str | None) -> Callable[[_core.Batch], Any]:
    """The function that turns a batch into `batch_format`: "default" and "numpy" a dict of arrays, "pandas" and
    "polars" a DataFrame, "pyarrow" and None a Table.

    ValueError for another name.
    """
    if batch_format in ("default", "numpy"):
        return numpy_batch
    if batch_format == "pandas":
        return pandas_batch
    if batch_format == "polars":
        return polars_batch
    if batch_format in ("pyarrow", None):
        return pyarrow_batch
    raise ValueError(
        f"batch_format must be one of 'default', 'numpy', 'pandas', 'polars', 'pyarrow' or None, got {batch_format!r}"
    )


def is_plain(batch: _core.Batch, index: int) -> bool:
    """Whether Batch.numpy gives a view of this column."""
    return batch.column_kind(index) in PLAIN_KINDS and batch.null_count(index) == 0


def numpy_batch(batch: _core.Batch) -> dict[str, numpy.ndarray[Any, Any]]:
    """One array a column, of the batch's number of rows. TypeError, naming the column, for what numpy cannot hold."""
    return {
        name: numpy_column(batch, index) if plain is None else plain
        for index, (name, plain) in enumerate(zip(batch.names, batch.plain_columns(), strict=True))
    }


def numpy_column(batch: _core.Batch, index: int) -> numpy.ndarray[Any, Any]:
    """The column as ray.data gives it; see the top of this module."""
    if is_plain(batch, index):
        view: numpy.ndarray[Any, Any] = batch.numpy(index)
        return view
    array = pyarrow_column(batch, index)
    if array is None:
        return _numpy_without_pyarrow(batch, index)
    return numpy_of_array(array, batch.names[index], is_variable_shape(batch, index))


def is_variable_shape(batch: _core.Batch, index: int) -> bool:
    """Whether the column holds tensors of several shapes; a pyarrow that does not know them sees structs."""
    return batch.column_kind(index).startswith(f"extension<{VARIABLE_SHAPE}")


def pyarrow_column(batch: _core.Batch, index: int) -> pyarrow.Array | None:
    """The column in the user's pyarrow; None where that is not installed."""
    try:
        import pyarrow
    except ImportError:
        return None
    return _import_batch(pyarrow, batch.select([index])).column(0)


def pyarrow_batch(batch: _core.Batch) -> pyarrow.Table:
    """A table of one chunk over the batch's own memory. TypeError, naming column and type, for a type that the
    installed pyarrow does not know.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise _missing("pyarrow", "batch_format='pyarrow'") from error
    return pyarrow.Table.from_batches([_import_batch(pyarrow, batch)])


def pandas_batch(batch: _core.Batch) -> pandas.DataFrame:
    """A DataFrame of Arrow-backed columns, as in ray.data; dictionaries become categoricals."""
    try:
        import pandas
    except ImportError as error:
        raise _missing("pandas", "batch_format='pandas'") from error
    table = pyarrow_batch(batch)
    import pyarrow

    def mapped(kind: Any) -> Any:
        if (
            isinstance(kind, pyarrow.BaseExtensionType)
            or pyarrow.types.is_dictionary(kind)
            or pyarrow.types.is_null(kind)
        ):
            return None
        return pandas.ArrowDtype(kind)

    frame: pandas.DataFrame = table.to_pandas(ignore_metadata=True, types_mapper=mapped)
    # pyarrow flattens tensors on their way to pandas: they get their shape back.
    for index, name in enumerate(batch.names):
        if is_tensor(batch, index):
            frame[name] = pandas.Series(list(numpy_column(batch, index)), dtype=object)
    return frame


def polars_batch(batch: _core.Batch) -> polars.DataFrame:
    """A DataFrame over the batch's own memory, but for types that polars stores otherwise.

    Tensors of several shapes are structs of their values and shape: polars does not know them.
    """
    try:
        import polars
    except ImportError as error:
        raise _missing("polars", "batch_format='polars'") from error
    ragged = [index for index in range(batch.num_columns) if is_variable_shape(batch, index)]
    if not ragged:
        return polars.DataFrame(batch)
    table = pyarrow_batch(batch)
    for index in ragged:
        storage = getattr(table.column(index).chunk(0), "storage", table.column(index))
        table = table.set_column(index, batch.names[index], storage)
    return polars.DataFrame(table)


def is_tensor(batch: _core.Batch, index: int) -> bool:
    """Whether the column holds tensors of one shape or of several."""
    return batch.column_kind(index).startswith((f"extension<{FIXED_SHAPE}", f"extension<{VARIABLE_SHAPE}"))


def pyarrow_record_batch(batch: _core.Batch) -> pyarrow.RecordBatch:
    """The batch in the user's pyarrow, over its own memory. ImportError, TypeError as `pyarrow_batch`."""
    try:
        import pyarrow
    except ImportError as error:
        raise _missing("pyarrow", "a function of rows") from error
    return _import_batch(pyarrow, batch)


def _import_batch(pyarrow: Any, batch: _core.Batch) -> Any:
    try:
        return pyarrow.record_batch(batch)
    except (ValueError, NotImplementedError, TypeError, KeyError) as error:
        raise _refused(pyarrow, batch, error) from error


def _refused(pyarrow: Any, batch: _core.Batch, error: Exception) -> TypeError:
    """Finds the column that the installed pyarrow does not take."""
    for index, name in enumerate(batch.names):
        try:
            pyarrow.record_batch(batch.select([index]))
        except (ValueError, NotImplementedError, TypeError, KeyError) as reason:
            return TypeError(
                f"column {name!r} of type {batch.column_kind(index)} cannot be taken by the installed pyarrow "
                f"{pyarrow.__version__} ({reason}); "
                f"install a newer pyarrow, cast the column, or leave it out with select_columns()"
            )
    return TypeError(
        f"the installed pyarrow {pyarrow.__version__} cannot take the batch ({error}); pyarrow 17 or newer can"
    )


def is_variable_shape_type(kind: Any) -> bool:
    """The same of a type of pyarrow's."""
    return str(kind).startswith(f"extension<{VARIABLE_SHAPE}")


def numpy_of_array(array: Any, name: str, variable_shape: bool) -> numpy.ndarray[Any, Any]:
    """The Arrow array as a numpy batch has it, for the column `name` of messages."""
    import numpy
    import pyarrow

    if pyarrow.types.is_null(array.type):
        return numpy.full(len(array), numpy.nan, dtype=numpy.float32)
    try:
        if isinstance(array.type, pyarrow.FixedShapeTensorType):  # pyarrow's to_numpy flattens it
            return fixed_shape_to_numpy(array)
        if variable_shape:
            return variable_shape_to_numpy(array)
        if pyarrow.types.is_struct(array.type) and array.null_count:
            return _with_gaps(array)
        values: numpy.ndarray[Any, Any] = array.to_numpy(zero_copy_only=False)
        return values
    except (ValueError, NotImplementedError, TypeError) as error:
        raise TypeError(
            f"column {name!r} of type {array.type} cannot become a numpy array ({error}); cast it, leave it out "
            "with select_columns(), "
            f"or ask for batch_format='pyarrow'"
        ) from error


def _with_gaps(array: Any) -> numpy.ndarray[Any, Any]:
    """None where the array is null. What lies under a null would else make floats of the integers beside it."""
    import numpy

    values = numpy.full(len(array), None, dtype=object)
    values[array.is_valid().to_numpy(zero_copy_only=False)] = array.drop_null().to_numpy(zero_copy_only=False)
    return values


def _numpy_without_pyarrow(batch: _core.Batch, index: int) -> numpy.ndarray[Any, Any]:
    import numpy

    kind = batch.column_kind(index)
    if kind in PLAIN_KINDS:
        # Nulls become NaN in the width that holds the values as well as pyarrow's conversion does.
        values = [numpy.nan if value is None else value for value in batch.pylist(index)]
        return numpy.array(values, dtype=numpy.float32 if kind == "float" else numpy.float64)
    if kind == "null":
        return numpy.full(batch.num_rows, numpy.nan, dtype=numpy.float32)
    if kind == "bool" and batch.null_count(index) == 0:
        return numpy.array(batch.pylist(index), dtype=numpy.bool_)
    if kind in ("bool", "string", "large_string", "string_view", "binary", "large_binary", "binary_view"):
        objects = numpy.empty(batch.num_rows, dtype=object)
        objects[:] = batch.pylist(index)
        return objects
    raise _missing("pyarrow", f"column {batch.names[index]!r} of type {kind} as a numpy array")


def _missing(package: str, wanted: str) -> ImportError:
    return ImportError(f"{wanted} needs {package}, which is not installed; pip install {package}")
