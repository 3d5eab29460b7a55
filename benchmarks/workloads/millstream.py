"""Millstream: one iterator over a reshuffled data set, one pass over it for each epoch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from workloads.measure import run
from workloads.peer import BATCH_ROWS, Batch, Peer

SEED = 7
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def shuffle_figures(table: str) -> dict[str, Any]:
    """The sizes that stats() tells of the shuffle: bytes, spilled, read back and peak memory, to three digits."""
    line = next(line for line in table.splitlines() if line.startswith("RandomShuffle"))
    sizes = [round(float(number) * UNITS[unit]) for number, unit in re.findall(r"([\d.]+) ([KMGT]iB|B)\b", line)]
    return {"spilled_bytes": sizes[1], "read_back_bytes": sizes[2], "kept_bytes": sizes[3], "stats": table}


class Millstream(Peer):
    # The package loads its parts when they are first used; here they come before the timer, as those of others do.
    modules = (
        "millstream",
        "millstream.read_api",
        "millstream.iterator",
        "millstream.progress",
        "millstream.torch_batch",
        "millstream.device_transfer",
    )
    first_rows_modules = ("millstream",)
    held: Any = None
    iterator: Any = None

    def open(self, memory_limit_bytes: int | None) -> None:
        import millstream

        options: dict[str, Any] = {"num_cpus": self.threads, "spill_directory": self.job.spill}
        if memory_limit_bytes is not None:
            options["memory_limit"] = memory_limit_bytes
        millstream.init(**options)

    def dataset(self) -> Any:
        import millstream

        return millstream.read_parquet(self.data)

    def read(self) -> Iterator[Batch]:
        return iter(self.dataset().iter_torch_batches(batch_size=BATCH_ROWS))

    def materialize(self) -> None:
        self.held = self.dataset().materialize()

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        # Epoch 0 plans anew, so that a repeated first epoch measures a first epoch.
        if epoch == 0:
            self.iterator = self.shuffled().iterator()
        return iter(self.iterator.iter_torch_batches(batch_size=BATCH_ROWS))

    def shuffled(self) -> Any:
        import millstream

        dataset = self.dataset() if self.held is None else self.held
        return dataset.random_shuffle(seed=millstream.RandomSeedConfig(SEED, reseed_after_execution=True))

    def statistics(self) -> dict[str, Any]:
        return {} if self.iterator is None else shuffle_figures(self.iterator.stats())

    def first_rows(self, path: str, rows: int) -> int:
        import millstream

        return len(millstream.read_parquet(path).take(rows))


if __name__ == "__main__":
    run(Millstream)
