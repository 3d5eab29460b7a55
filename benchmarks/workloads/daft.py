"""Daft's native runner: `shuffle`, streamed out as Arrow record batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from workloads.measure import run
from workloads.peer import BATCH_ROWS, Batch, Peer

os.environ["DAFT_PROGRESS_BAR"] = "0"
os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
os.environ["DO_NOT_TRACK"] = "true"


class Daft(Peer):
    modules = ("daft", "daft.extension_type", "pyarrow")
    first_rows_modules = ("daft",)
    held: Any = None

    def open(self, memory_limit_bytes: int | None) -> None:
        super().open(memory_limit_bytes)
        import daft

        daft.set_runner_native()

    def frame(self) -> Any:
        import daft

        return daft.read_parquet(f"{self.data}/*.parquet")

    def batches(self, frame: Any) -> Iterator[Batch]:
        from workloads.tensors import from_arrow

        for batch in frame.to_arrow_iter():
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield from_arrow(batch.slice(start, BATCH_ROWS))

    def read(self) -> Iterator[Batch]:
        return self.batches(self.frame())

    def materialize(self) -> None:
        self.held = self.frame().collect()

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        frame = self.frame() if self.held is None else self.held
        return self.batches(frame.shuffle(seed=epoch))

    def first_rows(self, path: str, rows: int) -> int:
        import daft

        return len(daft.read_parquet(path).limit(rows).to_pylist())


if __name__ == "__main__":
    run(Daft)
