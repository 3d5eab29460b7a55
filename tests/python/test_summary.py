"""summary: statistics of columns against pandas, by their types."""

import collections
import datetime
import math
import random

import pandas as pd
import pyarrow as pa
import pytest
from mixed_rows import TYPES, table_of

import millstream as ms
from millstream import col
from millstream.aggregate import Count, CountDistinct, Max, Sum
from millstream.datatype import DataType

ROWS = 2_000
STATISTICS = {
    "numbers": {
        "count",
        "mean",
        "min",
        "max",
        "std",
        "approx_quantile[0]",
        "missing_pct",
        "zero_pct",
    },
    "times": {"count", "min", "max", "missing_pct"},
    "texts": {"count", "missing_pct", *(f"approx_topk[{place}]" for place in range(10))},
}


@pytest.fixture(scope="module")
def frame():
    """Columns of each kind, with missing values."""
    draw = random.Random(11)

    def some(value):
        return [None if draw.random() < 0.15 else value() for _ in range(ROWS)]

    start = datetime.datetime(2024, 2, 29)
    return pa.table(
        {
            "whole": pa.array(some(lambda: draw.randrange(-9, 10)), pa.int64()),
            "small": pa.array(some(lambda: draw.randrange(200)), pa.uint8()),
            "half": pa.array(some(lambda: draw.choice([0.0, draw.gauss(100, 7)])), pa.float64()),
            "flag": pa.array(some(lambda: draw.random() < 0.3), pa.bool_()),
            "time": pa.array(
                some(lambda: start + datetime.timedelta(seconds=draw.randrange(9999))), pa.timestamp("us")
            ),
            "word": pa.array(some(lambda: f"word {int(draw.expovariate(0.2))}"), pa.string()),
            "tags": pa.array(some(lambda: [1, 2]), pa.list_(pa.int8())),
        }
    )


def values(summary, column):
    """The statistics of a column, by name."""
    stats = summary.get_column_stats(column)
    assert list(stats.columns) == ["statistic", "value"]
    return dict(zip(stats["statistic"], stats["value"], strict=True))


@pytest.mark.parametrize("column", ["whole", "small", "half", "flag"])
def test_numbers_are_summarised_as_pandas_does(each_engine, frame, column):
    made = values(ms.from_arrow(frame, override_num_blocks=5).summary(), column)
    known = frame[column].to_pandas().dropna().astype(float)
    if column == "flag":
        assert made.keys() == STATISTICS["numbers"] - {"approx_quantile[0]", "zero_pct"}
    else:
        assert made.keys() == STATISTICS["numbers"]
        assert math.isclose(made["approx_quantile[0]"], known.median(), rel_tol=1 / 400, abs_tol=1)
        assert math.isclose(made["zero_pct"], 100 * (known == 0).sum() / len(known))
    assert made["count"] == ROWS
    assert math.isclose(made["mean"], known.mean(), rel_tol=1e-12)
    assert math.isclose(made["std"], known.std(ddof=0), rel_tol=1e-9)
    assert (made["min"], made["max"]) == (known.min(), known.max())
    assert math.isclose(made["missing_pct"], 100 * (ROWS - len(known)) / ROWS)


def test_times_and_texts_are_summarised_as_pandas_does(each_engine, frame):
    summary = ms.from_arrow(frame, override_num_blocks=5).summary()
    times = frame["time"].to_pandas().dropna()
    made = values(summary, "time")
    assert made.keys() == STATISTICS["times"]
    assert (pd.Timestamp(made["min"]), pd.Timestamp(made["max"])) == (times.min(), times.max())
    assert made["count"] == ROWS
    words = frame["word"].to_pandas()
    made = values(summary, "word")
    assert made.keys() == STATISTICS["texts"]
    assert math.isclose(made["missing_pct"], 100 * words.isna().mean())
    counts = sorted(collections.Counter(words.dropna()).items(), key=lambda item: (-item[1], item[0]))
    assert [made[f"approx_topk[{place}]"] for place in range(10)] == [
        {"word": word, "count": count} for word, count in counts[:10]
    ]


def test_all_columns_are_side_by_side_and_missing_where_a_statistic_is_not_theirs(frame):
    summary = ms.from_arrow(frame).summary()
    assert summary.columns == ["whole", "small", "half", "flag", "time", "word"]  # lists have no statistics
    table = summary.to_pandas()
    assert list(table.columns) == ["statistic", *summary.columns]
    assert list(table["statistic"]) == sorted(STATISTICS["numbers"] | STATISTICS["times"] | STATISTICS["texts"])
    by_name = table.set_index("statistic")
    assert by_name.loc["count"].tolist() == [ROWS] * 6
    assert pd.isna(by_name.loc["mean", "word"])
    assert pd.isna(by_name.loc["zero_pct", "time"])
    assert by_name.loc["approx_topk[0]", "word"] == values(summary, "word")["approx_topk[0]"]
    assert summary.dataset_schema == frame.schema
    assert repr(summary) == "DatasetSummary(columns=['whole', 'small', 'half', 'flag', 'time', 'word'])"


def test_only_the_columns_named_are_summarised_in_the_order_of_the_data_set(frame):
    summary = ms.from_arrow(frame).summary(columns=["word", "half"])
    assert summary.columns == ["half", "word"]
    assert ms.from_arrow(frame).summary(["whole"]).columns == ["whole"]
    with pytest.raises(KeyError, match=r"column 'whole' is not in this summary of \['half', 'word'\]"):
        summary.get_column_stats("whole")


def test_a_type_may_be_given_aggregations_of_its_own(frame):
    rows = ms.from_arrow(frame)
    overrides = {
        DataType.int64(): lambda name: [CountDistinct(name), Max(name)],
        pa.uint8(): lambda name: [Sum(name)],
        pa.list_(pa.int8()): lambda name: [Count(name, ignore_nulls=True)],
        pa.string(): lambda name: [],
    }
    summary = rows.summary(override_dtype_agg_mapping=overrides)
    assert summary.columns == ["whole", "small", "half", "flag", "time", "tags"]
    assert values(summary, "whole") == {"count_distinct": 19, "max": 9}
    assert values(summary, "small") == {"sum": sum(filter(None, frame["small"].to_pylist()))}
    assert values(summary, "tags") == {"count": ROWS - frame["tags"].null_count}
    assert values(summary, "half").keys() == STATISTICS["numbers"]


@pytest.mark.parametrize("name", TYPES)
def test_a_column_of_each_type_is_summarised_or_left_out(name):
    seed = random.randrange(2**32)
    print("seed", seed)
    table = table_of([name], seed, 200)
    summary = ms.from_arrow(table).summary()
    kind = table.schema.field(name).type
    if pa.types.is_nested(kind) or pa.types.is_dictionary(kind) or pa.types.is_fixed_size_binary(kind):
        assert summary.columns == ["row"]
        return
    assert summary.columns == [name, "row"]
    made = values(summary, name)
    present = [value for value in table[name].to_pylist() if value is not None and value == value]
    assert made["count"] == 200
    assert math.isclose(made["missing_pct"], 100 * (200 - len(present)) / 200)
    if "min" in made:
        assert (made["min"], made["max"]) == (min(present), max(present))
    else:
        assert made["approx_topk[0]"]["count"] == max(collections.Counter(present).values())


def test_a_summary_is_of_the_rows_that_a_plan_gives(rows, frame):
    assert values(rows.filter(expr=col("key") < 10).summary(["key"]), "key")["mean"] == 4.5
    assert values(rows.map(lambda row: {"x": row["key"] * 2}).summary(), "x")["max"] == 1998
    assert values(rows.random_shuffle().limit(10).summary(["key"]), "key")["count"] == 10


def test_no_rows_have_counts_of_zero_and_nothing_else(rows):
    made = values(rows.limit(0).summary(["key"]), "key")
    assert made["count"] == 0
    assert {name for name, value in made.items() if not pd.isna(value)} == {"count"}
    made = values(rows.limit(0).summary(["name"]), "name")
    assert made["count"] == 0


BAD_SUMMARIES = [
    (lambda rows: rows.summary(["kee"]), KeyError, "no column 'kee'; did you mean 'key'"),
    (lambda rows: rows.summary(["tags"]), ValueError, r"of \['tags'\] none is one"),
    (lambda rows: rows.summary([]), ValueError, "at least one column"),
    (lambda rows: rows.summary(3), TypeError, "columns must be the name of a column, or a list of names, not 3"),
    (lambda rows: rows.select_columns("tags").summary(), ValueError, "a column of numbers, texts, bytes or times"),
    (
        lambda rows: rows.summary(override_dtype_agg_mapping={"int64": lambda name: []}),
        TypeError,
        "types of millstream.datatype or pyarrow, not 'int64'",
    ),
]


@pytest.mark.parametrize(("ask", "kind", "message"), BAD_SUMMARIES)
def test_summaries_that_cannot_be_are_refused(rows, ask, kind, message):
    with pytest.raises(kind, match=message):
        ask(rows)
