"""One column of what a user's function returned, as an Arrow array.

Types are found as ray.data finds them, but for what depends on the values of one batch alone, or would be pickled:
datetimes are always of microseconds (nanoseconds where they have some) and keep their time zone, NaN and pandas.NA
among texts or dates are null, and what has no Arrow type is a TypeError. docs/user_functions.md has the whole table.
"""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from millstream.tensor_columns import VALUES_MAX, fixed_shape_column, variable_shape_column

if TYPE_CHECKING:
    import numpy
    import pyarrow

# The unit that Arrow has for one of numpy's.
_UNITS = {**dict.fromkeys(("Y", "M", "W", "D", "h", "m", "s"), "s"), "ms": "ms", "us": "us"}
_SHARED_KINDS = "iufmM"  # of dtypes: pyarrow shares their memory
_REFUSED = (ValueError, TypeError, NotImplementedError)  # what pyarrow.array raises
_SINGLE_VALUES = (str, bytes, bool, int, float, complex, datetime.date, datetime.time, datetime.timedelta, type(None))


def result_column(name: str, values: Any, *, where: str) -> tuple[pyarrow.Field, pyarrow.Array]:
    """The column as Arrow has it; the field carries the type of extensions that the user's pyarrow does not know.

    Arrays of Arrow, and of numpy where they are read-only, are not copied. TypeError or ValueError, beginning with
    `where` and naming the column, for what cannot be a column.
    """
    try:
        made = _column(name, values)
    except _NoColumnError as error:
        raise error.kind(f"{where}: column {name!r} {error}") from None
    except (*_REFUSED, OverflowError, RuntimeError) as error:
        kind = ValueError if isinstance(error, OverflowError | UnicodeError) else TypeError
        raise kind(f"{where}: column {name!r} {_reason(values, error)}") from error
    return made if isinstance(made, tuple) else _plain(name, made)


class _NoColumnError(Exception):
    """Its text goes on from "column 'x' "."""

    kind: type[Exception] = TypeError


class _TooLongError(_NoColumnError):
    kind = ValueError


def is_single_value(value: Any) -> bool:
    """Whether this is one value, and not a column of them."""
    return isinstance(value, _SINGLE_VALUES) or (hasattr(value, "dtype") and getattr(value, "ndim", None) == 0)


def _plain(name: str, array: Any) -> tuple[pyarrow.Field, pyarrow.Array]:
    import pyarrow

    array = one_chunk(array)
    return pyarrow.field(name, array.type), array


def one_chunk(array: Any) -> pyarrow.Array:
    """A chunked array as one, of a large type where it takes more than two gigabytes."""
    import pyarrow

    if not isinstance(array, pyarrow.ChunkedArray):
        return array
    if array.num_chunks == 1:
        return array.chunk(0)
    if array.num_chunks == 0:
        return pyarrow.nulls(0, array.type)
    try:
        return pyarrow.concat_arrays(array.chunks)
    except pyarrow.ArrowInvalid:
        large = {pyarrow.string(): pyarrow.large_string(), pyarrow.binary(): pyarrow.large_binary()}.get(array.type)
        if large is None:
            raise
        return pyarrow.concat_arrays(array.cast(large).chunks)


def _column(name: str, values: Any) -> Any:
    import numpy
    import pyarrow

    if isinstance(values, pyarrow.Array | pyarrow.ChunkedArray):
        return values
    if isinstance(values, list | tuple):
        return _of_list(name, values)
    if isinstance(values, numpy.ndarray):
        return _of_numpy(name, values)
    if _is_pandas(values):
        if str(values.dtype) == "object":
            return _of_list(name, list(values))
        plain = isinstance(values.dtype, numpy.dtype) and values.dtype.kind in _SHARED_KINDS
        return pyarrow.array(values.copy() if plain else values, from_pandas=True)
    if hasattr(values, "__arrow_array__") or hasattr(values, "__arrow_c_array__"):
        return pyarrow.array(values)
    if hasattr(values, "__arrow_c_stream__"):
        return pyarrow.chunked_array(values)
    if is_array_like(values) and not is_single_value(values):
        return _of_numpy(name, numpy.asarray(values))
    raise _NoColumnError(_not_a_column(values))


def _not_a_column(values: Any) -> str:
    kind = type(values).__name__
    if is_single_value(values):
        return f"is a single {kind}; a column has one value a row, for example [{_shown(values)}] * rows"
    return (
        f"is a {kind}; a column is a list, a numpy array, a pandas or polars Series or a pyarrow Array of one value a "
        "row" + (", so make a list of it" if hasattr(values, "__iter__") else "")
    )


def _is_pandas(values: Any) -> bool:
    # Another thread may be in the middle of the import: then the values are none of its columns.
    pandas = sys.modules.get("pandas")
    kinds = tuple(getattr(pandas, name) for name in ("Series", "Index") if hasattr(pandas, name))
    return isinstance(values, kinds)


def is_array_like(value: Any) -> bool:
    """numpy's arrays and what becomes one, such as a tensor of torch."""
    return hasattr(value, "__array__") and hasattr(value, "__len__") and not isinstance(value, str | bytes)


# ---- numpy ----
def _of_numpy(name: str, values: numpy.ndarray[Any, Any]) -> Any:
    if values.ndim == 0:
        raise _NoColumnError(_not_a_column(values))
    if values.ndim == 1:
        return _of_list(name, list(values)) if values.dtype == object else _of_flat(values)
    if values.dtype.kind in "OUS":
        return _of_list(name, values.tolist())
    if getattr(values, "mask", False) is not False and values.mask.any():  # type: ignore[attr-defined]
        raise _NoColumnError("has masked values within the arrays of its rows; fill them with values.filled()")
    import numpy

    valid = numpy.ones(len(values), numpy.bool_)
    flat = _own(values).reshape(-1)
    return fixed_shape_column(name, _of_flat(flat, own=True), values.shape[1:], valid)


def _own(values: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """The array in memory that nobody will change: a function may fill the one that it returned anew for the next
    batch. Read-only views of read-only memory, such as the batches that functions are given, stay as they are.
    """
    import numpy

    seen: Any = values
    while isinstance(seen, numpy.ndarray):
        if seen.flags.writeable:
            return values.copy(order="C")
        seen = seen.base
    return numpy.ascontiguousarray(values)


def _of_flat(values: numpy.ndarray[Any, Any], *, own: bool = False) -> Any:
    """An array of one axis, whose dtype tells the type; `own` says that nobody else will change its memory."""
    import numpy
    import pyarrow

    if not own and values.dtype.kind in _SHARED_KINDS and not isinstance(values, numpy.ma.MaskedArray):
        values = _own(values)
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind in "mM":
        unit = numpy.datetime_data(values.dtype)[0]
        if unit == "generic" or (values.dtype.kind == "m" and unit in "YM"):
            raise _NoColumnError(f"is of dtype {values.dtype}, which has no fixed length; convert it to one of seconds")
        values = values.astype(f"{values.dtype.kind}8[{_UNITS.get(unit, 'ns')}]", copy=False)
    return pyarrow.array(values)


# ---- lists ----
def _of_list(name: str, values: Sequence[Any]) -> Any:
    import numpy
    import pyarrow

    first = next((value for value in values if value is not None), None)
    if isinstance(first, pyarrow.Array | pyarrow.ChunkedArray):
        return _of_arrow_lists(values)
    if is_array_like(first):
        return _of_arrays(name, values)
    if isinstance(first, datetime.datetime | datetime.timedelta):
        return pyarrow.array(values, _time_type(values), from_pandas=True)
    if isinstance(first, numpy.datetime64 | numpy.timedelta64):
        return _of_flat(numpy.array(values, dtype=None if None not in values else type(first)))
    return _of_values(values)


def plain_values(values: Sequence[Any]) -> Any:
    """As pyarrow.array, but whole numbers of 2**63 and more, which it does not look for, are uint64."""
    import pyarrow

    try:
        return pyarrow.array(values)
    except OverflowError as error:
        overflow = error
    with contextlib.suppress(OverflowError, *_REFUSED):
        return pyarrow.array(values, pyarrow.uint64())
    raise overflow


def unsigned_values(values: Sequence[Any]) -> Any:
    """As uint64 where they are whole numbers that fit, else as they are."""
    import pyarrow

    if all(value is None or type(value) is int for value in values):
        with contextlib.suppress(OverflowError, *_REFUSED):
            return pyarrow.array(values, pyarrow.uint64())
    return values


def _of_values(values: Sequence[Any]) -> Any:
    import pyarrow

    try:
        return plain_values(values)
    except _REFUSED as error:
        refused = error
    with contextlib.suppress(*_REFUSED):
        return pyarrow.array(values, from_pandas=True)  # NaN and NA beside other values: nulls
    with contextlib.suppress(*_REFUSED):
        return pyarrow.array([_without_arrays(value) for value in values])
    raise refused


def _without_arrays(value: Any) -> Any:
    """Arrays inside dicts and lists as lists: Arrow takes those of one axis only."""
    if isinstance(value, dict):
        return {key: _without_arrays(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(inner) for inner in value]
    if is_array_like(value):
        import numpy

        return numpy.asarray(value).tolist()
    return value


def _time_type(values: Sequence[Any]) -> Any:
    """Of datetimes or timedeltas. Those of pandas may have nanoseconds, which pyarrow drops by default."""
    import pyarrow

    types = pyarrow.types
    kind = pyarrow.infer_type(values, from_pandas=True)
    finer = any(
        getattr(value, "nanosecond", 0) > 0 or getattr(value, "nanoseconds", 0) > 0  # of NaT it is NaN
        for value in values
    )
    if not finer or not (types.is_timestamp(kind) or types.is_duration(kind)):
        return kind
    return pyarrow.timestamp("ns", kind.tz) if types.is_timestamp(kind) else pyarrow.duration("ns")


def _of_arrow_lists(values: Sequence[Any]) -> Any:
    """A pyarrow array a row: a list a row."""
    import numpy
    import pyarrow

    known = [pyarrow.array([], pyarrow.null()) if value is None else one_chunk(value) for value in values]
    kind = next(value.type for value in values if value is not None)
    offsets = numpy.cumsum([0, *(len(array) for array in known)]).astype(numpy.int32)
    mask = pyarrow.array([value is None for value in values])
    items = pyarrow.concat_arrays([array for array, value in zip(known, values, strict=True) if value is not None])
    return pyarrow.ListArray.from_arrays(pyarrow.array(offsets), items, pyarrow.list_(kind), mask=mask)


# ---- arrays in lists ----
def _of_arrays(name: str, values: Sequence[Any]) -> Any:
    """An array a row, some of them perhaps None."""
    import numpy
    import pyarrow

    arrays = [None if value is None else numpy.asarray(value) for value in values]
    known = [array for array in arrays if array is not None]
    axes = known[0].ndim
    for row, array in enumerate(arrays):
        if array is not None and array.ndim != axes:
            raise _NoColumnError(
                f"has arrays of {axes} and of {array.ndim} axes (row {row}); the arrays of a column have the same "
                "number of axes, so reshape them"
            )
    if any(array.dtype.kind in "OUS" for array in known):
        return pyarrow.array([None if array is None else array.tolist() for array in arrays])
    if axes == 0:
        return pyarrow.array([None if array is None else array[()] for array in arrays])
    return _tensors(name, arrays, known)


def _tensors(name: str, arrays: list[Any], known: list[Any]) -> Any:
    import numpy

    valid = numpy.array([array is not None for array in arrays], numpy.bool_)
    dtype = numpy.result_type(*{array.dtype for array in known})
    if len({array.shape for array in known}) == 1:
        stacked = numpy.zeros((len(arrays), *known[0].shape), dtype)
        stacked[valid] = known
        return fixed_shape_column(name, _of_flat(stacked.reshape(-1), own=True), known[0].shape, valid)
    if (size := sum(array.size for array in known)) > VALUES_MAX:
        raise _TooLongError(f"has {size} values in the arrays of one batch; return at most {VALUES_MAX} at once")
    flat = numpy.concatenate([array.reshape(-1) for array in known], dtype=dtype)
    shapes = numpy.zeros((len(arrays), known[0].ndim), numpy.int64)
    shapes[valid] = [array.shape for array in known]
    return variable_shape_column(name, _of_flat(flat, own=True), shapes, valid)


# ---- what to say ----
def _reason(values: Any, error: Exception) -> str:
    if isinstance(error, OverflowError):
        return (
            f"holds a whole number that does not fit in 64 bits, or not with the others ({error}); return it as a text "
            "or a float"
        )
    if isinstance(error, UnicodeError):
        return f"holds a text that cannot be written as UTF-8 ({error}); return bytes in its place"
    dtype = str(getattr(values, "dtype", "object"))
    if dtype != "object":
        return f"is of dtype {dtype} and cannot become an Arrow column ({error}); convert it before returning it"
    rows: dict[str, int] = {}
    for row, value in enumerate(values):
        if value is not None:
            rows.setdefault(type(value).__name__, row)
    kinds = [f"{kind} (row {row})" for kind, row in rows.items()]
    if len(kinds) > 1:
        return f"has values of several types: {', '.join(kinds[:5])}; the values of a column are of one ({error})"
    if kinds and next(iter(rows)) in ("list", "tuple", "dict"):
        return f"has a {next(iter(rows))} whose values do not fit together ({error}); make them of one type"
    return (
        f"has values of type {next(iter(rows), 'None')}, which cannot be kept ({error}); return numbers, texts, bytes, "
        "dates, lists, dicts or numpy arrays (pickle.dumps(value) makes bytes of any object)"
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
