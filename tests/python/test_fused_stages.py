"""Functions that run as one stage give what they give as stages of their own, which a limit in between makes them."""

import functools
import gc
import pathlib
import random
import re
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aftermath import assert_nothing_left, wait_until_freed

import millstream as ms
from millstream import col
from millstream.expressions import monotonically_increasing_id, udf
from millstream.expressions import random as random_values

SKIP = {"on_error": "skip", "max_errors": None}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files, 600 rows in blocks of 50."""
    directory = tmp_path_factory.mktemp("fused")
    for file in range(3):
        numbers = range(200 * file, 200 * (file + 1))
        pq.write_table(pa.table({"number": numbers}), directory / f"{file}.parquet", row_group_size=50)
    return str(directory)


def read(files):
    return ms.read_parquet(files)


# ---- functions, each of which leaves a number ----
def add_one(row):
    return {**row, "number": row["number"] + 1}


def note_late(row):
    """A column that is null in the first batches."""
    return {**row, "note": row["number"] if row["number"] > 80 else None}


def repeat(row):
    return [row] * (row["number"] % 3)


def is_even(row):
    return row["number"] % 2 == 0


def fail_on_sevens(row):
    if row["number"] % 7 == 0:
        raise ValueError(f"no {row['number']}")
    return row


def fail_on_thirds(batch):
    if batch["number"][0] % 3 == 0:
        raise ValueError(f"not from {batch['number'][0]}")
    return {**batch, "thirds": batch["number"] % 3}


def halves(batch):
    middle = len(batch["number"]) // 2
    yield {name: values[:middle] for name, values in batch.items()}
    yield {name: values[middle:] for name, values in batch.items()}


def draw(batch):
    rows = len(batch["number"])
    return {**batch, "drawn": ms.function_random().random(rows), "rows": [rows] * rows}


def narrow_then_wide(batch):
    """32 bits in the first batches, 64 in later ones."""
    wide = batch["number"].astype("int64")
    return {**batch, "wide": wide.astype("int32") if wide[0] < 200 else wide}


def ranks(frame):
    return frame["number"].rank()


@udf(return_dtype="int64")
def squared(numbers):
    return [number * number % 1000 for number in numbers.to_pylist()]


STAGES = {
    "map": lambda rows: rows.map(add_one),
    "null column": lambda rows: rows.map(note_late),
    "flat_map": lambda rows: rows.flat_map(repeat),
    "filter": lambda rows: rows.filter(is_even),
    "skipping rows": lambda rows: rows.map(fail_on_sevens, **SKIP),
    "skipping batches": lambda rows: rows.map_batches(fail_on_thirds, **SKIP),
    "two batches": lambda rows: rows.map_batches(halves),
    "random numbers": lambda rows: rows.map_batches(draw),
    "widening": lambda rows: rows.map_batches(narrow_then_wide),
    "batches of 30": lambda rows: rows.map_batches(draw, batch_size=30),
    "add_column": lambda rows: rows.add_column("rank", ranks),
    "expression": lambda rows: rows.with_column("rest", col("number") % 10),
    "filter by expression": lambda rows: rows.filter(expr=col("number") % 5 != 1),
    "random rows": lambda rows: rows.filter(expr=random_values(seed=3) < 0.8),
    "numbered": lambda rows: rows.with_column("id", monotonically_increasing_id()),
    "sample": lambda rows: rows.random_sample(0.8, seed=4),
    "udf": lambda rows: rows.with_column("squared", squared(col("number"))),
}


def found(dataset):
    """Rows and columns of all batches, letters, and what each function did; or the error."""
    iterator = dataset.iterator()
    try:
        batches = list(iterator.iter_batches(batch_size=64, batch_format="pyarrow"))
    except TypeError as error:  # a column of nulls that become numbers after more calls than are waited for
        return (str(error),)
    letters = iterator.dead_letters().take_all()
    lines = [line.split()[:2] for line in iterator.stats().splitlines()[2:] if ": " not in line]
    functions = [line for line in lines if "(" in line[0]]
    return repr([batch.to_pylist() for batch in batches]), [batch.schema for batch in batches], letters, functions


def chained(rows, stages, between=lambda rows: rows):
    for number, stage in enumerate(stages):
        rows = STAGES[stage](between(rows) if number else rows)
    return rows


def apart(rows):
    return rows.limit(1 << 40)


def explained(dataset, capsys):
    dataset.explain()
    return capsys.readouterr().out


@pytest.mark.parametrize("seed", range(60))
def test_a_chain_gives_what_its_stages_give_apart(files, seed):
    drawn = random.Random(seed)
    stages = [drawn.choice(list(STAGES)) for _ in range(drawn.randint(2, 6))]
    rows = read(files).random_shuffle(seed=seed) if seed % 3 == 0 else read(files)
    together, alone = (found(chained(rows, stages, between)) for between in (lambda rows: rows, apart))
    for one, other in zip(together, alone, strict=True):
        assert one == other, stages


ALL = ["two batches", "random rows", "flat_map", "numbered", "skipping rows", "null column", "random numbers", "sample"]


def test_a_chain_gives_the_same_on_every_engine(files, each_engine):
    shuffled = chained(read(files).random_shuffle(seed=4), ALL)
    assert repr(shuffled.take_all()) == _expected(files)


@functools.cache
def _expected(files):
    return repr(chained(read(files).random_shuffle(seed=4), ALL, apart).take_all())


def test_a_chain_is_one_stage_and_all_are_in_explain_and_stats(files, capsys):
    rows = chained(read(files), ["map", "expression", "filter", "two batches"])
    names = "Map(add_one)->WithColumns->Filter(is_even)->MapBatches(halves)"
    assert f"  {names}: whole blocks, 1 at a time, on threads of this process\n" in explained(rows, capsys)
    assert (
        "->" not in explained(chained(read(files), ["map", "expression", "filter"], apart), capsys).partition("scan")[0]
    )
    assert len(list(rows.iter_rows())) == 300
    stats = rows.stats()
    for stage, count in [
        ("Map(add_one)", 600),
        ("WithColumns", 600),
        ("Filter(is_even)", 300),
        ("MapBatches(halves)", 300),
    ]:
        assert re.search(rf"^{re.escape(stage)} +{count} ", stats, re.MULTILINE), stats
    together = "Map(add_one), WithColumns, Filter(is_even), MapBatches(halves)"
    place = rf"Filter\(is_even\): on \d threads? of this process, one after the other: {re.escape(together)}\n"
    assert re.search(place, stats), stats


def test_batches_of_a_size_are_cut_anew(files, capsys):
    plan = explained(chained(read(files), ["map", "batches of 30", "filter", "map"]), capsys)
    assert "  Map(add_one): whole blocks" in plan
    assert "  MapBatches(draw)->Filter(is_even)->Map(add_one): batches of 30 rows" in plan


def test_groups_go_on_to_the_functions_above(files, capsys):
    def largest(group):
        return {"number": group["number"].max(keepdims=True), "drawn": ms.function_random().random(1)}

    def build(between):
        groups = read(files).with_column("key", col("number") % 7).groupby("key").map_groups(largest)
        return between(between(groups).map(fail_on_sevens, **SKIP)).flat_map(repeat)

    assert "MapGroups(largest)->Map(fail_on_sevens)->FlatMap(repeat): whole groups" in explained(
        build(lambda rows: rows), capsys
    )
    together = found(build(lambda rows: rows))
    assert together == found(build(apart))
    assert len(together[2]) == 1


def test_a_state_is_taken_up_above_a_chain(files):
    rows = chained(read(files).random_shuffle(seed=4), ALL)
    whole = [batch["number"].tolist() for batch in rows.iterator().iter_batches(batch_size=17)]
    begun = rows.iterator()
    batches = begun.iter_batches(batch_size=17)
    for _ in range(5):
        next(batches)
    resumed = rows.iterator()
    resumed.load_state_dict(begun.state_dict())
    assert [batch["number"].tolist() for batch in resumed.iter_batches(batch_size=17)] == whole[5:]


class Kept:
    def __call__(self, row):
        return row


@pytest.mark.parametrize(
    "stage",
    [
        lambda rows: rows.map(Kept),
        lambda rows: rows.map(Kept()),
        lambda rows: rows.map(Kept().__call__),
        lambda rows: rows.map(add_one, concurrency=2),
        lambda rows: rows.map(add_one, compute=ms.TaskPoolStrategy(1, processes=True)),
    ],
    ids=["class", "object", "method", "two at a time", "process"],
)
def test_what_may_keep_a_state_or_runs_elsewhere_is_a_stage_of_its_own(files, capsys, stage):
    rows = stage(read(files).map(add_one)).map(add_one)
    assert "->" not in explained(rows, capsys)
    assert rows.count() == 600


def test_functions_with_a_time_limit_are_stages_of_their_own(files, capsys):
    context = ms.DataContext.get_current().copy()
    context.function_timeout_s = 30
    with ms.DataContext.current(context):
        rows = read(files).map(add_one).map(add_one)
    assert "->" not in explained(rows, capsys)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("kind", ["row", "batch", "result"])
def test_an_error_names_the_function_its_line_and_its_rows(files, place, kind):
    def at_500(row):
        if row["number"] >= 500:
            raise KeyError("five hundred")
        return row

    def late_batch(batch):
        assert batch["number"][0] < 500, "late"
        return batch

    def late_result(row):
        return row if row["number"] < 500 else [row]

    failing = {
        "row": lambda rows: rows.map(at_500),
        "batch": lambda rows: rows.map_batches(late_batch),
        "result": lambda rows: rows.map(late_result),
    }[kind]
    told = []
    for between in (lambda rows: rows, apart):
        rows = read(files)
        for number in range(3):
            rows = failing(between(rows)) if number == place else between(rows).filter(is_even)
        with pytest.raises((KeyError, AssertionError, TypeError)) as raised:
            rows.take_all()
        told.append((str(raised.value), type(raised.value).__mro__[1:], repr(raised.value.__cause__)))
    assert told[0] == told[1]
    source = f"{files}/2.parquet" if place == 0 else "the output of Filter(is_even)"
    rows_of_source = {"row": r"row \d+", "batch": r"rows \d+ to \d+", "result": r"row \d+"}[kind]
    assert re.search(rf"on {rows_of_source} of {re.escape(source)}", told[0][0]), told[0]


def test_rows_before_an_error_come_first(files):
    def late(row):
        if row["number"] == 401:
            raise ValueError("late")
        return row

    rows = read(files).map(add_one).map(late).map(add_one)
    seen = []
    with pytest.raises(ValueError, match="late"):
        seen.extend(batch["number"][0] for batch in rows.iter_batches(batch_size=1))
    assert seen == list(range(2, 402))


def test_the_error_that_is_one_too_many_is_that_of_its_stage(files):
    told = []
    for between in (lambda rows: rows, apart):
        rows = between(read(files)).map(fail_on_sevens, on_error="skip", max_errors=40)
        rows = between(rows).map_batches(fail_on_thirds, **SKIP)
        with pytest.raises(ValueError, match="no 294") as raised:
            rows.take_all()
        letters = [letter for letter in rows.dead_letters().take_all() if letter["stage"] == "Map(fail_on_sevens)"]
        told.append((str(raised.value), letters[:41]))
    assert told[0] == told[1]


def test_an_error_that_is_kept_keeps_no_memory(files, use_engine):
    engine = use_engine()
    gc.disable()
    try:
        kept = [
            _cause(chained(read(files), ["map", "filter", "map"]).map(fail_on_sevens).map(add_one)) for _ in range(2)
        ]
        wait_until_freed()
        assert engine.memory_used() == 0
    finally:
        gc.enable()
    assert_nothing_left()
    assert [str(cause) for cause in kept] == ["no 7"] * 2


LEAVES = """
import sys, threading, time
import millstream as ms

def slow(batch):
    time.sleep(0.01)
    return batch

rows = ms.range(10_000, override_num_blocks=1000).map_batches(slow).filter(expr=ms.col("id") >= 0).map_batches(slow)
batches = iter(rows.iter_batches(batch_size=10))
for _ in range(20):
    next(batches)
if sys.argv[1] == "beside":
    threading.Thread(target=lambda: list(batches), daemon=True).start()
    time.sleep(0.1)
"""


@pytest.mark.parametrize("how", ["in the middle", "beside"])
def test_the_interpreter_ends_while_a_chain_is_in_a_call(run_python, how):
    assert run_python(LEAVES, how) == ""


def _cause(failing):
    try:
        failing.take_all()
    except ValueError as error:
        return error.__cause__
    raise AssertionError("it did not fail")


def test_leaving_early_ends_the_threads_of_a_chain(files, use_engine):
    engine = use_engine()
    rows = chained(read(files), ["null column", "two batches", "flat_map"]).map_batches(
        lambda batch: time.sleep(0.01) or batch
    )
    for _ in range(3):
        batches = iter(rows.iter_batches(batch_size=10))
        next(batches)
        del batches
        wait_until_freed()
        assert_nothing_left()
    assert engine.memory_used() == 0


def test_long_calls_run_on_several_threads_in_their_order(files):
    threads = set()

    def slow(batch):
        threads.add(threading.get_ident())
        time.sleep(0.005)
        return {**batch, "drawn": ms.function_random().random(len(batch["number"]))}

    def slow_rows(row):
        time.sleep(0.0001)
        return [row] * (row["number"] % 2)

    def build(between):
        rows = read(files).map_batches(slow, batch_size=10)
        rows = between(rows).flat_map(slow_rows)
        return between(between(rows).filter(expr=col("drawn") < 0.9)).map_batches(slow)

    together = found(build(lambda rows: rows))
    assert len(threads) > 1
    assert together == found(build(apart))


def waited_for_a_cpu():
    """Seconds that threads of this process were ready to run and did not, so far."""
    stats = [(task / "schedstat").read_text().split() for task in pathlib.Path("/proc/self/task").iterdir()]
    return sum(int(waited) for _, waited, _ in stats) / 1e9


def test_short_calls_run_on_one_thread():
    threads = set()
    before = waited_for_a_cpu()

    def quick(row):
        threads.add(threading.get_ident())
        return row

    assert ms.range(200, override_num_blocks=200).map(quick).map(quick).map(quick).count() == 200
    # Where others have the CPUs, calls are not short.
    assert len(threads) == 1 or waited_for_a_cpu() - before > 0.05


def test_a_chain_reserves_memory_once(use_engine):
    use_engine(memory_limit=64 << 20)
    rows = ms.range(1000, override_num_blocks=10)
    for _ in range(40):
        rows = rows.map(lambda row: row)
    assert rows.count() == 1000
