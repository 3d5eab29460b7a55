"""Arrow columns without nulls as torch tensors, without a copy where a column is in one piece."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch

from workloads import arrays
from workloads.peer import Batch

# Arrow's memory is read-only and torch has no such tensors; nobody writes to these.
warnings.filterwarnings("ignore", message="The given NumPy array is not writ")


def from_arrow(batch: Any) -> Batch:
    return of_arrays(arrays.from_arrow(batch))


def of_arrays(batch: Batch) -> Batch:
    return {name: torch.from_numpy(array) for name, array in batch.items()}


def slices_of(table: Any) -> Iterator[Batch]:
    return map(of_arrays, arrays.slices_of(table))
