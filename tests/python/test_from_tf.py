"""Data sets of tensorflow, as streams."""

import numpy as np
import pyarrow as pa
import pytest

import millstream as ms

tf = pytest.importorskip("tensorflow")


def plain(row):
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}


@pytest.mark.parametrize(
    ("slices", "rows"),
    [
        ([1, 2], [{"item": 1}, {"item": 2}]),
        ([[1, 2], [3, 4]], [{"item": [1, 2]}, {"item": [3, 4]}]),
        (([[1.0], [2.0]], [0, 1]), [{"item_0": [1.0], "item_1": 0}, {"item_0": [2.0], "item_1": 1}]),
        ({"x": [[1], [2]], "text": ["a", "b"]}, [{"x": [1], "text": b"a"}, {"x": [2], "text": b"b"}]),
        (({"a": [1], "b": [[2]]}, [3]), [{"item_0_a": 1, "item_0_b": [2], "item_1": 3}]),
    ],
)
def test_elements_are_rows(each_engine, slices, rows):
    read = ms.from_tf(tf.data.Dataset.from_tensor_slices(slices))
    assert [plain(row) for row in read.take_all()] == rows
    assert [plain(row) for row in read.take_all()] == rows


def test_elements_are_read_as_a_stream():
    endless = tf.data.Dataset.range(10).repeat()
    assert [row["item"] for row in ms.from_tf(endless).take(25)] == [n % 10 for n in range(25)]
    many = ms.from_tf(tf.data.Dataset.range(5000).map(lambda n: (tf.fill([2, 2], n), n)))
    assert many.schema().types == [pa.fixed_shape_tensor(pa.int64(), [2, 2]), pa.int64()]
    assert many.sum("item_1") == sum(range(5000))


def test_batches_of_several_lengths_are_tensors_of_several_shapes():
    read = ms.from_tf(tf.data.Dataset.range(5).batch(2)).take_all()
    assert [row["item"].tolist() for row in read] == [[0, 1], [2, 3], [4]]


def test_what_is_no_data_set_is_refused():
    with pytest.raises(TypeError, match=r"takes a tf\.data\.Dataset, not list"):
        ms.from_tf([1])
