"""Items of a library's data set, whatever they are, as blocks of rows.

0, 1, 2                                  the column "item"
(tensor, 3), (tensor, 4)                 the columns "item_0" and "item_1"
{"image": tensor, "size": (3, 4)}        the columns "item_image" and "item_size", the latter of lists
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from millstream.function_results import batch_from_result
from millstream.libraries import BLOCK_BYTES, BLOCK_ROWS_MAX

if TYPE_CHECKING:
    import pyarrow

_FIRST_BLOCK_ROWS = 32  # of whose bytes nothing is known yet


def item_blocks(items: Iterable[Any], *, where: str, dicts_are_rows: bool = False) -> Iterator[pyarrow.RecordBatch]:
    """Blocks of about BLOCK_BYTES, of one row an item.

    Items that hold arrays or tensors, and tuples and lists of several types, have a column a part; all others are
    values of the column "item". `dicts_are_rows`: dicts have a column a key, called like it.

    Raises:
        TypeError: of values that Arrow has no type for, beginning with `where`.
        ValueError: items of which one has other parts than those before it.
    """
    items = iter(items)
    rows = _FIRST_BLOCK_ROWS
    while part := list(itertools.islice(items, rows)):
        block = batch_from_result(_columns_of_items(part, where, dicts_are_rows), where=where)
        yield block
        fitting = BLOCK_BYTES * len(part) // max(block.nbytes, 1)
        rows = max(1, min(2 * rows, fitting, BLOCK_ROWS_MAX))


def _columns_of_items(items: Sequence[Any], where: str, dicts_are_rows: bool) -> dict[str, list[Any]]:
    if dicts_are_rows and isinstance(items[0], dict):
        columns: dict[str, list[Any]] = {}
        for key in items[0]:
            columns.update(_columns(str(key), [item[key] for item in items], where))
        return columns
    return _columns("item", items, where)


def _columns(name: str, values: Sequence[Any], where: str) -> dict[str, list[Any]]:
    first = next((value for value in values if value is not None), None)
    if not _has_parts(first):
        return {name: [_value(value) for value in values]}
    keys = _keys(first)
    for value in values:
        if value is not None and (not isinstance(value, dict | tuple | list) or _keys(value) != keys):
            raise ValueError(
                f"{where}: {name!r} has the parts {keys} in one item and {_told(value)} in another; give all items the "
                "same parts, or pad them"
            )
    columns: dict[str, list[Any]] = {}
    for key in keys:
        parts = [None if value is None else value[key] for value in values]
        columns.update(_columns(f"{name}_{key}", parts, where))
    return columns


def _has_parts(value: Any) -> bool:
    """Whether the parts of the value are columns of their own."""
    if isinstance(value, dict):
        return any(map(_holds_arrays, value.values()))
    if not isinstance(value, tuple | list):
        return False
    kinds = {type(part) for part in value} - {type(None)}
    return any(map(_holds_arrays, value)) or (len(kinds) > 1 and not kinds <= {int, float})


def _holds_arrays(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_arrays, value.values()))
    if isinstance(value, tuple | list):
        return any(map(_holds_arrays, value))
    # Not numpy's scalars, which have no length.
    return (hasattr(value, "__array__") and hasattr(value, "__len__")) or _is_image(value)


def _is_image(value: Any) -> bool:
    """Of Pillow, and alike: what numpy alone makes an array of."""
    return hasattr(value, "__array_interface__") and not hasattr(value, "__array__")


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value)))


def _value(value: Any) -> Any:
    if hasattr(value, "detach"):  # a tensor of torch, perhaps of a parameter, or on a device
        return value.detach().cpu()
    if _is_image(value):
        import numpy

        return numpy.asarray(value)
    return value


def _told(value: Any) -> str:
    return str(_keys(value)) if isinstance(value, dict | tuple | list) else f"the value of type {type(value).__name__}"
