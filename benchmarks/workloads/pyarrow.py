"""Plain pyarrow, by hand: loops over the data set scanner; for a shuffle read all, draw a permutation, take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workloads import transforms
from workloads.measure import run
from workloads.peer import BATCH_ROWS, Batch, Peer


class PyArrow(Peer):
    modules = ("pyarrow", "pyarrow.dataset", "pyarrow.parquet", "numpy.random")
    reader_modules = ("pyarrow.csv", "pyarrow.json", "pyarrow.compute")
    first_rows_modules = ("pyarrow.dataset",)
    held: Any = None

    def open(self, memory_limit_bytes: int | None) -> None:
        super().open(memory_limit_bytes)
        import pyarrow

        pyarrow.set_cpu_count(self.threads)

    def scan(self, columns: list[str] | None = None) -> Iterator[Any]:
        from pyarrow.dataset import dataset

        return iter(dataset(self.data, format="parquet").to_batches(columns=columns, batch_size=BATCH_ROWS))

    def read(self) -> Iterator[Batch]:
        from workloads.tensors import from_arrow

        return map(from_arrow, self.scan())

    def materialize(self) -> None:
        from pyarrow.parquet import read_table

        self.held = read_table(self.data)

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        from numpy.random import default_rng
        from pyarrow.parquet import read_table

        from workloads.tensors import slices_of

        table = self.held or read_table(self.data)
        return slices_of(table.take(default_rng(epoch).permutation(table.num_rows)))

    def map_batches(self) -> Iterator[Batch]:
        from workloads.arrays import from_arrow

        return (transforms.map_batch(dict(from_arrow(batch))) for batch in self.scan())

    def tables(self, read: Callable[[Path], Any]) -> Iterator[Batch]:
        """File by file: each is read by several threads."""
        for path in sorted(Path(self.data).iterdir()):
            yield from read(path).to_batches(max_chunksize=BATCH_ROWS)

    def csv(self) -> Iterator[Batch]:
        from pyarrow.csv import read_csv

        return self.tables(read_csv)

    def small_csv(self) -> Iterator[Batch]:
        from pyarrow.dataset import dataset

        from workloads.arrays import gathered

        return gathered(dataset(self.data, format="csv").to_batches(batch_size=BATCH_ROWS))

    def json_lines(self) -> Iterator[Batch]:
        from pyarrow.json import read_json

        return self.tables(read_json)

    def columns(self, names: list[str] | None) -> Iterator[Batch]:
        from workloads.arrays import from_arrow

        return map(from_arrow, self.scan(names))

    def first_rows(self, path: str, rows: int) -> int:
        from pyarrow.dataset import dataset

        return len(dataset(path, format="parquet").head(rows).to_pylist())


if __name__ == "__main__":
    run(PyArrow)
