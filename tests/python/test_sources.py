"""Data sets from files and from memory."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms


def keys(dataset):
    return [row["key"] for row in dataset.take_all()]


def test_paths_may_be_a_directory_a_file_a_glob_or_a_list_of_any_kind(data):
    first = keys(ms.read_parquet(data / "part-0.parquet"))
    assert first == list(range(250))
    assert keys(ms.read_parquet(str(data))) == list(range(1000))
    assert keys(ms.read_parquet(f"{data}/part-*.parquet")) == list(range(1000))
    assert keys(ms.read_parquet([data / "part-1.parquet", f"{data}/part-0.parquet"])) == [*range(250, 500), *range(250)]


def test_columns_come_in_the_order_they_are_named(data, expected):
    read = ms.read_parquet(data, columns=["name", "key"])
    assert read.columns() == ["name", "key"]
    assert read.take_all() == [{"name": row["name"], "key": row["key"]} for row in expected]


def test_a_read_filter_may_use_a_column_that_is_not_read(data, expected):
    read = ms.read_parquet(data, columns=["name"], filter=ms.col("key") >= 990)
    assert read.take_all() == [{"name": row["name"]} for row in expected[990:]]


def test_range_counts_up():
    assert ms.range(3).take_all() == [{"id": 0}, {"id": 1}, {"id": 2}]
    assert ms.range(0).take_all() == []
    assert ms.range(10, override_num_blocks=3).num_blocks() == 3
    assert ms.range(10).columns() == ["id"]


def test_items_that_are_dicts_give_columns_and_others_the_column_item():
    assert ms.from_items([{"a": 1}, {"a": None, "b": "x"}]).take_all() == [{"a": 1, "b": None}, {"a": None, "b": "x"}]
    assert ms.from_items([1, 2]).take_all() == [{"item": 1}, {"item": 2}]
    assert ms.from_items([]).take_all() == []


def test_arrow_tables_follow_one_another():
    table = pa.table({"a": [1, 2], "s": ["x", None]})
    assert ms.from_arrow(table).take_all() == table.to_pylist()
    assert ms.from_arrow([table, table]).take_all() == table.to_pylist() * 2
    assert ms.from_arrow(table.to_batches()[0]).to_arrow() == table


def test_pandas_frames_give_their_columns():
    frame = pd.DataFrame({"a": [1, 2], "s": ["x", None]})
    assert ms.from_pandas(frame).take_all() == [{"a": 1, "s": "x"}, {"a": 2, "s": None}]
    assert ms.from_pandas([frame, frame]).count() == 4


def test_numpy_arrays_give_the_column_data():
    assert ms.from_numpy(np.arange(3)).take_all() == [{"data": 0}, {"data": 1}, {"data": 2}]
    tensors = ms.from_numpy(np.arange(4, dtype=np.int32).reshape(2, 2))
    assert tensors.schema().types == [pa.fixed_shape_tensor(pa.int32(), [2])]


@pytest.mark.parametrize("blocks", [1, 3, 17])
def test_a_read_has_as_many_blocks_as_it_was_told(data, expected, blocks):
    read = ms.read_parquet(data, override_num_blocks=blocks)
    assert read.num_blocks() == blocks
    assert read.take_all() == expected
    assert ms.read_parquet(data, parallelism=blocks).num_blocks() == blocks


def test_input_files_are_listed_in_the_order_of_their_rows(rows, data):
    assert rows.input_files() == [str(data / f"part-{index}.parquet") for index in range(4)]
    assert ms.range(3).input_files() == []
