"""Data sets of dask's frames: partition by partition, when they are asked for."""

import pickle

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms

PARTITIONS = 5
PART_ROWS = 200
made = []


def part(number):
    made.append(number)
    first = number * PART_ROWS
    return pd.DataFrame({"n": range(first, first + PART_ROWS), "s": [f"part {number}"] * PART_ROWS})


@pytest.fixture
def frame():
    frame = dd.from_map(part, range(PARTITIONS), meta=part(0))
    made.clear()
    return frame


def numbers(rows):
    return [row["n"] for row in rows.take_all()]


def test_partitions_follow_one_another(each_engine, frame):
    rows = ms.from_dask(frame)
    assert rows.num_blocks() == PARTITIONS
    assert rows.take_all() == [{"n": n, "s": f"part {n // PART_ROWS}"} for n in range(PARTITIONS * PART_ROWS)]
    assert rows.schema().names == ["n", "s"]
    shuffled = numbers(rows.random_shuffle(seed=3))
    assert sorted(shuffled) == list(range(1000)) != shuffled


def test_nothing_is_computed_before_rows_are_asked_for(frame):
    rows = ms.from_dask(frame)
    assert made == []
    assert numbers(rows) == list(range(1000))
    assert sorted(made) == list(range(PARTITIONS))
    assert numbers(rows) == list(range(1000))
    assert len(made) == 2 * PARTITIONS


def test_what_dask_does_comes_before(frame):
    frame["half"] = frame["n"] / 2
    rows = ms.from_dask(frame[frame["n"] % 300 == 0][["half"]])
    assert rows.take_all() == [{"half": 0.0}, {"half": 150.0}, {"half": 300.0}, {"half": 450.0}]
    assert ms.from_dask(frame[frame["n"] < 0]).take_all() == []
    assert ms.from_dask(frame.groupby("s")["n"].sum().reset_index()).count() == PARTITIONS


def test_the_index_is_left_out():
    frame = dd.from_pandas(pd.DataFrame({"n": [1, 2]}, index=pd.Index([8, 9], name="key")), npartitions=1)
    assert ms.from_dask(frame).columns() == ["n"]
    assert ms.from_dask(frame.reset_index()).take_all() == [{"key": 8, "n": 1}, {"key": 9, "n": 2}]


def test_types_are_those_of_the_frames():
    columns = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "text": pd.array(["x", None, "z"], dtype="string"),
            "time": pd.to_datetime(["2024-01-01", None, "2024-01-03"]).tz_localize("UTC"),
            "kind": pd.Categorical(["a", "b", "a"]),
            "lists": pd.Series([[1], [], [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        }
    )
    rows = ms.from_dask(dd.from_pandas(columns, npartitions=1))
    assert rows.to_arrow().drop_columns("time").to_pylist() == [
        {"whole": 1, "text": "x", "kind": "a", "lists": [1]},
        {"whole": None, "text": None, "kind": "b", "lists": []},
        {"whole": 3, "text": "z", "kind": "a", "lists": [2, 3]},
    ]
    assert rows.to_arrow()["time"].type.tz == "UTC"


def test_large_partitions_come_in_blocks():
    large = dd.from_pandas(pd.DataFrame({"n": np.arange(200_000)}), npartitions=1)
    rows = ms.from_dask(large)
    assert rows.num_blocks() == 1
    assert rows.sum("n") == sum(range(200_000))


def test_the_scheduler_that_is_set_computes(frame):
    called = []

    def scheduler(graph, keys, **options):
        called.append(keys)
        return dask.get(graph, keys, **options)

    with dask.config.set(scheduler=scheduler):
        assert ms.from_dask(frame).count() == 1000
    assert len(called) == PARTITIONS


def test_a_data_set_pickles_with_its_graph(frame):
    assert numbers(pickle.loads(pickle.dumps(ms.from_dask(frame)))) == list(range(1000))


def test_what_a_partition_raises_names_it():
    def failing(number):
        if number == 2:
            raise OSError("no such part")
        return pd.DataFrame({"n": [number]})

    rows = ms.from_dask(dd.from_map(failing, range(4), meta=pd.DataFrame({"n": [0]})))
    with pytest.raises(ms.UserCodeError, match=r"ReadDask: .*OSError: no such part.*on read task 2 of 4"):
        rows.take_all()


def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(
        TypeError, match=r"takes a dask DataFrame, not Series; make a frame of it: series\.to_frame\(\)"
    ):
        ms.from_dask(frame["n"])
    with pytest.raises(TypeError, match="takes a dask DataFrame, not DataFrame"):
        ms.from_dask(pd.DataFrame({"n": [1]}))
