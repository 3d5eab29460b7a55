"""The clock over one epoch, and the proof that each row came once."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from workloads import process_tree
from workloads.peer import Batch


class AnyTally(Protocol):
    def add(self, batch: Batch) -> None: ...

    def figures(self) -> dict[str, Any]:
        """At least "rows" and "checksum"."""


class Tally:
    """Counts what came: rows, a checksum that is free of order, and how mixed the first batch is.

    In numpy: torch would wake its OpenMP threads, whose spinning takes the CPUs from the library under test.
    """

    def __init__(self, rows_per_row_group: int) -> None:
        self.rows_per_row_group = rows_per_row_group
        self.rows = 0
        self.sum = 0
        self.first_keys: Any = None

    def add(self, batch: Batch) -> None:
        key = batch["key"].numpy()
        if self.first_keys is None:
            self.first_keys = key.copy()
        self.rows += len(key)
        self.sum += int(key.dot(key + batch["embeddings_name16"].numpy()))

    def figures(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "checksum": self.sum % 2**63,
            "row_groups_in_first_batch": self.row_groups_in_first_batch(),
        }

    def row_groups_in_first_batch(self) -> int:
        if self.first_keys is None:
            return 0
        return len(set((self.first_keys // self.rows_per_row_group).tolist()))


class Epoch(NamedTuple):
    seconds: float
    first_batch_seconds: float
    cpu_seconds: float
    tally: AnyTally
    arrivals: list[float]  # of each batch, on time.perf_counter's clock
    steps_seconds: float  # that the consumer spent on its own, from each batch until it asked for the next

    @property
    def figures(self) -> dict[str, Any]:
        """For the results. Takes milliseconds, so not between two epochs."""
        return {
            "seconds": self.seconds,
            "first_batch_seconds": self.first_batch_seconds,
            "cpu_seconds": self.cpu_seconds,
            "batches": len(self.arrivals),
            **self.tally.figures(),
        }


def run_epoch(
    batches: Callable[[], Iterator[Batch]],
    job: argparse.Namespace,
    step_seconds: float = 0.0,
    tally: AnyTally | None = None,
) -> Epoch:
    """Times one epoch from the call that asks for it to its end; what is done with each batch, a device's step, takes
    `step_seconds`, checking the batch included. `tally` is for rows other than data A's as tensors.
    """
    tally, arrivals, stepped = tally or Tally(job.rows_per_row_group), [], 0.0
    started, cpu_started = time.perf_counter(), process_tree.cpu_seconds(os.getpid())
    for batch in batches():
        arrivals.append(time.perf_counter())
        tally.add(batch)
        if step_seconds:
            time.sleep(max(arrivals[-1] + step_seconds - time.perf_counter(), 0))
            stepped += time.perf_counter() - arrivals[-1]
    ended = time.perf_counter()
    first = (arrivals[0] if arrivals else ended) - started
    cpu_seconds = process_tree.cpu_seconds(os.getpid()) - cpu_started
    return Epoch(ended - started, first, cpu_seconds, tally, arrivals, stepped)
