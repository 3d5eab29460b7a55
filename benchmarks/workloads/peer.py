"""What a library under test has to offer: one subclass of Peer each."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

BATCH_ROWS = 65_536

# Column name -> torch.Tensor, numpy.ndarray or Arrow column. Arrow tables and record batches do for one.
Batch = Mapping[str, Any]

# Kinds of workloads: batches come as torch tensors to a loader; the others need no torch.
LOADER, TRANSFORM, READER = "loader", "transform", "reader"


class Unsupported(Exception):
    """The peer has no such thing; the message says what is missing."""


class Peer:
    """Batches have at most BATCH_ROWS rows. They come as torch tensors, and from a transform as numpy arrays; what
    readers of files give is said there.
    """

    modules: tuple[str, ...] = ()
    transform_modules: tuple[str, ...] = ()  # that a transform needs as well
    # That a reader of files needs as well, or the count of its rows.
    reader_modules: tuple[str, ...] = ("pyarrow.compute",)
    first_rows_modules: tuple[str, ...] | None = None  # where fewer do for a look at a file
    uses_processes = False

    def __init__(self, job: argparse.Namespace) -> None:
        self.job = job
        self.data: str = str(job.data)
        self.tenth: str = str(job.tenth)
        self.threads: int = job.threads

    def open(self, memory_limit_bytes: int | None) -> None:
        """Starts what a program starts once; a limit of None leaves the library's default."""
        if memory_limit_bytes is not None:
            raise Unsupported("has no memory limit to set")

    def warm_up(self, kind: str) -> None:
        """For a library that works in other processes: has those import what they need for a workload of the kind."""

    def close(self) -> None:
        """Ends what open() started."""

    def read(self) -> Iterator[Batch]:
        raise NotImplementedError

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        """One epoch in a new global order; a user's way of doing it, called once for each epoch, 0 first."""
        raise NotImplementedError

    def materialize(self) -> None:
        """Holds the data ready so that later calls of shuffle() need not read it again."""
        raise Unsupported("cannot hold a data set ready between epochs")

    def sort(self) -> Iterator[Batch]:
        """All columns, in the order of transforms.SORT_KEY."""
        raise NotImplementedError

    def group_means(self) -> Iterator[Batch]:
        """The mean of transforms.AVERAGED by transforms.GROUP_KEY, in any order; named transforms.MEAN."""
        raise NotImplementedError

    def join(self) -> Iterator[Batch]:
        """The rows whose key is in the tenth too, with all its columns beside, in any order."""
        raise NotImplementedError

    def map_batches(self) -> Iterator[Batch]:
        """All columns, after transforms.map_batch of BATCH_ROWS rows at a time, in any order."""
        raise NotImplementedError

    def small_blocks(self) -> Iterator[Batch]:
        """The numbers of transforms.BLOCKS blocks, after transforms.add_block_rows of each in several stages."""
        raise NotImplementedError

    def csv(self) -> Iterator[Batch]:
        """Rows of CSV files, times as times and not as texts; Arrow tables or record batches of about BATCH_ROWS rows."""
        raise NotImplementedError

    def small_csv(self) -> Iterator[Batch]:
        """The same of many small files, where that is done otherwise."""
        return self.csv()

    def json_lines(self) -> Iterator[Batch]:
        """Rows of files with an object a line, as csv() gives them."""
        raise NotImplementedError

    def texts(self) -> Iterator[Batch]:
        """Lines of text files as the column "text", in batches as csv() gives them."""
        raise NotImplementedError

    def pictures(self) -> Iterator[Batch]:
        """JPEG files in RGB as the column "image": numpy arrays, uint8, of (rows, SIDE, SIDE, 3), at most
        readers.PICTURE_BATCH_ROWS rows each.
        """
        raise NotImplementedError

    def shuffled_trips(self) -> Iterator[Batch]:
        """Trips of the Parquet files at `job.url`, all columns, in a new global order where the library has such."""
        raise NotImplementedError

    def columns(self, names: list[str] | None) -> Iterator[Batch]:
        """These columns of data A, or all, as numpy arrays."""
        raise NotImplementedError

    def first_rows(self, path: str, rows: int) -> int:
        raise NotImplementedError

    def statistics(self) -> dict[str, Any]:
        """What the library itself tells of the last epoch."""
        return {}
