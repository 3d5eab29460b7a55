"""groupby: its aggregates against DuckDB, keys of all types, on every engine; map_groups and with_column."""

import collections
import math
import random

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from mixed_rows import TYPES, plain, rank, table_of

import millstream as ms
from millstream import col
from millstream.aggregate import Count, Max, Mean, Min, Std, Sum

ROWS = 4_000


def numbers_table(seed):
    """Keys that come again, and numbers, all with nulls."""
    draw = random.Random(seed)

    def some(value):
        return [None if draw.random() < 0.1 else value() for _ in range(ROWS)]

    return pa.table(
        {
            "k": pa.array(some(lambda: draw.randrange(40)), pa.int32()),
            "word": pa.array(some(lambda: draw.choice(["", "a", "ab", "b", "é"])), pa.string()),
            "whole": pa.array(some(lambda: draw.randrange(-(2**40), 2**40)), pa.int64()),
            "half": pa.array(some(lambda: draw.gauss(0, 1e6)), pa.float64()),
            "row": pa.array(range(ROWS), pa.int64()),
        }
    )


def close(rows, others):
    assert len(rows) == len(others)
    for row, other in zip(rows, others, strict=True):
        assert row.keys() == other.keys()
        for name, value in row.items():
            if isinstance(value, float) and isinstance(other[name], float):
                assert math.isclose(value, other[name], rel_tol=1e-9, abs_tol=1e-6), (name, row, other)
            else:
                assert value == other[name], (name, row, other)


@pytest.mark.parametrize("keys", [["k"], ["word"], ["word", "k"]], ids="+".join)
def test_aggregates_of_groups_agree_with_duckdb_on_every_engine(each_engine, keys):
    seed = random.randrange(2**32)
    print("seed", seed)
    table = numbers_table(seed)
    rows = ms.from_arrow(table, override_num_blocks=6)
    named = ", ".join(keys)
    expected = duckdb.sql(
        f"""select {named}, count(*) as "count()", count(half) as values, sum(whole)::bigint as "sum(whole)",
        min(half) as "min(half)", max(whole) as "max(whole)", avg(whole) as "mean(whole)",
        stddev_samp(half) as "std(half)", min(word) as first_word
        from "table" group by {named} order by {", ".join(f"{key} nulls last" for key in keys)}"""
    ).arrow()
    expected = expected.read_all() if hasattr(expected, "read_all") else expected
    made = rows.groupby(keys if len(keys) > 1 else keys[0]).aggregate(
        Count(),
        Count("half", ignore_nulls=True, alias_name="values"),
        Sum("whole"),
        Min("half"),
        Max("whole"),
        Mean("whole"),
        Std("half"),
        Min("word", alias_name="first_word"),
    )
    assert made.columns() == expected.column_names
    rows_made = [
        {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in made.take_all()
    ]
    close(rows_made, expected.to_pylist())


def test_the_short_names_do_as_aggregate_does():
    rows = ms.from_arrow(numbers_table(3))
    groups = rows.groupby("k")
    assert groups.count().take_all() == groups.aggregate(Count()).take_all()
    assert groups.sum("whole").take_all() == groups.aggregate(Sum("whole")).take_all()
    assert groups.min(["whole", "half"]).columns() == ["k", "min(whole)", "min(half)"]
    assert groups.max("word").take_all() == groups.aggregate(Max("word")).take_all()
    assert groups.mean("half").take_all() == groups.aggregate(Mean("half")).take_all()
    assert groups.std("half", ddof=0).take_all() == groups.aggregate(Std("half", ddof=0)).take_all()
    assert rows.drop_columns("word").groupby("k").sum().columns() == ["k", "sum(whole)", "sum(half)", "sum(row)"]
    assert groups.min().columns() == ["k", "min(word)", "min(whole)", "min(half)", "min(row)"]


@pytest.mark.parametrize("name", TYPES)
def test_keys_of_each_type_are_grouped_in_their_order(name):
    seed = random.randrange(2**32)
    print("seed", seed)
    table = table_of([name], seed, 300)
    wanted = collections.defaultdict(list)
    for row in table.to_pylist():
        wanted[repr(rank(row[name]))].append((rank(row[name]), row["row"]))
    groups = sorted(wanted.values(), key=lambda group: group[0][0])
    counts = ms.from_arrow(table).groupby(name).aggregate(Count(), Min("row")).take_all()
    assert [(rank(row[name]), row["count()"], row["min(row)"]) for row in counts] == [
        (group[0][0], len(group), group[0][1]) for group in groups
    ]
    unique = ms.from_arrow(table).unique(name)
    assert [rank(value) for value in unique] == [group[0][0] for group in groups]


def test_nulls_and_nans_of_a_key_are_one_group_each_and_the_zeros_one():
    keys = [math.nan, None, 0.0, -0.0, -math.nan, None, math.inf]
    counts = ms.from_arrow(pa.table({"k": keys})).groupby("k").count().take_all()
    assert plain(counts) == [
        {"k": 0.0, "count()": 2},
        {"k": math.inf, "count()": 1},
        {"k": "nan", "count()": 2},
        {"k": None, "count()": 2},
    ]


def test_groups_of_groups_and_of_every_stage(each_engine, rows):
    by_rest = rows.with_column("rest", col("key") % 7)
    assert by_rest.groupby("rest").count().sort("rest", descending=True).take(1) == [{"rest": 6, "count()": 142}]
    assert by_rest.groupby("rest").count().sum("count()") == 1000
    assert by_rest.map(lambda row: {"rest": row["rest"]}).groupby("rest").count().take(1) == [
        {"rest": 0, "count()": 143}
    ]
    assert by_rest.random_shuffle(seed=1).groupby("rest").min("key").take(2)[1] == {"rest": 1, "min(key)": 1}
    assert by_rest.sort("key").limit(10).groupby("rest").count().count() == 7
    assert by_rest.union(by_rest).groupby("rest").count().take(1) == [{"rest": 0, "count()": 286}]
    counts = by_rest.groupby("rest").count().rename_columns({"count()": "rows"}).groupby("rows").count().take_all()
    assert counts == [{"rows": 142, "count()": 1}, {"rows": 143, "count()": 6}]


def test_one_group_of_all_rows_and_groups_of_none(rows):
    assert rows.groupby(None).count().take_all() == [{"count()": 1000}]
    assert rows.groupby([]).sum("key").take_all() == [{"sum(key)": 499_500}]
    assert rows.limit(0).groupby("key").count().take_all() == []
    assert rows.limit(0).groupby(None).count().take_all() == [{"count()": 0}]
    assert rows.groupby("key").count().limit(0).take_all() == []


# ---- map_groups ----
FORMATS = {
    "default": lambda batch: {"k": batch["k"][:1], "rows": [len(batch["row"])], "sum": [int(batch["row"].sum())]},
    "pandas": lambda frame: pd.DataFrame({"k": frame["k"].iloc[:1], "rows": [len(frame)], "sum": [frame["row"].sum()]}),
    "pyarrow": lambda table: pa.table(
        {"k": table["k"].slice(0, 1), "rows": [table.num_rows], "sum": [sum(table["row"].to_pylist())]}
    ),
    "polars": lambda frame: pl.DataFrame({"k": frame["k"][:1], "rows": [frame.height], "sum": [frame["row"].sum()]}),
}


@pytest.mark.parametrize("batch_format", FORMATS)
def test_map_groups_is_given_each_group_whole_in_the_order_of_the_keys(each_engine, batch_format):
    table = numbers_table(7).filter(pa.compute.is_valid(pa.compute.field("k")))
    groups = collections.defaultdict(list)
    for row in table.to_pylist():
        groups[row["k"]].append(row["row"])
    expected = [{"k": key, "rows": len(groups[key]), "sum": sum(groups[key])} for key in sorted(groups)]
    made = (
        ms.from_arrow(table, override_num_blocks=5)
        .groupby("k")
        .map_groups(FORMATS[batch_format], batch_format=batch_format)
    )
    assert made.take_all() == expected


def test_rows_of_a_group_keep_their_order(each_engine, rows):
    by_rest = rows.with_column("rest", col("key") % 3).random_shuffle(seed=2)
    orders = by_rest.groupby("rest").map_groups(lambda batch: {"key": batch["key"]}).take_all()
    shuffled = [row["key"] for row in by_rest.take_all()]
    assert sorted(row["key"] for row in orders) == list(range(1000))
    assert [row["key"] % 3 for row in orders] == [0] * 334 + [1] * 333 + [2] * 333
    assert shuffled != [row["key"] for row in orders]


def test_null_and_nan_keys_are_groups_of_map_groups():
    rows = ms.from_arrow(pa.table({"k": [math.nan, None, 1.0, math.nan, None], "row": range(5)}))
    made = rows.groupby("k").map_groups(lambda table: {"rows": [table["row"].to_pylist()]}, batch_format="pyarrow")
    assert made.take_all() == [{"rows": [2]}, {"rows": [0, 3]}, {"rows": [1, 4]}]


def test_map_groups_takes_generators_classes_arguments_and_workers(rows):
    class Label:
        def __init__(self, prefix):
            self.prefix = prefix

        def __call__(self, batch, *, suffix):
            for key in batch["key"][:2].tolist():
                yield {"label": [f"{self.prefix}{key}{suffix}"]}

    labels = (
        rows.with_column("rest", col("key") % 4)
        .groupby("rest")
        .map_groups(Label, fn_constructor_args=("<",), fn_kwargs={"suffix": ">"}, concurrency=3)
    )
    assert [row["label"] for row in labels.take_all()] == [f"<{key}>" for rest in range(4) for key in (rest, rest + 4)]


def test_a_group_of_all_rows_and_no_group_of_none(rows):
    def count(batch):
        return {"rows": [len(batch["key"])]}

    assert rows.groupby(None).map_groups(count).take_all() == [{"rows": 1000}]
    assert rows.limit(0).groupby(None).map_groups(count).take_all() == []
    assert rows.limit(0).groupby("key").map_groups(count).take_all() == []
    assert rows.groupby("key").map_groups(count).take_all() == [{"rows": 1}] * 1000


def test_arrays_of_groups_are_read_only_unless_copied(rows):
    def write(batch):
        batch["key"][0] = -1
        return {"key": batch["key"][:1]}

    groups = rows.with_column("rest", col("key") % 2).groupby("rest")
    with pytest.raises(ValueError, match=r"MapGroups\(write\).*read-only.* on row 0 of the output of Sort"):
        groups.map_groups(write).take_all()
    assert groups.map_groups(write, zero_copy_batch=False).take_all() == [{"key": -1}, {"key": -1}]


def test_with_column_of_groups_adds_to_the_rows_in_the_order_of_the_keys(rows):
    made = rows.with_column("rest", col("key") % 3).groupby("rest").with_column("twice", col("key") * 2).take_all()
    assert [(row["rest"], row["twice"]) for row in made] == [
        (rest, 2 * key) for rest in range(3) for key in range(rest, 1000, 3)
    ]


def test_the_text_of_groups_names_keys_and_data_set(rows):
    text = repr(rows.groupby(["key", "name"]))
    assert text.startswith("GroupedData(keys=['key', 'name'], dataset=")
    assert "tags" in text


BAD_GROUPS = [
    (lambda rows: rows.groupby("kee"), KeyError, "no column 'kee'; did you mean 'key'"),
    (lambda rows: rows.groupby(["key", "nme"]), KeyError, "did you mean 'name'"),
    (lambda rows: rows.groupby("key").sum("haf"), KeyError, "did you mean 'half'"),
    (lambda rows: rows.groupby("key").sum("name"), TypeError, r"sum of column 'name' \(string\) is not defined.*cast"),
    (lambda rows: rows.groupby("key").mean("tags"), TypeError, r"mean of column 'tags' \(list<.*numbers"),
    (lambda rows: rows.groupby("key").sum(), TypeError, "sum of column 'name'"),
    (lambda rows: rows.groupby("key").sum([]), ValueError, "at least one column"),
    (lambda rows: rows.groupby("key").aggregate(), ValueError, r"millstream\.aggregate\.Count\(\)"),
    (lambda rows: rows.groupby("key").aggregate("sum"), TypeError, r"millstream\.aggregate\.Sum\('x'\), not str"),
    (
        lambda rows: rows.groupby("key").aggregate(Sum("key"), Sum("key")),
        ValueError,
        r"named 'sum\(key\)'; .*alias_name",
    ),
    (lambda rows: rows.groupby("key").aggregate(Sum("half", alias_name="key")), ValueError, "named 'key'"),
    (lambda rows: rows.groupby("key").map_groups(3), TypeError, "map_groups takes a function or a class"),
    (lambda rows: rows.groupby("key").map_groups(len, batch_size=3), TypeError, "no argument 'batch_size'"),
    (lambda rows: rows.groupby(3), TypeError, "a column, a list of names or None, not 3"),
    (lambda rows: rows.groupby(["key", "key"]), ValueError, "groupby got a column twice"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), BAD_GROUPS)
def test_groups_that_cannot_be_are_refused_at_once(rows, ask, kind, message):
    with pytest.raises(kind, match=message):
        ask(rows)


def test_maps_and_the_like_are_no_keys():
    pairs = ms.from_arrow(pa.table({"pairs": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32()))}))
    with pytest.raises(TypeError, match=r"column 'pairs' \(map<.*cannot be grouped by: .*cast it to string"):
        pairs.groupby("pairs").count()


def test_a_sum_that_does_not_fit_says_so_and_a_float_does(rows):
    big = ms.from_items([{"k": number % 2, "x": 2**62} for number in range(8)])
    with pytest.raises(ValueError, match="sum of column 'x' does not fit int64 in at least one group; cast"):
        big.groupby("k").sum("x").take_all()
    floats = big.with_column("x", col("x").cast(pa.float64(), safe=False))
    assert floats.groupby("k").sum("x").take(1) == [{"k": 0, "sum(x)": 2.0**64}]


def test_results_do_not_depend_on_cpus_blocks_or_the_last_bit_of_a_sum(use_engine):
    draw = np.random.default_rng(5)
    table = pa.table(
        {"k": draw.integers(0, 5, 20_000), "x": draw.standard_normal(20_000) * 10.0 ** draw.integers(-9, 9, 20_000)}
    )
    results = set()
    for cpus in (1, 2, 4):
        for blocks in (1, 7):
            use_engine(num_cpus=cpus, always_spill=cpus == 4)
            groups = ms.from_arrow(table, override_num_blocks=blocks).groupby("k")
            results.add(repr(groups.aggregate(Sum("x"), Mean("x"), Std("x")).take_all()))
    assert len(results) == 1


@pytest.mark.tame
def test_several_groupbys_run_at_once_within_the_limit(use_engine):
    limit = 64 << 20
    engine = use_engine(num_cpus=2, memory_limit=limit)
    rows = ms.range(200_000).with_column("rest", col("id") % 1000)
    iterators = [rows.groupby("rest").sum("id").iter_rows() for _ in range(3)]
    expected = [{"rest": rest, "sum(id)": 200 * rest + 1000 * 199 * 100} for rest in range(1000)]
    for number, made in enumerate(zip(*iterators, strict=True)):
        assert made == (expected[number],) * 3
    assert number == 999
    assert engine.memory_peak() <= limit


@pytest.mark.tame
def test_many_groups_take_the_memory_that_is_free_beside_others(use_engine):
    limit = 64 << 20
    engine = use_engine(num_cpus=2, memory_limit=limit)
    few = ms.range(100_000).with_column("rest", col("id") % 10).groupby("rest").count().iter_rows()
    first = next(iter(few))
    many = ms.range(3_000_000).with_column("rest", col("id") // 2).groupby("rest").aggregate(Sum("id"), Count())
    total = 0
    for batch in many.iter_batches(batch_size=50_000):
        assert (batch["count()"] == 2).all()
        total += int(batch["sum(id)"].sum())
    assert total == 3_000_000 * 2_999_999 // 2
    assert first == {"rest": 0, "count()": 10_000}
    assert engine.memory_peak() <= limit
