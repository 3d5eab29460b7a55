"""Data sets as dask's frames: partitions are parts of one pass, read when they are computed."""

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms
from millstream import col

ROWS = 10_000
BLOCKS = 8


@pytest.fixture
def rows():
    return ms.range(ROWS, override_num_blocks=BLOCKS).with_column("twice", col("id") * 2)


class Counted:
    """A function of map_batches that counts the rows that it was given."""

    def __init__(self):
        self.rows = 0

    def __call__(self, batch):
        self.rows += len(batch["id"])
        return batch


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_a_frame_is_what_to_pandas_gives(each_engine, rows, scheduler):
    frame = rows.to_dask()
    assert frame.npartitions == BLOCKS
    with dask.config.set(scheduler=scheduler):
        pd.testing.assert_frame_equal(frame.compute(), rows.to_pandas())
        assert frame["id"].sum().compute() == sum(range(ROWS))
        assert len(frame) == ROWS
        assert frame[frame["id"] < 7]["twice"].compute().tolist() == [0, 2, 4, 6, 8, 10, 12]


def test_partitions_are_read_when_they_are_computed():
    counted = Counted()
    many = 400_000
    frame = ms.range(many, override_num_blocks=40).map_batches(counted, batch_size=1000).to_dask()
    counted.rows = 0  # they were counted
    assert frame.head(3)["id"].tolist() == [0, 1, 2]
    assert many // 40 <= counted.rows < many // 2
    counted.rows = 0
    assert frame["id"].sum().compute() == sum(range(many))
    assert counted.rows == many  # one pass for all partitions


def test_any_partition_may_be_computed_alone(rows):
    frame = rows.to_dask()
    whole = rows.to_pandas()
    for number in (7, 0, 3):
        first, end = number * ROWS // BLOCKS, (number + 1) * ROWS // BLOCKS
        pd.testing.assert_frame_equal(frame.partitions[number].compute(), whole.iloc[first:end])


def test_a_pass_begins_anew_for_other_rows(rows):
    from millstream.to_dask import _Pass

    begun = _Pass(rows)
    for first, end in ((0, 100), (100, 250), (5000, 5003), (20, 21), (21, 9000), (9990, None), (0, None)):
        assert begun.rows(first, end)["id"].tolist() == list(range(first, ROWS if end is None else end))


def test_after_a_failure_a_pass_begins_anew():
    from millstream.to_dask import _Pass

    calls = iter(range(100))

    def fails_once(batch):
        if batch["id"][0] >= 500 and next(calls) == 0:
            raise OSError("for now")
        return batch

    begun = _Pass(ms.range(1000).map_batches(fails_once, batch_size=100))
    with pytest.raises(OSError, match="for now"):
        begun.rows(0, 800)
    assert begun.rows(0, 800)["id"].tolist() == list(range(800))


def test_shuffled_and_sorted_rows_stay_where_they_are(rows):
    for ordered in (rows.random_shuffle(), rows.sort("id", descending=True), rows.filter(expr="id % 3 == 0")):
        frame = ordered.to_dask()
        first = frame.compute()
        pd.testing.assert_frame_equal(frame.compute(), first)
        assert sorted(first["id"]) == sorted(row["id"] for row in ordered.take_all())
        pd.testing.assert_frame_equal(frame.partitions[5].compute(), first.loc[frame.partitions[5].compute().index])


def test_worker_processes_read_their_partitions(run_python):
    source = """
import millstream as ms

if __name__ == "__main__":
    frame = ms.range(1000, override_num_blocks=4).to_dask()
    print(frame["id"].sum().compute(scheduler="processes", num_workers=2))
"""
    assert run_python(source) == "499500\n"


def test_columns_of_all_types_keep_them():
    table = pa.table(
        {
            "text": ["x", None, "z", ""],
            "kind": pa.array(["a", "b", "b", "c"]).dictionary_encode(),
            "view": pa.array(["a", "b", "c", "d"], pa.string_view()),
            "list": [[1], None, [], [2]],
            "struct": [{"a": 1}] * 4,
            "time": pa.array([1, 2, 3, None], pa.timestamp("us", "UTC")),
            "decimal": pa.array([1, 2, 3, 4], pa.decimal128(5, 2)),
            "nothing": pa.nulls(4),
        }
    )
    frame = ms.from_arrow(table, override_num_blocks=2).to_dask()
    assert frame.npartitions == 2
    assert pa.Table.from_pandas(frame.compute(), preserve_index=False).to_pylist() == table.to_pylist()
    assert frame.dtypes.astype(str).to_dict()["list"] == "list<item: int64>[pyarrow]"
    tensors = ms.range_tensor(4, shape=(2,), override_num_blocks=2).to_dask()
    assert len(tensors) == 4


def test_partitions_may_have_other_categories():
    kinds = ms.from_blocks([pa.table({"kind": pa.array(names).dictionary_encode()}) for names in (["a", "b"], ["c"])])
    assert kinds.to_dask()["kind"].compute().tolist() == ["a", "b", "c"]


def test_a_data_set_without_rows_has_its_columns(rows):
    frame = rows.filter(expr="id < 0").to_dask()
    assert frame.columns.tolist() == ["id", "twice"]
    assert len(frame) == 0
    assert frame.compute().shape == (0, 2)


def test_meta_is_what_it_was_told(rows):
    ids = rows.select_columns(["id"])
    assert ids.to_dask(meta=pd.DataFrame({"id": pd.array([], "int64[pyarrow]")}))["id"].max().compute() == ROWS - 1
    wrong = {"id": "datetime64[ns]"}
    with pytest.raises(ValueError, match="Metadata mismatch"):
        ids.to_dask(meta=wrong).compute()
    assert len(ids.to_dask(meta=wrong, verify_meta=False).compute()) == ROWS
    with pytest.raises(TypeError, match="verify_meta must be True or False"):
        rows.to_dask(verify_meta="no")


def test_what_a_function_raises_is_raised(rows):
    def fail(batch):
        raise ValueError("not today")

    frame = rows.map_batches(lambda batch: batch if batch["id"][0] < 5000 else fail(batch), batch_size=100)
    with pytest.raises(ms.UserCodeError, match="not today"):
        frame.to_dask()  # which counts
    assert np.array_equal(rows.to_dask()["id"].compute(), np.arange(ROWS))


def test_a_computation_leaves_nothing_behind(use_engine, rows):
    engine = use_engine(num_cpus=2)
    frame = rows.map_batches(lambda batch: batch).to_dask()
    assert len(frame.partitions[2].compute()) == ROWS // BLOCKS
    assert len(frame.compute()) == ROWS
    assert engine.memory_used() == 0
