"""sort: the order of the keys, whatever sorts them, and equal rows in the order in which they were."""

import itertools
import math
import random

import pyarrow as pa
import pytest
from mixed_rows import TYPES, plain, sorted_rows, table_of

import millstream as ms
from millstream import col

ROWS = 3_000


def order_of(dataset):
    return [row["row"] for row in dataset.take_all()]


def expected_order(table, *keys):
    return [row["row"] for row in sorted_rows(table.to_pylist(), keys)]


@pytest.mark.parametrize("name", TYPES)
def test_each_type_is_sorted_both_ways_with_its_nulls_at_either_end(name):
    seed = random.randrange(2**32)
    print("seed", seed)
    table = table_of([name], seed, 300)
    rows = ms.from_arrow(table)
    for descending, nulls_first in itertools.product((False, True), repeat=2):
        ordered = rows.sort(name, descending=descending, nulls_first=nulls_first)
        expected = sorted_rows(table.to_pylist(), [(name, descending, nulls_first)])
        assert plain(ordered.take_all()) == plain(expected), (descending, nulls_first)
        assert ordered.schema() == rows.schema()


def test_keys_of_several_types_and_directions_sort_on_every_engine(each_engine):
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    names = draw.sample(list(TYPES), 8)
    table = table_of(names, seed, ROWS)
    rows = ms.from_arrow(table, override_num_blocks=9)
    for count in (1, 2, 3, 5):
        keys = [(name, draw.random() < 0.5, draw.random() < 0.5) for name in draw.sample(names, count)]
        print(keys)
        columns, descending, nulls_first = (list(values) for values in zip(*keys, strict=True))
        ordered = rows.sort(columns, descending=descending, nulls_first=nulls_first)
        assert order_of(ordered) == expected_order(table, *keys), keys


def test_one_direction_stands_for_all_keys(rows, expected):
    key = [("half", True, True), ("key", True, True)]
    ordered = rows.sort(["half", "key"], descending=True, nulls_first=True)
    assert ordered.take_all() == sorted_rows(expected, key)


SHAPES = {
    "empty": [],
    "one row": [7],
    "two rows": [2, 1],
    "all equal": [5] * ROWS,
    "half equal": [5 if number % 2 else number for number in range(ROWS)],
    "nearly all equal": [5] * (ROWS - 2) + [4, 6],
    "sorted": list(range(ROWS)),
    "reversed": list(range(ROWS))[::-1],
    "two values": [number % 2 for number in range(ROWS)],
    "all null": [None] * ROWS,
    "one that is not null": [None] * (ROWS - 1) + [1],
    "rising and falling": [*range(ROWS // 2), *range(ROWS // 2, 0, -1)],
}


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("shape", SHAPES)
def test_data_of_any_shape_is_sorted(use_engine, shape, descending):
    values = SHAPES[shape]
    table = pa.table({"value": pa.array(values, pa.int64()), "row": pa.array(range(len(values)), pa.int64())})
    expected = expected_order(table, ("value", descending, False))
    for options in ({"num_cpus": 1}, {"always_spill": True}, {"always_two_passes": True}):
        use_engine(**options)
        assert order_of(ms.from_arrow(table, override_num_blocks=7).sort("value", descending=descending)) == expected


def test_nan_is_greater_than_all_numbers_and_the_zeros_are_equal():
    values = [math.nan, -0.0, 1.0, 0.0, None, -math.inf, -0.0, math.inf, -math.nan]
    rows = ms.from_arrow(pa.table({"value": pa.array(values), "row": range(9)}))
    assert order_of(rows.sort("value")) == [5, 1, 3, 6, 2, 7, 0, 8, 4]
    assert order_of(rows.sort("value", descending=True)) == [0, 8, 7, 2, 1, 3, 6, 5, 4]
    zeros = [str(row["value"]) for row in rows.sort("value").take_all()[1:4]]
    assert zeros == ["-0.0", "0.0", "-0.0"]  # each as it was


def test_the_order_is_the_same_over_cpus_limits_and_batch_sizes(use_engine, files):
    rows = ms.read_parquet(str(files)).with_column("half", col("number") % 10)
    orders = set()
    for cpus, limit, batch_size in itertools.product((1, 2, 4), (48 << 20, 1 << 30), (1, 77, 5_000)):
        use_engine(num_cpus=cpus, memory_limit=limit)
        batches = rows.sort(["half", "name"], descending=[True, False]).iter_batches(batch_size=batch_size)
        sizes, numbers = zip(*((len(batch["number"]), batch["number"].tolist()) for batch in batches), strict=True)
        assert set(sizes[:-1]) <= {batch_size}
        orders.add(tuple(itertools.chain(*numbers)))
    expected = sorted(range(1000), key=lambda number: (-(number % 10), f"row {number}".encode()))
    assert orders == {tuple(expected)}


@pytest.mark.tame
def test_what_does_not_fit_into_memory_is_sorted_through_the_disk(use_engine):
    for cpus, limit in ((1, 32 << 20), (2, 64 << 20)):
        engine = use_engine(num_cpus=cpus, memory_limit=limit)
        iterator = ms.range(9_000_000).sort("id", descending=True).iterator()
        left = 9_000_000
        for batch in iterator.iter_batches(batch_size=100_000):
            assert batch["id"][0] == left - 1
            assert (batch["id"][:-1] == batch["id"][1:] + 1).all()
            left -= len(batch["id"])
        assert left == 0
        assert sum(stage["spilled_bytes"] for stage in iterator._record.stages()) > 10 << 20
        assert engine.memory_peak() <= limit


def test_a_sort_above_anything_sorts_what_it_gives(rows, expected):
    def double(row):
        return {"key": row["key"], "twice": -2 * row["key"]}

    keys = [row["key"] for row in expected]
    assert [row["key"] for row in rows.map(double).sort("twice").take_all()] == keys[::-1]
    assert rows.random_shuffle(seed=3).sort("key").take_all() == expected
    assert rows.sort("key", descending=True).sort("key").take_all() == expected
    assert rows.filter(expr=col("key") > 500).sort("key", descending=True).take(2) == expected[:-3:-1]
    assert rows.limit(10).sort("key", descending=True).take_all() == expected[9::-1]
    twice = rows.union(rows).sort("key").take_all()
    assert twice == [row for row in expected for _ in range(2)]


def test_equal_rows_keep_the_order_of_what_is_below(rows):
    shuffled = [row["key"] for row in rows.random_shuffle(seed=3).take_all()]
    ordered = rows.random_shuffle(seed=3).with_column("rest", col("key") % 3).sort("rest").take_all()
    print(shuffled[:5])
    assert [row["rest"] for row in ordered] == sorted(key % 3 for key in shuffled)
    below = rows.sort("key", descending=True).map(lambda row: {"key": row["key"], "rest": row["key"] % 3})
    assert [row["key"] for row in below.sort("rest").take_all()] == sorted(range(999, -1, -1), key=lambda key: key % 3)


def test_what_is_above_a_sort_sees_its_order(rows, expected):
    down = rows.sort("key", descending=True)
    assert down.limit(5).take_all() == expected[:-6:-1]
    assert down.filter(expr=col("key") % 2 == 0).take(2) == [expected[998], expected[996]]
    assert [row["key"] for row in down.map(lambda row: {"key": row["key"]}).take_all()] == list(range(999, -1, -1))
    assert down.count() == 1000
    assert down.schema() == rows.schema()


BAD_KEYS = [
    (lambda rows: rows.sort("kee"), KeyError, "did you mean 'key'"),
    (lambda rows: rows.sort(["key", "nmae"]), KeyError, "did you mean 'name'"),
    (lambda rows: rows.sort([]), ValueError, "at least one column"),
    (lambda rows: rows.sort(None), TypeError, "name of a column, or a list of names, not None"),
    (lambda rows: rows.sort(col("key")), TypeError, "name of a column"),
    (lambda rows: rows.sort(["key", "key"]), ValueError, "twice"),
    (lambda rows: rows.sort("key", descending="yes"), TypeError, "descending must be True or False, not 'yes'"),
    (lambda rows: rows.sort(["key", "name"], descending=[True]), ValueError, "1 values of descending for 2 columns"),
    (lambda rows: rows.sort("key", nulls_first=[True, False]), ValueError, "2 values of nulls_first for 1 col"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), BAD_KEYS)
def test_keys_that_cannot_be_are_refused_at_once(rows, ask, kind, message):
    with pytest.raises(kind, match=message):
        ask(rows)


def test_columns_without_an_order_are_named_with_what_to_do():
    pairs = pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32()))
    with pytest.raises(TypeError, match=r"column 'pairs' of type map<.*has no order; .*with_column\(\)"):
        ms.from_arrow(pa.table({"pairs": pairs})).sort("pairs")


def test_above_a_function_an_unknown_key_is_told_when_its_columns_are_known(rows):
    mapped = rows.map(lambda row: {"key": row["key"]})
    with pytest.raises(KeyError, match="did you mean 'key'"):
        mapped.sort("kee").take(1)
