"""Data sets as other libraries' frames: Daft and Modin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from millstream.batch_format import pyarrow_record_batch
from millstream.libraries import library, pandas_frame, without_dictionaries, without_views

if TYPE_CHECKING:
    import pyarrow

    from millstream.dataset import Dataset

_STREAM_BATCH_ROWS = 1 << 14
_MODIN_PART_ROWS = 1 << 16


def to_daft(dataset: Dataset) -> Any:
    """A Daft DataFrame that reads the rows whenever it is computed: by one pass, as a stream.

    For Daft's own runner, which is in this process. Dictionaries become their values. TypeError for a column of a type
    that Daft does not have.
    """
    import pyarrow

    library("daft", "daft")
    from daft.io.source import DataSource, DataSourceTask
    from daft.recordbatch import RecordBatch
    from daft.schema import Schema

    stored = without_views(without_dictionaries(pyarrow.schema(dataset._core_schema())))
    columns = Schema.from_pyarrow_schema(stored)
    for field in columns:
        if field.dtype.is_python():
            raise TypeError(
                f"column {field.name!r} is of the type {stored.field(field.name).type}, which Daft does not have; cast "
                "it, or leave it out with drop_columns()"
            )

    class Rows(DataSourceTask):  # type: ignore[misc]
        schema = columns

        def __init__(self, wanted: Dataset) -> None:
            self._wanted = wanted

        async def read(self) -> AsyncIterator[Any]:
            rows = _record_batches(self._wanted)
            # Not on the thread that Daft's other sources are read by.
            while (part := await asyncio.to_thread(next, rows, None)) is not None:
                sent = pyarrow.schema([stored.field(name) for name in part.schema.names])
                yield RecordBatch.from_arrow_record_batches([part.cast(sent)], sent)

    class Source(DataSource):  # type: ignore[misc]
        name = "Millstream"
        schema = columns

        async def get_tasks(self, pushdowns: Any) -> AsyncIterator[Any]:
            yield Rows(_narrowed(dataset, pushdowns))

    return Source().read()


def _narrowed(dataset: Dataset, pushdowns: Any) -> Dataset:
    """Without what Daft will not look at. It filters itself, and only then may leave rows out."""
    if pushdowns.columns:
        needed = {*pushdowns.columns, *pushdowns.filter_required_column_names()}
        dataset = dataset.select_columns([name for name in dataset.columns() or [] if name in needed])
    if pushdowns.limit is not None and pushdowns.filters is None and pushdowns.partition_filters is None:
        dataset = dataset.limit(pushdowns.limit)
    return dataset


def to_modin(dataset: Dataset) -> Any:
    """All rows as a modin.pandas.DataFrame, whose columns have the types of `to_pandas`.

    They are given to Modin in parts, so that with its engines of several processes this one never holds them all.
    """
    modin = library("modin.pandas", "modin")
    parts = [
        modin.DataFrame(pandas_frame(dataset._core_schema, [batch]))
        for batch in dataset._batches_once(dataset._plan, batch_size=_MODIN_PART_ROWS)
    ]
    return modin.concat(parts, ignore_index=True) if parts else modin.DataFrame(pandas_frame(dataset._core_schema, []))


def _record_batches(dataset: Dataset) -> Iterator[pyarrow.RecordBatch]:
    yield from map(pyarrow_record_batch, dataset._batches_once(dataset._plan, batch_size=_STREAM_BATCH_ROWS))
