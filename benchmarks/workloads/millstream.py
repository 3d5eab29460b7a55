"""Millstream: one iterator over a reshuffled data set, one pass over it for each epoch; and its transforms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from workloads import readers, transforms
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
    transform_modules = (
        "millstream.aggregate",
        "millstream.grouped_data",
        "millstream.converted_batches",
        "millstream.data_pass",
        "millstream.function_threads",
        "millstream.pass_record",
        "millstream.resume_state",
        "millstream.user_code_error",
        "cloudpickle",
        "pandas",
        "pyarrow.pandas_compat",
    )
    reader_modules = (
        "millstream.read_files",
        "millstream.read_arrays",
        "pandas",
        "pyarrow.compute",
        "pyarrow.pandas_compat",
    )
    first_rows_modules = ("millstream",)
    held: Any = None
    iterator: Any = None
    transformed: Any = None

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

    def arrays(self, dataset: Any) -> Iterator[Batch]:
        self.transformed = dataset
        return iter(dataset.iter_batches(batch_size=BATCH_ROWS, batch_format="numpy"))

    def sort(self) -> Iterator[Batch]:
        return self.arrays(self.dataset().sort(transforms.SORT_KEY))

    def group_means(self) -> Iterator[Batch]:
        from millstream.aggregate import Mean

        return self.arrays(self.dataset().groupby(transforms.GROUP_KEY).aggregate(Mean(transforms.AVERAGED)))

    def join(self) -> Iterator[Batch]:
        import millstream

        right = millstream.read_parquet(self.tenth)
        key, suffix = transforms.JOIN_KEY, transforms.RIGHT_SUFFIX
        return self.arrays(self.dataset().join(right, "inner", on=key, right_suffix=suffix))

    def map_batches(self) -> Iterator[Batch]:
        return self.arrays(self.dataset().map_batches(transforms.map_batch, batch_size=BATCH_ROWS))

    def small_blocks(self) -> Iterator[Batch]:
        import millstream

        rows = transforms.BLOCKS * transforms.BLOCK_ROWS
        dataset = millstream.range(rows, override_num_blocks=transforms.BLOCKS)
        for _ in range(transforms.SMALL_BLOCK_STAGES):
            dataset = dataset.map_batches(transforms.add_block_rows, batch_size=None)
        return self.arrays(dataset)

    def tables(self, dataset: Any) -> Iterator[Batch]:
        self.transformed = dataset
        return iter(dataset.iter_batches(batch_size=BATCH_ROWS, batch_format="pyarrow"))

    def csv(self) -> Iterator[Batch]:
        import millstream

        return self.tables(millstream.read_csv(self.data))

    def json_lines(self) -> Iterator[Batch]:
        import millstream

        return self.tables(millstream.read_json(self.data))

    def texts(self) -> Iterator[Batch]:
        import millstream

        return self.tables(millstream.read_text(self.data))

    def pictures(self) -> Iterator[Batch]:
        import millstream

        dataset = millstream.read_images(self.data, size=(readers.SIDE, readers.SIDE), mode="RGB")
        self.transformed = dataset
        return iter(dataset.iter_batches(batch_size=readers.PICTURE_BATCH_ROWS, batch_format="numpy"))

    def shuffled_trips(self) -> Iterator[Batch]:
        import millstream

        return self.tables(millstream.read_parquet(self.job.url).random_shuffle(seed=SEED))

    def columns(self, names: list[str] | None) -> Iterator[Batch]:
        import millstream

        return self.arrays(millstream.read_parquet(self.data, columns=names))

    def statistics(self) -> dict[str, Any]:
        if self.transformed is not None:
            return {"stats": self.transformed.stats()}
        return {} if self.iterator is None else shuffle_figures(self.iterator.stats())

    def first_rows(self, path: str, rows: int) -> int:
        import millstream

        return len(millstream.read_parquet(path).take(rows))


if __name__ == "__main__":
    run(Millstream)
