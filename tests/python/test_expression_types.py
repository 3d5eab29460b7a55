"""What an expression tells of itself: its parts, its type, its form for pyarrow."""

import datetime
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest
from test_expressions import evaluate

import millstream as ms
from millstream import col, expressions, lit
from millstream.expressions import (
    AliasExpr,
    BinaryExpr,
    ColumnExpr,
    Expr,
    LiteralExpr,
    Operation,
    StarExpr,
    UnaryExpr,
    UnnestExpr,
    star,
    unnest,
)

SCHEMA = pa.schema([pa.field("a", pa.int64(), nullable=False, metadata={"unit": "m"}), ("b", pa.string())])


def test_operators_make_binary_and_unary_expressions():
    total = col("a") + 1
    assert isinstance(total, BinaryExpr)
    assert (total.op, total.left.name, total.right.value) == (Operation.ADD, "a", 1)
    assert (1 - col("a")).op is Operation.SUB
    assert (1 - col("a")).left.value == 1
    assert col("a").is_in([1]).op is Operation.IN
    assert isinstance(~col("a"), UnaryExpr)
    assert col("a").is_null().op is Operation.IS_NULL
    assert [str(operation) for operation in (Operation.FLOORDIV, Operation.NOT_IN)] == ["floordiv", "not_in"]


def test_each_function_makes_an_expression_of_its_class():
    made = [col("a"), lit(1), col("a").alias("b"), star(), unnest(col("a")), col("a") + 1, ~col("a")]
    classes = [ColumnExpr, LiteralExpr, AliasExpr, StarExpr, UnnestExpr, BinaryExpr, UnaryExpr]
    assert [type(expression) for expression in made] == classes
    assert all(isinstance(expression, Expr) for expression in [*made, col("a").floor()])


def test_expressions_made_by_hand_are_those_of_the_operators():
    made = BinaryExpr(Operation.MUL, col("a"), lit(2))
    assert made.structurally_equals(col("a") * 2)
    assert evaluate(made, a=[3]) == [6]
    assert evaluate(BinaryExpr(Operation.NOT_IN, col("a"), LiteralExpr([1, 2])), a=[1, 3]) == [False, True]
    assert evaluate(UnaryExpr(Operation.IS_NOT_NULL, col("a")), a=[1, None]) == [True, False]


def test_structural_equality_looks_at_every_part():
    same = [
        lambda: (col("a") + 1).alias("b"),
        lambda: col("a").is_in(pa.array(range(1000))),
        lambda: col("a").str.split(",", max_splits=2),
        lambda: lit([{"x": None}]),
        lambda: lit(np.arange(3)),
        lambda: unnest(col("a")),
        lambda: star(),
    ]
    for make in same:
        assert make().structurally_equals(make())
        assert pickle.loads(pickle.dumps(make())).structurally_equals(make())
    many = list(range(1000))
    different = [
        (col("a"), col("b")),
        (lit(1), lit(1.0)),
        (lit(True), lit(1)),
        (col("a") + 1, col("a") - 1),
        (col("a").is_in(pa.array(many)), col("a").is_in(pa.array([*many[:500], -1, *many[501:]]))),
        (col("a").list.sort(), col("a").list.sort("descending")),
        (col("a"), col("a").alias("a")),
        (col("a"), "a"),
    ]
    for left, right in different:
        assert not left.structurally_equals(right), (left, right)


def test_types_are_the_engines_own():
    for expression, kind in [
        (col("a"), pa.int64()),
        (col("a") / 2.0, pa.float64()),
        (col("b") + "x", pa.string()),
        (col("b").str.split(","), pa.list_(pa.string())),
        (col("a").cast("int8"), pa.int8()),
        (lit(np.float32(1)), pa.float32()),
        (lit([1]), pa.list_(pa.int64())),
        (col("c"), None),
        (col("b") * 2, None),
        (star(), None),
    ]:
        assert expression.get_type(SCHEMA) == kind, expression


def test_fields_carry_name_nullability_and_metadata():
    assert col("a").to_field(SCHEMA).equals(SCHEMA.field("a"), check_metadata=True)
    renamed = col("a").alias("c").to_field(SCHEMA)
    assert renamed.equals(SCHEMA.field("a").with_name("c"), check_metadata=True)
    assert (col("a") + 1).to_field(SCHEMA) is None
    assert (col("a") + 1).alias("c").to_field(SCHEMA) == pa.field("c", pa.int64(), nullable=False)
    assert col("b").is_null().alias("c").to_field(SCHEMA) == pa.field("c", pa.bool_(), nullable=False)
    assert col("b").str.len().alias("c").to_field(SCHEMA) == pa.field("c", pa.int32())
    assert lit(None).nullable(SCHEMA)
    assert (~(col("b") == "x")).nullable(SCHEMA)
    assert col("c").to_field(SCHEMA) is None


def test_an_expression_stands_for_itself_and_is_idempotent():
    total = col("a") + 1
    assert [id(part) for part in total.expand_projection(SCHEMA)] == [id(total)]
    assert total.is_idempotent()
    assert total.alias("b").alias("c").structurally_equals(total.alias("c"))
    with pytest.raises(TypeError, match="stands for all columns"):
        ms.range(1).with_column("x", star())


TABLE = pa.table(
    {
        "a": [-7, 3, None],
        "b": ["x", "yy", None],
        "t": [datetime.datetime(2020, 1, 2, 3)] * 3,
        "s": [{"q": 1}] * 3,
        "l": [[1, 2]] * 3,
    }
)


@pytest.mark.parametrize(
    "expression",
    [
        (col("a") + 1 > 2) | col("a").is_null(),
        -col("a") // 2,
        col("a") % 2,
        col("a") ** 2,
        col("b").str.contains("Y", ignore_case=True),
        col("a").is_in([3, None]),
        col("a").not_in(pa.array([3])),
        ~col("a").is_not_null(),
        col("b").str.replace("y", "z", max_replacements=1),
        col("b").str.slice(0, 1),
        col("b").str.lpad(4, "."),
        col("b").str.strip("x"),
        col("b").str.split("y", max_splits=1),
        col("t").dt.floor("month"),
        col("t").dt.strftime("%Y"),
        col("s").struct["q"],
        col("s").struct[0],
        col("l").list[0],
        col("l").list[0:1],
        col("a").cast("float64").round(),
        col("a").fill_null(0).alias("n"),
        lit(datetime.date(2020, 1, 1)),
    ],
    ids=repr,
)
def test_the_form_of_pyarrow_gives_the_same(expression):
    theirs = pa.dataset.dataset(TABLE).to_table(columns={"out": expression.to_pyarrow()})
    assert theirs.equals(ms.from_arrow(TABLE).with_column("out", expression).to_arrow().select(["out"]))


def test_what_pyarrow_lacks_is_told():
    with pytest.raises(TypeError, match=r"col\('l'\).list.sort\(\) has no form of pyarrow .*lacks sort_each"):
        col("l").list.sort().to_pyarrow()
    with pytest.raises(TypeError, match=r"star\(\) has no form of pyarrow"):
        star().to_pyarrow()


def test_constants_of_numpy_keep_their_width_and_may_be_nested():
    table = pa.table({"a": pa.array([1], pa.int8())})
    for value, kind in [
        (np.int8(1), pa.int8()),
        (np.float32(1), pa.float32()),
        (np.datetime64("2020-01-01"), pa.timestamp("s")),
        ([1, 2], pa.list_(pa.int64())),
        ({"x": 1}, pa.struct([("x", pa.int64())])),
        (np.zeros((2, 2)), pa.list_(pa.float64())),
    ]:
        found = ms.from_arrow(table).with_column("out", lit(value)).schema().types[-1]
        assert kind in (found, pa.list_(getattr(found, "value_type", found))), value
    assert evaluate(lit({"x": [1, 2]}), a=[0, 0]) == [{"x": [1, 2]}] * 2
    assert str(ms.from_arrow(table).with_column("out", col("a") + np.int8(1)).schema().types[-1]) == "int8"


def test_names_of_ray_data_lead_to_the_same_classes():
    for name, value in [
        ("_StringNamespace", col("a").str),
        ("_DatetimeNamespace", col("a").dt),
        ("_ListNamespace", col("a").list),
        ("_StructNamespace", col("a").struct),
        ("_MapNamespace", col("a").map),
        ("_ArrayNamespace", col("a").arr),
    ]:
        assert isinstance(value, getattr(expressions, name))
    assert repr(col("a").str) == "StringExpressions(col('a'))"
    with pytest.raises(AttributeError, match="no attribute '_SetNamespace'"):
        _ = expressions._SetNamespace
