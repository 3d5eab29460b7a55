"""What functions return becomes batches of the types that ray.data 2.60 finds, or an error that says what to return."""

import datetime
import decimal
import sys
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms
from millstream import _core
from millstream.function_results import batch_from_result, column_from_result, rows_of_flat_map, rows_to_batch

NOON = datetime.datetime(2020, 1, 1, 12)
BERLIN = datetime.timezone(datetime.timedelta(hours=1))
NANOSECOND = pd.Timestamp("2020-01-01T00:00:00.000000001")


def batch_of(result):
    return batch_from_result(result, where="MapBatches(f)")


def column_of(values):
    return batch_of({"x": values}).column(0)


def through_the_engine(result, batch_format="numpy"):
    """The column as a user's next function sees it."""
    return ms.from_arrow(batch_of({"x": result})).take_batch(100, batch_format=batch_format)["x"]


# Values, type, and what they are as Python values where that differs.
LISTS = [
    ([1, 2], "int64"),
    ([1, None], "int64"),
    ([1, 2.5], "double"),
    ([True, None], "bool"),
    (["a", None], "string"),
    ([b"a", b"b\0"], "binary"),
    ([None, None], "null"),
    ([], "null"),
    ((1, 2), "int64"),
    ([np.int32(1), None], "int32"),
    ([np.float32(1.5), None], "float"),
    ([np.bool_(True)], "bool"),
    ([np.str_("a"), np.str_("bc")], "string"),
    ([np.bytes_(b"a"), np.bytes_(b"bc")], "binary"),
    ([np.int8(1), 300], "int64"),
    ([[1, 2], None, [None]], "list<item: int64>"),
    ([[[1]], [[2, 3]]], "list<item: list<item: int64>>"),
    ([{"a": 1, "b": "x"}, None], "struct<a: int64, b: string>"),
    ([{"a": [1]}], "struct<a: list<item: int64>>"),
    ([decimal.Decimal("1.5"), None], "decimal128(2, 1)"),
    ([datetime.date(2020, 1, 1), None], "date32[day]"),
    ([datetime.time(1, 2, 3)], "time64[us]"),
    ([NOON, None], "timestamp[us]"),
    ([None, NOON], "timestamp[us]"),
    ([datetime.timedelta(1)], "duration[us]"),
    ([uuid.UUID(int=1)], "extension<arrow.uuid>"),
]


@pytest.mark.parametrize(("values", "kind"), LISTS, ids=lambda case: case if isinstance(case, str) else None)
def test_lists_become_columns_of_their_values_type(values, kind):
    column = column_of(values)
    assert str(column.type) == kind
    assert column.to_pylist() == list(values)
    assert ms.from_arrow(batch_of({"x": values})).to_arrow()["x"].combine_chunks().equals(column) or not values


ARRAYS = [
    (np.array([1, 2], np.int8), "int8"),
    (np.array([1, 2], ">i4"), "int32"),
    (np.array([1.5, 2], np.float16), "halffloat"),
    (np.arange(10)[::3], "int64"),
    (np.array([True, False]), "bool"),
    (np.array(["a", "bc"]), "string"),
    (np.array([b"a", b"bc"]), "binary"),
    (np.array(["a", None], object), "string"),
    (np.array([1, None], object), "int64"),
    (np.array([]), "double"),
    (np.array([], np.int16), "int16"),
    (np.ma.array([1, 2], mask=[False, True]), "int64"),
]


@pytest.mark.parametrize(("values", "kind"), ARRAYS, ids=lambda case: case if isinstance(case, str) else None)
def test_arrays_become_columns_of_their_dtype(values, kind):
    column = column_of(values)
    assert str(column.type) == kind
    assert column.to_pylist() == values.tolist()


@pytest.mark.parametrize(
    ("unit", "arrow_unit"),
    [
        ("Y", "s"),
        ("M", "s"),
        ("D", "s"),
        ("h", "s"),
        ("s", "s"),
        ("ms", "ms"),
        ("us", "us"),
        ("ns", "ns"),
        ("ps", "ns"),
    ],
)
def test_numpy_times_take_the_nearest_unit_of_arrow(unit, arrow_unit):
    times = np.array(["1970-01-01", "NaT"], f"M8[{unit}]")
    assert str(column_of(times).type) == f"timestamp[{arrow_unit}]"
    assert column_of(times).is_valid().to_pylist() == [True, False]
    assert str(column_of(list(times)).type) == f"timestamp[{arrow_unit}]"
    if unit not in "YM":
        assert str(column_of(np.array([5], f"m8[{unit}]")).type) == f"duration[{arrow_unit}]"


def test_datetimes_keep_time_zones_and_nanoseconds():
    assert column_of([NOON.replace(tzinfo=BERLIN)]).type == pa.timestamp("us", "+01:00")
    assert column_of([pd.Timestamp(NOON), pd.NaT]).type == pa.timestamp("us")
    assert column_of([NANOSECOND, pd.NaT, None]).to_pylist() == [NANOSECOND, None, None]
    assert column_of([pd.Timedelta(1, "ns")]).type == pa.duration("ns")


def test_nan_stays_a_number_among_numbers_and_is_null_among_other_values():
    assert str(column_of([1.5, np.nan, None]).to_pylist()) == "[1.5, nan, None]"
    assert str(column_of(np.array([1.5, np.nan])).to_pylist()) == "[1.5, nan]"
    assert column_of(np.array(["a", np.nan], object)).to_pylist() == ["a", None]
    assert column_of([1, pd.NA]).to_pylist() == [1, None]
    assert column_of(pd.Series([1.5, np.nan])).to_pylist() == [1.5, None]


SERIES = [
    (pd.Series([1, None], dtype="Int64"), "int64"),
    (pd.Series([True, None], dtype="boolean"), "bool"),
    (pd.Series(["a", None], dtype=object), "string"),
    (pd.Series([1, None], dtype=pd.ArrowDtype(pa.int32())), "int32"),
    (pd.Series([NOON]).dt.as_unit("ns"), "timestamp[ns]"),
    (pd.Series([[1], None], dtype=object), "list<item: int64>"),
    (pd.Index([1, 2]), "int64"),
]


@pytest.mark.parametrize(("values", "kind"), SERIES, ids=lambda case: case if isinstance(case, str) else None)
def test_series_keep_their_type(values, kind):
    assert str(column_of(values).type) == kind
    assert column_of(values).to_pylist() == [None if value is pd.NA else value for value in values]


def test_categories_stay_dictionaries():
    column = column_of(pd.Series(["a", "b", "a"], dtype="category"))
    assert pa.types.is_dictionary(column.type)
    assert column.to_pylist() == ["a", "b", "a"]


def test_arrow_arrays_stay_as_they_are():
    chunked = pa.chunked_array([pa.array([1], pa.int8()), pa.array([2], pa.int8())])
    assert column_of(chunked).equals(pa.array([1, 2], pa.int8()))
    assert column_of(pa.chunked_array([], pa.date64())).equals(pa.array([], pa.date64()))
    assert column_of(chunked.dictionary_encode()).to_pylist() == [1, 2]
    assert column_of([pa.scalar(1), pa.scalar(None, pa.int64())]).to_pylist() == [1, None]
    lists = column_of([pa.array([1, 2], pa.int8()), None, pa.array([], pa.int8())])
    assert lists.equals(pa.array([[1, 2], None, []], pa.list_(pa.int8())))


PLAIN_TYPES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "longlong", "ulonglong")


@pytest.mark.parametrize("dtype", PLAIN_TYPES)
@pytest.mark.parametrize("rows", [1, 5])
def test_arrays_of_plain_numbers_become_the_batch_that_any_others_do(dtype, rows):
    values = np.arange(rows).astype(dtype)
    if values.dtype.kind == "f":
        values[:1] = np.nan
    columns = {"x": values, "ß": values[::-1].copy(), "": values}
    made = pa.record_batch(_core.plain_batch(columns))
    made.validate(full=True)
    expected = batch_of(columns)
    assert made.schema == expected.schema
    assert repr(made.to_pydict()) == repr(expected.to_pydict())
    values[:] = 7
    assert repr(made.to_pydict()) == repr(expected.to_pydict())


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"x": np.arange(0)},
        {"x": [1]},
        {"x": np.arange(3), "y": np.arange(2)},
        {1: np.arange(3)},
        {"\ud800": np.arange(3)},
        {"x": np.arange(6)[::2]},
        {"x": np.arange(6).reshape(2, 3)},
        {"x": np.array(1)},
        {"x": np.ma.array([1, 2], mask=[True, False])},
        {"x": np.array([1, 2]).view(np.recarray)},
        {"x": np.arange(3).astype(">i4")},
        {"x": np.arange(3).astype("f2")},
        {"x": np.arange(3).astype("complex128")},
        {"x": np.arange(3).astype("longdouble")},
        {"x": np.array([True])},
        {"x": np.array([1], "datetime64[s]")},
        {"x": np.array(["a"])},
        {"x": np.array([b"a"])},
        {"x": np.array([None])},
        {"x": np.zeros(2, [("a", "i4")])},
        {"x": np.frombuffer(bytes(1 << 20), np.int64)},
    ],
    ids=repr,
)
def test_others_are_no_plain_numbers(columns):
    assert _core.plain_batch(columns) is None


def test_arrays_that_may_change_are_copied_and_others_are_not():
    values = np.arange(1000)
    assert column_of(values).buffers()[1].address != values.ctypes.data
    view = values[:]
    view.flags.writeable = False  # but its base is writable
    assert column_of(view).buffers()[1].address != values.ctypes.data
    values.flags.writeable = False
    assert column_of(values).buffers()[1].address == values.ctypes.data
    assert column_of(values[10:]).buffers()[1].address == values[10:].ctypes.data


@pytest.mark.parametrize("kind", ["array", "tensor", "view", "times", "series", "torch"])
def test_a_function_may_fill_the_same_array_for_each_batch(kind):
    kept = np.zeros((10, 2), np.int64)
    if kind == "torch":
        pytest.importorskip("torch")

    def filled(batch):
        kept[:] = batch["id"][:, None]
        if kind == "torch":
            import torch

            return {"x": torch.from_numpy(kept)[:, 0]}
        results = {
            "array": kept.reshape(-1)[::2],
            "tensor": kept,
            "view": kept[:, 1],
            "times": kept[:, 0].view("M8[s]"),
            "series": pd.Series(kept[:, 0], copy=False),
        }
        return {"x": results[kind]}

    found = ms.range(40).map_batches(filled, batch_size=10).take_batch(40)["x"]
    expected = np.arange(40).astype(found.dtype)
    np.testing.assert_array_equal(found, np.stack([expected, expected], axis=1) if kind == "tensor" else expected)


# ---- tensors ----
TENSORS = [
    np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    np.arange(6, dtype=np.float16).reshape(3, 2),
    np.arange(6, dtype=">f4").reshape(3, 2),
    np.arange(24).reshape(4, 6).T,
    np.array([[True, False], [False, True]]),
    np.arange(4).reshape(2, 2).astype("M8[s]"),
    np.arange(4).reshape(2, 2).astype("m8[ms]"),
    np.zeros((2, 0)),
    np.zeros((0, 3)),
    np.zeros((2, 1, 1, 1, 5)),
]


@pytest.mark.parametrize("values", TENSORS, ids=lambda values: f"{values.dtype}{values.shape}")
def test_arrays_of_more_axes_are_tensors_of_one_shape(values):
    column = column_of(values)
    assert column.type.shape == list(values.shape[1:])
    assert column.type.value_type == pa.from_numpy_dtype(values.dtype.newbyteorder("="))
    if len(values):
        seen = through_the_engine(values)
        assert seen.dtype == values.dtype.newbyteorder("=")
        np.testing.assert_array_equal(seen, values)


def test_lists_of_arrays_of_one_shape_are_tensors():
    arrays = [np.array([[1, 2]]), np.array([[3, 4.5]])]
    for values in (arrays, np.array([*arrays, None], object)[:2], pd.Series(arrays)):
        assert column_of(values).type == pa.fixed_shape_tensor(pa.float64(), [1, 2])
        np.testing.assert_array_equal(through_the_engine(values), np.stack(arrays))
    assert column_of([np.array([1, 2])]).type == pa.fixed_shape_tensor(pa.int64(), [2])
    assert column_of([np.array([1, 2]), [3, 4]]).type == pa.fixed_shape_tensor(pa.int64(), [2])


RAGGED = [
    [np.array([1, 2], np.int32), np.array([], np.int32), np.array([3], np.int32)],
    [np.zeros((2, 2)), np.ones((3, 2)), np.zeros((0, 2))],
    [np.array([True]), np.array([False, True])],
    [np.zeros((2, 1), "M8[s]"), np.zeros((1, 1), "M8[s]")],
]


@pytest.mark.parametrize("arrays", RAGGED, ids=lambda arrays: f"{arrays[0].dtype}{arrays[0].shape}")
@pytest.mark.parametrize("batch_format", ["numpy", "pandas"])
def test_arrays_of_several_shapes_keep_their_shapes(arrays, batch_format):
    arrays = [arrays[0], None, *arrays[1:]]
    seen = through_the_engine(arrays, batch_format)
    assert len(seen) == len(arrays)
    for found, expected in zip(seen, arrays, strict=True):
        if expected is None:
            assert found is None
        else:
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_tensors_of_several_shapes_are_shuffled_written_and_read(tmp_path):
    arrays = [np.full((n % 3, 2), n) for n in range(50)]
    dataset = ms.from_arrow(batch_of({"n": np.arange(50), "x": arrays})).random_shuffle(seed=1)
    dataset.write_parquet(tmp_path)
    for row in ms.read_parquet(tmp_path).take_all():
        np.testing.assert_array_equal(row["x"], arrays[row["n"]])


def test_a_batch_of_one_shape_follows_one_of_several():
    def grown(batch):
        return {"x": [np.full(n % 3 if batch["id"][0] == 0 else 2, n) for n in batch["id"].tolist()]}

    found = ms.range(40).map_batches(grown, batch_size=10).take_batch(40)["x"]
    assert [tensor.shape for tensor in found] == [(n % 3 if n < 10 else 2,) for n in range(40)]
    assert all((tensor == n).all() for n, tensor in enumerate(found))


def test_null_tensors_are_none():
    arrays = [None, np.array([[1, 2]]), None]
    assert column_of(arrays).type == pa.fixed_shape_tensor(pa.int64(), [1, 2])
    for batch_format in ("numpy", "pandas"):
        first, second, third = through_the_engine(arrays, batch_format)
        assert first is None
        assert third is None
        np.testing.assert_array_equal(second, arrays[1])
    rows = ms.from_arrow(batch_of({"x": [None, np.zeros(0)]})).take_all()
    assert rows[0]["x"] is None
    assert rows[1]["x"].shape == (0,)


def test_arrays_without_axes_are_single_values():
    assert column_of([np.array(1, np.int8), None]).equals(pa.array([1, None], pa.int8()))


def test_arrays_of_texts_are_lists():
    assert column_of(np.array([["a", "bc"]])).equals(pa.array([["a", "bc"]]))
    assert column_of([np.array([b"a"]), np.array([b"bc", b"d"])]).equals(pa.array([[b"a"], [b"bc", b"d"]]))


def test_arrays_inside_dicts_and_lists_are_lists():
    assert column_of([{"a": np.array([1, 2])}]).to_pylist() == [{"a": [1, 2]}]
    assert column_of([{"a": np.zeros((1, 2))}]).to_pylist() == [{"a": [[0.0, 0.0]]}]
    assert column_of([[np.zeros((1, 1))], None]).to_pylist() == [[[[0.0]]], None]


def test_tensors_of_torch_are_tensors():
    torch = pytest.importorskip("torch")
    assert column_of(torch.tensor([1, 2], dtype=torch.int16)).equals(pa.array([1, 2], pa.int16()))
    assert column_of(torch.zeros(2, 3)).type == pa.fixed_shape_tensor(pa.float32(), [3])
    assert column_of([torch.zeros(2), torch.zeros(2)]).type == pa.fixed_shape_tensor(pa.float32(), [2])
    assert column_of([torch.tensor(1), torch.tensor(2)]).to_pylist() == [1, 2]
    with pytest.raises(TypeError, match=r"column 'x' is of dtype torch.float32 .*requires grad.*convert it before"):
        column_of(torch.zeros(2, requires_grad=True))


# ---- whole batches ----
def test_frames_and_tables_become_batches():
    expected = pa.record_batch({"a": [1, 2], "b": ["x", None]})
    frame = pd.DataFrame({"a": [1, 2], "b": pd.Series(["x", None], dtype=object)}).set_index(pd.Index([7, 8]))
    for result in (expected, pa.table(expected), pa.table(expected).to_reader(), frame, expected.to_pydict()):
        assert batch_of(result).equals(expected), type(result)
    assert batch_of(pa.Table.from_pandas(frame[["a"]])).schema.metadata is None


def test_tables_of_several_chunks_become_one_batch():
    table = pa.concat_tables([pa.table({"a": ["x"]}), pa.table({"a": ["y"]})])
    assert batch_of(table).equals(pa.record_batch({"a": ["x", "y"]}))


def test_frames_hold_tensors_and_numbers_as_names():
    batch = batch_of(pd.DataFrame({0: [1], "t": [np.zeros((2, 2))]}))
    assert batch.schema.names == ["0", "t"]
    assert batch.column(1).type == pa.fixed_shape_tensor(pa.float64(), [2, 2])


def test_batches_without_columns_keep_their_rows_where_they_have_some():
    assert batch_of(pd.DataFrame(index=range(3))).num_rows == 3
    assert batch_of(pa.table({"a": [1, 2]}).select([])).num_rows == 2
    assert batch_of({}).num_rows == 0
    assert batch_of({"a": []}).num_rows == 0


def test_polars_frames_become_batches_and_batches_polars_frames():
    polars = pytest.importorskip("polars")
    frame = ms.from_arrow(pa.table({"a": [1, 2], "b": ["x", None]})).take_batch(2, batch_format="polars")
    assert frame.equals(polars.DataFrame({"a": [1, 2], "b": ["x", None]}))
    assert batch_of(frame).to_pydict() == {"a": [1, 2], "b": ["x", None]}
    assert column_of(frame["a"]).equals(pa.array([1, 2]))
    assert column_of(frame["b"]).to_pylist() == ["x", None]
    with pytest.raises(TypeError, match=r"returned a LazyFrame; .* Call collect\(\)"):
        batch_of(frame.lazy())
    with pytest.raises(TypeError, match=r"returned a Series; .* name it"):
        batch_of(frame["a"])


def test_polars_frames_hold_tensors_of_one_shape_and_structs_of_several():
    polars = pytest.importorskip("polars")
    batch = batch_of({"one": np.zeros((2, 2)), "several": [np.zeros(1), np.ones(2)]})
    frame = ms.from_arrow(batch).take_batch(2, batch_format="polars")
    assert isinstance(frame, polars.DataFrame)
    assert batch_of(frame).column(0).type.shape == [2]
    assert batch_of(frame).column(1).to_pylist() == [{"data": [0.0], "shape": [1]}, {"data": [1.0, 1.0], "shape": [2]}]


# ---- rows ----
def rows_of(*rows):
    return rows_to_batch(rows, where="Map(f)")


def test_rows_become_a_batch_with_nulls_where_a_key_is_missing():
    batch = rows_of({"b": 1, "a": "x"}, {"a": None, "c": 2.5}, {})
    assert batch.equals(pa.record_batch({"b": [1, None, None], "a": ["x", None, None], "c": [None, 2.5, None]}))
    assert rows_of().num_rows == 0
    assert rows_of({}, {}).num_rows == 2


def test_rows_hold_arrays_of_one_shape_or_several():
    assert rows_of({"x": np.zeros(2)}, {"x": np.ones(2)}).column(0).type == pa.fixed_shape_tensor(pa.float64(), [2])
    ragged = ms.from_arrow(rows_of({"x": np.zeros(2)}, {"x": np.ones(1)}, {})).take_all()
    assert [row["x"] if row["x"] is None else row["x"].tolist() for row in ragged] == [[0.0, 0.0], [1.0], None]


def test_flat_map_takes_whatever_is_looped_over():
    for result in ([{"a": 1}], ({"a": 1},), iter([{"a": 1}]), ({"a": n} for n in [1])):
        assert rows_of_flat_map(result, where="FlatMap(f)") == [{"a": 1}]


def test_added_columns_have_a_value_a_row():
    def added(result):
        return column_from_result(result, name="y", rows=2, where="AddColumn(f)")

    assert added(np.array([1, 2])).equals(pa.record_batch({"y": [1, 2]}))
    assert added(pd.Series([1, 2], index=[5, 6])).equals(pa.record_batch({"y": [1, 2]}))
    assert added(0).equals(pa.record_batch({"y": [0, 0]}))
    assert added("ab").equals(pa.record_batch({"y": ["ab", "ab"]}))
    assert added(np.float32(0)).column(0).type == pa.float32()
    with pytest.raises(ValueError, match=r"AddColumn\(f\): the function returned 3 values for a batch of 2 rows"):
        added([1, 2, 3])


# ---- mistakes ----
BATCH_MISTAKES = [
    (None, r"returned None; a batch is .* \(is a return statement missing\?\)"),
    (5, "returned an int; a batch is a dict of columns, for example"),
    ([1, 2], r"returned a list; .* name it: \{'name': values\}"),
    (pd.Series([1]), r"returned a Series; .* name it"),
    (pa.chunked_array([[1]]), r"returned a ChunkedArray; .* name it"),
    (np.array([1]), r"returned an ndarray; .* name it: \{'name': values\}"),
    ((row for row in [1]), "returned a generator; a batch is"),
    ({1: [2]}, "a column of the name 1, of type int; names of columns are texts"),
    ({"x": 5}, r"column 'x' is a single int; a column has one value a row, for example \[5\] \* rows"),
    ({"x": "abc"}, r"column 'x' is a single str; .* \['abc'\] \* rows"),
    ({"x": np.float32(5)}, "column 'x' is a single float32;"),
    ({"x": np.array(5)}, "column 'x' is a single ndarray;"),
    ({"x": None}, "column 'x' is a single NoneType;"),
    ({"x": {"a": 1}}, "column 'x' is a dict; a column is a list, a numpy array, .* make a list of it"),
    ({"x": range(3)}, "column 'x' is a range; .* make a list of it"),
    ({"x": [1, "a"]}, r"column 'x' has values of several types: int \(row 0\), str \(row 1\); .* of one"),
    ({"x": [[1, "a"]]}, "column 'x' has a list whose values do not fit together .*make them of one type"),
    ({"x": [object()]}, "column 'x' has values of type object, which cannot be kept .*pickle.dumps"),
    ({"x": np.array([1j])}, "column 'x' is of dtype complex128 and cannot become an Arrow column .*convert it before"),
    ({"x": np.array([5], "m8[M]")}, "column 'x' is of dtype timedelta64.M., which has no fixed length"),
    ({"x": [np.zeros(1), np.zeros((1, 1))]}, r"column 'x' has arrays of 1 and of 2 axes \(row 1\); .* reshape them"),
    ({"x": [np.zeros(1), 3]}, r"column 'x' has arrays of 1 and of 0 axes \(row 1\)"),
    ({"x": np.ma.array([[1, 2]], mask=[[True, False]])}, r"column 'x' has masked values .* values.filled\(\)"),
    (pd.DataFrame([[1]], columns=[(1, 2)]), r"a column of the name \(1, 2\), of type tuple"),
]


@pytest.mark.parametrize(
    ("result", "message"), BATCH_MISTAKES, ids=lambda case: case if isinstance(case, str) else None
)
def test_what_is_no_batch_says_what_to_return(result, message):
    with pytest.raises(TypeError, match=rf"^MapBatches\(f\): .*{message}"):
        batch_of(result)


VALUE_MISTAKES = [
    ({"a": [1, 2], "b": [1]}, "columns of unequal length: 'a' has 2, 'b' has 1; give each one value a row"),
    ({"x": [2**64]}, "column 'x' holds a whole number that does not fit in 64 bits.*as a text or a float"),
    ({"x": [2**63, -1]}, "column 'x' holds a whole number that does not .*or not with the others"),
    ({"x": ["\ud800"]}, "column 'x' holds a text that cannot be written as UTF-8 .*return bytes"),
    ({"\ud800": [1]}, r"a column of the name '\\ud800', which cannot be written as UTF-8"),
    (pa.table([[1], [2]], names=["a", "a"]), "two columns of the name 'a'; rename one of them"),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns of the name 'a'; rename one of them"),
]


@pytest.mark.parametrize(
    ("result", "message"), VALUE_MISTAKES, ids=lambda case: case if isinstance(case, str) else None
)
def test_batches_whose_values_do_not_fit_say_which(result, message):
    with pytest.raises(ValueError, match=rf"^MapBatches\(f\): .*{message}"):
        batch_of(result)


ROW_MISTAKES = [
    (None, r"returned None; a row is a dict, for example \{'x': 1\} \(is a return statement missing\?\)"),
    (5, r"returned an int; a row is a dict, .* name it: \{'name': value\}"),
    ("abc", "returned a str; a row is a dict"),
    ([{"a": 1}], "returned a list; .* For several rows of one, use flat_map"),
    ((row for row in []), "returned a generator; .* use flat_map"),
    (pd.DataFrame({"a": [1]}), "returned a DataFrame; a row is a dict"),
    ({None: 1}, "a column of the name None, of type NoneType; names"),
    ({"a": object()}, r"column 'a' has values of several types: int \(row 0\), object \(row 1\)"),
]


@pytest.mark.parametrize(("result", "message"), ROW_MISTAKES, ids=lambda case: case if isinstance(case, str) else None)
def test_what_is_no_row_says_what_to_return(result, message):
    with pytest.raises(TypeError, match=rf"^Map\(f\): .*{message}"):
        rows_of({"a": 1}, result)


def test_what_flat_map_cannot_loop_over_says_what_to_return():
    for result, message in [
        ({"a": 1}, r"returned a dict; flat_map takes a list of rows, .* put it in a list: \[row\]"),
        (None, r"returned None; .* \(is a return statement missing\?\)"),
        (5, "returned an int; flat_map takes a list of rows, or yields them, and a row is a dict"),
        ("abc", "returned a str; flat_map takes"),
    ]:
        with pytest.raises(TypeError, match=rf"^FlatMap\(f\): .*{message}"):
            rows_of_flat_map(result, where="FlatMap(f)")


def test_pyarrow_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (lambda: batch_of({"x": [1]}), lambda: rows_of({"x": 1})):
        with pytest.raises(ImportError, match=r"functions of rows need pyarrow, .*pip install pyarrow"):
            call()
