"""Preprocessing of data A: what every peer is asked for, and how what comes out is counted, in numpy arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workloads.peer import Batch

SORT_KEY = "feature0"
GROUP_KEY = "embeddings_name11"
AVERAGED = "feature0"
MEAN = "mean(feature0)"
MEAN_UNITS = 1 << 20  # Means are compared in these parts of 1: sums in another order differ in the last bits.
JOIN_KEY = "key"
RIGHT_SUFFIX = "_r"
MAPPED = "feature0"
BLOCKS = 10_000
BLOCK_ROWS = 100
SMALL_BLOCK_STAGES = 3


def tenth_of(data: Path) -> Path:
    """Where transform_data.py puts what is joined with."""
    return data.with_name(data.name + "_tenth")


def map_batch(batch: dict[str, Any]) -> dict[str, Any]:
    batch[MAPPED] = batch[MAPPED] * 2 + 1
    return batch


def add_block_rows(batch: dict[str, Any]) -> dict[str, Any]:
    """The result tells whether each call was given one block."""
    return {"id": batch["id"] + len(batch["id"])}


def weighted_sum(key: Any, *columns: Any) -> int:
    """Sum of key * (key + columns), floats by their bits, modulo 2^64: off when a row is lost, doubled or mixed."""
    total = key.copy()
    for column in columns:
        total += column.view("int64")
    return int(key.dot(total))


class RowsTally:
    """Counts rows of data A, with a checksum over some columns that is free of order."""

    columns: tuple[str, ...] = ("embeddings_name16", "feature0")

    def __init__(self) -> None:
        self.rows = 0
        self.sum = 0

    def add(self, batch: Batch) -> None:
        key = batch["key"]
        self.rows += len(key)
        self.sum += weighted_sum(key, *(batch[name] for name in self.columns))

    def figures(self) -> dict[str, Any]:
        return {"rows": self.rows, "checksum": self.sum % 2**63}


class SortedTally(RowsTally):
    """Sees too whether the sort key never falls, within batches and from one to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.in_order = True
        self.last = float("-inf")

    def add(self, batch: Batch) -> None:
        super().add(batch)
        key = batch[SORT_KEY]
        if len(key):
            self.in_order = self.in_order and self.last <= key[0] and bool((key[:-1] <= key[1:]).all())
            self.last = key[-1]

    def figures(self) -> dict[str, Any]:
        return {**super().figures(), "in_order": self.in_order}


class JoinedTally(RowsTally):
    columns = ("embeddings_name16", "feature0", "embeddings_name16_r", "feature0_r")


class GroupsTally(RowsTally):
    def add(self, batch: Batch) -> None:
        import numpy as np

        key = batch[GROUP_KEY]
        self.rows += len(key)
        self.sum += weighted_sum(key + 1, np.rint(batch[MEAN] * MEAN_UNITS).astype(np.int64))


class NumbersTally(RowsTally):
    def add(self, batch: Batch) -> None:
        self.rows += len(batch["id"])
        self.sum += weighted_sum(batch["id"])
