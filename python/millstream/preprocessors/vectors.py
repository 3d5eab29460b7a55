"""Counts of a fixed width, one list a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import pyarrow

_BATCH_BYTES = 64 << 20


def counted(rows: Any, places: Any, count: int, width: int, dtype: Any) -> numpy.ndarray[Any, Any]:
    """A matrix of `count` rows with one added at each (row, place)."""
    import numpy

    matrix = numpy.zeros((count, width), dtype)
    if width:
        flat = numpy.asarray(rows, numpy.int64) * width + numpy.asarray(places, numpy.int64)
        matrix.reshape(-1)[:] = numpy.bincount(flat, minlength=count * width)
    return matrix


def vector_column(matrix: numpy.ndarray[Any, Any], missing: Any = None) -> pyarrow.Array:
    """A list of a fixed size a row, null where `missing`, a boolean Arrow array, is true."""
    import pyarrow

    rows, width = matrix.shape
    if width:
        values = pyarrow.array(matrix.reshape(-1))
        mask = missing if missing is not None and missing.true_count else None
        return pyarrow.FixedSizeListArray.from_arrays(values, width, mask=mask)
    gaps = [False] * rows if missing is None else missing.to_pylist()
    kind = pyarrow.list_(pyarrow.from_numpy_dtype(matrix.dtype), 0)
    return pyarrow.array([None if gap else [] for gap in gaps], kind)


def batch_rows(width: int, value_bytes: int) -> dict[str, Any]:
    """Arguments for `map_batches` that keep the matrix of a batch within 64 MiB."""
    return {"batch_size": max(1, min(65_536, _BATCH_BYTES // max(1, width * value_bytes)))}
