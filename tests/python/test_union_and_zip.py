"""union and zip: the rows of several data sets behind one another, and side by side."""

import random

import pyarrow as pa
import pytest
from mixed_rows import TYPES, plain, table_of

import millstream as ms
from millstream import col


def table(**columns):
    return ms.from_arrow(pa.table(columns))


def unchanged(rows):
    """The same rows out of a function, so that nothing is known of their columns."""
    return rows.map_batches(lambda batch: batch, batch_format="pyarrow")


def keys(dataset):
    return [row["key"] for row in dataset.take_all()]


# ---- union ----
def test_a_union_has_the_rows_of_each_in_turn(each_engine, rows, expected):
    assert rows.union(rows).take_all() == expected * 2
    assert rows.limit(3).union(rows.filter(expr=col("key") > 997), unchanged(rows).limit(2)).take_all() == [
        *expected[:3],
        *expected[998:],
        *expected[:2],
    ]
    assert rows.union() is rows


def test_unions_of_unions_and_what_is_above_and_below_them(each_engine, rows):
    three = rows.limit(10).union(rows.map(lambda row: row).limit(10)).union(rows.sort("key", descending=True).limit(10))
    expected = [*range(10), *range(10), *range(999, 989, -1)]
    assert keys(three) == expected
    assert keys(three.filter(expr=col("key") < 5)) == [*range(5), *range(5)]
    assert keys(three.map(lambda row: {"key": -row["key"]})) == [-key for key in expected]
    assert keys(three.sort("key")) == sorted(expected)
    assert keys(three.limit(15)) == expected[:15]
    assert three.count() == 30
    assert three.groupby("key").count().take(2) == [{"key": 0, "count()": 2}, {"key": 1, "count()": 2}]


COMMON = [
    (pa.int32(), pa.int64(), pa.int64()),
    (pa.int32(), pa.uint32(), pa.int64()),
    (pa.int64(), pa.float64(), pa.float64()),
    (pa.float32(), pa.float64(), pa.float64()),
    (pa.null(), pa.string(), pa.string()),
    (pa.string(), pa.large_string(), pa.large_string()),
    (pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("us")),
    (pa.decimal128(5, 2), pa.decimal128(10, 4), pa.decimal128(10, 4)),
    (pa.list_(pa.int32()), pa.list_(pa.int64()), pa.list_(pa.int64())),
]


@pytest.mark.parametrize(("first", "second", "both"), COMMON, ids=str)
def test_types_are_brought_together_whether_they_are_known_or_not(first, second, both):
    for one, other in ((first, second), (second, first)):
        left, right = table(a=pa.array([None], one)), table(a=pa.array([None], other))
        assert left.union(right).schema().types == [both]
        for union in (left.union(right), unchanged(left).union(right), left.union(unchanged(right))):
            assert union.to_arrow().schema.types == [both]
            assert union.count() == 2


def test_values_outlive_a_wider_type():
    whole, half = table(a=[1, None, 3]), table(a=[0.5, None])
    for union in (whole.union(half), unchanged(whole).union(half), unchanged(whole).union(unchanged(half))):
        assert [row["a"] for row in union.take_all()] == [1.0, None, 3.0, 0.5, None]


def test_columns_that_one_lacks_are_null_there_and_order_does_not_matter():
    first, second = table(a=[1], b=["x"]), table(c=[True], a=[2])
    for union in (first.union(second), unchanged(first).union(second), unchanged(first).union(unchanged(second))):
        assert union.take_all() == [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": True}]
        assert union.columns() == ["a", "b", "c"]
        assert union.limit(1).take_all() == [{"a": 1, "b": "x", "c": None}]


def test_rows_of_every_type_go_through_a_union():
    seed = random.randrange(2**32)
    print("seed", seed)
    first, second = (table_of(list(TYPES), seed + add, 100) for add in (0, 1))
    union = ms.from_arrow(first).union(unchanged(ms.from_arrow(second)))
    assert plain(union.take_all()) == plain(first.to_pylist() + second.to_pylist())


def test_empty_parts_change_nothing():
    nothing = ms.range(3).flat_map(lambda row: [])
    typed = table(id=pa.array([], pa.int32()))
    assert nothing.union(ms.range(2)).take_all() == ms.range(2).union(nothing).take_all() == [{"id": 0}, {"id": 1}]
    assert typed.union(ms.range(2)).schema().types == [pa.int64()]
    assert typed.union(ms.range(2), typed).count() == 2
    assert nothing.union(nothing).take_all() == []


@pytest.mark.parametrize("known", [True, False])
def test_types_that_do_not_go_together_are_told_by_the_union(known):
    first, second = table(a=[1]), table(a=["x"])
    with pytest.raises(TypeError, match=r"union: column 'a' is int64 in one data set and string in another; .*cast"):
        (first if known else unchanged(first)).union(second).take_all()


def test_a_union_of_something_else_is_refused(rows):
    with pytest.raises(TypeError, match="union takes data sets, not list"):
        rows.union([rows])
    with pytest.raises(TypeError, match="zip takes data sets, not int"):
        rows.zip(3)


@pytest.mark.parametrize("kind", ["files", "functions", "filtered"])
def test_a_shuffle_above_a_union_has_one_order_on_every_engine(use_engine, rows, kind):
    from conftest import ENGINES

    part = {
        "files": lambda: rows,
        "functions": lambda: rows.map_batches(lambda batch: {"key": batch["key"]}, batch_size=30),
        "filtered": lambda: rows.filter(expr=col("key") < 600),  # the last files give nothing
    }[kind]()
    orders = set()
    for options in ENGINES.values():
        use_engine(**options)
        orders.add(tuple(keys(part.union(part, unchanged(part)).random_shuffle(seed=8))))
    (order,) = orders
    assert sorted(order) == sorted(keys(part) * 3)


# ---- zip ----
def test_a_zip_has_row_i_of_each_side_by_side(each_engine, rows, expected):
    others = rows.sort("key", descending=True).select_columns(["key"]).rename_columns({"key": "down"})
    zipped = rows.zip(others)
    assert zipped.columns() == ["key", "half", "name", "tags", "down"]
    assert zipped.take_all() == [{**row, "down": 999 - row["key"]} for row in expected]
    assert zipped.count() == 1000
    assert [row["down"] for row in zipped.sort("down").take(3)] == [0, 1, 2]


def test_sides_are_cut_as_they_come(each_engine):
    one = ms.range(1000, override_num_blocks=7)
    other = ms.range(1000, override_num_blocks=3).map_batches(lambda batch: batch, batch_size=11)
    third = ms.range(1000).flat_map(lambda row: [row]).random_shuffle(seed=1).sort("id")
    zipped = one.zip(other, third)
    assert zipped.take_all() == [{"id": number, "id_1": number, "id_2": number} for number in range(1000)]


def test_names_that_come_again_get_a_number():
    assert table(a=[1], a_1=[2]).zip(table(a=[3]), table(a=[4], b=[5])).take_all() == [
        {"a": 1, "a_1": 2, "a_2": 3, "a_3": 4, "b": 5}
    ]
    assert unchanged(table(a=[1])).zip(table(a=[2])).take_all() == [{"a": 1, "a_1": 2}]
    assert ms.range(0).zip(ms.range(0)).columns() == ["id", "id_1"]
    assert ms.range(0).zip(ms.range(0)).take_all() == []


LENGTHS = [
    (lambda: ms.range(3).zip(ms.range(4)), r"\(3, at least 4\)"),
    (lambda: ms.range(4).zip(ms.range(3)), r"\(at least 4, 3\)"),
    (lambda: ms.range(3).zip(ms.range(3), ms.range(0)), r"\(at least 3, at least 3, 0\)"),
    (lambda: ms.range(9).filter(lambda row: row["id"] > 3).zip(ms.range(4)), r"\(at least 5, 4\)"),
]


@pytest.mark.parametrize(("make", "numbers"), LENGTHS)
def test_unequal_lengths_are_told_with_their_numbers(make, numbers):
    for ask in (
        lambda zipped: zipped.take_all(),
        lambda zipped: zipped.count(),
        lambda zipped: zipped.sort("id").take(1),
    ):
        with pytest.raises(ValueError, match=rf"zip: the data sets have different numbers of rows {numbers}; .*limit"):
            ask(make())


def test_a_zip_is_shuffled_as_one(each_engine, rows):
    zipped = rows.select_columns(["key"]).zip(unchanged(rows.select_columns(["key"])))
    shuffled = zipped.random_shuffle(seed=3).take_all()
    assert all(row["key"] == row["key_1"] for row in shuffled)
    assert sorted(row["key"] for row in shuffled) == list(range(1000))
    apart = rows.random_shuffle(seed=1).zip(rows.random_shuffle(seed=2)).take_all()
    assert sum(row["key"] == row["key_1"] for row in apart) < 20
