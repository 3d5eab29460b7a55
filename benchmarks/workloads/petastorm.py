"""Petastorm: its batch reader with its batched torch loader, and a shuffling buffer of a million rows.

It has no global shuffle: a row leaves the buffer not far from where it was read. With shuffled row groups this is its
best, and what its users run.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterator
from typing import Any

from workloads.measure import run
from workloads.peer import BATCH_ROWS, Batch, Peer

warnings.filterwarnings("ignore")
BUFFER_ROWS = 1_000_000
NUMBERS = ["trip", "picked_up", "passengers", "distance", "fare", "tip"]


class Petastorm(Peer):
    modules = ("petastorm", "petastorm.pytorch", "pyarrow.pandas_compat")
    reader_modules = ("pyarrow.compute", "s3fs", "aiobotocore.session")
    first_rows_modules = ("petastorm",)

    def batches(self, buffer_rows: int, seed: int | None) -> Iterator[Batch]:
        from petastorm import make_batch_reader
        from petastorm.pytorch import BatchedDataLoader

        url = f"file://{self.data}"
        shuffled = seed is not None
        with make_batch_reader(url, workers_count=self.threads, shuffle_row_groups=shuffled, seed=seed) as reader:
            yield from BatchedDataLoader(reader, batch_size=BATCH_ROWS, shuffling_queue_capacity=buffer_rows)

    def read(self) -> Iterator[Batch]:
        return self.batches(0, None)

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        return self.batches(BUFFER_ROWS, epoch)

    def shuffled_trips(self) -> Iterator[Batch]:
        """Without texts once they are read, which its loader does not take: less than the others give."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq
        from petastorm import TransformSpec, make_batch_reader
        from petastorm.pytorch import BatchedDataLoader

        def to_numbers(frame: Any) -> Any:
            seconds = frame.picked_up.astype("int64") // 1_000_000_000
            columns = {"picked_up": seconds, "passengers": frame.passengers.fillna(-1).astype("int64")}
            return frame.assign(**columns, tip=frame.tip.fillna(-1.0))[NUMBERS]

        # With a file system of s3fs, pyarrow 12 takes its new reader, which has not the arguments that Petastorm gives.
        pq.ParquetDataset = functools.partial(pq.ParquetDataset, use_legacy_dataset=True)
        edited = [("picked_up", np.int64, (), False), ("passengers", np.int64, (), False), ("tip", np.float64, (), False)]
        with make_batch_reader(
            self.job.url,
            workers_count=self.threads,
            shuffle_row_groups=True,
            seed=0,
            transform_spec=TransformSpec(to_numbers, edit_fields=edited, selected_fields=NUMBERS),
            storage_options={"client_kwargs": {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}},
        ) as reader:
            for batch in BatchedDataLoader(reader, batch_size=BATCH_ROWS, shuffling_queue_capacity=BUFFER_ROWS):
                yield {name: pa.array(batch[name].numpy()) for name in ("trip", "picked_up", "distance")}

    def first_rows(self, path: str, rows: int) -> int:
        from petastorm import make_batch_reader

        with make_batch_reader(f"file://{path}", workers_count=self.threads) as reader:
            return min(rows, len(next(reader).key))


if __name__ == "__main__":
    run(Petastorm)
