"""Functions of lists, structs and maps give what plain Python gives, of every layout of lists."""

import pyarrow as pa
import pytest
from test_expressions import evaluate

import millstream as ms
from millstream import col, lit
from millstream.expressions import unnest

LISTS = [[3, 1, None], None, [], [2, 9, 4]]
LAYOUTS = [pa.list_(pa.int64()), pa.large_list(pa.int64()), pa.list_view(pa.int64())]
FIXED = pa.array([[3, 1], None, [2, 5]], pa.list_(pa.int64(), 2))


def type_of(expression, column):
    return ms.from_arrow(pa.table({"a": column})).with_column("out", expression).schema().types[-1]


def nulls_last(items, descending=False):
    known = sorted((item for item in items if item is not None), reverse=descending)
    return known + [None] * (len(items) - len(known))


def by_python(function):
    return [None if items is None else function(items) for items in LISTS]


@pytest.mark.parametrize("kind", LAYOUTS, ids=str)
def test_functions_of_lists_agree_with_python(kind):
    column = pa.array(LISTS, kind)
    assert evaluate(col("a").list.sort(), a=column) == by_python(nulls_last)
    assert evaluate(col("a").list.sort("descending"), a=column) == by_python(
        lambda items: nulls_last(items, descending=True)
    )
    assert evaluate(col("a").list.sort(null_placement="at_start"), a=column)[0] == [None, 1, 3]
    assert evaluate(col("a").list.slice(1, 3), a=column) == by_python(lambda items: items[1:3])
    assert evaluate(col("a").list[1:], a=column) == by_python(lambda items: items[1:])
    assert evaluate(col("a").list[::2], a=column) == by_python(lambda items: items[::2])
    assert evaluate(col("a").list.len(), a=column) == by_python(len)
    assert evaluate(col("a").arr.to_list(), a=column) == LISTS


def test_lists_of_a_fixed_size_stay_so_and_become_others():
    assert evaluate(col("a").list.sort(), a=FIXED) == [[1, 3], None, [2, 5]]
    assert type_of(col("a").list.sort(), FIXED) == FIXED.type
    assert evaluate(col("a").list[:1], a=FIXED) == [[3], None, [2]]
    assert type_of(col("a").list[:1], FIXED) == pa.list_(pa.int64(), 1)
    assert evaluate(col("a").arr.to_list(), a=FIXED) == FIXED.to_pylist()
    assert type_of(col("a").arr.to_list(), FIXED) == pa.list_(pa.int64())


def test_items_count_from_the_beginning_or_the_end():
    column = pa.array([[1, 2, 3], None, [4]])
    assert evaluate(col("a").list.get(0), a=column) == [1, None, 4]
    assert evaluate(col("a").list[-1], a=column) == [3, None, 4]
    assert evaluate(col("a").list.get(-2), a=FIXED) == [3, None, 2]
    with pytest.raises(ValueError, match="Index -2 is out of bounds: the list has 1 items"):
        evaluate(col("a").list.get(-2), a=column)
    with pytest.raises(ValueError, match="Index 1 is out of bounds"):
        evaluate(col("a").list.get(1), a=column)


def test_lists_of_lists_flatten_by_one_level():
    nested = [[[1, 2], None, [3]], None, [], [None], [[], [4]]]
    for kind in (pa.list_(pa.list_(pa.int64())), pa.large_list(pa.list_(pa.int64())), None):
        flat = evaluate(col("a").list.flatten(), a=pa.array(nested, kind))
        assert flat == [[1, 2, 3], None, [], [], [4]]
    assert evaluate(col("a").list.flatten(), a=[[[[1]], [[2]]]]) == [[[1], [2]]]


def test_functions_of_lists_run_after_shuffles_and_on_constants(use_engine):
    use_engine(always_spill=True)
    dataset = ms.from_arrow(pa.table({"key": range(1000), "a": [[key, -key] for key in range(1000)]}))
    rows = dataset.random_shuffle(seed=1).with_column("out", col("a").list.sort()).take_all()
    assert all(row["out"] == [-row["key"], row["key"]] for row in rows)
    assert evaluate(lit([3, 1]).list.sort().list.get(-1), a=[1, 2]) == [3, 3]


def test_maps_give_keys_and_values():
    column = pa.array([[("k", 1), ("l", None)], None, []], pa.map_(pa.string(), pa.int64()))
    assert evaluate(col("a").map.keys(), a=column) == [["k", "l"], None, []]
    assert evaluate(col("a").map.values(), a=column) == [[1, None], None, []]
    assert evaluate(col("a").map.values(), a=column.slice(1)) == [None, []]
    pairs = [[{"key": "k", "value": 1}], None]
    assert evaluate(col("a").map.keys(), a=pairs) == [["k"], None]
    assert evaluate(col("a").map.values(), a=pairs) == [[1], None]


def test_fields_of_structs_are_found_by_name_or_place():
    column = [{"x": 1, "y": {"z": "u"}}, None]
    assert evaluate(col("a").struct[0], a=column) == [1, None]
    assert evaluate(col("a").struct.field_by_index(1).struct["z"], a=column) == ["u", None]
    with pytest.raises(TypeError, match="field 2"):
        evaluate(col("a").struct[2], a=column)


def test_unnest_makes_columns_of_the_fields():
    table = pa.table({"a": [{"x": 1, "b": "u"}, None], "b": [0, 0]})
    rows = ms.from_arrow(table).with_columns({"c": col("b") + 1}, unnest(col("a"))).take_all()
    assert rows == [
        {"a": {"x": 1, "b": "u"}, "b": "u", "c": 1, "x": 1},
        {"a": None, "b": None, "c": 1, "x": None},
    ]
    assert ms.from_arrow(table).with_columns(unnest(col("a"))).columns() == ["a", "b", "x"]
    assert ms.from_arrow(table).with_columns().columns() == ["a", "b"]


def test_unnest_takes_apart_what_a_function_returns():
    dataset = ms.range(3).map_batches(lambda batch: {"s": [{"x": n, "y": -n} for n in batch["id"].tolist()]})
    assert dataset.with_columns(unnest(col("s"))).take(2)[1] == {"s": {"x": 1, "y": -1}, "x": 1, "y": -1}


def test_what_unnest_cannot_take_apart_is_told():
    dataset = ms.from_arrow(pa.table({"a": [{"x": 1}], "b": [1]}))
    twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(TypeError, match=r"unnest takes a struct; col\('b'\) is of type int64"):
        dataset.with_columns(unnest(col("b")))
    with pytest.raises(TypeError, match=r"unnest\(col\('c'\)\) cannot be computed over the columns a, b"):
        dataset.with_columns(unnest(col("c")))
    with pytest.raises(ValueError, match="two fields of the name 'x'"):
        ms.from_arrow(pa.table({"a": twice})).with_columns(unnest(col("a")))
    with pytest.raises(ValueError, match="needs the columns' types"):
        unnest(col("a")).expand_projection(None)
    with pytest.raises(TypeError, match=r"give it to with_columns\(\) as it is"):
        dataset.with_column("c", unnest(col("a")))
    with pytest.raises(TypeError, match="has no alias"):
        unnest(col("a")).alias("c")
    with pytest.raises(TypeError, match="no single struct"):
        unnest(unnest(col("a")))
    with pytest.raises(TypeError, match="takes an expression, not str"):
        unnest("a")
    with pytest.raises(TypeError, match=r"takes mappings of names to expressions, .* not ColumnExpr"):
        dataset.with_columns(col("a"))


def test_wrong_arguments_are_told_where_they_are_written():
    for call, error, message in [
        (lambda: col("a").list.get("x"), TypeError, "whole number, not str"),
        (lambda: col("a").list[True], TypeError, "whole number, not bool"),
        (lambda: col("a").list[-2:], ValueError, r"list.slice\(start=-2\): slices of lists count from the beginning"),
        (lambda: col("a").list[::-1], ValueError, r"list.slice\(step=-1\)"),
        (lambda: col("a").list.sort("up"), ValueError, "order must be 'ascending' or 'descending', got 'up'"),
        (lambda: col("a").list.sort(null_placement="x"), ValueError, "null_placement must be 'at_start' or 'at_end'"),
        (lambda: col("a").struct[-1], ValueError, "fields count from 0"),
        (lambda: col("a").struct[1.5], TypeError, "whole number, not float"),
    ]:
        with pytest.raises(error, match=message):
            call()


def test_columns_that_are_no_lists_are_told_by_their_type():
    dataset = ms.from_arrow(pa.table({"a": [1], "b": [[1]], "c": [[[1]]]}))
    for expression, message in [
        (col("a").list.sort(), "function of lists, not of int64"),
        (col("a").arr.to_list(), "function of lists, not of int64"),
        (col("b").list.flatten(), "for lists of lists, not list<item: int64>"),
        (col("c").list.sort(), "lists of list<item: int64> have no order"),
        (col("b").map.keys(), "keys and values are of maps"),
    ]:
        with pytest.raises(TypeError, match=message):
            dataset.with_column("out", expression)


@pytest.mark.parametrize(
    "expression",
    [
        col("a").list.sort(order="descending"),
        col("a").list[-1],
        col("a").list[:2],
        col("a").list.flatten(),
        col("a").struct[0],
        col("a").map.keys(),
        col("a").arr.to_list(),
    ],
    ids=repr,
)
def test_the_text_of_a_function_of_lists_makes_it_again(expression):
    assert eval(repr(expression), {"col": col, "lit": lit}).structurally_equals(expression)
