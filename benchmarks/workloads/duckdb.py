"""DuckDB: queries streamed out as Arrow record batches; a shuffle is `order by random()`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workloads import transforms
from workloads.measure import run
from workloads.peer import BATCH_ROWS, Batch, Peer


class DuckDb(Peer):
    modules = ("duckdb", "pyarrow")
    first_rows_modules = ("duckdb",)
    connection: Any = None
    source = ""

    def open(self, memory_limit_bytes: int | None) -> None:
        import duckdb

        self.connection = duckdb.connect()
        self.connection.execute(f"SET threads = {self.threads}")
        self.connection.execute("SET enable_progress_bar = false")
        self.connection.execute(f"SET temp_directory = '{self.job.spill}'")
        if memory_limit_bytes is not None:
            self.connection.execute(f"SET memory_limit = '{memory_limit_bytes // 1_000_000}MB'")
        self.source = f"read_parquet('{self.data}/*.parquet')"

    def close(self) -> None:
        self.connection.close()

    def reader(self, query: str) -> Any:
        return self.connection.sql(query).to_arrow_reader(BATCH_ROWS)

    def batches(self, query: str) -> Iterator[Batch]:
        from workloads.tensors import from_arrow

        return map(from_arrow, self.reader(query))

    def arrays(self, query: str) -> Iterator[Batch]:
        from workloads.arrays import from_arrow

        return map(from_arrow, self.reader(query))

    def read(self) -> Iterator[Batch]:
        return self.batches(f"SELECT * FROM {self.source}")

    def materialize(self) -> None:
        self.connection.execute(f"CREATE TABLE held AS SELECT * FROM {self.source}")
        self.source = "held"

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        return self.batches(f"SELECT * FROM {self.source} ORDER BY random()")

    def sort(self) -> Iterator[Batch]:
        return self.arrays(f"SELECT * FROM {self.source} ORDER BY {transforms.SORT_KEY}")

    def group_means(self) -> Iterator[Batch]:
        key, value, mean = transforms.GROUP_KEY, transforms.AVERAGED, transforms.MEAN
        return self.arrays(f'SELECT {key}, avg({value}) AS "{mean}" FROM {self.source} GROUP BY {key}')

    def join(self) -> Iterator[Batch]:
        key, suffix = transforms.JOIN_KEY, transforms.RIGHT_SUFFIX
        right = f"SELECT {key}, COLUMNS(* EXCLUDE {key}) AS '\\0{suffix}' FROM read_parquet('{self.tenth}/*.parquet')"
        return self.arrays(f"SELECT * FROM {self.source} JOIN ({right}) USING ({key})")

    def csv(self) -> Iterator[Batch]:
        return iter(self.reader(f"SELECT * FROM read_csv('{self.data}/*.csv')"))

    def json_lines(self) -> Iterator[Batch]:
        return iter(self.reader(f"SELECT * FROM read_json('{self.data}/*.jsonl')"))

    def first_rows(self, path: str, rows: int) -> int:
        return len(self.connection.execute(f"SELECT * FROM read_parquet('{path}') LIMIT {rows}").fetchall())


if __name__ == "__main__":
    run(DuckDb)
