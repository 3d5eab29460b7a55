"""Spark's frames: from them and to them. Needs a Java runtime."""

import datetime
import os
import shutil
import sys

import numpy as np
import pyarrow as pa
import pytest

import millstream as ms

sql = pytest.importorskip("pyspark.sql")
if shutil.which("java") is None:
    pytest.skip("there is no Java runtime", allow_module_level=True)


@pytest.fixture(scope="module")
def spark():
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.sql.session.timeZone": "America/New_York",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "1000",
    }
    builder = sql.SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def test_partitions_follow_one_another(spark):
    frame = spark.range(0, 10_000, 1, 4).selectExpr("id", "cast(id as string) as text")
    rows = ms.from_spark(frame)
    for _ in range(2):
        assert rows.take_all() == [{"id": n, "text": str(n)} for n in range(10_000)]
    assert ms.from_spark(frame.where("id > 9997"), parallelism=3).take_all() == [
        {"id": 9998, "text": "9998"},
        {"id": 9999, "text": "9999"},
    ]
    assert ms.from_spark(frame.where("id < 0"), override_num_blocks=3).take_all() == []


def test_what_spark_raises_is_raised(spark):
    failing = spark.range(10).selectExpr("assert_true(id < 5) as checked")
    with pytest.raises(ms.UserCodeError, match="ReadSpark: "):
        ms.from_spark(failing).take_all()


def test_wrong_arguments_are_refused(spark):
    with pytest.raises(TypeError, match=r"takes a pyspark\.sql\.DataFrame, not int"):
        ms.from_spark(3)
    with pytest.raises(ValueError, match="override_num_blocks must be at least 1"):
        ms.from_spark(spark.range(3), override_num_blocks=0)
    with pytest.raises(TypeError, match="takes a SparkSession, not int"):
        ms.range(3).to_spark(3)
    with pytest.raises(
        TypeError, match=r"column 'data' is of the type .*, which Spark does not have; cast it, or leave"
    ):
        ms.range_tensor(3).to_spark(spark)
    with pytest.raises(TypeError, match="column 'u' is of the type uint64"):
        ms.from_arrow(pa.table({"u": pa.array([1], pa.uint64())})).to_spark(spark)


def test_spark_runs_the_data_set(spark):
    frame = ms.range(100_000).map_batches(lambda batch: {"twice": batch["id"] * 2}, batch_size=1000).to_spark(spark)
    assert frame.count() == 100_000
    assert frame.selectExpr("sum(twice)").collect()[0][0] == 2 * sum(range(100_000))
    assert [row.twice for row in frame.where("twice % 50000 = 0").collect()] == [0, 50_000, 100_000, 150_000]


def test_columns_of_all_types_go_and_come_back(spark):
    moment = datetime.datetime(2024, 7, 1, 12, 30, 0, 5)
    table = pa.table(
        {
            "text": ["x", None],
            "large": pa.array(["x", "y"], pa.large_string()),
            "view": pa.array(["x", None], pa.string_view()),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "bytes": [b"x", None],
            "list": [[1], None],
            "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
            "struct": [{"a": 1}, {"a": 2}],
            "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32())),
            "zoned": pa.array([moment, None], pa.timestamp("ms", "Europe/Berlin")).cast(pa.timestamp("us", "UTC")),
            "plain_time": pa.array([moment, None], pa.timestamp("us")),
            "times": pa.array([[moment], None], pa.list_(pa.timestamp("us"))),
            "date": pa.array([1, None], pa.date32()),
            "decimal": pa.array([1, None], pa.decimal128(5, 2)),
            "flag": [True, None],
            "byte": pa.array([255, None], pa.uint8()),
            "word": pa.array([2**32 - 1, None], pa.uint32()),
        }
    )
    back = ms.from_spark(ms.from_arrow(table).to_spark(spark)).to_arrow()
    assert back.drop_columns("zoned").to_pylist() == table.drop_columns("zoned").to_pylist()
    assert back["zoned"].cast(pa.timestamp("us", "UTC")).to_pylist() == table["zoned"].to_pylist()
    assert back.schema.field("word").type == pa.int64()


def test_more_rows_in_memory_than_pickle_are_given_as_a_table(spark):
    frame = ms.from_numpy(np.arange(2_500_000)).to_spark(spark)
    assert frame.selectExpr("sum(data)", "count(*)").collect()[0][:] == (sum(range(2_500_000)), 2_500_000)


def test_what_a_function_raises_comes_out_of_spark(spark):
    def fail(batch):
        if batch["id"][0] >= 5000:
            raise ValueError("not today")
        return batch

    with pytest.raises(Exception, match="not today"):
        ms.range(100_000).map_batches(fail, batch_size=1000).to_spark(spark).count()
    with pytest.raises(Exception, match="would lose data"):
        ms.from_arrow(pa.table({"t": pa.array([1], pa.timestamp("ns"))})).to_spark(spark).collect()
