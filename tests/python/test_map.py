"""map, flat_map, filter by a function and add_column: each row once, in order, whoever calls the functions."""

import functools
import itertools
import random
import threading

import numpy as np
import pyarrow as pa
import pytest
from mixed_rows import TYPES, plain, table_of

import millstream as ms
from millstream import col


def doubled(row):
    return {"key": row["key"], "twice": 2 * row["key"]}


def test_map_gives_a_row_for_each_row_in_order(rows, expected):
    assert rows.map(doubled).take_all() == [doubled(row) for row in expected]
    assert rows.map(lambda row: {**row, "key": str(row["key"])}).take(3)[2]["key"] == "2"


def test_flat_map_gives_the_rows_that_each_row_makes(rows, expected):
    def tags(row):
        return [{"key": row["key"], "tag": tag} for tag in row["tags"]]

    flat = [made for row in expected for made in tags(row)]
    assert len(flat) > 1000
    assert rows.flat_map(tags).take_all() == flat
    assert rows.flat_map(lambda row: iter(tags(row))).take_all() == flat
    assert rows.flat_map(lambda row: tuple(tags(row))).count() == len(flat)
    assert rows.flat_map(lambda row: []).take_all() == []

    def yields(row):
        yield from tags(row)

    assert rows.flat_map(yields).take_all() == flat


def test_filter_keeps_the_rows_for_which_a_function_is_true(rows, expected):
    kept = [row for row in expected if row["name"] is not None and row["key"] % 3]
    assert rows.filter(lambda row: row["name"] is not None and row["key"] % 3).take_all() == kept
    assert rows.filter(lambda row: np.bool_(row["key"] < 5)).count() == 5
    assert rows.filter(lambda row: None).take_all() == []
    assert rows.filter(fn=lambda row: True).schema() == rows.schema()


@pytest.mark.parametrize("known", [True, False])
def test_a_filter_that_drops_all_rows_keeps_the_columns(rows, known):
    seen = []
    below = rows if known else rows.map_batches(lambda batch: batch, batch_format="pyarrow")
    none = below.filter(lambda row: seen.append(row))
    assert none.schema() == rows.schema()
    assert len(seen) == 0 if known else len(seen) > 0  # where they are known nothing needs to run
    assert none.to_arrow() == rows.limit(0).to_arrow()
    assert none.columns() == rows.columns()
    assert none.with_column("more", col("key") + 1).select_columns(["more", "name"]).columns() == ["more", "name"]
    assert none.sort("name").to_arrow().schema == rows.to_arrow().schema
    assert none.random_sample(0.5).to_pandas().columns.tolist() == rows.columns()
    assert none.union(rows).count() == 1000
    assert rows.limit(0).filter(lambda row: True).schema() == rows.schema()
    with pytest.raises(KeyError, match="did you mean 'key'"):
        none.select_columns("kee").take_all()


def test_a_filter_that_drops_all_rows_of_every_type_keeps_the_columns():
    rows = ms.from_arrow(table_of(list(TYPES), 5, 50))
    for below in (rows, rows.map_batches(lambda batch: batch, batch_format="pyarrow")):
        assert below.filter(lambda row: False).to_arrow().schema == rows.to_arrow().schema


def test_add_column_adds_or_replaces_a_column_by_what_a_function_returns(rows, expected):
    added = rows.add_column("twice", lambda frame: frame["key"] * 2)
    assert added.columns() == ["key", "half", "name", "tags", "twice"]
    assert [row["twice"] for row in added.take_all()] == [2 * row["key"] for row in expected]
    replaced = rows.add_column("key", lambda batch: batch["key"] + 1, batch_format="numpy")
    assert replaced.columns() == rows.columns()
    assert [row["key"] for row in replaced.take(3)] == [1, 2, 3]
    assert rows.add_column("one", lambda table: 1, batch_format="pyarrow").take(2)[1]["one"] == 1
    column = rows.add_column("k", lambda table: table.column("key"), batch_format="pyarrow")
    assert column.take(5)[4]["k"] == 4


def test_rows_of_every_type_go_through_a_function_unchanged():
    seed = random.randrange(2**32)
    print("seed", seed)
    names = [name for name in TYPES if name != "uint64"]  # numbers above 2**63 - 1 are refused
    table = table_of(names, seed, 200)
    rows = ms.from_arrow(table)
    assert plain(rows.map(lambda row: row).take_all()) == plain(table.to_pylist())
    kept = rows.filter(lambda row: row["row"] % 2 == 0)
    assert plain(kept.take_all()) == plain(table.to_pylist()[::2])
    assert kept.schema() == rows.schema()
    assert kept.to_arrow().schema.equals(rows.to_arrow().schema)


def test_arguments_are_given_to_the_function_after_the_row(rows):
    def scaled(row, factor, add=0):
        return {"value": row["key"] * factor + add}

    assert rows.map(scaled, fn_args=(3,), fn_kwargs={"add": 1}).take(3)[2] == {"value": 7}
    assert rows.map(scaled, fn_args=[3]).take(3)[2] == {"value": 6}
    assert rows.map(functools.partial(scaled, factor=5)).take(2)[1] == {"value": 5}
    assert rows.filter(lambda row, most: row["key"] < most, fn_args=(4,)).count() == 4
    twice = rows.flat_map(lambda row, times: [row] * times, fn_kwargs={"times": 2})
    assert [row["key"] for row in twice.take(4)] == [0, 0, 1, 1]
    added = rows.add_column("x", lambda frame, add: frame["key"] + add, fn_args=(9,))
    assert added.take(1)[0]["x"] == 9


class Counter:
    """A callable class: what it was made with, and who calls it."""

    def __init__(self, start, step=1):
        self.next = start
        self.step = step
        self.thread = threading.get_ident()

    def __call__(self, row):
        assert threading.get_ident() == self.thread
        self.next += self.step
        return {"key": row["key"], "number": self.next - self.step}


def test_a_class_is_made_once_by_its_worker_with_its_arguments(rows):
    counted = rows.map(Counter, fn_constructor_args=(10,), fn_constructor_kwargs={"step": 5})
    assert [row["number"] for row in counted.take_all()] == list(range(10, 10 + 5 * 1000, 5))
    assert counted.take(1) == [{"key": 0, "number": 10}]  # another execution makes another


@pytest.mark.parametrize(
    "workers",
    [
        {"concurrency": 3},
        {"concurrency": (1, 3)},
        {"compute": ms.TaskPoolStrategy(3)},
        {"compute": ms.ActorPoolStrategy(size=3)},
        {"compute": ms.ActorPoolStrategy(min_size=1, max_size=3)},
    ],
)
def test_several_workers_give_the_rows_in_order(rows, expected, workers):
    counted = rows.map(Counter, fn_constructor_args=(0,), **workers).take_all()
    assert [row["key"] for row in counted] == [row["key"] for row in expected]


def test_several_workers_call_a_function_at_one_time(rows):
    here = threading.Barrier(2, timeout=20)
    calls = itertools.count()
    met = set()

    def meet(batch):
        if next(calls) < 2:
            here.wait()
            met.add(threading.get_ident())
        return batch

    rows.map_batches(meet, batch_size=100, concurrency=2).take_all()
    assert len(met) == 2


def test_one_worker_calls_a_function_in_the_order_of_the_rows(rows, expected):
    seen = []
    rows.map(lambda row: seen.append(row["key"]) or row).take_all()
    assert seen == [row["key"] for row in expected]


def test_functions_one_above_the_other_and_between_other_stages(each_engine, rows, expected):
    above = (
        rows.filter(expr=col("key") < 900)
        .map(doubled)
        .with_column("three", col("twice") + col("key"))
        .filter(lambda row: row["three"] % 2 == 0)
        .flat_map(lambda row: [row, {**row, "key": -row["key"]}])
        .rename_columns({"twice": "double"})
        .map(lambda row: {"key": row["key"], "three": row["three"]})
        .filter(expr=col("key") < 500)
        .drop_columns(["three"])
    )
    keys = [key for row in expected[:900:2] for key in (row["key"], -row["key"]) if key < 500]
    assert [row["key"] for row in above.take_all()] == keys
    assert above.count() == len(keys)


def test_rows_that_a_function_gives_one_by_one_are_shuffled_as_those_that_it_was_given(each_engine, rows):
    below = rows.map(doubled).random_shuffle(seed=5).take_all()
    above = rows.random_shuffle(seed=5).map(doubled).take_all()
    assert below == above
    assert [row["key"] for row in above] != list(range(1000))
    twice = [row["key"] for row in rows.random_shuffle(seed=5).map(doubled).random_shuffle(seed=5).take_all()]
    assert twice != [row["key"] for row in above]
    assert sorted(twice) == list(range(1000))


def test_a_state_of_the_users_own_lives_as_long_as_the_execution(rows):
    made = []

    class Model:
        def __init__(self):
            made.append(self)

        def __call__(self, row):
            return row

    mapped = rows.map(Model)
    assert made == []
    for _ in range(2):
        mapped.take_all()
    assert len(made) == 2


BAD_ARGUMENTS = [
    (lambda rows: rows.map("key"), TypeError, "a function or a class whose instances can be called, not str"),
    (lambda rows: rows.map(None), TypeError, "not NoneType"),
    (lambda rows: rows.map(object), TypeError, "the class has no __call__"),
    (lambda rows: rows.map(doubled, fn_constructor_args=(1,)), TypeError, "need a class, and this is a function"),
    (lambda rows: rows.map(doubled, concurrency=0), ValueError, "concurrency must be at least 1, got 0"),
    (lambda rows: rows.map(doubled, concurrency=(3, 2)), ValueError, "a least of 3 above its most of 2"),
    (lambda rows: rows.map(doubled, concurrency="all"), TypeError, "concurrency must be a whole number, not str"),
    (lambda rows: rows.map(doubled, compute=4), TypeError, r"TaskPoolStrategy\(size=4\)"),
    (lambda rows: rows.map(doubled, compute=ms.TaskPoolStrategy(2), concurrency=2), ValueError, "not both"),
    (lambda rows: rows.map(doubled, num_gpus=1), NotImplementedError, "num_gpus=1"),
    (lambda rows: rows.map(doubled, nmu_cpus=1), TypeError, r"map\(\) has no argument 'nmu_cpus'"),
    (lambda rows: rows.add_column(3, len), TypeError, "col must be a text, not int"),
    (lambda rows: rows.add_column("x", len, batch_format="polars"), ValueError, "'pandas', 'pyarrow' or 'numpy'"),
    (lambda rows: rows.filter(lambda row: True, expr="key > 1"), ValueError, "filter takes expr="),
    (lambda rows: rows.filter(3), TypeError, "not int"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), BAD_ARGUMENTS)
def test_arguments_that_cannot_be_are_refused_at_once(rows, ask, kind, message):
    with pytest.raises(kind, match=message):
        ask(rows)


def test_an_async_function_is_refused_by_name(rows):
    async def fetch(row):
        return row

    with pytest.raises(NotImplementedError, match=r"map\(fetch\): async functions"):
        rows.map(fetch)


def test_no_rows_are_no_calls():
    called = []
    nothing = ms.from_arrow(pa.table({"a": pa.array([], pa.int64())}))
    assert nothing.map(called.append).take_all() == []
    assert nothing.flat_map(called.append).count() == 0
    assert nothing.filter(called.append).take_all() == []
    assert nothing.map(called.append).columns() == []
    assert called == []
