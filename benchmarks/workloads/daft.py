"""Daft's native runner, streamed out as Arrow record batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

from workloads import readers, transforms
from workloads.measure import run
from workloads.peer import BATCH_ROWS, Batch, Peer

os.environ["DAFT_PROGRESS_BAR"] = "0"
os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
os.environ["DO_NOT_TRACK"] = "true"


class Daft(Peer):
    modules = ("daft", "daft.extension_type", "pyarrow")
    reader_modules = ("daft.functions", "pyarrow.compute")
    first_rows_modules = ("daft",)
    held: Any = None

    def open(self, memory_limit_bytes: int | None) -> None:
        super().open(memory_limit_bytes)
        import daft

        daft.set_runner_native()

    def warm_up(self, kind: str) -> None:
        """Its pictures would import torch within the timer."""
        if self.job.workload == "jpeg":
            import torch  # noqa: F401

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

    def arrays(self, frame: Any) -> Iterator[Batch]:
        from workloads.arrays import slices_of

        return chain.from_iterable(map(slices_of, frame.to_arrow_iter()))

    def sort(self) -> Iterator[Batch]:
        return self.arrays(self.frame().sort(transforms.SORT_KEY))

    def group_means(self) -> Iterator[Batch]:
        import daft

        mean = daft.col(transforms.AVERAGED).mean().alias(transforms.MEAN)
        return self.arrays(self.frame().groupby(transforms.GROUP_KEY).agg(mean))

    def join(self) -> Iterator[Batch]:
        import daft

        right = daft.read_parquet(f"{self.tenth}/*.parquet")
        return self.arrays(
            self.frame().join(right, on=transforms.JOIN_KEY, how="inner", suffix=transforms.RIGHT_SUFFIX)
        )

    def map_batches(self) -> Iterator[Batch]:
        """Its functions take columns, not batches: this one gets the column that it uses."""
        import daft

        name = transforms.MAPPED

        @daft.udf(return_dtype=daft.DataType.float64(), batch_size=BATCH_ROWS)
        def mapped(column: Any) -> Any:
            return transforms.map_batch({name: column.to_arrow().to_numpy()})[name]

        return self.arrays(self.frame().with_column(name, mapped(daft.col(name))))

    def tables(self, frame: Any) -> Iterator[Batch]:
        from workloads.arrays import gathered

        return gathered(frame.to_arrow_iter())

    def csv(self) -> Iterator[Batch]:
        import daft

        return self.tables(daft.read_csv(f"{self.data}/*.csv"))

    def json_lines(self) -> Iterator[Batch]:
        import daft

        return self.tables(daft.read_json(f"{self.data}/*.jsonl"))

    def texts(self) -> Iterator[Batch]:
        import daft

        return self.tables(daft.read_text(f"{self.data}/*.txt"))

    def pictures(self) -> Iterator[Batch]:
        import daft
        from daft.functions import decode_image, download, resize

        image = resize(decode_image(download(daft.col("path")), mode="RGB"), w=readers.SIDE, h=readers.SIDE)
        frame = daft.from_glob_path(f"{self.data}/*.jpg").select(image.alias("image"))
        rows = readers.PICTURE_BATCH_ROWS
        for batch in frame.to_arrow_iter():
            for start in range(0, batch.num_rows, rows):
                pixels = batch.column(0).slice(start, rows).storage.flatten().to_numpy()
                yield {"image": pixels.reshape(-1, readers.SIDE, readers.SIDE, 3)}

    def first_rows(self, path: str, rows: int) -> int:
        import daft

        return len(daft.read_parquet(path).limit(rows).to_pylist())


if __name__ == "__main__":
    run(Daft)
