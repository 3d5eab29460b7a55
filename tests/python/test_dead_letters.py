"""Rows that `on_error="skip"` leaves out: which, what is told of them, and what is never skipped."""

import os
import pathlib
import pickle
import re
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aftermath import assert_nothing_left

import millstream as ms
from millstream.datasource import DummyOutputDatasink

BAD = (3, 260, 999)
SCHEMA = pa.schema(
    [
        ("stage", pa.string()),
        ("source", pa.string()),
        ("first_row", pa.int64()),
        ("last_row", pa.int64()),
        ("offset", pa.int64()),
        ("error", pa.string()),
        ("traceback", pa.string()),
        ("epoch", pa.int64()),
    ]
)
SKIP = {"on_error": "skip"}


def check(key, bad=BAD):
    if key in bad:
        raise ValueError(f"no {key}")


def checked(row):
    check(row["key"])
    return {"key": row["key"]}


def checked_twice(row):
    yield {"key": row["key"]}
    check(row["key"])
    yield {"key": row["key"]}


def keeps(row):
    check(row["key"])
    return True


def checked_batch(batch):
    for key in batch["key"]:
        check(key)
    return {"key": batch["key"]}


def checked_column(frame):
    for key in frame["key"]:
        check(key)
    return frame["key"]


class Checked:
    def __call__(self, row):
        return checked(row)


def keys(dataset):
    return [row["key"] for row in dataset.take_all()]


def letters(found):
    return found.dead_letters().take_all()


def places(found):
    """Stage, file, first and last row of each."""
    return [
        (each["stage"], pathlib.Path(each["source"]).name, each["first_row"], each["last_row"])
        for each in letters(found)
    ]


def without(*left_out):
    return [key for key in range(1000) if key not in left_out]


ROW_PLACES = [("part-0.parquet", 3, 3), ("part-1.parquet", 10, 10), ("part-3.parquet", 249, 249)]


@pytest.mark.parametrize(
    ("make", "stage", "times"),
    [
        (lambda rows: rows.map(checked, **SKIP), "Map(checked)", 1),
        (lambda rows: rows.map(Checked, **SKIP), "Map(Checked)", 1),
        (lambda rows: rows.flat_map(checked_twice, **SKIP), "FlatMap(checked_twice)", 2),
        (lambda rows: rows.filter(keeps, **SKIP), "Filter(keeps)", 1),
    ],
    ids=["map", "class", "flat_map", "filter"],
)
def test_functions_of_rows_leave_out_the_row_in_hand(rows, make, stage, times):
    skipping = make(rows)
    assert keys(skipping) == [key for key in without(*BAD) for _ in range(times)]
    assert places(skipping) == [(stage, *place) for place in ROW_PLACES]
    assert [each["error"] for each in letters(skipping)] == [f"ValueError: no {key}" for key in BAD]
    assert {each["epoch"] for each in letters(skipping)} == {0}
    assert_nothing_left()


def test_functions_of_batches_leave_out_the_batch(rows):
    skipping = rows.map_batches(checked_batch, batch_size=100, **SKIP)
    assert keys(skipping) == without(*range(100), *range(250, 350), *range(950, 1000))
    stage = "MapBatches(checked_batch)"
    assert places(skipping) == [
        (stage, "part-0.parquet", 0, 99),
        (stage, "part-1.parquet", 0, 99),
        (stage, "part-3.parquet", 200, 249),
    ]


def test_add_column_leaves_out_the_batch(rows):
    skipping = rows.add_column("again", checked_column, **SKIP)
    assert keys(skipping) == without(*range(70), *range(250, 320), *range(960, 1000))
    stage = "AddColumn(checked_column)"
    assert places(skipping) == [
        (stage, "part-0.parquet", 0, 69),
        (stage, "part-1.parquet", 0, 69),
        (stage, "part-3.parquet", 210, 249),
    ]


def test_what_a_generator_yielded_of_a_batch_before_its_error_is_left_out(rows):
    def halves(batch):
        yield {"key": batch["key"][:50]}
        check(260 if 260 in batch["key"] else 0)
        yield {"key": batch["key"][50:]}

    assert keys(rows.map_batches(halves, batch_size=250, **SKIP)) == without(*range(250, 500))


def test_map_groups_leaves_out_the_group():
    def middle(group):
        if group["g"][0] == 1:
            raise KeyError("g")
        return {"g": group["g"][:1], "rows": [len(group["g"])]}

    table = pa.table({"g": [2, 1, 0, 1, 0, 1], "n": range(6)})
    skipping = ms.from_arrow(table).groupby("g").map_groups(middle, **SKIP)
    assert skipping.take_all() == [{"g": 0, "rows": 2}, {"g": 2, "rows": 1}]
    (letter,) = letters(skipping)
    assert (letter["stage"], letter["first_row"], letter["last_row"]) == ("MapGroups(middle)", 2, 4)
    assert letter["source"] == "the output of Sort"
    assert letter["error"] == "KeyError: 'g'"


# ---- what a function returns ----
def test_results_that_are_none_are_skipped(rows):
    def returns(row):
        return None if row["key"] in BAD else {"key": row["key"]}

    skipping = rows.map(returns, **SKIP)
    assert keys(skipping) == without(*BAD)
    assert places(skipping) == [("Map(returns)", *place) for place in ROW_PLACES]
    first = letters(skipping)[0]
    assert first["error"].startswith("TypeError: Map(returns): the function returned None; a row is a dict")
    assert first["traceback"] == ""


def test_rows_that_do_not_go_together_are_found_one_by_one_and_most_are_kept(rows):
    def mixed(row):
        return {"key": row["key"], "value": "text" if row["key"] in (*BAD, 0) else row["key"]}

    skipping = rows.map(mixed, **SKIP)
    assert [row["value"] for row in skipping.take_all()] == without(0, *BAD)
    assert places(skipping) == [
        ("Map(mixed)", "part-0.parquet", 0, 0),
        *(("Map(mixed)", *place) for place in ROW_PLACES),
    ]
    assert all("value" in each["error"] for each in letters(skipping))


def test_values_of_one_type_that_do_not_go_together(rows):
    def large(row):
        return {"value": -1 if row["key"] in (7, 50) else 2**63 + row["key"]}

    def lists(row):
        return {"value": [row["key"], "text" if row["key"] in (7, 50) else 1]}

    for function in (large, lists):
        skipping = rows.limit(60).map(function, **SKIP)
        assert len(skipping.take_all()) == 58
        assert [each["first_row"] for each in letters(skipping)] == [7, 50]


def test_errors_and_misfits_of_one_batch_come_in_the_order_of_their_rows(rows):
    def odd(row):
        check(row["key"], (20, 30))
        return [{"value": "text" if row["key"] == 25 else row["key"]}]

    skipping = rows.limit(60).flat_map(odd, **SKIP)
    assert [row["value"] for row in skipping.take_all()] == [key for key in range(60) if key not in (20, 25, 30)]
    assert [each["first_row"] for each in letters(skipping)] == [20, 25, 30]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda rows: rows.map_batches(lambda batch: 7, batch_size=250, **SKIP), "TypeError: .* returned an int"),
        (
            lambda rows: rows.map_batches(lambda batch: {"a": [1], "b": [1, 2]}, batch_size=250, **SKIP),
            "ValueError: .* columns of unequal length",
        ),
        (
            lambda rows: rows.repartition(4).add_column("n", lambda frame: [1, 2], **SKIP),
            "ValueError: .* returned 2 values for a batch of 250 rows",
        ),
    ],
    ids=["type", "lengths", "column"],
)
def test_batches_that_cannot_be_are_skipped(rows, make, error):
    skipping = make(rows)
    assert skipping.take_all() == []
    assert len(letters(skipping)) == 4
    assert all(re.match(error, each["error"]) for each in letters(skipping))


# ---- origins ----
def test_after_a_filter_a_range_holds_the_row(rows):
    skipping = rows.filter(expr="key % 2 == 1").map(checked, **SKIP)
    assert keys(skipping) == [key for key in without(*BAD) if key % 2 == 1]
    found = letters(skipping)
    assert [pathlib.Path(each["source"]).name for each in found] == ["part-0.parquet", "part-3.parquet"]
    for each, row in zip(found, (3, 249), strict=True):
        assert 0 <= each["first_row"] <= row <= each["last_row"] < 250


def test_after_a_shuffle_rows_are_numbered_in_its_order(rows):
    shuffled = rows.random_shuffle(seed=5)
    skipping = shuffled.map(checked, **SKIP)
    order = keys(shuffled)
    assert keys(skipping) == [key for key in order if key not in BAD]
    assert [each["first_row"] for each in letters(skipping)] == sorted(order.index(key) for key in BAD)
    assert {each["source"] for each in letters(skipping)} == {"the output of RandomShuffle"}


def test_above_another_function_rows_are_those_that_it_gave(rows):
    skipping = rows.map(checked, **SKIP).map(lambda row: check(row["key"], (4, 261)) or row, **SKIP)
    assert keys(skipping) == without(*BAD, 4, 261)
    assert places(skipping) == [
        *(("Map(checked)", *place) for place in ROW_PLACES),
        ("Map(<lambda>)", "the output of Map(checked)", 3, 3),
        ("Map(<lambda>)", "the output of Map(checked)", 10, 10),
    ]


def test_rows_that_are_kept_are_numbered_as_the_stage_gives_them(rows):
    kept = pa.Table.from_pylist([{"key": key} for key in without(*BAD)])
    sampled = rows.map(checked, **SKIP).random_sample(0.3, seed=8)
    assert rows.map(checked, **SKIP).random_shuffle(seed=3).count() == kept.num_rows
    again = rows.filter(lambda row: row["key"] not in BAD).map(lambda row: {"key": row["key"]})
    assert keys(sampled) == keys(again.random_sample(0.3, seed=8))


ABOVE = {
    "sort": lambda kept: kept.sort("key", descending=True),
    "shuffle": lambda kept: kept.random_shuffle(),
    "repartition": lambda kept: kept.repartition(3),
    "repartition by key": lambda kept: kept.repartition(3, keys="key", sort=True),
    "group": lambda kept: kept.groupby("key").count(),
    "map_groups": lambda kept: kept.groupby("key").map_groups(lambda group: group, batch_format="pyarrow"),
    "left of a join": lambda kept: kept.join(ms.range(1000), "left_outer", on="key", right_on="id"),
    "right of a join": lambda kept: ms.range(1000).join(kept, "inner", on="id", right_on="key"),
    "union": lambda kept: kept.union(ms.range(3).rename_columns({"id": "key"})),
    "second of a union": lambda kept: ms.range(3).rename_columns({"id": "key"}).union(kept),
    "zip": lambda kept: kept.zip(ms.range(997)),
    "mix": lambda kept: ms.range(997).rename_columns({"id": "key"}).mix(kept),
    "expressions": lambda kept: kept.with_column("twice", ms.col("key") * 2).filter(expr="twice > 500"),
    "sample": lambda kept: kept.random_sample(0.5, seed=2),
}


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("engine", ["usual", "always spilling"])
def test_letters_come_through_what_is_above(rows, use_engine, above, engine):
    use_engine(always_spill=engine == "always spilling")
    plan = ABOVE[above](rows.map(checked, **SKIP))
    iterator = plan.iterator()
    for _ in range(2):
        plan.take_all()
        assert places(plan) == [("Map(checked)", *place) for place in ROW_PLACES]
        list(iterator.iter_rows())
    assert places(iterator) == [("Map(checked)", *place) for place in ROW_PLACES] * 2


@pytest.mark.parametrize("above", ABOVE)
def test_letters_are_there_where_the_job_fails_below(rows, above):
    plan = ABOVE[above](rows.map(checked, max_errors=1, **SKIP))
    with pytest.raises(ValueError, match=r"row 10 of .*more errors now than the 1 that"):
        plan.take_all()
    assert places(plan) == [("Map(checked)", *place) for place in ROW_PLACES[:2]]
    del plan
    assert_nothing_left()


# ---- the limit ----
def test_more_errors_than_the_limit_end_the_job(rows):
    skipping = rows.map(checked, max_errors=2, **SKIP)
    with pytest.raises(ms.UserCodeError) as raised:
        skipping.take_all()
    assert isinstance(raised.value, ValueError)
    said = str(raised.value)
    assert said.startswith("Map(checked): the function raised ValueError: no 999 (")
    assert said.endswith(
        "part-3.parquet. There are more errors now than the 2 that max_errors lets pass; dead_letters() tells of each"
    )
    assert "on row 249 of " in said
    assert places(skipping) == [("Map(checked)", *place) for place in ROW_PLACES]
    del raised
    assert_nothing_left()


def test_the_limit_is_of_an_execution(rows):
    skipping = rows.map(checked, max_errors=3, **SKIP)
    for _ in range(2):
        assert len(skipping.take_all()) == 997
    assert len(list(skipping.iter_rows())) == len(list(skipping.iter_rows())) == 997


@pytest.mark.parametrize(("most", "ends"), [({}, True), ({"max_errors": None}, False), ({"max_errors": 1001}, False)])
def test_the_limit_is_1000_unless_said_otherwise(most, ends):
    def fails(row):
        raise OSError(row["id"])

    skipping = ms.range(1001, override_num_blocks=1).map(fails, **SKIP, **most)
    if ends:
        with pytest.raises(OSError, match="more errors now than the 1,000 that max_errors"):
            skipping.take_all()
    else:
        assert skipping.take_all() == []
    assert skipping.dead_letters().count() == 1001


def test_a_batch_with_many_errors_ends_at_the_one_that_is_too_many(rows):
    called = []

    def fails(row):
        called.append(row["key"])
        raise ValueError(row["key"])

    skipping = rows.map(fails, max_errors=4, **SKIP)
    with pytest.raises(ValueError, match="row 4 of "):
        skipping.take_all()
    assert called[:5] == [0, 1, 2, 3, 4]
    assert 5 not in called
    assert [each["first_row"] for each in letters(skipping)] == [0, 1, 2, 3, 4]


def test_misfits_count_for_the_limit(rows):
    def mixed(row):
        return {"value": "text" if row["key"] in BAD else row["key"]}

    with pytest.raises(TypeError, match=r"row 10 of .*more errors now than the 1 that max_errors lets pass"):
        rows.map(mixed, max_errors=1, **SKIP).take_all()


# ---- whoever runs it ----
PLACES_TO_RUN = {
    "a thread": ms.TaskPoolStrategy(1, processes=False),
    "threads": ms.TaskPoolStrategy(4, processes=False),
    "a process": ms.TaskPoolStrategy(1, processes=True),
    "processes": ms.TaskPoolStrategy(2, processes=True),
}


@pytest.fixture(params=PLACES_TO_RUN)
def compute(request):
    return PLACES_TO_RUN[request.param]


def test_letters_are_the_same_wherever_a_function_runs(rows, compute):
    def odd(row):
        check(row["key"], range(0, 1000, 37))
        return {"key": "text" if row["key"] % 101 == 5 else row["key"]}

    expected = rows.map(odd, **SKIP)
    skipping = rows.map(odd, compute=compute, **SKIP)
    assert keys(skipping) == keys(expected)
    assert letters(skipping) == letters(expected)
    assert len(letters(skipping)) == len({key for key in range(1000) if key % 37 == 0 or key % 101 == 5})
    assert "check(row[" in letters(skipping)[0]["traceback"]


def test_the_job_ends_at_the_same_error_wherever_a_function_runs(rows, compute):
    skipping = rows.map(checked, compute=compute, max_errors=1, **SKIP)
    with pytest.raises(ValueError, match=r"no 260 .*on row 10 of .*more errors now than the 1 that") as raised:
        skipping.take_all()
    assert isinstance(raised.value, ms.UserCodeError)
    assert places(skipping) == [("Map(checked)", *place) for place in ROW_PLACES[:2]]


def test_groups_and_batches_in_processes(rows):
    processes = ms.TaskPoolStrategy(2, processes=True)
    batches = rows.map_batches(checked_batch, batch_size=100, compute=processes, **SKIP)
    assert keys(batches) == without(*range(100), *range(250, 350), *range(950, 1000))
    assert [place[2:] for place in places(batches)] == [(0, 99), (0, 99), (200, 249)]


def test_a_call_that_is_run_again_has_its_letters_once(rows, tmp_path):
    died = tmp_path / "died"

    def dies_once(row):
        if row["key"] == 265 and not died.exists():
            died.touch()
            os._exit(7)
        return checked(row)

    skipping = rows.map(dies_once, compute=ms.TaskPoolStrategy(1, processes=True), **SKIP)
    assert keys(skipping) == without(*BAD)
    assert places(skipping) == [("Map(dies_once)", *place) for place in ROW_PLACES]
    assert died.exists()


# ---- what is never skipped ----
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), MemoryError("no more")], ids=repr)
def test_what_is_no_fault_of_a_row_is_raised(rows, error):
    def fails(row):
        check(row["key"], (1,))
        if row["key"] == 5:
            raise error
        return row

    skipping = rows.map(fails, **SKIP)
    with pytest.raises(ms.UserCodeError, match=r"row 5 of .*part-0") as raised:
        skipping.take_all()
    assert "max_errors" not in str(raised.value)
    assert [each["first_row"] for each in letters(skipping)] == [1]


def test_a_class_that_cannot_be_made_is_raised(rows):
    class Broken:
        def __init__(self):
            raise ValueError("no model")

        def __call__(self, row):
            return row

    with pytest.raises(ValueError, match="no model"):
        rows.map(Broken, **SKIP).take_all()


def test_a_stop_iteration_is_an_error_as_any_other(rows):
    def stops(row):
        return {"key": next(iter([row["key"]] if row["key"] not in BAD else []))}

    skipping = rows.map(stops, **SKIP)
    assert keys(skipping) == without(*BAD)
    assert {each["error"] for each in letters(skipping)} == {"StopIteration"}


def test_a_worker_that_dies_is_raised(rows):
    def dies(row):
        os._exit(3)

    with pytest.raises(ms.WorkerDiedError, match="exit code 3"):
        rows.map(dies, compute=ms.TaskPoolStrategy(1, processes=True), **SKIP).take_all()


def test_a_call_that_takes_too_long_is_raised(rows, monkeypatch):
    monkeypatch.setattr(ms.DataContext.get_current(), "function_timeout_s", 0.2)

    def sleeps(row):
        time.sleep(30)

    slow = ms.Dataset.copy(ms.range(10)).map(sleeps, compute=ms.TaskPoolStrategy(1, processes=True), **SKIP)
    with pytest.raises(TimeoutError, match="has not returned within"):
        slow.take_all()


# ---- the data set of letters ----
def test_without_errors_there_are_no_letters_but_their_columns(rows):
    for nothing in (rows, rows.map(checked, **SKIP), rows.iterator()):
        assert nothing.dead_letters().to_arrow() == SCHEMA.empty_table()
    fine = rows.limit(3).map(checked, **SKIP)
    assert len(fine.take_all()) == 3
    assert fine.dead_letters().to_arrow() == SCHEMA.empty_table()


def test_letters_can_be_written(rows, tmp_path):
    skipping = rows.map(checked, **SKIP)
    assert skipping.count() == 997
    skipping.dead_letters().write_parquet(tmp_path / "letters")
    table = pq.read_table(tmp_path / "letters")
    assert table.schema.equals(SCHEMA)
    assert table.column("first_row").to_pylist() == [3, 10, 249]


def run_every_way(tmp_path):
    return {
        "take_all": lambda data: data.take_all(),
        "take": lambda data: data.take(1000),
        "take_batch": lambda data: data.take_batch(1000),
        "count": lambda data: data.count(),
        "materialize": lambda data: data.materialize(),
        "to_arrow": lambda data: data.to_arrow(),
        "to_pandas": lambda data: data.to_pandas(),
        "sum": lambda data: data.sum("key"),
        "unique": lambda data: data.unique("key"),
        "iter_rows": lambda data: list(data.iter_rows()),
        "iter_batches": lambda data: list(data.iter_batches()),
        "write_parquet": lambda data: data.write_parquet(tmp_path / "written"),
        "write_datasink": lambda data: data.write_datasink(DummyOutputDatasink()),
    }


@pytest.mark.parametrize("way", run_every_way(None))
def test_the_data_set_has_the_letters_of_what_it_ran_last(rows, tmp_path, way):
    skipping = rows.map(checked, **SKIP)
    run = run_every_way(tmp_path)[way]
    for _ in range(2 if not way.startswith("iter") else 1):
        run(skipping)
        assert places(skipping) == [("Map(checked)", *place) for place in ROW_PLACES]
    skipping.stats()
    assert len(letters(skipping)) == 3
    assert rows.take(2) != []
    assert letters(rows) == []


def test_the_letters_are_those_of_the_last_run_alone(rows):
    skipping = rows.map(checked, **SKIP)
    assert len(skipping.take_all()) == 997
    assert len(skipping.limit(5).take_all()) == 5
    assert len(letters(skipping)) == 3
    list(skipping.iter_rows())
    list(skipping.iter_rows())
    assert [each["epoch"] for each in letters(skipping)] == [0, 0, 0, 1, 1, 1]
    assert skipping.count() == 997
    assert len(letters(skipping)) == 3


def test_a_write_that_fails_leaves_letters_and_nothing_else(rows, tmp_path):
    skipping = rows.map(checked, max_errors=1, **SKIP)
    with pytest.raises(ValueError, match="more errors now"):
        skipping.write_parquet(tmp_path / "written")
    assert places(skipping) == [("Map(checked)", *place) for place in ROW_PLACES[:2]]
    assert_nothing_left(tmp_path / "written")


def test_text_is_bounded(rows):
    def fails(row):
        raise ValueError("x" * 100_000 + "\udc80")

    def deep(row, depth=300):
        return fails(row) if depth == 0 else deep(row, depth - 1)

    skipping = rows.limit(2).map(deep, **SKIP)
    assert skipping.take_all() == []
    assert all(len(each["error"]) <= 1000 and len(each["traceback"]) <= 4000 for each in letters(skipping))
    assert all(
        each["traceback"].endswith('raise ValueError("x" * 100_000 + "\\udc80")\n') for each in letters(skipping)
    )


def test_the_traceback_is_of_the_users_own_code(rows):
    skipping = rows.map(checked, **SKIP)
    skipping.take_all()
    text = letters(skipping)[0]["traceback"]
    assert text.count('File "') == 2
    assert 'check(row["key"])' in text
    assert "millstream/user_function" not in text


# ---- epochs ----
def test_letters_of_each_epoch_are_told_by_it(rows):
    iterator = rows.map(checked, **SKIP).random_shuffle().iterator()
    for epoch in range(3):
        assert len(list(iterator.iter_rows())) == 997
        found = letters(iterator)
        assert [each["epoch"] for each in found] == [each for each in range(epoch + 1) for _ in BAD]
        assert [each["first_row"] for each in found] == [3, 10, 249] * (epoch + 1)


def test_a_pass_under_way_has_letters(rows):
    iterator = rows.map(checked, **SKIP).iterator()
    passing = iter(iterator.iter_batches(batch_size=100))
    next(passing)
    assert [each["first_row"] for each in letters(iterator)][:1] == [3]
    passing.close()
    assert [each["first_row"] for each in letters(iterator)][:1] == [3]


def test_a_resumed_epoch_has_all_of_its_letters_once(rows):
    skipping = rows.map(checked, **SKIP)
    iterator = skipping.iterator()
    list(iterator.iter_rows())
    passing = iter(iterator.iter_batches(batch_size=300, batch_format="pyarrow"))
    next(passing), next(passing)
    state = iterator.state_dict()
    passing.close()
    for resumed, epochs in ((iterator, [0, 1]), (skipping.iterator(), [1])):
        resumed.load_state_dict(state)
        rest = [key for batch in resumed.iter_batches(batch_format="pyarrow") for key in batch["key"].to_pylist()]
        assert rest == without(*BAD)[600:]
        assert [each["epoch"] for each in letters(resumed)] == [epoch for epoch in epochs for _ in BAD]


def test_an_iterator_that_is_pickled_has_the_letters_of_its_own_passes(rows):
    iterator = rows.map(checked, **SKIP).iterator()
    list(iterator.iter_rows())
    other = pickle.loads(pickle.dumps(iterator))
    assert letters(other) == []
    assert len(list(other.iter_rows())) == 997
    assert [each["epoch"] for each in letters(other)] == [1, 1, 1]


# ---- what is said ----
def test_stats_say_how_many_rows_were_skipped(rows):
    skipping = rows.map(checked, **SKIP).map_batches(lambda batch: check(batch["key"][0], (0,)) or batch, **SKIP)
    list(skipping.iter_rows())
    said = skipping.stats()
    assert "\nMap(checked): skipped 3 rows; dead_letters() tells of them\n" in said
    assert "\nMapBatches(<lambda>): skipped 69 rows; dead_letters() tells of them\n" in said
    list(rows.map(lambda row: row, **SKIP).iter_rows())
    assert "skipped" not in rows.stats()


def test_explain_says_that_errors_are_skipped(rows, capsys):
    rows.map(checked, **SKIP).map(checked, max_errors=None, **SKIP).explain()
    said = capsys.readouterr().out
    assert "; skips what it fails on, 1,000 times at most" in said
    assert said.count("; skips what it fails on") == 2


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"on_error": "ignore"}, ValueError, "on_error must be 'raise' or 'skip', got 'ignore'"),
        ({"on_error": "skip", "max_errors": -1}, ValueError, "max_errors must be at least 0, got -1"),
        ({"on_error": "skip", "max_errors": 1.5}, TypeError, "max_errors must be a whole number, not float"),
        ({"max_errors": 5}, ValueError, 'max_errors says how many errors on_error="skip" may pass over; give that too'),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(rows, arguments, kind, said):
    for method in (rows.map, rows.flat_map, rows.filter, rows.map_batches, rows.groupby("key").map_groups):
        with pytest.raises(kind) as raised:
            method(checked, **arguments)
        assert str(raised.value) == said


def test_expressions_have_no_errors_to_skip(rows):
    with pytest.raises(TypeError, match=r"^filter\(expr=...\) takes no on_error: it is of functions, as filter\(fn\)$"):
        rows.filter(expr="key > 1", **SKIP)


def test_functions_that_raise_are_as_before(rows):
    with pytest.raises(ms.UserCodeError, match=r"no 3 .*row 3 of ") as raised:
        rows.map(checked, on_error="raise").take_all()
    assert "max_errors" not in str(raised.value)


def test_a_pickled_data_set_skips_too(rows):
    skipping = pickle.loads(pickle.dumps(rows.map(checked, **SKIP)))
    assert len(skipping.take_all()) == 997
    assert len(letters(skipping)) == 3
