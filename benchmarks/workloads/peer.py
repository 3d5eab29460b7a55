"""What a library under test has to offer: one subclass of Peer each."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

BATCH_ROWS = 65_536

Batch = Mapping[str, Any]  # column name -> torch.Tensor, or numpy.ndarray where data is transformed


class Unsupported(Exception):
    """The peer has no such thing; the message says what is missing."""


class Peer:
    """Batches have at most BATCH_ROWS rows. They come as torch tensors, and from a transform as numpy arrays."""

    modules: tuple[str, ...] = ()
    transform_modules: tuple[str, ...] = ()  # that a transform needs as well
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

    def warm_up(self, transforming: bool) -> None:
        """For a library that works in other processes: has those import what they need, for a transform or not."""

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

    def first_rows(self, path: str, rows: int) -> int:
        raise NotImplementedError

    def statistics(self) -> dict[str, Any]:
        """What the library itself tells of the last epoch."""
        return {}
