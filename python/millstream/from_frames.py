"""Data sets of other libraries' frames: Dask, Daft and Modin."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.libraries import Pieces, block_ranges, library, row_ranges
from millstream.read_api import read_datasource

if TYPE_CHECKING:
    import pandas
    import pyarrow

_PARTITION_BLOCK_ROWS = 1 << 16


def from_dask(df: Any) -> Dataset:
    """Rows of a dask DataFrame, in the order of its partitions; its index is left out: df.reset_index().

    Nothing is computed yet. In each pass a partition is computed when its rows are asked for, by Dask's scheduler where
    one is set (dask.config, a distributed client), else on the thread that reads it, up to four at a time.

    Partitions are computed one by one, so that behind a shuffle of Dask's own, such as set_index or merge, each does it
    again: call df.persist() before. The data set pickles with Dask's graph.

    Raises:
        TypeError: for what is no dask DataFrame.
        UserCodeError: computing a partition raised; it says which.
    """
    frames = library("dask.dataframe", "dask")
    if not isinstance(df, frames.DataFrame):
        remedy = "; make a frame of it: series.to_frame()" if isinstance(df, frames.Series) else ""
        raise TypeError(f"from_dask takes a dask DataFrame, not {type(df).__name__}{remedy}")
    return _read("Dask", [functools.partial(_partition, part) for part in df.to_delayed()])


def from_daft(df: Any) -> Dataset:
    """Rows of a Daft DataFrame, in its order.

    Nothing is computed yet: each pass runs Daft's plan, and its rows come as a stream. Tensors of one shape are
    Arrow's; Daft's other types of its own, such as images, are structs of what they store.
    The data set does not pickle, for Daft's frames do not.

    TypeError for what is no Daft DataFrame, and for columns of Python objects, which Daft pickles.
    """
    daft = library("daft", "daft")
    if not isinstance(df, daft.DataFrame):
        raise TypeError(f"from_daft takes a daft.DataFrame, not {type(df).__name__}")
    for field in df.schema():
        if field.dtype.is_python():
            raise TypeError(
                f"column {field.name!r} of the Daft DataFrame holds Python objects, which would be pickled; cast it, "
                f"or leave it out: df.exclude({field.name!r})"
            )
    return _read("Daft", [functools.partial(_daft_batches, df)])


def from_modin(df: Any) -> Dataset:
    """Rows of a Modin DataFrame as it is now; its index is left out: df.reset_index().

    They are taken out of Modin in blocks, when they are asked for. TypeError for what is no Modin DataFrame.
    """
    modin = library("modin.pandas", "modin")
    if not isinstance(df, modin.DataFrame):
        raise TypeError(f"from_modin takes a modin.pandas.DataFrame, not {type(df).__name__}")
    rows = len(df)
    size_bytes = int(df.memory_usage(index=False).sum())
    kept = df.copy()

    def tasks(count: int) -> list[ReadTask]:
        return [
            ReadTask(functools.partial(_modin_rows, kept, part, size_bytes / max(rows, 1)), BlockMetadata(len(part)))
            for part in row_ranges(rows, count)
        ]

    # Modin's frames are not made for several threads.
    return read_datasource(Pieces("Modin", tasks, size_bytes), concurrency=1)


def _read(name: str, reads: Sequence[Callable[[], Iterable[Any]]]) -> Dataset:
    return read_datasource(Pieces(name, lambda _: [ReadTask(read, BlockMetadata()) for read in reads]))


def _partition(part: Any) -> Iterator[pandas.DataFrame]:
    scheduler = library("dask.base", "dask").get_scheduler()  # the one that is set
    frame = part.compute(scheduler=scheduler or "synchronous")
    for first in range(0, len(frame), _PARTITION_BLOCK_ROWS):
        yield frame.iloc[first : first + _PARTITION_BLOCK_ROWS]


def _daft_batches(df: Any) -> Iterator[pyarrow.RecordBatch]:
    for batch in df.to_arrow_iter():
        yield _without_daft_types(batch)


def _without_daft_types(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    import pyarrow

    columns = [column.storage if str(column.type).startswith("extension<daft.") else column for column in batch.columns]
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _modin_rows(df: Any, rows: range, row_bytes: float) -> Iterator[pandas.DataFrame]:
    to_pandas = library("modin.pandas.io", "modin").to_pandas

    for part in block_ranges(rows, row_bytes):
        yield to_pandas(df.iloc[part.start : part.stop])
