"""Whatever has __arrow_c_stream__ is a data set: polars, DuckDB, pandas, and a class of one's own."""

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import millstream as ms

ROWS = [{"a": 1, "s": "x"}, {"a": None, "s": None}, {"a": 3, "s": "z"}]


class Exported:
    """Only that."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


TABLE = pa.Table.from_pylist(ROWS)
FRAME = pl.DataFrame(ROWS)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(FRAME, id="polars"),
        pytest.param(FRAME.with_columns(pl.col("s").cast(pl.Categorical)), id="categories of polars"),
        pytest.param(duckdb.sql("from (values (1, 'x'), (null, null), (3, 'z')) as t(a, s)"), id="duckdb"),
        pytest.param(pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "s": ["x", None, "z"]}), id="pandas"),
        pytest.param(Exported(TABLE), id="own class"),
        pytest.param(TABLE.to_batches()[0], id="record batch"),
    ],
)
def test_frames_of_any_library_are_data_sets(each_engine, frame):
    rows = ms.from_arrow(frame)
    assert isinstance(rows, ms.MaterializedDataset)
    assert rows.take_all() == ROWS
    assert rows.filter(expr="a > 1").take_all() == ROWS[2:]
    assert rows.random_shuffle(seed=3).sort("a").take_all() == [ROWS[0], ROWS[2], ROWS[1]]


def test_several_frames_follow_one_another():
    assert ms.from_arrow([FRAME, FRAME]).take_all() == ROWS * 2
    assert ms.from_arrow([Exported(TABLE), Exported(TABLE)]).take_all() == ROWS * 2


def test_a_reader_is_taken_to_its_end():
    reader = pa.RecordBatchReader.from_stream(TABLE)
    assert ms.from_arrow(reader).take_all() == ROWS
    assert reader.read_all().num_rows == 0


def test_results_of_queries_are_data_sets():
    numbers = duckdb.sql("select range as n, range % 3 as third from range(100000)")
    assert ms.from_arrow(numbers).groupby("third").sum("n").sort("third").take_all() == [
        {"third": third, "sum(n)": sum(range(third, 100_000, 3))} for third in range(3)
    ]
    lazy = pl.LazyFrame({"n": range(10)}).filter(pl.col("n") > 6)
    assert ms.from_arrow(lazy.collect()).take_all() == [{"n": 7}, {"n": 8}, {"n": 9}]


def test_what_is_no_table_is_refused():
    with pytest.raises(TypeError, match=r"takes an Arrow table or record batch, .*not LazyFrame"):
        ms.from_arrow(pl.LazyFrame({"n": [1]}))
    with pytest.raises(TypeError, match="not dict"):
        ms.from_arrow([{"n": [1]}])
