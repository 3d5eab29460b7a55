"""Data sets of blocks as they are given, and of tensors that are made up."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import millstream as ms


def test_from_blocks_keeps_the_blocks_of_any_kind():
    blocks = [
        pa.table({"a": [1, 2]}),
        pa.record_batch({"a": [3]}),
        pd.DataFrame({"a": [4, 5]}, index=[7, 8]),
        pl.DataFrame({"a": [6]}),
        {"a": np.array([7, 8])},
        pa.table({"a": pa.chunked_array([[9], [10]])}),
    ]
    rows = ms.from_blocks(blocks)
    assert isinstance(rows, ms.MaterializedDataset)
    assert rows.take_all() == [{"a": number} for number in range(1, 11)]
    assert rows.num_blocks() == 6


def test_blocks_without_rows_are_none():
    empty = pa.table({"a": pa.array([], pa.int64())})
    assert ms.from_blocks([empty, pa.table({"a": [1]}), empty]).num_blocks() == 1
    assert ms.from_blocks([empty]).columns() == ["a"]
    assert ms.from_blocks([]).take_all() == []


def test_columns_that_a_block_lacks_are_null_there():
    rows = ms.from_blocks([pa.table({"a": [1]}), pa.table({"b": ["x"], "a": pa.nulls(1)})])
    assert rows.take_all() == [{"a": 1, "b": None}, {"a": None, "b": "x"}]


def test_what_are_no_blocks_is_refused():
    with pytest.raises(TypeError, match=r"takes a list of blocks, not Table; give a list of one: \[block\]"):
        ms.from_blocks(pa.table({"a": [1]}))
    with pytest.raises(TypeError, match="takes blocks, not int"):
        ms.from_blocks([3])
    with pytest.raises(TypeError, match=r"do not go together .*int64 vs string"):
        ms.from_blocks([pa.table({"a": [1]}), pa.table({"a": ["x"]})])
    with pytest.raises(ValueError, match=r"two columns of the name 'a'"):
        ms.from_blocks([pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])])


def test_range_tensor_is_full_of_the_number_of_the_row(each_engine):
    rows = ms.range_tensor(1000, shape=(2, 3), override_num_blocks=7)
    assert rows.schema().types == [pa.fixed_shape_tensor(pa.int64(), [2, 3])]
    assert rows.num_blocks() == 7
    tensors = np.concatenate([batch["data"] for batch in rows.iter_batches(batch_size=64)])
    assert np.array_equal(tensors, np.arange(1000).repeat(6).reshape(1000, 2, 3))


@pytest.mark.parametrize("shape", [(1,), (), (0, 2), (1, 1, 1)])
def test_shapes_of_range_tensor(shape):
    rows = [row["data"] for row in ms.range_tensor(3, shape=shape).take_all()]
    assert [np.shape(row) for row in rows] == [shape] * 3
    assert [np.unique(row).tolist() for row in rows] == ([[]] * 3 if 0 in shape else [[0], [1], [2]])


def test_range_tensor_reads_in_blocks_on_any_number_of_threads():
    large = ms.range_tensor(300, shape=(1 << 17,), concurrency=2)  # 1 MiB a row
    assert [batch["data"][:, 0].tolist() for batch in large.iter_batches(batch_size=1)] == [[n] for n in range(300)]
    assert ms.range_tensor(0).take_all() == []
    assert ms.range_tensor(10).num_blocks() == 8


def test_wrong_arguments_of_range_tensor():
    with pytest.raises(ValueError, match="n must be at least 0"):
        ms.range_tensor(-1)
    with pytest.raises(TypeError, match=r"shape must be a tuple of whole numbers, such as \(2, 3\), not 4"):
        ms.range_tensor(3, shape=4)
    with pytest.raises(TypeError, match="each number of shape must be a whole number, not float"):
        ms.range_tensor(3, shape=(1.5,))
    with pytest.raises(ValueError, match="each number of shape must be at least 0"):
        ms.range_tensor(3, shape=(2, -1))
    with pytest.raises(ValueError, match="override_num_blocks must be at least 1"):
        ms.range_tensor(3, override_num_blocks=0)
