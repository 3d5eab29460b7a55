"""udf and pyarrow_udf: functions of whole columns inside expressions."""

import pickle
import threading

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import millstream as ms
from millstream import TaskPoolStrategy, col, lit
from millstream.datatype import DataType
from millstream.expressions import UDFExpr, pyarrow_udf, udf


@udf(return_dtype=DataType.int64())
def plus_one(values):
    return pc.add(values, 1)


@udf("int64")
def sums(left, right, *, times=1):
    return pc.multiply(pc.add(left, right), times)


@udf(return_dtype=pa.int64())
class Shifted:
    """Shifts by a number."""

    made = 0

    def __init__(self, by, sign=1):
        type(self).made += 1
        self.by = by * sign

    def __call__(self, values):
        return pc.add(values, self.by)


def test_a_function_is_called_with_arrow_arrays_of_whole_columns(rows, expected):
    seen = []

    @udf(return_dtype=DataType.string())
    def described(keys, names):
        seen.append((type(keys), type(names)))
        return [f"{key}: {name}" for key, name in zip(keys.to_pylist(), names.to_pylist(), strict=True)]

    made = rows.with_column("text", described(col("key"), col("name")))
    assert [row["text"] for row in made.take_all()] == [f"{row['key']}: {row['name']}" for row in expected]
    assert made.columns() == [*rows.columns(), "text"]
    assert set(seen) == {(pa.Int64Array, pa.StringArray)}


def test_what_is_inside_and_around_a_function_is_computed_by_the_engine(rows, expected):
    made = rows.with_column("y", plus_one(col("key") * 2 + 1) * lit(10) - col("key"))
    assert [row["y"] for row in made.take_all()] == [(row["key"] * 2 + 2) * 10 - row["key"] for row in expected]


def test_functions_nest(rows, expected):
    made = rows.with_column("y", sums(plus_one(plus_one(col("key"))), plus_one(col("key") + 0), times=3))
    assert [row["y"] for row in made.take_all()] == [(2 * row["key"] + 3) * 3 for row in expected]
    assert made.columns() == [*rows.columns(), "y"]


def test_several_columns_see_the_columns_as_they_were(rows):
    made = rows.with_columns({"key": plus_one(col("key")), "old": plus_one(col("key")) - 1})
    assert made.take(3)[2]["key"] == 3
    assert made.take(3)[2]["old"] == 2
    assert made.columns() == [*rows.columns(), "old"]


def test_an_expression_used_twice_is_computed_once(rows):
    calls = []

    @udf("int64")
    def noted(values):
        calls.append(len(values))
        return values

    shared = noted(col("key"))
    made = rows.with_columns({"a": shared + 1, "b": shared + 2, "c": plus_one(shared)})
    assert made.take_all()[5] == {**rows.take(6)[5], "a": 6, "b": 7, "c": 6}
    assert sum(calls) == 1000


def test_filter_by_a_function(rows, expected):
    @udf(return_dtype="bool")
    def odd(values):
        return pc.equal(pc.bit_wise_and(values, 1), 1)

    kept = [row for row in expected if row["key"] % 2 and row["key"] > 500 and row["key"] + 1 < 900]
    condition = odd(col("key")) & (col("key") > 500) & (plus_one(col("key")) < 900)
    assert rows.filter(expr=condition).take_all() == kept
    assert rows.filter(expr=~odd(col("key")) | (col("key") < 3)).count() == 501
    assert rows.filter(expr=odd(col("key"))).columns() == rows.columns()


def test_conditions_that_need_no_function_are_asked_first(rows):
    seen = []

    @udf(return_dtype="bool")
    def noted(values):
        seen.extend(values.to_pylist())
        return pa.array([True] * len(values))

    assert rows.filter(expr=noted(col("key")) & (col("key") < 7)).count() == 7
    assert sorted(seen) == list(range(7))


def test_a_condition_that_is_null_keeps_no_row():
    table = ms.from_arrow(pa.table({"x": [1, None, 3]}))

    @udf(return_dtype="bool")
    def above_two(values):
        return pc.greater(values, 2)

    assert table.filter(expr=above_two(col("x"))).take_all() == [{"x": 3}]
    assert table.filter(expr=~above_two(col("x"))).take_all() == [{"x": 1}]


def test_a_class_is_made_once_a_worker(rows, expected):
    Shifted.__wrapped__.made = 0
    made = rows.with_column("y", Shifted(5)(col("key")) + Shifted(by=2, sign=-1)(col("key")))
    assert [row["y"] for row in made.take_all()] == [2 * row["key"] + 3 for row in expected]
    assert Shifted.__wrapped__.made == 2
    assert Shifted.__doc__ == "Shifts by a number."


def test_compute_asks_for_workers(rows, expected):
    barrier = threading.Barrier(2, timeout=60)

    @udf("int64")
    def meet(values):
        barrier.wait()
        return values

    made = rows.repartition(4).with_column("y", meet(col("key")), compute=TaskPoolStrategy(size=2))
    assert [row["y"] for row in made.take_all()] == [row["key"] for row in expected]
    assert rows.filter(expr=plus_one(col("key")) < 3, compute=TaskPoolStrategy(size=2)).count() == 2
    with pytest.raises(NotImplementedError, match="compute"):
        rows.with_column("y", col("key"), compute=TaskPoolStrategy(size=2))


@pytest.mark.parametrize(
    "returned",
    [
        lambda values: pa.chunked_array([values]),
        lambda values: values.to_pylist(),
        lambda values: values.to_numpy(zero_copy_only=False),
        lambda values: values.to_pandas(),
        lambda values: pc.cast(values, pa.int32()),
    ],
)
def test_what_a_function_may_return(rows, returned):
    made = rows.with_column("y", udf("int64")(returned)(col("key"))).limit(20)
    assert [row["y"] for row in made.take_all()] == list(range(20))
    assert dict(zip(made.schema().names, made.schema().types, strict=True))["y"] == pa.int64()


def test_one_value_is_that_of_every_row_and_literals_are_given_as_they_are(rows):
    @udf("int64")
    def counted(values, text, extra):
        assert (text, extra) == ("a text", {1: 2})
        return len(text)

    assert rows.with_column("y", counted(col("key"), lit("a text"), {1: 2})).take(2)[1]["y"] == 6


def test_a_result_that_does_not_fit_says_what_to_do(rows):
    @udf("int64")
    def texts(values):
        return ["a"] * len(values)

    with pytest.raises(TypeError, match=r"WithColumns\(texts\).*returned values of type string.*return_dtype int64"):
        rows.with_column("y", texts(col("key"))).take(1)

    @udf("int64")
    def short(values):
        return values[1:]

    with pytest.raises(ValueError, match=r"returned 69 values for a batch of 70 rows; return one a row"):
        rows.with_column("y", short(col("key"))).take(1)


def test_what_a_function_raises_names_stage_file_and_rows(rows):
    @udf("int64")
    def picky(values):
        if pc.max(values).as_py() > 100:
            raise ValueError("too much")
        return values

    with pytest.raises(ms.UserCodeError, match=r"WithColumns\(picky\).*too much.*rows 70 to 139 of .*part-0"):
        rows.with_column("y", picky(col("key"))).take_all()
    with pytest.raises(ValueError, match="too much"):
        rows.filter(expr=picky(col("key")) > 0).take_all()


def test_wrong_columns_and_types_are_told_where_they_are_written(rows):
    with pytest.raises(KeyError, match="kee"):
        rows.with_column("y", plus_one(col("kee")))
    with pytest.raises(KeyError, match="kee"):
        rows.with_column("y", plus_one(col("key")) + col("kee"))
    with pytest.raises(TypeError):
        rows.with_column("y", plus_one(col("key")) + col("name"))
    with pytest.raises(TypeError):
        rows.filter(expr=plus_one(col("key")))


def test_what_cannot_be_decorated_is_refused():
    with pytest.raises(TypeError, match="udf decorates a function or a class, not int"):
        udf("int64")(3)
    with pytest.raises(TypeError, match="has no __call__"):
        udf("int64")(type("Plain", (), {}))
    with pytest.raises(TypeError, match="return_dtype must be a DataType"):
        udf(return_dtype=3)

    async def later(values):
        return values

    with pytest.raises(NotImplementedError, match="async"):
        udf("int64")(later)


def test_it_has_a_type_a_text_and_an_equality():
    schema = pa.schema([("x", pa.int64()), ("s", pa.string())])
    expr = sums(col("x"), col("x") + 1, times=2)
    assert isinstance(expr, UDFExpr)
    assert expr.data_type == DataType.int64()
    assert expr.get_type(schema) == pa.int64()
    assert (expr / 2.0).get_type(schema) == pa.float64()
    assert plus_one(col("nowhere")).get_type(schema) is None
    assert expr.alias("sum").to_field(schema).name == "sum"
    assert repr(expr) == "sums(col('x'), (col('x') + lit(1)), times=2)"
    assert expr.structurally_equals(sums(col("x"), col("x") + 1, times=2))
    assert not expr.structurally_equals(sums(col("x"), col("x") + 1, times=3))
    assert expr.name is None
    with pytest.raises(TypeError, match="with_column"):
        expr.to_core()


def test_unnest_of_a_function_calls_it_once(rows):
    calls = []

    @udf(return_dtype=pa.struct([("half", pa.float64()), ("text", pa.string())]))
    def parts(values):
        calls.append(len(values))
        return [{"half": value / 2, "text": str(value)} for value in values.to_pylist()]

    from millstream.expressions import unnest

    made = rows.select_columns(["key"]).with_columns(unnest(parts(col("key"))))
    assert made.take_all()[3] == {"key": 3, "half": 1.5, "text": "3"}
    assert sum(calls) == 1000


def test_expressions_and_data_sets_with_functions_pickle(rows):
    expr = sums(col("key"), Shifted(5)(col("key")), times=2)
    again = pickle.loads(pickle.dumps(expr))
    assert rows.with_column("y", again).take(2)[1]["y"] == 14
    copied = pickle.loads(pickle.dumps(rows.with_column("y", expr)))
    assert copied.take(2)[1]["y"] == 14


def test_functions_above_functions_and_below_shuffles(rows):
    mapped = rows.map_batches(lambda batch: {"key": batch["key"] * 2})
    made = mapped.with_column("y", plus_one(col("key"))).random_shuffle(seed=5)
    assert sorted(row["y"] for row in made.take_all()) == [2 * key + 1 for key in range(1000)]
    above = rows.random_shuffle(seed=5).with_column("y", plus_one(col("key")))
    assert [row["key"] for row in above.take_all()] == [row["key"] for row in rows.random_shuffle(seed=5).take_all()]
    assert all(row["y"] == row["key"] + 1 for row in above.take_all())


def test_groups_take_functions(rows):
    made = rows.groupby("key").with_column("y", plus_one(col("key")))
    assert made.take(3)[2]["y"] == 3


def test_pyarrow_udf_is_the_same(rows):
    @pyarrow_udf(return_dtype=DataType.float64())
    def halved(values):
        assert isinstance(values, pa.Array)
        return pc.divide(pc.cast(values, pa.float64()), 2)

    assert rows.with_column("y", halved(col("key"))).take(4)[3]["y"] == 1.5


def test_numpy_arrays_of_tensors_may_be_returned():
    tensor = DataType.tensor((2,), DataType.int64())

    @udf(return_dtype=tensor)
    def pairs(values):
        return np.stack([values.to_numpy(), values.to_numpy() + 1], axis=1)

    made = ms.range(3).with_column("pair", pairs(col("id")))
    assert made.take_batch(3)["pair"].tolist() == [[0, 1], [1, 2], [2, 3]]
