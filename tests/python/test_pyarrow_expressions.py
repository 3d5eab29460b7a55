"""Filters that are pyarrow's expressions, against pyarrow's own filter."""

import datetime
import decimal
import random

import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from pyarrow.compute import field

import millstream as ms

COUNT = 2_000


@pytest.fixture(scope="module")
def table():
    draw = random.Random(7)

    def some(value):
        return [None if draw.random() < 0.1 else value() for _ in range(COUNT)]

    moment = datetime.datetime(2026, 1, 1)
    return pyarrow.table(
        {
            "small": pyarrow.array(some(lambda: draw.randrange(-100, 100)), pyarrow.int8()),
            "unsigned": pyarrow.array(some(lambda: draw.randrange(1 << 32)), pyarrow.uint32()),
            "number": some(lambda: draw.randrange(-1000, 1000)),
            "float": some(lambda: draw.choice([draw.random(), float("nan"), -1.0])),
            "single": pyarrow.array(some(lambda: draw.choice([0.5, 0.25, 1.0])), pyarrow.float32()),
            "text": some(lambda: draw.choice(["JFK", "LGA", "EWR", "", "jfk", "Zürich"])),
            "named": pyarrow.array(some(lambda: draw.choice(["a", "b"]))).dictionary_encode(),
            "flag": some(lambda: draw.random() < 0.5),
            "when": pyarrow.array(
                some(lambda: moment + datetime.timedelta(hours=draw.randrange(9_000))), pyarrow.timestamp("us")
            ),
            "day": some(lambda: moment.date() + datetime.timedelta(days=draw.randrange(365))),
            "price": some(lambda: decimal.Decimal(draw.randrange(10_000)).scaleb(-2)),
            "nanos": pyarrow.array(
                some(lambda: moment + datetime.timedelta(hours=draw.randrange(9_000))), pyarrow.timestamp("ns")
            ),
            "lasts": pyarrow.array([5] * COUNT, pyarrow.duration("s")),
            "narrow": pyarrow.array([{"x": n % 100} for n in range(COUNT)], pyarrow.struct([("x", pyarrow.int8())])),
            "pair": [{"x": draw.randrange(10), "in": {"y": draw.choice("ab")}} for _ in range(COUNT)],
        }
    )


EXPRESSIONS = [
    field("number") > 5,
    field("small") >= 17,
    field("unsigned") < 1 << 31,
    field("single") == 0.25,
    field("text") == "JFK",
    field("text") != "JFK",
    field("named") == "a",
    field("flag"),
    ~field("flag"),
    (field("number") > 5) & (field("number") <= 70) & field("flag"),
    (field("number") < 5) | field("text").is_null(),
    ~((field("number") < 5) & field("flag")),
    field("text").is_valid(),
    field("float").is_nan(),
    field("text").isin(["JFK", "Zürich"]),
    field("number").isin([1, 2, 3]),
    field("when") > datetime.datetime(2026, 5, 1),
    field("nanos") > datetime.datetime(2026, 5, 1),
    field("narrow", "x") > 500,
    field("narrow", "x") > 50,
    field(2) > 5,
    field("text").isin([None, "JFK"]),
    field("text").isin(["JFK", None]),
    field("text").isin(pyarrow.array([], pyarrow.string())),
    field("day") <= datetime.date(2026, 3, 1),
    field("price") > decimal.Decimal("33.10"),
    field("number") * 2 + 1 > field("small"),
    field("number") / 7 == 3,
    field("float") * 2 > 1,
    pc.starts_with(field("text"), "J"),
    pc.starts_with(field("text"), "j", ignore_case=True),
    pc.ends_with(field("text"), "K"),
    field("pair", "x") > 5,
    field("pair", "in", "y") == "a",
    pc.if_else(field("flag"), field("number"), 7) > 3,
    pc.scalar(True),
    pc.scalar(False),
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_rows_are_those_of_pyarrow(table, expression):
    found = ms.from_arrow(table).filter(expr=expression).to_arrow()
    asked = table.set_column(
        table.schema.get_field_index("named"), "named", table["named"].cast(pyarrow.string())
    ).filter(expression)
    assert found.num_rows == asked.num_rows
    assert found["number"].equals(asked["number"])


def test_columns_by_number_behind_one_that_substrait_has_not(table):
    some = table.select(["lasts", "number", "small"])
    assert ms.from_arrow(some).filter(expr=field(1) > 5).count() == some.filter(field(1) > 5).num_rows


def test_files_are_read_by_them(table, tmp_path):
    pyarrow.parquet.write_table(table.drop_columns(["named", "lasts"]), tmp_path / "a.parquet")
    read = ms.read_parquet(tmp_path, columns=["text"], filter=(field("number") > 5) & (field("text") == "LGA"))
    assert set(read.to_arrow()["text"].to_pylist()) == {"LGA"}
    assert read.count() == table.filter((field("number") > 5) & (field("text") == "LGA")).num_rows


@pytest.mark.parametrize(
    ("expression", "kind", "words"),
    [
        (field("nothing") > 5, KeyError, "nothing.*number"),
        (pc.utf8_lower(field("text")) == "a", ValueError, "utf8_lower.*col\\(\\)"),
        (field("number").cast(pyarrow.int8()) > 5, ValueError, "cast.*col\\(\\)"),
        (pc.case_when(pc.make_struct(field("flag")), 1, 0) == 0, ValueError, "case_when"),
        (field("lasts") == datetime.timedelta(seconds=5), ValueError, "lasts|duration"),
        (field("number") == "a", (ValueError, TypeError), "equal"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_named(table, expression, kind, words):
    with pytest.raises(kind, match=words):
        ms.from_arrow(table).filter(expr=expression).take_all()
