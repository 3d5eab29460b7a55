"""Arrow columns without nulls as numpy arrays, without a copy where a column is in one piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy

from workloads.peer import BATCH_ROWS, Batch


def from_arrow(batch: Any) -> Batch:
    """A RecordBatch, or a Table whose columns are joined first."""
    return {name: from_column(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}


def from_column(column: Any) -> numpy.ndarray[Any, Any]:
    chunks = getattr(column, "chunks", [column])
    whole = chunks[0] if len(chunks) == 1 else column.combine_chunks()
    array: numpy.ndarray[Any, Any] = whole.to_numpy(zero_copy_only=True)
    return array


def gathered(batches: Iterable[Any]) -> Iterator[Any]:
    """Arrow tables of about BATCH_ROWS rows: to count thousands of batches of few rows would take its time."""
    import pyarrow as pa

    held, rows = [], 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= BATCH_ROWS:
            yield pa.Table.from_batches(held).combine_chunks()
            held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def slices_of(table: Any) -> Iterator[Batch]:
    for start in range(0, table.num_rows, BATCH_ROWS):
        yield from_arrow(table.slice(start, BATCH_ROWS))
