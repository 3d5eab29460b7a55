"""Sources and sinks of the user's own: `read_datasource` and `Dataset.write_datasink`.

    class Squares(Datasource):
        def get_read_tasks(self, parallelism, per_task_row_limit=None, data_context=None):
            return [ReadTask(functools.partial(squares, first), BlockMetadata()) for first in range(0, 1000, 100)]


    def squares(first):
        yield {"square": [number**2 for number in range(first, first + 100)]}


    rows = millstream.read_datasource(Squares())

Neither is ever held as a whole: tasks give blocks one by one, and sinks are given them so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.arguments import check_count
from millstream.block import BlockMetadata
from millstream.datasink import Datasink, DummyOutputDatasink, WriteResult, WriteReturnType
from millstream.file_shuffle import FileShuffleConfig
from millstream.filename_provider import FilenameProvider
from millstream.partitioning import Partitioning, PartitionStyle
from millstream.path_partitions import PathPartitionFilter, PathPartitionParser
from millstream.save_mode import SaveMode
from millstream.seeds import RandomSeedConfig

if TYPE_CHECKING:
    import pyarrow

    from millstream.context import DataContext

__all__ = [
    "BlockMetadata",
    "Datasink",
    "Datasource",
    "DummyOutputDatasink",
    "FileShuffleConfig",
    "FilenameProvider",
    "PartitionStyle",
    "Partitioning",
    "PathPartitionFilter",
    "PathPartitionParser",
    "RandomIntRowDatasource",
    "RandomSeedConfig",
    "ReadTask",
    "SaveMode",
    "WriteResult",
    "WriteReturnType",
]

_INT64_BYTES = 8


class Datasource:
    """Where rows come from: to be subclassed, and given to `read_datasource`."""

    def get_name(self) -> str:
        """As its stage is called: "ReadSquares" of a SquaresDatasource."""
        return type(self).__name__.removeprefix("_").removesuffix("Datasource")

    def estimate_inmemory_data_size(self) -> int | None:
        """Bytes of all rows in memory, about; None where nobody knows. How many tasks are asked for follows from it."""
        return None

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: DataContext | None = None
    ) -> list[ReadTask]:
        """The tasks, about `parallelism` of them; rows come in their order. Called once, by `read_datasource`.

        `per_task_row_limit` and `data_context` are None in this version.
        """
        raise NotImplementedError(f"{type(self).__name__} needs get_read_tasks(parallelism), which gives its ReadTasks")

    @property
    def supports_distributed_reads(self) -> bool:
        """Taken as in ray.data; there is one machine."""
        return True


class ReadTask:
    """Reads some of a source's rows when it is called, as blocks one after the other.

    Args:
        read_fn: Gives an iterable of blocks, each what a function of `map_batches` may return. One that yields them is
            read as a stream: only few of its blocks are in memory at a time. It is called anew in each epoch, and may
            be called on any thread.
        metadata: What is known of the rows beforehand.
        schema: Of the rows, where it is known; nothing depends on it, the rows have their own.
        per_task_row_limit: Rows, at most; None for all.

    Plans hold read tasks, so a data set pickles where cloudpickle takes them.
    """

    def __init__(
        self,
        read_fn: Callable[[], Iterable[Any]],
        metadata: BlockMetadata,
        schema: pyarrow.Schema | None = None,
        per_task_row_limit: int | None = None,
    ) -> None:
        if not callable(read_fn):
            raise TypeError(f"ReadTask takes a function that gives blocks, not {type(read_fn).__name__}")
        self._read_fn = read_fn
        self._metadata = metadata
        self._schema = schema
        limit = per_task_row_limit
        self._row_limit = None if limit is None else check_count(limit, "per_task_row_limit")

    @property
    def read_fn(self) -> Callable[[], Iterable[Any]]:
        return self._read_fn

    @property
    def metadata(self) -> BlockMetadata:
        return self._metadata

    @property
    def schema(self) -> pyarrow.Schema | None:
        return self._schema

    @property
    def per_task_row_limit(self) -> int | None:
        return self._row_limit

    def __call__(self) -> Iterator[Any]:
        """The blocks as `read_fn` gives them; the row limit is kept by who reads."""
        yield from self._read_fn()


class RandomIntRowDatasource(Datasource):
    """An example: `n` rows of `num_columns` columns "c_0", "c_1", … of random int64, the same ones each time."""

    def __init__(self, n: int, num_columns: int) -> None:
        self._rows = check_count(n, "n")
        self._columns = check_count(num_columns, "num_columns", least=1)
        self._seed = _core.random_seed()

    def get_name(self) -> str:
        return "RandomInt"

    def estimate_inmemory_data_size(self) -> int | None:
        return self._rows * self._columns * _INT64_BYTES

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: DataContext | None = None
    ) -> list[ReadTask]:
        starts = [self._rows * task // parallelism for task in range(parallelism + 1)]
        return [self._task(first, end) for first, end in itertools.pairwise(starts) if first < end]

    def _task(self, first: int, end: int) -> ReadTask:
        columns, seed = self._columns, self._seed

        def read() -> Iterator[Any]:
            import numpy

            generator = numpy.random.default_rng([seed, first])
            numbers = generator.integers(numpy.iinfo(numpy.int64).max, size=(columns, end - first))
            yield {f"c_{column}": numbers[column] for column in range(columns)}

        return ReadTask(read, BlockMetadata(end - first, (end - first) * columns * _INT64_BYTES))
