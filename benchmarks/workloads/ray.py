"""Ray Data on a local cluster of its own: `random_shuffle`, which draws a new order at every execution."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workloads import readers, transforms
from workloads.measure import run
from workloads.peer import BATCH_ROWS, READER, TRANSFORM, Batch, Peer

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
os.environ["RAY_DEDUP_LOGS"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"

JOIN_PARTITIONS = 16  # Must be given; as many as data A has files.


def round_up(size: int) -> int:
    """To whole 100 MB: half of data A becomes the round GB that the comparison is known by."""
    return -(-size // 100_000_000) * 100_000_000


class Ray(Peer):
    modules = ("ray", "ray.data", "ray.train.torch")  # the last is what torch batches would import in the timer
    first_rows_modules = ("ray.data",)
    uses_processes = True
    held: Any = None
    directory = ""

    def open(self, memory_limit_bytes: int | None) -> None:
        import ray

        # Its sockets' paths may have 107 bytes, so its directory cannot lie in a deep cache.
        self.directory = tempfile.mkdtemp(prefix="ray-")
        ray.init(
            address="local",
            num_cpus=self.threads,
            object_store_memory=memory_limit_bytes and round_up(memory_limit_bytes),
            object_spilling_directory=self.job.spill,
            include_dashboard=False,
            configure_logging=True,
            logging_level="ERROR",
            log_to_driver=False,
            _temp_dir=self.directory,
        )
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False

    def warm_up(self, kind: str) -> None:
        """Has every worker process started and done its imports; those are outside the timer for the others too."""
        if kind == READER and not self.job.url:
            files = [str(min(Path(self.data).iterdir()))] * (4 * self.threads)
            self.files(files, override_num_blocks=len(files)).materialize()
        else:
            self.warm_up_parquet(kind == TRANSFORM)

    def warm_up_parquet(self, transforming: bool) -> None:
        import ray

        files = [self.job.small] * (4 * self.threads)
        dataset = ray.data.read_parquet(files, override_num_blocks=len(files))
        for _ in dataset.random_shuffle().iter_torch_batches(batch_size=BATCH_ROWS):
            pass
        if transforming:
            mapped = dataset.map_batches(transforms.map_batch)
            mapped.groupby(transforms.GROUP_KEY, num_partitions=len(files)).mean(transforms.AVERAGED).materialize()

    def close(self) -> None:
        import ray

        ray.shutdown()
        shutil.rmtree(self.directory, ignore_errors=True)

    def dataset(self) -> Any:
        import ray

        return ray.data.read_parquet(self.data)

    def read(self) -> Iterator[Batch]:
        return iter(self.dataset().iter_torch_batches(batch_size=BATCH_ROWS))

    def materialize(self) -> None:
        self.held = self.dataset().materialize()

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        dataset = self.dataset() if self.held is None else self.held
        return iter(dataset.random_shuffle().iter_torch_batches(batch_size=BATCH_ROWS))

    def arrays(self, dataset: Any) -> Iterator[Batch]:
        return iter(dataset.iter_batches(batch_size=BATCH_ROWS, batch_format="numpy"))

    def sort(self) -> Iterator[Batch]:
        return self.arrays(self.dataset().sort(transforms.SORT_KEY))

    def group_means(self) -> Iterator[Batch]:
        # Else it reads all columns.
        needed = self.dataset().select_columns([transforms.GROUP_KEY, transforms.AVERAGED])
        return self.arrays(needed.groupby(transforms.GROUP_KEY).mean(transforms.AVERAGED))

    def join(self) -> Iterator[Batch]:
        import ray

        right = ray.data.read_parquet(self.tenth)
        key, suffix = transforms.JOIN_KEY, transforms.RIGHT_SUFFIX
        return self.arrays(self.dataset().join(right, "inner", JOIN_PARTITIONS, on=(key,), right_suffix=suffix))

    def map_batches(self) -> Iterator[Batch]:
        return self.arrays(self.dataset().map_batches(transforms.map_batch, batch_size=BATCH_ROWS))

    def small_blocks(self) -> Iterator[Batch]:
        import ray

        rows = transforms.BLOCKS * transforms.BLOCK_ROWS
        dataset = ray.data.range(rows, override_num_blocks=transforms.BLOCKS)
        for _ in range(transforms.SMALL_BLOCK_STAGES):
            dataset = dataset.map_batches(transforms.add_block_rows, batch_size=None)
        return self.arrays(dataset)

    def files(self, paths: Any, **options: Any) -> Any:
        """Of the form that the workload reads."""
        import ray

        def read_pictures(paths: Any, **options: Any) -> Any:
            return ray.data.read_images(paths, size=(readers.SIDE, readers.SIDE), mode="RGB", **options)

        forms = {
            "csv": ray.data.read_csv,
            "small_csv_files": ray.data.read_csv,
            "json_lines": ray.data.read_json,
            "small_files": ray.data.read_text,
            "jpeg": read_pictures,
        }
        return forms[self.job.workload](paths, **options)

    def tables(self) -> Iterator[Batch]:
        return iter(self.files(self.data).iter_batches(batch_size=BATCH_ROWS, batch_format="pyarrow"))

    csv = json_lines = texts = tables

    def shuffled_trips(self) -> Iterator[Batch]:
        import ray

        dataset = ray.data.read_parquet(self.job.url).random_shuffle()
        return iter(dataset.iter_batches(batch_size=BATCH_ROWS, batch_format="pyarrow"))

    def pictures(self) -> Iterator[Batch]:
        rows = readers.PICTURE_BATCH_ROWS
        return iter(self.files(self.data).iter_batches(batch_size=rows, batch_format="numpy"))

    def first_rows(self, path: str, rows: int) -> int:
        import ray

        return len(ray.data.read_parquet(path).take(rows))


if __name__ == "__main__":
    run(Ray)
