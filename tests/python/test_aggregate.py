"""Every aggregation of millstream.aggregate against plain Python, of groups and of whole sets, and the users' own."""

import collections
import math
import pickle
import random
import statistics

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from mixed_rows import TYPES, plain, rank, table_of

import millstream as ms
from millstream import aggregate
from millstream.aggregate import (
    AbsMax,
    AggregateFn,
    AggregateFnV2,
    ApproximateQuantile,
    ApproximateTopK,
    AsList,
    Count,
    CountDistinct,
    Max,
    Mean,
    Min,
    MissingValuePercentage,
    Quantile,
    Std,
    Sum,
    Unique,
    ValueCounter,
    VectorizedAggregateFnV2,
    ZeroPercentage,
)

ROWS = 1_000


@pytest.fixture(scope="module")
def table():
    draw = random.Random(8)

    def some(value):
        return [None if draw.random() < 0.1 else value() for _ in range(ROWS)]

    return pa.table(
        {
            "k": pa.array([draw.randrange(7) for _ in range(ROWS)]),
            "x": pa.array(some(lambda: draw.randrange(-20, 20)), pa.int64()),
            "y": pa.array(some(lambda: draw.choice([math.nan, 0.0, draw.gauss(0, 3)])), pa.float64()),
            "s": pa.array(some(lambda: draw.choice(["a", "b", "bb", ""])), pa.string()),
        }
    )


def values_of(table, column):
    """The column's values, by the key."""
    groups = collections.defaultdict(list)
    for row in table.to_pylist():
        groups[row["k"]].append(row[column])
    return [groups[key] for key in sorted(groups)]


def known(values):
    return [value for value in values if value is not None]


def numbers(values):
    return [value for value in known(values) if not math.isnan(value)]


def quantile(values, q):
    ordered = sorted(numbers(values))
    place = (len(ordered) - 1) * q
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def top(values, k):
    counts = collections.Counter(known(values))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:k]


def distinct(values):
    return sorted(set(known(values)))


CASES = {
    "Count": (Count(), "x", len),
    "Count of a column": (Count("x"), "x", len),
    "Count without nulls": (Count("x", ignore_nulls=True), "x", lambda values: len(known(values))),
    "Sum": (Sum("x"), "x", lambda values: sum(known(values))),
    "Sum with nulls": (Sum("x", ignore_nulls=False), "x", lambda values: None),
    "Sum with NaN": (Sum("y"), "y", lambda values: math.nan),
    "Min": (Min("x"), "x", lambda values: min(known(values))),
    "Min past NaN": (Min("y"), "y", lambda values: min(numbers(values))),
    "Min of texts": (Min("s"), "s", lambda values: min(known(values))),
    "Max": (Max("x"), "x", lambda values: max(known(values))),
    "Max past NaN": (Max("y"), "y", lambda values: max(numbers(values))),
    "Max with nulls": (Max("x", ignore_nulls=False), "x", lambda values: None),
    "Mean": (Mean("x"), "x", lambda values: statistics.fmean(known(values))),
    "Mean with NaN": (Mean("y"), "y", lambda values: math.nan),
    "Std": (Std("x"), "x", lambda values: statistics.stdev(known(values))),
    "Std of all": (Std("x", ddof=0), "x", lambda values: statistics.pstdev(known(values))),
    "AbsMax": (AbsMax("x"), "x", lambda values: max(map(abs, known(values)))),
    "Quantile": (Quantile("x"), "x", lambda values: quantile(values, 0.5)),
    "Quantile past NaN": (Quantile("y", q=0.9), "y", lambda values: quantile(values, 0.9)),
    "ApproximateTopK": (
        ApproximateTopK("s", k=2),
        "s",
        lambda values: [{"s": value, "count": count} for value, count in top(values, 2)],
    ),
    "Unique": (Unique("x"), "x", lambda values: [*distinct(values), None]),
    "Unique without nulls": (Unique("s", ignore_nulls=True), "s", distinct),
    "CountDistinct": (CountDistinct("x"), "x", lambda values: len(distinct(values))),
    "CountDistinct with nulls": (CountDistinct("x", ignore_nulls=False), "x", lambda values: len(distinct(values)) + 1),
    "ValueCounter": (
        ValueCounter("s"),
        "s",
        lambda values: {
            "values": [*distinct(values), None],
            "counts": [*(values.count(value) for value in distinct(values)), values.count(None)],
        },
    ),
    "AsList": (AsList("x"), "x", list),
    "AsList without nulls": (AsList("x", ignore_nulls=True), "x", known),
    "MissingValuePercentage": (
        MissingValuePercentage("y"),
        "y",
        lambda values: 100 * (len(values) - len(numbers(values))) / len(values),
    ),
    "ZeroPercentage": (ZeroPercentage("x"), "x", lambda values: 100 * values.count(0) / len(known(values))),
    "ZeroPercentage of all": (
        ZeroPercentage("x", ignore_nulls=False),
        "x",
        lambda values: 100 * values.count(0) / len(values),
    ),
}


def same(made, wanted):
    if isinstance(wanted, float) and not math.isnan(wanted):
        return math.isclose(made, wanted, rel_tol=1e-12)
    return plain(made) == plain(wanted)


@pytest.mark.parametrize("case", CASES)
def test_an_aggregation_is_what_python_computes_of_groups_and_of_all(table, case):
    agg, column, wanted = CASES[case]
    rows = ms.from_arrow(table, override_num_blocks=4)
    made = [row[agg.name] for row in rows.groupby("k").aggregate(agg).take_all()]
    for value, values in zip(made, values_of(table, column), strict=True):
        assert same(value, wanted(values)), (value, wanted(values))
    whole = rows.aggregate(agg)
    assert whole.keys() == {agg.name}
    assert same(whole[agg.name], wanted(table.column(column).to_pylist()))
    again = pickle.loads(pickle.dumps(agg))
    assert plain(rows.aggregate(again)) == plain(whole)


def test_every_aggregation_at_once_on_every_engine(each_engine, table):
    rows = ms.from_arrow(table, override_num_blocks=4)
    kinds = {name: case for name, case in CASES.items() if case[0].name not in ("count()",)}
    aggs = [type(agg)(column, **options(agg), alias_name=name) for name, (agg, column, _) in kinds.items()]
    made = rows.groupby("k").aggregate(*aggs).take_all()
    assert list(made[0]) == ["k", *kinds]
    for name, (_, column, wanted) in kinds.items():
        for row, values in zip(made, values_of(table, column), strict=True):
            assert same(row[name], wanted(values)), name


def options(agg):
    chosen = {name: value for name, value in agg._options.items() if name in ("ddof", "k")}
    if isinstance(agg, Quantile):
        chosen["q"] = agg._options["quantile"]
    if not isinstance(agg, ApproximateTopK | ValueCounter | MissingValuePercentage | ApproximateQuantile):
        chosen["ignore_nulls"] = agg._ignore_nulls
    return chosen


def test_an_approximate_quantile_is_near(table):
    quantiles = [0.0, 0.1, 0.5, 0.9, 1.0]
    rows = ms.from_arrow(table)
    (made,) = rows.aggregate(ApproximateQuantile("y", quantiles, quantile_precision=1000)).values()
    ordered = sorted(numbers(table.column("y").to_pylist()))
    for q, value in zip(quantiles, made, strict=True):
        place = q * (len(ordered) - 1)
        near = ordered[max(math.floor(place) - 1, 0) : math.ceil(place) + 2]
        assert min(near) - abs(min(near)) / 500 <= value <= max(near) + abs(max(near)) / 500


@pytest.mark.parametrize("name", sorted(set(TYPES) - {"struct", "list", "list of a length"}))
def test_least_greatest_and_distinct_values_of_every_type(name):
    seed = random.randrange(2**32)
    print("seed", seed)
    table = table_of([name], seed, 200)
    values = sorted(known(table.column(name).to_pylist()), key=rank)
    nan_free = [value for value in values if plain(value) != "nan"]
    rows = ms.from_arrow(table)
    made = rows.aggregate(Min(name), Max(name), CountDistinct(name), Unique(name, ignore_nulls=True), AsList(name))
    least, greatest, count, unique, listed = made.values()
    assert (rank(least), rank(greatest)) == (rank(nan_free[0]), rank(nan_free[-1]))
    ranks = sorted({repr(rank(value)) for value in values})
    assert count == len(ranks)
    assert sorted(repr(rank(value)) for value in unique) == ranks
    assert plain(listed) == plain(table.column(name).to_pylist())


def test_groups_without_values_have_no_result_and_counts_of_zero():
    rows = ms.from_arrow(pa.table({"x": pa.array([None, None], pa.float64())}))
    aggs = [Sum("x"), Min("x"), Mean("x"), Std("x"), AbsMax("x"), Quantile("x"), ZeroPercentage("x")]
    assert set(rows.aggregate(*aggs).values()) == {None}
    assert rows.aggregate(Count("x", ignore_nulls=True), CountDistinct("x")) == {"count(x)": 0, "count_distinct(x)": 0}
    assert rows.aggregate(AsList("x", ignore_nulls=True), Unique("x")) == {"list(x)": [], "unique(x)": [None]}
    assert rows.limit(0).aggregate(Count(), Sum("x")) == {"count()": 0, "sum(x)": None}


# ---- of whole sets ----
def test_the_short_names_give_a_value_or_a_dict(table):
    rows = ms.from_arrow(table)
    x = known(table.column("x").to_pylist())
    assert (rows.sum("x"), rows.min("x"), rows.max("x")) == (sum(x), min(x), max(x))
    assert rows.mean("x") == statistics.fmean(x)
    assert math.isclose(rows.std("x"), statistics.stdev(x))
    assert math.isclose(rows.std("x", ddof=0), statistics.pstdev(x))
    assert rows.sum("x", ignore_nulls=False) is None
    assert rows.sum(["x", "k"]) == {"sum(x)": sum(x), "sum(k)": sum(table.column("k").to_pylist())}
    assert rows.select_columns(["k", "x"]).max() == {"max(k)": 6, "max(x)": 19}
    assert rows.select_columns(["k"]).sum() == sum(table.column("k").to_pylist())
    assert rows.unique("s") == ["", "a", "b", "bb", None]
    assert rows.unique("s", ignore_nulls=True) == ["", "a", "b", "bb"]
    assert rows.limit(0).unique("s") == []


def test_aggregates_above_functions_shuffles_and_sorts_are_the_same(each_engine, table):
    rows = ms.from_arrow(table)
    wanted = rows.sum("x")
    above = rows.map_batches(lambda batch: batch, batch_format="pyarrow", batch_size=90)
    assert above.sum("x") == above.random_shuffle(seed=1).sum("x") == above.sort("x").sum("x") == wanted
    assert rows.random_shuffle(seed=2).mean("x") == rows.mean("x")
    assert above.unique("s") == rows.unique("s")
    with pytest.raises(KeyError, match="did you mean 'x'"):
        above.sum("xx")


def test_what_cannot_be_aggregated_says_why(table):
    rows = ms.from_arrow(table)
    for ask, kind, message in (
        (lambda: rows.sum("s"), TypeError, r"sum of column 's' \(string\) is not defined: it takes numbers; cast"),
        (lambda: rows.aggregate(AbsMax("s")), TypeError, r"abs_max of column 's'"),
        (lambda: rows.aggregate(Quantile("s")), TypeError, "quantile of column 's'"),
        (lambda: rows.aggregate(Quantile("x", q=1.5)), ValueError, "1.5"),
        (lambda: rows.aggregate(ApproximateQuantile("x", [2.0])), ValueError, "2"),
        (lambda: rows.sum("xx"), KeyError, "did you mean 'x'"),
        (lambda: rows.unique("xx"), KeyError, "did you mean 'x'"),
        (lambda: rows.aggregate(), ValueError, "at least one aggregation"),
        (lambda: rows.aggregate(Sum), TypeError, "not type"),
        (lambda: Sum(), ValueError, r"Sum needs the name of a column: Sum\('x'\)"),
        (lambda: Std("x", ddof=-1), ValueError, "ddof must be at least 0"),
        (lambda: ApproximateTopK("x", k=0), ValueError, "k must be at least 1"),
        (lambda: ApproximateTopK("x", 3, encode_lists=True), NotImplementedError, "flat_map"),
        (lambda: Unique("x", encode_lists=True), NotImplementedError, "flat_map"),
        (lambda: Sum("x", ignore_nulls="no"), TypeError, "ignore_nulls must be True or False"),
        (lambda: ms.from_items([{"x": 2**62}] * 2).sum("x"), ValueError, "does not fit int64"),
    ):
        with pytest.raises(kind, match=message):
            ask()


# ---- the users' own ----
LONGEST = AggregateFn(
    init=lambda key: "",
    accumulate_row=lambda longest, row: max(longest, row["s"] or "", key=len),
    merge=lambda one, other: max(one, other, key=len),
    name="longest",
)
ROWS_OF = AggregateFn(
    init=lambda key: (key, 0),
    accumulate_block=lambda state, block: (state[0], state[1] + block.num_rows),
    merge=lambda one, other: (one[0], one[1] + other[1]),
    finalize=lambda state: f"{state[0]}: {state[1]}",
    name="rows",
)


class Span(AggregateFnV2):
    """Greatest less least value."""

    def __init__(self, on, ignore_nulls=True):
        super().__init__(f"span({on})", lambda: [math.inf, -math.inf], on=on, ignore_nulls=ignore_nulls)

    def aggregate_block(self, block):
        column = block.column(self.get_target_column())
        if column.null_count == len(column):
            return None
        return list(pc.min_max(column).as_py().values())

    def combine(self, current_accumulator, new):
        return [min(current_accumulator[0], new[0]), max(current_accumulator[1], new[1])]

    def finalize(self, accumulator):
        return accumulator[1] - accumulator[0]


class Total(VectorizedAggregateFnV2):
    def __init__(self, on):
        super().__init__(f"total({on})", lambda: 0, on=on, ignore_nulls=True)

    def aggregate_block(self, block):
        return pc.sum(block.column(self.get_target_column())).as_py()

    def _combine_column(self, accumulator_col):
        return pc.sum(accumulator_col).as_py()


def test_aggregations_of_functions_and_classes_stand_beside_the_engines(each_engine, table):
    rows = ms.from_arrow(table, override_num_blocks=3)
    made = rows.groupby("k").aggregate(LONGEST, Sum("x"), Span("x"), ROWS_OF, Total("x"), Count())
    assert made.columns() == ["k", "longest", "sum(x)", "span(x)", "rows", "total(x)", "count()"]
    for key, row in enumerate(made.take_all()):
        values = values_of(table, "x")[key]
        x = known(values)
        assert row == {
            "k": key,
            "longest": "bb",
            "sum(x)": sum(x),
            "span(x)": max(x) - min(x),
            "rows": f"{key}: {len(values)}",
            "total(x)": sum(x),
            "count()": len(values),
        }


def test_their_groups_may_have_several_keys_null_ones_or_none(table):
    rows = ms.from_arrow(table)
    several = rows.groupby(["s", "k"]).aggregate(ROWS_OF, Count()).take_all()
    assert all(row["rows"] == f"({row['s']!r}, {row['k']}): {row['count()']}" for row in several)
    assert several[-1]["s"] is None
    whole = rows.aggregate(ROWS_OF, Sum("x"), Span("x"))
    assert whole["rows"] == f"None: {ROWS}"
    assert whole["span(x)"] == 39


def test_their_errors_name_aggregation_and_group(table):
    broken = AggregateFn(init=lambda key: 0, accumulate_row=lambda total, row: total / 0, merge=max, name="broken")
    rows = ms.from_arrow(table)
    with pytest.raises(
        ZeroDivisionError, match=r"Aggregate\(broken\): the function raised ZeroDivisionError.*on row 0 of"
    ):
        rows.groupby("k").aggregate(broken).take_all()
    with pytest.raises(NotImplementedError, match=r"AggregateFnV2 must define aggregate_block\(block\)"):
        rows.groupby("k").aggregate(AggregateFnV2("a", int, on="x", ignore_nulls=True)).take_all()
    with pytest.raises(ValueError, match="accumulate_row, or accumulate_block, and not both"):
        AggregateFn(init=lambda key: 0, merge=max, name="neither")
    with pytest.raises(TypeError, match="name must be a text, not int"):
        AggregateFn(init=lambda key: 0, merge=max, name=3, accumulate_row=max)
    with pytest.raises(ValueError, match="a name that is not empty"):
        AggregateFnV2("", int, on="x", ignore_nulls=True)


def test_the_text_of_an_aggregation_has_its_name():
    assert repr(Sum("x")) == "Sum('sum(x)')"
    assert repr(Quantile("x", alias_name="middle")) == "Quantile('middle')"
    assert {Count().name, Count("x").name, CountDistinct("x").name} == {"count()", "count(x)", "count_distinct(x)"}
    assert Sum("x").get_agg_name() == "sum"
    assert Sum("x").get_target_column() == "x"
    assert set(aggregate.__all__) <= set(dir(aggregate))
