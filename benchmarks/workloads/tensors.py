"""Arrow columns without nulls as torch tensors, without a copy where a column is in one piece."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch

from workloads.peer import BATCH_ROWS, Batch

# Arrow's memory is read-only and torch has no such tensors; nobody writes to these.
warnings.filterwarnings("ignore", message="The given NumPy array is not writ")


def from_arrow(batch: Any) -> Batch:
    """A RecordBatch, or a Table whose columns are joined first."""
    return {name: from_column(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}


def from_column(column: Any) -> torch.Tensor:
    chunks = getattr(column, "chunks", [column])
    whole = chunks[0] if len(chunks) == 1 else column.combine_chunks()
    return torch.from_numpy(whole.to_numpy(zero_copy_only=True))


def slices_of(table: Any) -> Iterator[Batch]:
    for start in range(0, table.num_rows, BATCH_ROWS):
        yield from_arrow(table.slice(start, BATCH_ROWS))
