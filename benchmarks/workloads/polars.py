"""Polars: results held whole, cut into slices; a shuffle is `sample` of all rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from workloads import transforms
from workloads.measure import run
from workloads.peer import BATCH_ROWS, Batch, Peer


class Polars(Peer):
    modules = ("polars", "pyarrow")
    first_rows_modules = ("polars",)
    held: Any = None

    def __init__(self, job: Any) -> None:
        super().__init__(job)
        os.environ.setdefault("POLARS_MAX_THREADS", str(self.threads))

    def frame(self) -> Any:
        import polars

        return polars.read_parquet(f"{self.data}/*.parquet")

    def slices(self, frame: Any) -> Iterator[Batch]:
        from workloads.tensors import from_arrow

        return (from_arrow(part.to_arrow()) for part in frame.iter_slices(BATCH_ROWS))

    def read(self) -> Iterator[Batch]:
        return self.slices(self.frame())

    def materialize(self) -> None:
        self.held = self.frame()

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        frame = self.frame() if self.held is None else self.held
        return self.slices(frame.sample(fraction=1.0, shuffle=True, seed=epoch))

    def collected(self, frame: Any) -> Iterator[Batch]:
        from workloads.arrays import from_arrow

        return (from_arrow(part.to_arrow()) for part in frame.collect().iter_slices(BATCH_ROWS))

    def scan(self, directory: str) -> Any:
        import polars

        return polars.scan_parquet(f"{directory}/*.parquet")

    def sort(self) -> Iterator[Batch]:
        return self.collected(self.scan(self.data).sort(transforms.SORT_KEY))

    def group_means(self) -> Iterator[Batch]:
        import polars

        mean = polars.col(transforms.AVERAGED).mean().alias(transforms.MEAN)
        return self.collected(self.scan(self.data).group_by(transforms.GROUP_KEY).agg(mean))

    def join(self) -> Iterator[Batch]:
        right = self.scan(self.tenth)
        return self.collected(
            self.scan(self.data).join(right, on=transforms.JOIN_KEY, how="inner", suffix=transforms.RIGHT_SUFFIX)
        )

    def tables(self, frame: Any) -> Iterator[Batch]:
        """Its texts as they are, which are views: pyarrow's older ones would be copies."""
        import polars

        newest = polars.CompatLevel.newest()
        return (part.to_arrow(compat_level=newest) for part in frame.iter_slices(BATCH_ROWS))

    def csv(self) -> Iterator[Batch]:
        import polars

        return self.tables(polars.read_csv(f"{self.data}/*.csv", try_parse_dates=True))

    def json_lines(self) -> Iterator[Batch]:
        import polars

        times = polars.col("picked_up").str.to_datetime("%Y-%m-%d %H:%M:%S")
        return self.tables(polars.read_ndjson(f"{self.data}/*.jsonl").with_columns(times))

    def first_rows(self, path: str, rows: int) -> int:
        import polars

        return len(polars.scan_parquet(path).head(rows).collect().rows())


if __name__ == "__main__":
    run(Polars)
