"""What functions do wrong: the error says which function, which rows and what to do, and nothing is left behind."""

import threading
import traceback

import numpy as np
import pyarrow as pa
import pytest
from aftermath import assert_nothing_left, wait_until_freed

import millstream as ms
from millstream import col


class OddError(Exception):
    """Takes other arguments than a text."""

    def __init__(self, code, reason):
        super().__init__(code, reason)
        self.code = code


def at(key, error):
    def raises(row):
        if row["key"] == key:
            raise error
        return row

    return raises


def bad_at(key):
    def raises(row):
        if row["key"] == key:
            raise ValueError("bad")
        return row

    return raises


@pytest.mark.parametrize(
    "error",
    [ValueError("no good"), KeyError("x"), TypeError("t"), OSError(2, "gone"), ZeroDivisionError("z")],
    ids=repr,
)
def test_what_a_function_raises_comes_as_an_error_of_both_classes(rows, error):
    with pytest.raises(ms.UserCodeError) as raised:
        rows.map(at(617, error)).take_all()
    assert isinstance(raised.value, type(error))
    assert raised.value.__cause__ is error
    message = str(raised.value)
    assert message.startswith(f"Map(raises): the function raised {type(error).__name__}: ")
    assert "test_function_errors.py, line " in message
    assert ": raise error" in message
    assert message.endswith("part-2.parquet") or "row 117 of " in message
    assert "row 117 of " in message


@pytest.mark.parametrize(
    "error",
    [
        StopIteration("s"),
        StopAsyncIteration("s"),
        RuntimeError("r"),
        OddError(3, "odd"),
        SystemExit(3),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_errors_that_would_mean_something_else_come_as_plain_ones(rows, error):
    for take in (lambda plan: plan.take_all(), lambda plan: list(plan.iter_batches()), lambda plan: plan.count()):
        with pytest.raises(ms.UserCodeError, match=r"^Map\(raises\): the function raised ") as raised:
            take(rows.map(at(617, error)))
        assert raised.value.__cause__ is error
        assert not isinstance(raised.value, StopIteration | SystemExit | KeyboardInterrupt)


def test_the_users_own_traceback_is_the_causes(rows):
    def deep(row):
        return helper(row)

    def helper(row):
        raise ValueError("deep down")

    with pytest.raises(ms.UserCodeError) as raised:
        rows.map(deep).take_all()
    text = "".join(traceback.format_exception(raised.value))
    assert text.count("deep down") >= 2
    assert "in deep" in text
    assert "in helper" in text
    assert "return helper(row)" in str(raised.value)


ROW_ERRORS = {
    "map": lambda rows: rows.map(bad_at(300)),
    "filter": lambda rows: rows.filter(bad_at(300)),
    "flat_map": lambda rows: rows.flat_map(lambda row: [bad_at(300)(row)]),
    "flat_map that yields": lambda rows: rows.flat_map(lambda row: (bad_at(300)(row) for _ in "ab")),
}


@pytest.mark.parametrize("kind", ROW_ERRORS)
def test_the_row_is_named_whatever_the_batches_and_workers(each_engine, rows, kind):
    with pytest.raises(ValueError, match=r"on row 50 of \S*part-1\.parquet"):
        ROW_ERRORS[kind](rows).take_all()


def test_the_rows_of_a_batch_are_named(rows):
    def bad(batch):
        if 300 in batch["key"]:
            raise ValueError("bad")
        return batch

    with pytest.raises(ValueError, match=r"rows 40 to 79 of \S*part-1\.parquet"):
        rows.map_batches(bad, batch_size=40).take_all()
    with pytest.raises(ZeroDivisionError, match=r"AddColumn\(<lambda>\).*rows 0 to 69 of \S*part-0\.parquet"):
        rows.add_column("x", lambda frame: 1 / 0).take_all()
    with pytest.raises(ValueError, match=r"rows .* of the output of Map"):
        rows.map(lambda row: row).map_batches(bad).take_all()


def test_a_function_that_never_reaches_the_bad_row_does_not_fail(rows):
    assert len(rows.map(bad_at(999)).take(5)) == 5
    assert rows.map(bad_at(999)).limit(100).count() == 100


WRONG_RESULTS = [
    (lambda rows: rows.map(lambda row: None), r"Map\(<lambda>\): .* returned None; a row is a dict.*return statement"),
    (lambda rows: rows.map(lambda row: [row]), r"returned a list; a row is a dict.* use flat_map"),
    (lambda rows: rows.map(lambda row: row["key"]), r"returned an int; a row is a dict.*\{'name': value\}"),
    (lambda rows: rows.flat_map(lambda row: row), r"FlatMap.*returned a dict.*put it in a list: \[row\]"),
    (lambda rows: rows.flat_map(lambda row: None), r"returned None; flat_map takes a list of rows.*return statement"),
    (
        lambda rows: rows.flat_map(lambda row: [1]),
        r"FlatMap\(<lambda>\): the function returned an int; a row is a dict",
    ),
    (lambda rows: rows.filter(lambda row: np.arange(2)), r"Filter\(.*ndarray, which is neither true nor false"),
    (lambda rows: rows.map_batches(lambda batch: None), r"MapBatches\(.* returned None; a batch is a dict of columns"),
    (lambda rows: rows.map_batches(lambda batch: [1, 2]), r"returned a list; a batch .*name it: \{'name': values\}"),
    (lambda rows: rows.map_batches(lambda batch: batch["key"]), r"returned an ndarray; .*\{'name': values\}"),
    (lambda rows: rows.map_batches(lambda batch: {"a": object()}), r"column 'a' "),
    (lambda rows: rows.map(lambda row: {"a": object()}), r"column 'a' has values of type object, which cannot be kept"),
    (lambda rows: rows.map(lambda row: {1: 2}), r"a column of the name 1, of type int; names of columns are texts"),
    (lambda rows: rows.map(lambda row: {"a": [1, "x"]}), r"column 'a' has a list whose values do not fit together"),
    (lambda rows: rows.map(lambda row: {"a": "x" if row["key"] else 1}), r"'a' has values of several types: int \(row"),
    (lambda rows: rows.add_column("x", lambda frame: object()), r"AddColumn\(<lambda>\): .*'x'"),
]


@pytest.mark.parametrize(("ask", "message"), WRONG_RESULTS)
def test_a_result_of_the_wrong_type_says_what_may_be_returned_and_where_it_was(rows, ask, message):
    with pytest.raises(TypeError, match=message + r".*, on rows? .* of \S*part-0\.parquet"):
        ask(rows).take_all()


WRONG_LENGTHS = [
    (lambda rows: rows.map_batches(lambda batch: {"a": [1], "b": [1, 2]}), "unequal length: 'a' has 1, 'b' has 2"),
    (lambda rows: rows.map_batches(lambda batch: {**batch, "b": [1]}), "'b' has 1; give each one value a row"),
    (lambda rows: rows.add_column("x", lambda frame: [1, 2]), "2 values for a batch of 70 rows; return one a row"),
    (lambda rows: rows.map_batches(lambda batch: {"a": [2**64]}), "'a' holds a whole number that does not fit in 64 b"),
]


@pytest.mark.parametrize(("ask", "message"), WRONG_LENGTHS)
def test_a_result_of_the_wrong_length_says_so(rows, ask, message):
    with pytest.raises(ValueError, match=message + r".*, on rows .* of \S*part-0\.parquet"):
        ask(rows).take_all()


def by_batch(first, later):
    """A function that returns `later` for all batches but the first one."""
    return lambda batch: {"a": (first if batch["id"][0] == 0 else later)(batch["id"])}


def test_types_that_change_from_batch_to_batch_fit_where_no_value_does():
    rows = ms.range(40)

    def types_of(first, later):
        return rows.map_batches(by_batch(first, later), batch_size=10).to_arrow()

    assert types_of(lambda ids: ids.astype("int64"), lambda ids: ids.astype("int8")).column("a").to_pylist() == list(
        range(40)
    )
    assert types_of(lambda ids: ids * 1.0, lambda ids: ids).schema.field("a").type == pa.float64()
    nulls = types_of(lambda ids: [None] * len(ids), lambda ids: ids).column("a")
    assert nulls.type == pa.int64()
    assert nulls.to_pylist() == [None] * 10 + list(range(10, 40))
    later = types_of(lambda ids: ids, lambda ids: [None] * len(ids)).column("a")
    assert later.to_pylist() == list(range(10)) + [None] * 30
    for first, after in (
        (lambda ids: ids, lambda ids: ids + 0.5),
        (lambda ids: ids, lambda ids: [str(value) for value in ids]),
        (lambda ids: ids.astype("int8"), lambda ids: ids + 1000),
        (lambda ids: [{"x": 1}] * len(ids), lambda ids: ids),
    ):
        with pytest.raises(TypeError, match=r"MapBatches\(<lambda>\): column 'a' was .* earlier .* and is .* later"):
            types_of(first, after)


def test_columns_that_come_later_or_go_are_told_or_null():
    rows = ms.range(20)
    more = rows.map_batches(
        lambda batch: {"a": batch["id"]} | ({"b": batch["id"]} if batch["id"][0] else {}), batch_size=10
    )
    with pytest.raises(TypeError, match="column 'b' comes only in a later batch; return the same columns"):
        more.take_all()
    fewer = rows.map_batches(
        lambda batch: {"a": batch["id"]} | ({} if batch["id"][0] else {"b": batch["id"]}), batch_size=10
    )
    assert [row["b"] for row in fewer.take_all()] == [*range(10), *[None] * 10]


@pytest.mark.parametrize("nest", [lambda value: value, lambda value: [value], lambda value: {"deep": value}])
def test_fields_of_structs_that_come_later_are_not_dropped(nest):
    def changing(batch):
        first = int(batch["id"][0])
        value = nest({"x": 1, "y": "a"} if first < 5 else {"y": "b"} if first < 10 else {"z": 2})
        return {"s": [value] * len(batch["id"])}

    rows = ms.range(15, override_num_blocks=3).map_batches(changing, batch_size=5)
    assert rows.limit(10).take_all()[-1] == {"s": nest({"x": None, "y": "b"})}
    with pytest.raises(TypeError, match=r"column 's' was .*y: string.* in an earlier batch and is .*z: int64"):
        rows.take_all()


UNKNOWN = {
    "filter": lambda rows: rows.filter(expr=col("kee") > 1),
    "filter text": lambda rows: rows.filter(expr="kee > 1"),
    "with_column": lambda rows: rows.with_column("x", col("kee") + 1),
    "select": lambda rows: rows.select_columns(["kee"]),
    "drop": lambda rows: rows.drop_columns("kee"),
    "rename": lambda rows: rows.rename_columns({"kee": "x"}),
    "sort": lambda rows: rows.sort(["kee"]),
    "groupby": lambda rows: rows.groupby("kee").count(),
    "aggregate": lambda rows: rows.groupby("key").sum("kee"),
    "map_groups": lambda rows: rows.groupby("kee").map_groups(lambda batch: batch),
}
BELOW = {
    "files": lambda rows: rows,
    "function": lambda rows: rows.map(lambda row: {"key": row["key"]}),
    "batches, shuffled": lambda rows: rows.map_batches(lambda batch: {"key": batch["key"]}).random_shuffle(seed=1),
    "groups": lambda rows: rows.groupby("key").map_groups(lambda batch: {"key": batch["key"]}),
    "union": lambda rows: rows.union(rows.map(lambda row: {"key": row["key"]})),
}


@pytest.mark.parametrize("below", BELOW)
@pytest.mark.parametrize("stage", UNKNOWN)
def test_an_unknown_column_at_any_stage_is_a_key_error_with_the_near_name(rows, stage, below):
    with pytest.raises(KeyError, match="no column 'kee'; did you mean 'key'"):
        UNKNOWN[stage](BELOW[below](rows)).take_all()


FAILURES = {
    "map": lambda rows: rows.map(bad_at(617)),
    "several workers": lambda rows: rows.map(bad_at(617), concurrency=4),
    "below a shuffle": lambda rows: rows.map(bad_at(617)).random_shuffle(seed=1),
    "above a shuffle": lambda rows: rows.random_shuffle(seed=1).map(bad_at(617)),
    "below a sort": lambda rows: rows.map(bad_at(617)).sort("key"),
    "below groups": lambda rows: rows.map(bad_at(617)).groupby("key").count(),
    "in groups": lambda rows: rows.groupby("key").map_groups(
        lambda batch: bad_at([617])({"key": batch["key"].tolist()})
    ),
    "in a union": lambda rows: rows.union(rows.map(bad_at(617))),
    "in a zip": lambda rows: rows.zip(rows.map(bad_at(617))),
    "zip of unequal lengths": lambda rows: rows.zip(rows.filter(lambda row: row["key"] > 3)),
    "a sum too large": lambda rows: rows.map(lambda row: {"key": 2**62}).groupby(None).sum("key"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_leaves_nothing_behind_and_fails_again(use_engine, rows, failure):
    use_engine(num_cpus=2)
    plan = FAILURES[failure](rows)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"bad|different numbers of rows|does not fit int64"):
            plan.take_all()
        wait_until_freed()
        assert_nothing_left()
    iterator = plan.iterator()
    with pytest.raises(ValueError, match=r"bad|different numbers of rows|does not fit int64"):
        list(iterator.iter_batches(batch_size=10, prefetch_batches=3))
    del iterator
    wait_until_freed()
    assert_nothing_left()


def test_a_class_that_cannot_be_made_says_so(rows):
    class Broken:
        def __init__(self, path):
            raise FileNotFoundError(path)

        def __call__(self, row):
            return row

    with pytest.raises(FileNotFoundError, match=r"Map\(Broken\): the function raised FileNotFoundError: model\.pt"):
        rows.map(Broken, fn_constructor_args=("model.pt",)).take_all()
    with pytest.raises(TypeError, match=r"Map\(Broken\).*missing 1 required positional argument: 'path'"):
        rows.map(Broken).take_all()


def test_rows_that_are_taken_for_objects_are_told_what_they_are(rows):
    with pytest.raises(AttributeError, match=r"row\['column'\]"):
        rows.map(lambda row: {"a": row.key}).take_all()


def test_memory_is_free_after_a_failure_though_another_call_still_runs(use_engine):
    use_engine(num_cpus=1, memory_limit=32 << 20)
    go_on = threading.Event()

    def fails_beside_another():
        begun = threading.Event()

        def fails(batch):
            if batch["id"][0] == 0:
                assert begun.wait(60)
                raise ValueError("bad")
            begun.set()
            go_on.wait(60)
            return batch

        ms.range(100).map_batches(fails, batch_size=50, concurrency=2).take_all()

    def runs(stages):
        rows = ms.range(10)
        for _ in range(stages):
            rows = rows.map_batches(lambda batch: batch, batch_size=10)  # cut anew, and so a stage of its own
        try:
            return rows.count() == 10
        except MemoryError:
            return False

    # Each stage reserves the same share of the limit.
    stages = next(stages for stages in range(1, 40) if not runs(stages + 1))
    try:
        for _ in range(stages):
            with pytest.raises(ms.UserCodeError, match="bad"):
                fails_beside_another()
        assert runs(stages // 2)
    finally:
        go_on.set()
