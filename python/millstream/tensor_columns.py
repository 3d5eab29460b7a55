"""Columns of numpy arrays: from numpy to Arrow and back.

Arrays of one shape are Arrow's fixed_shape_tensor. Arrays of several shapes, of one number of axes, are Arrow's
variable_shape_tensor: a struct of the values in one list and the shape (int32). Both are Arrow's own extension types,
which the engine carries through shuffles, spills and Parquet as they are; a pyarrow that does not know the second sees
the struct, with the type's name in the field's metadata. A null row is a null tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import pyarrow

    Mask = numpy.ndarray[Any, numpy.dtype[numpy.bool_]]
    Column = tuple[pyarrow.Field, pyarrow.Array]

FIXED_SHAPE = "arrow.fixed_shape_tensor"
VARIABLE_SHAPE = "arrow.variable_shape_tensor"
VALUES_MAX = 2**31 - 1


def fixed_shape_column(name: str, values: pyarrow.Array, shape: Sequence[int], valid: Mask) -> Column:
    """The column of tensors of `shape`, whose `values` lie one after the other; null where not `valid`."""
    import pyarrow

    size = math.prod(shape)
    if size:
        storage = pyarrow.FixedSizeListArray.from_arrays(values, size, mask=_nulls(valid))
    else:
        rows: list[list[Any] | None] = [[] if known else None for known in valid]
        storage = pyarrow.array(rows, pyarrow.list_(values.type, 0))
    kind = pyarrow.fixed_shape_tensor(values.type, shape)
    return pyarrow.field(name, kind), pyarrow.ExtensionArray.from_storage(kind, storage)


def variable_shape_column(name: str, values: pyarrow.Array, shapes: numpy.ndarray[Any, Any], valid: Mask) -> Column:
    """The column of tensors whose `values` lie one after the other, at most VALUES_MAX; `shapes` has a row a tensor,
    also for a null one.
    """
    import numpy
    import pyarrow

    rows, axes = shapes.shape
    offsets = numpy.zeros(rows + 1, numpy.int32)
    numpy.cumsum(numpy.where(valid, shapes.prod(axis=1), 0), out=offsets[1:])
    data = pyarrow.ListArray.from_arrays(pyarrow.array(offsets), values)
    flat_shapes = pyarrow.array(shapes.reshape(-1).astype(numpy.int32))
    shape = pyarrow.FixedSizeListArray.from_arrays(flat_shapes, axes)
    storage = pyarrow.StructArray.from_arrays([data, shape], ["data", "shape"], mask=_nulls(valid))
    metadata = {"ARROW:extension:name": VARIABLE_SHAPE, "ARROW:extension:metadata": "{}"}
    return pyarrow.field(name, storage.type, metadata=metadata), storage


def fixed_shape_to_numpy(array: pyarrow.ExtensionArray) -> numpy.ndarray[Any, Any]:
    """One array with the rows as its first axis; where some are null an object array of arrays and None."""
    known = array.storage.drop_null()
    shape = tuple(array.type.shape)
    values = known.flatten().to_numpy(zero_copy_only=False).reshape(len(known), *shape)
    if array.type.permutation is not None:
        values = values.transpose(0, *(axis + 1 for axis in array.type.permutation))
    if len(known) == len(array):
        tensors: numpy.ndarray[Any, Any] = values
        return tensors
    return _with_nulls(list(values), array)


def variable_shape_to_numpy(array: Any) -> numpy.ndarray[Any, Any]:
    """An object array of arrays, None where the row is null. Takes the extension array, or its storage.

    NotImplementedError for tensors whose axes are stored in another order.
    """
    if "permutation=" in str(array.type):
        raise NotImplementedError("the axes are stored in another order")
    storage = getattr(array, "storage", array)
    known = storage.filter(storage.is_valid())
    data, shape = known.field(0), known.field(1)
    values = data.values.to_numpy(zero_copy_only=False)
    offsets = data.offsets.tolist()
    shapes = shape.flatten().to_numpy().reshape(len(known), shape.type.list_size).tolist()
    tensors = [values[offsets[i] : offsets[i + 1]].reshape(shapes[i]) for i in range(len(known))]
    return _with_nulls(tensors, storage)


def _with_nulls(tensors: list[Any], array: Any) -> numpy.ndarray[Any, Any]:
    import numpy

    column = numpy.full(len(array), None, dtype=object)
    for row, tensor in zip(array.is_valid().to_numpy(zero_copy_only=False).nonzero()[0], tensors, strict=True):
        column[row] = tensor
    return column


def _nulls(valid: Mask) -> pyarrow.Array | None:
    import pyarrow

    return None if valid.all() else pyarrow.array(~valid)
