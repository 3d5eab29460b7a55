"""A data set is an Arrow stream: DuckDB, Polars and pyarrow read it as it is."""

import pickle
import textwrap

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import millstream as ms
from millstream.expressions import col


@pytest.fixture
def rows():
    return ms.range(50_000).with_column("twice", col("id") * 2).with_column("odd", col("id") % 2)


def test_pyarrow_reads_it(each_engine, rows):
    table = pa.table(rows)
    assert table.equals(rows.to_arrow().combine_chunks()) or table.to_pydict() == rows.to_arrow().to_pydict()
    reader = pa.RecordBatchReader.from_stream(rows)
    assert reader.schema.names == ["id", "twice", "odd"]
    assert reader.read_next_batch().num_rows > 0


def test_duckdb_reads_it_as_a_table(each_engine, rows):
    table = duckdb.from_arrow(pa.RecordBatchReader.from_stream(rows))
    assert table.aggregate("odd, count(*), sum(twice)").order("odd").fetchall() == [
        (0, 25_000, sum(range(0, 50_000, 2)) * 2),
        (1, 25_000, sum(range(1, 50_000, 2)) * 2),
    ]


def test_polars_reads_it(each_engine, rows):
    frame = pl.DataFrame(rows)
    assert frame.shape == (50_000, 3)
    assert frame["id"].to_list() == list(range(50_000))
    assert pa.table(rows).to_pandas()["odd"].sum() == 25_000


def test_functions_run_while_it_is_read(each_engine, rows):
    doubled = rows.map_batches(lambda batch: {"x": np.asarray(batch["id"]) * 2})
    assert sum(pa.table(doubled)["x"].to_pylist()) == 2 * sum(range(50_000))
    assert pl.DataFrame(doubled)["x"].sum() == 2 * sum(range(50_000))
    assert duckdb.from_arrow(pa.RecordBatchReader.from_stream(doubled)).max("x").fetchall() == [(99_998,)]


def test_each_pass_is_a_new_one_and_data_sets_are_made_of_it(rows):
    assert pa.table(rows).num_rows == pa.table(rows).num_rows == 50_000
    assert ms.from_arrow(rows).count() == 50_000
    assert pickle.loads(pickle.dumps(rows)).count() == 50_000
    shuffled = rows.random_shuffle(seed=1)
    assert pa.table(shuffled)["id"].to_pylist() == [row["id"] for row in shuffled.take_all()]
    assert pa.table(ms.range(0)).num_rows == 0


def test_an_error_is_told_to_who_reads(rows):
    def fail(batch):
        raise RuntimeError("not today")

    with pytest.raises(Exception, match="not today"):
        pa.table(rows.map_batches(fail))


def test_a_stream_that_is_dropped_leaves_nothing(use_engine):
    engine = use_engine(num_cpus=2)
    reader = pa.RecordBatchReader.from_stream(ms.range(10_000_000))
    reader.read_next_batch()
    del reader
    assert engine.memory_used() == 0


def test_ctrl_c_ends_a_read(run_python):
    source = """
        import _thread, threading, time
        import polars, pyarrow
        import millstream as ms

        endless = ms.range(1_000_000).map_batches(lambda batch: time.sleep(0.05) or batch, batch_size=16)
        for read in (polars.DataFrame, pyarrow.table):
            threading.Timer(0.5, _thread.interrupt_main).start()
            began = time.monotonic()
            try:
                try:
                    read(endless)
                finally:
                    for _ in range(500):  # where the signal comes up behind the reader's own error
                        time.sleep(0.01)
            except KeyboardInterrupt:
                print("ended", time.monotonic() - began < 60)
        """
    told = run_python(textwrap.dedent(source))
    assert told == "ended True\nended True\n"
