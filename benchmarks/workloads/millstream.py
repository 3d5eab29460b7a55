"""Millstream: one iterator over a reshuffled data set, one pass over it for each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workloads.measure import BATCH_ROWS, Batch, Peer, run

SEED = 7


class Millstream(Peer):
    modules = ("millstream",)
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

    def first_rows(self, path: str, rows: int) -> int:
        import millstream

        return len(millstream.read_parquet(path).take(rows))


if __name__ == "__main__":
    run(Millstream)
