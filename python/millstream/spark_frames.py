"""Data sets from Spark, and as Spark DataFrames."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millstream.batch_format import pyarrow_record_batch
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.file_arguments import block_count
from millstream.libraries import Pieces, library, without_dictionaries, without_views
from millstream.read_api import read_datasource

if TYPE_CHECKING:
    import pyarrow

_BATCH_ROWS = 1 << 14


def from_spark(df: Any, *, parallelism: int | None = None, override_num_blocks: int | None = None) -> Dataset:
    """Rows of a Spark DataFrame, in the order of its partitions.

    Nothing is computed yet: each pass has Spark compute the partitions one after the other, and its rows come as a
    stream. Such a data set does not pickle, for it is of this Spark session.

    Args:
        df: A pyspark.sql.DataFrame.
        parallelism: As override_num_blocks.
        override_num_blocks: Taken as in ray.data, and changes nothing: df.repartition(n) cuts partitions anew.
    """
    spark = library("pyspark.sql", "spark")
    block_count(-1 if parallelism is None else parallelism, override_num_blocks)
    if not isinstance(df, spark.DataFrame):
        raise TypeError(f"from_spark takes a pyspark.sql.DataFrame, not {type(df).__name__}")
    return read_datasource(Pieces("Spark", lambda _: [ReadTask(lambda: _batches(df), BlockMetadata())]))


def _batches(df: Any) -> Iterator[pyarrow.RecordBatch]:
    """As Spark's own frames give them as a stream, which those with timestamps do not in all of its versions."""
    import pyarrow

    # Within this function, so that it travels to Spark's workers by value: they need no Millstream.
    def as_bytes(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        for batch in batches:
            sink = pyarrow.BufferOutputStream()
            with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield pyarrow.record_batch({"batch": [sink.getvalue().to_pybytes()]})

    for row in df.mapInArrow(as_bytes, "batch binary").toLocalIterator():
        with pyarrow.ipc.open_stream(row.batch) as reader:
            yield from reader


def to_spark(dataset: Dataset, spark: Any) -> Any:
    """A Spark DataFrame of one partition, which runs the data set in a worker of Spark whenever it is computed: by one
    pass, as a stream. Its repartition(n) spreads the rows.

    The data set is pickled, so Spark's workers need Millstream, and see its files. Rows in memory that are too many to
    pickle are given to Spark as one table. Dictionaries become their values, and unsigned numbers signed ones, the next
    wider; times without a zone are TimestampNTZ.

    Raises:
        TypeError: for what is no SparkSession; for a column of a type that Spark does not have, naming it.
    """
    library("pyspark.sql", "spark")
    if not hasattr(spark, "createDataFrame"):
        raise TypeError(f"to_spark takes a SparkSession, not {type(spark).__name__}")
    import pyarrow
    from pyspark.sql.pandas.types import to_arrow_schema

    schema = _spark_schema(pyarrow.schema(dataset._core_schema()))
    sent = to_arrow_schema(schema, timezone="UTC")
    if not _pickles(dataset):
        return spark.createDataFrame(dataset.to_arrow().cast(sent), schema)
    source = _source(dataset, schema, sent)
    spark.dataSource.register(source)
    return spark.read.format(source.name()).load()


def _source(dataset: Dataset, columns: Any, sent: pyarrow.Schema) -> Any:
    """The class of a data source of Spark, which travels to its workers with the data set."""
    from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

    own_name = f"millstream_{uuid.uuid4().hex}"

    class Reader(DataSourceReader):  # type: ignore[misc]
        def partitions(self) -> list[Any]:
            return [InputPartition(0)]

        def read(self, partition: Any) -> Iterator[pyarrow.RecordBatch]:
            for batch in dataset._batches_once(dataset._plan, batch_size=_BATCH_ROWS):
                yield pyarrow_record_batch(batch).cast(sent)

    class Source(DataSource):  # type: ignore[misc]
        @classmethod
        def name(cls) -> str:
            return own_name

        def schema(self) -> Any:
            return columns

        def reader(self, schema: Any) -> Any:
            return Reader()

    return Source


def _spark_schema(schema: pyarrow.Schema) -> Any:
    import pyarrow
    from pyspark.sql.pandas.types import from_arrow_schema

    signed = {pyarrow.uint8(): pyarrow.int16(), pyarrow.uint16(): pyarrow.int32(), pyarrow.uint32(): pyarrow.int64()}
    plain = without_views(without_dictionaries(schema))
    fields = [field.with_type(signed.get(field.type, field.type)) for field in plain]
    for field in fields:
        try:
            from_arrow_schema(pyarrow.schema([field]))
        except TypeError as error:
            raise TypeError(
                f"column {field.name!r} is of the type {field.type}, which Spark does not have; cast it, or leave it "
                "out with drop_columns()"
            ) from error
    return from_arrow_schema(pyarrow.schema(fields), prefer_timestamp_ntz=True)


def _pickles(dataset: Dataset) -> bool:
    try:
        dataset.__reduce__()
    except ValueError:  # rows in memory, above what pickles
        return False
    return True
