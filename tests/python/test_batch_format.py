"""Batches as numpy, pandas and pyarrow: every Arrow type as ray.data 2.60 gives it, or an error that names it."""

import datetime
import decimal
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms
from millstream import batch_format

TENSORS = np.arange(12, dtype=np.float32).reshape(3, 2, 2)

# Column, numpy dtype, values.
PLAIN = [
    (pa.array([1, 2, 3], pa.int64()), "int64", [1, 2, 3]),
    (pa.array([1, 2, 3], pa.uint8()), "uint8", [1, 2, 3]),
    (pa.array([1.5, 2, 3], pa.float32()), "float32", [1.5, 2, 3]),
    (pa.array(np.array([1, 2, 3], np.float16)), "float16", [1, 2, 3]),
    (pa.array([True, False, True]), "bool", [True, False, True]),
]
NULLABLE = [
    (pa.array([1, None, 3], pa.int32()), "float64", [1, np.nan, 3]),
    (pa.array([1, None, 3], pa.uint8()), "float64", [1, np.nan, 3]),
    (pa.array([1.5, None, 3], pa.float32()), "float32", [1.5, np.nan, 3]),
    (pa.nulls(3), "float32", [np.nan] * 3),
    (pa.array([5, None, 5]).dictionary_encode(), "float64", [5, np.nan, 5]),
]
TIMES = [
    (pa.array([1, None, 3], pa.timestamp("us")), "datetime64[us]", [1, "NaT", 3]),
    (pa.array([1, 2, 3], pa.timestamp("ms", "Europe/Berlin")), "datetime64[ms]", [1, 2, 3]),
    (pa.array([1, None, 3], pa.date32()), "datetime64[D]", [1, "NaT", 3]),
    (pa.array([1, None, 3], pa.duration("s")), "timedelta64[s]", [1, "NaT", 3]),
]
OBJECTS = [
    (pa.array(["a", None, "c"]), ["a", None, "c"]),
    (pa.array(["a", "b", "c"], pa.large_string()), ["a", "b", "c"]),
    (pa.array(["a", None, "c"], pa.string_view()), ["a", None, "c"]),
    (pa.array([b"a", None, b"c"]), [b"a", None, b"c"]),
    (pa.array([True, None, True]), [True, None, True]),
    (pa.array(["x", None, "y"]).dictionary_encode(), ["x", None, "y"]),
    (pa.array([decimal.Decimal("1.5"), None]), [decimal.Decimal("1.5"), None]),
    (pa.array([1, None], pa.time32("s")), [datetime.time(0, 0, 1), None]),
    (pa.array([{"a": 1, "b": "x"}, None, {"a": 3, "b": None}]), [{"a": 1, "b": "x"}, None, {"a": 3, "b": None}]),
    (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())), [[("k", 1)], None, []]),
]


def one_batch(column, batch_format):
    batches = (
        ms.from_arrow(pa.table({"column": column})).iterator().iter_batches(batch_size=16, batch_format=batch_format)
    )
    return next(iter(batches))


def described(column):
    return str(column[0].type if isinstance(column, tuple) else column.type)


@pytest.mark.parametrize("case", PLAIN + NULLABLE, ids=described)
def test_numbers_become_numbers_and_null_ones_nan(case):
    column, dtype, expected = case
    values = one_batch(column, "numpy")["column"]
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, np.array(expected, dtype=dtype))


@pytest.mark.parametrize("case", TIMES, ids=described)
def test_times_become_numpy_times_of_their_unit(case):
    column, dtype, expected = case
    values = one_batch(column, "numpy")["column"]
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, np.array(expected, dtype=dtype))


@pytest.mark.parametrize("case", OBJECTS, ids=described)
def test_everything_else_becomes_an_object_array(case):
    column, expected = case
    values = one_batch(column, "numpy")["column"]
    assert values.dtype == object
    assert list(values) == expected
    assert [type(value) for value in values] == [type(value) for value in expected]


def test_lists_become_an_array_a_row():
    values = one_batch(pa.array([[1, 2], None, [5]]), "numpy")["column"]
    assert [None if value is None else value.tolist() for value in values] == [[1, 2], None, [5]]
    assert values[0].dtype == np.int64


def test_fixed_shape_tensors_keep_their_shape():
    column = pa.FixedShapeTensorArray.from_numpy_ndarray(TENSORS)
    np.testing.assert_array_equal(one_batch(column, "numpy")["column"], TENSORS)
    np.testing.assert_array_equal(np.stack(list(one_batch(column, "pandas")["column"])), TENSORS)


def test_tensors_of_booleans_and_with_nulls_keep_their_shape():
    kind = pa.fixed_shape_tensor(pa.bool_(), [2, 1])
    storage = pa.array([[True, False], None, [False, False]], pa.list_(pa.bool_(), 2))
    column = pa.ExtensionArray.from_storage(kind, storage)
    first, second, third = one_batch(column, "numpy")["column"]
    assert (first.tolist(), second, third.tolist()) == ([[True], [False]], None, [[False], [False]])
    assert one_batch(column.drop_null(), "numpy")["column"].shape == (2, 2, 1)


def test_tensors_whose_axes_are_stored_in_another_order_keep_their_shape():
    turned = TENSORS.reshape(2, 3, 2).transpose(0, 2, 1)
    column = pa.FixedShapeTensorArray.from_numpy_ndarray(turned)
    assert column.type.permutation == [1, 0]
    np.testing.assert_array_equal(one_batch(column, "numpy")["column"], turned)


def test_rows_hold_tensors_as_arrays():
    row = ms.from_numpy(TENSORS).take(1)[0]["data"]
    np.testing.assert_array_equal(row, TENSORS[0])


def test_plain_numbers_of_a_shuffled_batch_are_views_the_user_may_write_to(files):
    dataset = ms.read_parquet(str(files)).random_shuffle(seed=1)
    batches = list(dataset.iterator().iter_batches(batch_size=100))
    expected = [batch["number"].copy() for batch in batches]
    assert all(batch["number"].flags.writeable for batch in batches)
    assert all(batch["number"].base is not None for batch in batches)
    batches[0]["number"][:] = -1
    for batch, values in zip(batches[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(batch["number"], values)


def test_default_is_numpy_and_none_is_a_table():
    column = pa.array([1, 2])
    assert isinstance(one_batch(column, "default")["column"], np.ndarray)
    assert one_batch(column, None).equals(pa.table({"column": column}))


@pytest.mark.parametrize("case", PLAIN + NULLABLE + TIMES + OBJECTS, ids=described)
def test_pyarrow_batches_are_tables_of_the_same_values_and_types(case):
    assert one_batch(case[0], "pyarrow").equals(pa.table({"column": case[0]}))


@pytest.mark.parametrize("case", PLAIN + TIMES + OBJECTS[:5], ids=described)
def test_pandas_batches_are_arrow_backed(case):
    series = one_batch(case[0], "pandas")["column"]
    assert series.dtype == pd.ArrowDtype(case[0].type)
    assert pa.array(series).equals(case[0])


def test_pandas_makes_categories_of_dictionaries():
    series = one_batch(pa.array(["x", None, "y"]).dictionary_encode(), "pandas")["column"]
    assert isinstance(series.dtype, pd.CategoricalDtype)
    assert series.isna().tolist() == [False, True, False]


def test_a_table_without_columns_keeps_its_rows():
    dataset = ms.range(10).select_columns([])
    assert next(iter(dataset.iterator().iter_batches(batch_format="numpy"))) == {}
    assert next(iter(dataset.iterator().iter_batches(batch_format="pyarrow"))).num_columns == 0


def test_polars_batches_are_frames_of_the_same_values():
    polars = pytest.importorskip("polars")
    table = pa.table({"a": [1, None], "b": ["x", None], "c": [[1], []]})
    frame = ms.from_arrow(table).take_batch(2, batch_format="polars")
    assert isinstance(frame, polars.DataFrame)
    assert frame.to_dict(as_series=False) == table.to_pydict()


def test_polars_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match=r"batch_format='polars' needs polars, .*pip install polars"):
        ms.range(1).take_batch(1, batch_format="polars")


class OlderPyarrow:
    """As a pyarrow that does not know string views."""

    __version__ = "14.0.0"
    Table = pa.Table

    @staticmethod
    def record_batch(batch):
        if any("view" in batch.column_kind(index) for index in range(batch.num_columns)):
            raise pa.ArrowInvalid("Invalid or unsupported format string: 'vu'")
        return pa.record_batch(batch)


def test_a_type_that_the_users_pyarrow_does_not_know_is_named(monkeypatch):
    table = pa.table({"good": [1], "bad": pa.array(["x"], pa.string_view())})
    monkeypatch.setitem(sys.modules, "pyarrow", OlderPyarrow)
    batches = ms.from_arrow(table).iterator().iter_batches(batch_format="pyarrow")
    with pytest.raises(
        TypeError, match=r"column 'bad' of type string_view .* pyarrow 14\.0\.0 .*install a newer pyarrow"
    ):
        next(iter(batches))


def test_a_type_without_a_numpy_form_is_named():
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    with pytest.raises(TypeError, match=r"column 'column' of type sparse_union.*batch_format='pyarrow'"):
        one_batch(union, "numpy")


def test_without_pyarrow_numbers_text_and_booleans_are_the_same(monkeypatch):
    table = pa.table(
        {
            "plain": [1, 2, 3],
            "null": pa.array([1, None, 3], pa.int16()),
            "narrow": pa.array([1.5, None, 3], pa.float32()),
            "text": ["a", None, "c"],
            "flag": [True, False, True],
            "maybe": [True, None, True],
            "nothing": pa.nulls(3),
        }
    )
    dataset = ms.from_arrow(table)
    expected = next(iter(dataset.iterator().iter_batches()))
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # importing it fails
    found = next(iter(dataset.iterator().iter_batches()))
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype, name
        np.testing.assert_array_equal(found[name], values)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        next(iter(dataset.iterator().iter_batches(batch_format="pyarrow")))


def test_without_pyarrow_other_types_say_what_they_need(monkeypatch):
    dataset = ms.from_arrow(pa.table({"when": pa.array([1], pa.timestamp("us"))}))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"column 'when' of type timestamp\[us\] .*pip install pyarrow"):
        next(iter(dataset.iterator().iter_batches()))


def test_names_of_formats_are_those_that_are_taken():
    for name in batch_format.BATCH_FORMATS:
        assert callable(batch_format.batch_formatter(name))
