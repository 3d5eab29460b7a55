"""map_batches: which batches a function is given, in which form, and what it may do with them."""

import collections
import itertools

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from mixed_rows import TYPES, plain, table_of

import millstream as ms
from millstream import col

FORMATS = {
    "default": dict,
    "numpy": dict,
    None: pa.Table,
    "pandas": pd.DataFrame,
    "pyarrow": pa.Table,
    "polars": pl.DataFrame,
}


def sizes_of(rows, batch_size):
    sizes = []
    rows.map_batches(lambda batch: sizes.append(len(batch["key"])) or batch, batch_size=batch_size).take_all()
    return sizes


def test_batches_have_the_size_asked_for_within_each_file(rows):
    assert sizes_of(rows, 100) == [100, 100, 50] * 4
    assert sizes_of(rows, 7) == [*[7] * 35, 5] * 4
    assert sizes_of(rows, 1) == [1] * 1000
    assert sizes_of(rows, 5_000) == [250] * 4


def test_without_a_size_batches_are_blocks(rows):
    assert sizes_of(rows, None) == [70, 70, 70, 40] * 4
    assert sizes_of(ms.range(200_000, override_num_blocks=2).rename_columns(["key"]), None) == [65_536, 34_464] * 2


def test_above_a_shuffle_or_a_sort_batches_are_cut_through_all_rows(rows):
    assert sizes_of(rows.random_shuffle(seed=1), 300) == [300, 300, 300, 100]
    assert sizes_of(rows.sort("key", descending=True), 300) == [300, 300, 300, 100]


def test_batches_below_a_limit_are_as_without_it(rows):
    seen = []
    first = rows.map_batches(lambda batch: seen.append(len(batch["key"])) or batch, batch_size=100).limit(120)
    assert first.count() == 120
    assert seen[:2] == [100, 100]


@pytest.mark.parametrize("batch_size", [1, 64, None])
def test_the_batches_are_the_same_on_every_engine(each_engine, rows, batch_size):
    kept = rows.filter(expr=col("key") % 3 != 0)
    bounds = kept.map_batches(
        lambda batch: {"first": batch["key"][:1], "last": batch["key"][-1:]}, batch_size=batch_size, concurrency=2
    )
    made = [(row["first"], row["last"]) for row in bounds.take_all()]
    expected = []
    files = [range(begin, begin + 250) for begin in range(0, 1000, 250)]
    blocks = [file[begin : begin + 70] for file in files for begin in range(0, 250, 70)]
    for part in blocks if batch_size is None else files:
        left = [key for key in part if key % 3]
        size = batch_size or len(left)
        expected += [(left[at], left[min(at + size, len(left)) - 1]) for at in range(0, len(left), size)]
    assert made == expected


@pytest.mark.parametrize("batch_format", FORMATS)
def test_a_function_is_given_the_format_asked_for(rows, expected, batch_format):
    kinds = set()

    def look(batch):
        kinds.add(type(batch))
        return batch

    given = rows.drop_columns(["tags"]).map_batches(look, batch_format=batch_format)
    without = [{name: value for name, value in row.items() if name != "tags"} for row in expected]
    assert len(kinds) == 0
    assert [row["key"] for row in given.take_all()] == [row["key"] for row in without]
    assert kinds == {FORMATS[batch_format]}
    if batch_format in ("pyarrow", "polars", "pandas", None):
        assert given.take_all() == without


@pytest.mark.parametrize("batch_format", ["pyarrow", "pandas", "polars"])
def test_types_and_nulls_outlive_a_function_that_changes_nothing(batch_format):
    names = [name for name in TYPES if name in ("bool", "int64", "double", "string", "date", "timestamp", "duration")]
    table = table_of(names, 5, 300)
    same = ms.from_arrow(table).map_batches(lambda batch: batch, batch_format=batch_format)
    result = same.to_arrow()
    if batch_format != "polars":  # whose texts are large
        assert result.schema.types == table.schema.types
    nan_is_null = batch_format == "pandas"
    for name in names:
        values, wanted = plain(result.column(name).to_pylist()), plain(table.column(name).to_pylist())
        if nan_is_null:
            values, wanted = ([None if value == "nan" else value for value in side] for side in (values, wanted))
        assert values == wanted, name


def test_arrays_are_views_that_cannot_be_written_to(rows):
    held = ms.from_numpy(np.arange(1000)).materialize()

    def write(batch):
        batch["data"][0] = -1
        return batch

    with pytest.raises(ValueError, match="read-only") as raised:
        held.map_batches(write).take_all()
    assert isinstance(raised.value, ms.UserCodeError)
    assert [row["data"] for row in held.take_all()] == list(range(1000))


@pytest.mark.parametrize("batch_format", ["numpy", "pandas"])
def test_copies_may_be_written_to_and_a_materialized_set_stays_as_it_is(batch_format):
    held = ms.from_arrow(pa.table({"a": range(1000), "b": [1.5] * 1000})).materialize()

    def write(batch):
        batch["b"] += 1
        if batch_format == "numpy":
            batch["a"][:] = -1
        else:
            batch.loc[:, "a"] = -1
        return batch

    written = held.map_batches(write, batch_format=batch_format, zero_copy_batch=False)
    assert written.take_all() == [{"a": -1, "b": 2.5}] * 1000
    assert held.take_all() == [{"a": number, "b": 1.5} for number in range(1000)]
    assert held.sum("a") == 499_500


def test_a_frame_that_is_written_to_leaves_a_materialized_set_as_it_is():
    held = ms.from_arrow(pa.table({"a": pa.array(range(1000), pa.int64())})).materialize()

    def write(frame):
        frame.loc[:, "a"] = -1
        frame["b"] = 2
        return frame

    assert held.map_batches(write, batch_format="pandas").take(1) == [{"a": -1, "b": 2}]
    assert held.take(2) == [{"a": 0}, {"a": 1}]


def test_a_buffer_that_the_function_fills_anew_is_not_taken_for_its_results(rows):
    class Reuses:
        def __init__(self):
            self.buffer = np.zeros(100, np.int64)

        def __call__(self, batch):
            self.buffer[: len(batch["key"])] = batch["key"]
            return {"key": self.buffer[: len(batch["key"])]}

    assert [row["key"] for row in rows.map_batches(Reuses, batch_size=100).take_all()] == list(range(1000))


def test_a_generator_gives_any_number_of_batches_for_one(each_engine, rows):
    def parts(batch):
        for key in batch["key"].tolist():
            if key % 10 == 0:
                yield {"key": [key] * (key % 4), "place": list(range(key % 4))}

    made = rows.map_batches(parts, batch_size=64)
    expected = [{"key": key, "place": place} for key in range(0, 1000, 10) for place in range(key % 4)]
    assert made.take_all() == expected
    assert made.random_shuffle(seed=4).sort(["key", "place"]).take_all() == expected
    assert rows.map_batches(lambda batch: iter([])).take_all() == []


def test_a_generator_is_given_its_next_batch_when_it_is_through(rows):
    steps = []

    def parts(batch):
        steps.append("begin")
        yield batch
        yield batch
        steps.append("end")

    rows.map_batches(parts, batch_size=250).take_all()
    assert steps == ["begin", "end"] * 4


def test_results_of_any_length_follow_one_another(rows):
    longer = rows.map_batches(lambda batch: {"key": np.repeat(batch["key"], 3)}, batch_size=90)
    assert [row["key"] for row in longer.take_all()] == [key for key in range(1000) for _ in range(3)]
    shorter = rows.map_batches(lambda batch: {"n": [len(batch["key"])]}, batch_size=90)
    assert [row["n"] for row in shorter.take_all()] == [90, 90, 70] * 4
    assert rows.map_batches(lambda batch: {"key": batch["key"][:0]}, batch_size=90).take_all() == []


def test_classes_arguments_and_workers(rows):
    class Scale:
        def __init__(self, factor, *, offset=0):
            self.factor, self.offset = factor, offset

        def __call__(self, batch, power, sign=1):
            return {"value": sign * (batch["key"] * self.factor + self.offset) ** power}

    scaled = rows.map_batches(
        Scale,
        batch_size=10,
        fn_constructor_args=(2,),
        fn_constructor_kwargs={"offset": 1},
        fn_args=(2,),
        fn_kwargs={"sign": -1},
        compute=ms.ActorPoolStrategy(size=4),
    )
    assert [row["value"] for row in scaled.take_all()] == [-((2 * key + 1) ** 2) for key in range(1000)]


def test_each_worker_has_an_instance_of_its_own(rows):
    class Owner:
        def __call__(self, batch):
            return {"key": batch["key"], "owner": np.full(len(batch["key"]), id(self))}

    counts = collections.Counter(
        row["owner"] for row in rows.map_batches(Owner, batch_size=5, concurrency=3).take_all()
    )
    assert 1 <= len(counts) <= 3
    assert sum(counts.values()) == 1000


def test_rows_do_not_depend_on_workers_cpus_or_the_batches_of_the_loop(use_engine, rows):
    plan = rows.map_batches(lambda batch: {"key": batch["key"] * 2}, batch_size=33, concurrency=3).random_shuffle(
        seed=9
    )
    orders = set()
    for cpus, batch_size in itertools.product((1, 2, 4), (10, 999)):
        use_engine(num_cpus=cpus)
        orders.add(tuple(key for batch in plan.iter_batches(batch_size=batch_size) for key in batch["key"].tolist()))
    assert len(orders) == 1
    assert sorted(orders.pop()) == list(range(0, 2000, 2))


@pytest.mark.tame
def test_more_rows_than_memory_go_through_functions(use_engine):
    engine = use_engine(num_cpus=2, memory_limit=48 << 20)
    many = ms.range(12_000_000).map_batches(
        lambda batch: {"id": batch["id"], "half": batch["id"] / 2}, batch_size=50_000
    )
    rows = total = 0
    for batch in many.iter_batches(batch_size=60_000):
        rows += len(batch["id"])
        total += int(batch["id"].sum())
    assert (rows, total) == (12_000_000, 12_000_000 * 11_999_999 // 2)
    assert engine.memory_peak() <= 48 << 20


def test_the_size_and_the_format_are_checked(rows):
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        rows.map_batches(len, batch_size=0)
    with pytest.raises(TypeError, match="batch_size must be a whole number, not str"):
        rows.map_batches(len, batch_size="default")
    with pytest.raises(ValueError, match="'arrow'"):
        rows.map_batches(len, batch_format="arrow")
    with pytest.raises(TypeError, match="zero_copy_batch must be True or False, not 'no'"):
        rows.map_batches(len, zero_copy_batch="no")
