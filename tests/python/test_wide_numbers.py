"""Whole numbers of all 64 bits: through functions of rows, in expressions, and what errors propose."""

import operator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream import col, lit

BIG = 2**63 + 5
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
EDGES = [0, 1, 2**53 - 1, 2**53, 2**53 + 1, 2**53 + 3, 2**62, 2**63 - 1, 2**63, 2**63 + 1025, 2**64 - 1]
SIGNED = sorted({sign * value for value in EDGES for sign in (1, -1) if -(2**63) <= sign * value < 2**63})
FLOATS = [0.0, -0.0, 0.5, -1.5, 2.0**53, 2.0**53 + 2, 2.0**53 + 4, 2.0**63, -(2.0**63), 2.0**64, 1e300, -1e300]
SPECIAL = [float("inf"), float("-inf"), float("nan")]


def unsigned(*values):
    return ms.from_arrow(pa.table({"x": pa.array(values, pa.uint64())}))


def test_rows_of_unsigned_numbers_go_through_functions():
    rows = unsigned(1, BIG, None)
    expected = [{"x": 1}, {"x": BIG}, {"x": None}]
    assert rows.map(lambda row: row).take_all() == expected
    assert rows.flat_map(lambda row: [row]).take_all() == expected
    assert rows.filter(lambda row: row["x"] == BIG).take_all() == [{"x": BIG}]
    assert rows.map(lambda row: {"y": row["x"]}).schema().types == [pa.uint64()]
    assert rows.map_batches(lambda batch: {"y": [BIG, 2]}).take_all() == [{"y": BIG}, {"y": 2}]
    assert rows.add_column("y", lambda frame: [BIG] * len(frame)).take(1) == [{"x": 1, "y": BIG}]
    assert ms.from_items([{"x": BIG}, {"x": 3}]).schema().types == [pa.uint64()]
    assert ms.range(2).map(lambda row: {"y": row["id"] + 2**63}).take_all() == [{"y": 2**63}, {"y": 2**63 + 1}]


def test_a_batch_of_small_numbers_does_not_change_the_type():
    rows = unsigned(*range(10), BIG).map_batches(lambda batch: batch, batch_size=4)
    same = rows.map(lambda row: {**row, "small": row["x"] % 7})
    assert [row["x"] for row in same.take_all()] == [*range(10), BIG]
    assert same.schema().types == [pa.uint64(), pa.int64()]
    less = unsigned(3, 5).map(lambda row: {"x": row["x"] - 4})
    assert less.take_all() == [{"x": -1}, {"x": 1}]
    assert unsigned(3).map(lambda row: {"x": "text"}).take_all() == [{"x": "text"}]


def test_numbers_that_fit_no_type_are_refused():
    for values in ([2**64], [2**63, -1]):
        with pytest.raises(
            ValueError, match="'x' holds a whole number that does not fit in 64 bits, or not with the oth"
        ):
            ms.from_items([{"x": value} for value in values])
    with pytest.raises(ValueError, match="must fit 64 bits; write it as a float"):
        _ = ms.range(1).filter(expr=col("id") < 2**64)
    assert ms.range(1).filter(expr=col("id") < 2.0**64).count() == 1


def compared(function, left, right):
    table = pa.table({"l": left, "r": right})
    return ms.from_arrow(table).with_column("y", function(col("l"), col("r"))).select_columns(["y"]).take_all()


@pytest.mark.parametrize("function", COMPARISONS)
@pytest.mark.parametrize("kind", ["int64", "uint64"])
def test_whole_numbers_and_fractions_are_compared_exactly(function, kind):
    whole = SIGNED if kind == "int64" else EDGES
    pairs = [(left, right) for left in [*whole, None] for right in [*FLOATS, *SPECIAL, None]]
    left, right = (list(side) for side in zip(*pairs, strict=True))
    expected = [{"y": None if None in (a, b) else function(a, b)} for a, b in pairs]
    wholes = pa.array(left, getattr(pa, kind)())
    assert compared(function, wholes, pa.array(right, pa.float64())) == expected
    mirrored = [{"y": None if None in (a, b) else function(b, a)} for a, b in pairs]
    assert compared(function, pa.array(right, pa.float64()), wholes) == mirrored


@pytest.mark.parametrize("function", COMPARISONS)
def test_unsigned_and_signed_numbers_are_compared_exactly(function):
    pairs = [(left, right) for left in [*EDGES, None] for right in [*SIGNED, None]]
    left, right = (list(side) for side in zip(*pairs, strict=True))
    expected = [{"y": None if None in (a, b) else function(a, b)} for a, b in pairs]
    sides = pa.array(left, pa.uint64()), pa.array(right, pa.int64())
    assert compared(function, *sides) == expected
    mirrored = [{"y": None if None in (a, b) else function(b, a)} for a, b in pairs]
    assert compared(function, *reversed(sides)) == mirrored


@pytest.mark.parametrize("function", COMPARISONS)
def test_literals_are_compared_exactly(function):
    signed = ms.from_arrow(pa.table({"x": SIGNED}))
    for literal in [*FLOATS, *SPECIAL, BIG]:
        kept = [value for value in SIGNED if function(value, literal)]
        assert [row["x"] for row in signed.filter(expr=function(col("x"), literal)).take_all()] == kept
        turned = [value for value in SIGNED if function(literal, value)]
        assert [row["x"] for row in signed.filter(expr=function(lit(literal), col("x"))).take_all()] == turned
    for literal in [-1, 5, *FLOATS]:
        kept = [value for value in EDGES if function(value, literal)]
        assert [row["x"] for row in unsigned(*EDGES).filter(expr=function(col("x"), literal)).take_all()] == kept


def test_narrow_numbers_too():
    table = ms.from_arrow(pa.table({"i": pa.array([-3, 7], pa.int8()), "f": pa.array([-2.5, 7.0], pa.float32())}))
    assert table.filter(expr=col("i") < col("f")).take_all() == [{"i": -3, "f": -2.5}]
    assert table.filter(expr="i == 7.0").count() == 1
    assert table.filter(expr="i != i + 0.0").count() == 0


def test_row_groups_are_left_out_by_the_same_order(tmp_path):
    values = [value for value in SIGNED for _ in range(15)]
    pq.write_table(pa.table({"x": values}), tmp_path / "x.parquet", row_group_size=10)
    rows = ms.read_parquet(tmp_path)
    for literal in [*FLOATS, *SPECIAL]:
        for function in COMPARISONS:
            kept = [value for value in values if function(value, literal)]
            assert [row["x"] for row in rows.filter(expr=function(col("x"), literal)).take_all()] == kept
            rest = [value for value in values if not function(value, literal)]
            assert [row["x"] for row in rows.filter(expr=~function(col("x"), literal)).take_all()] == rest


def test_a_whole_number_beside_a_fraction_becomes_one():
    table = ms.from_arrow(pa.table({"x": [2**53 + 1, 3]}))
    assert [row["y"] for row in table.with_column("y", col("x") + 0.5).take_all()] == [2.0**53, 3.5]
    assert [row["y"] for row in table.with_column("y", col("x") * 2.0).take_all()] == [2.0**54, 6.0]


@pytest.mark.parametrize(
    "expr",
    [
        col("x") + 2**62,
        col("x") * 4,
        col("x") ** 20,
        col("x").cast("int32"),
        col("x").cast("float64"),
    ],
)
def test_what_an_overflow_proposes_works_as_it_is_written(expr):
    rows = ms.from_arrow(pa.table({"x": [2**62 + 1]}))
    remedy = r"compute with a type that holds it, as in (?P<code>col\('\w+'\)\.cast\(.*\))$"
    with pytest.raises(ValueError, match=remedy) as caught:
        rows.with_column("y", expr).take_all()
    assert "allow_int_overflow" not in str(caught.value)
    proposed = str(caught.value).split("as in ")[1].replace("'a'", "'x'")
    wide = eval(proposed, {"col": col})
    assert rows.with_column("y", wide * 4).take_all()[0]["y"] == 2.0**64


def test_what_a_sum_that_does_not_fit_proposes_works_as_it_is_written():
    rows = ms.from_items([{"x": 2**62 + 1}] * 2)
    with pytest.raises(ValueError, match="sum of column 'x' does not fit int64 in at least one group; cast") as caught:
        rows.sum("x")
    proposed = str(caught.value).split("as in ")[1]
    assert eval(f"rows.{proposed}.sum('x')", {"rows": rows, "col": col}) == 2.0**63


def test_a_cast_that_drops_a_fraction_says_how_to():
    rows = ms.from_arrow(pa.table({"x": [1.5]}))
    with pytest.raises(ValueError, match=r"truncated .*; cast\(\.\.\., safe=False\) drops what does not fit"):
        rows.with_column("y", col("x").cast("int64")).take_all()
    assert rows.with_column("y", col("x").cast("int64", safe=False)).take_all() == [{"x": 1.5, "y": 1}]
