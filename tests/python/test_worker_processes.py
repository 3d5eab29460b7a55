"""Functions in worker processes: what they give, raise and leave behind is what it is in the process itself."""

import collections
import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from aftermath import assert_functions_end, assert_nothing_left, wait_until_freed

import millstream as ms
from millstream import function_place
from millstream.call_overlap import CallOverlap

HERE = ms.TaskPoolStrategy(2, processes=False)
THERE = ms.TaskPoolStrategy(2, processes=True)
ONE_THERE = ms.TaskPoolStrategy(1, processes=True)
DEADLINE_S = 10


def children():
    """Processes that this one has begun and that are there still, but for the one that multiprocessing keeps."""
    found = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += (task / "children").read_text().split()
    return [child for child in found if b"multiprocessing.resource_tracker" not in command_of(child)]


def command_of(process):
    """Empty for one that has ended and was not waited for."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def shared_memory():
    """Descriptors of memory that is shared with workers, or was."""
    links = []
    for descriptor in pathlib.Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(os.readlink(descriptor))
    return [link for link in links if "memfd:millstream" in link]


def holds_within(condition, seconds=DEADLINE_S):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def assert_no_worker_left():
    assert_functions_end()
    assert children() == []
    assert shared_memory() == []
    wait_until_freed()
    assert_nothing_left()


def is_alive(process_id):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture(autouse=True)
def _no_worker_is_left():
    """Threads that end their workers are waited for: the next test counts from none."""
    yield
    assert_functions_end()


def every_type():
    """A table of 60 rows whose columns go to numpy, pandas and polars in different ways."""
    count = 60
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(count * 6, dtype=np.float32).reshape(count, 2, 3))
    return pa.table(
        {
            "id": pa.array(range(count)),
            "small": pa.array([None if i % 5 == 0 else i % 100 for i in range(count)], pa.int8()),
            "real": pa.array([float("nan") if i == 3 else i / 7 for i in range(count)]),
            "text": pa.array([None if i % 7 == 0 else "é" * (i % 4) for i in range(count)]),
            "large": pa.array([str(i) for i in range(count)], pa.large_string()),
            "kind": pa.array([f"k{i % 3}" for i in range(count)]).dictionary_encode(),
            "flag": pa.array([None if i % 4 == 0 else i % 2 == 0 for i in range(count)]),
            "when": pa.array([i * 10**6 for i in range(count)], pa.timestamp("us", "Europe/Berlin")),
            "list": pa.array([[i] * (i % 3) for i in range(count)], pa.list_(pa.int16())),
            "pair": pa.array(
                [{"a": i, "b": None} for i in range(count)], pa.struct([("a", pa.int32()), ("b", pa.int8())])
            ),
            "tensor": tensors,
            "nothing": pa.nulls(count),
        }
    )


def same(batch):
    return batch


def emptied(batch):
    return batch[:0] if hasattr(batch, "iloc") else batch.slice(0, 0)


def in_parts(batch):
    for begin in range(0, batch.num_rows, 7):
        yield batch.slice(begin, 7)


def widening(batch):
    """A schema of its own for each part."""
    yield {"x": [None]}
    yield {"x": batch["id"].astype("int8")}
    yield {"x": batch["id"]}


def doubled(row):
    return {"id": row["id"], "twice": 2 * row["id"], "text": row["text"]}


def repeated(row):
    return [row] * (row["id"] % 3)


FUNCTIONS = {
    **{
        f"batches of {batch_format}": functools.partial(
            lambda rows, compute, batch_format: rows.map_batches(
                same, batch_size=13, batch_format=batch_format, compute=compute
            ),
            batch_format=batch_format,
        )
        for batch_format in ("numpy", "pandas", "polars", "pyarrow")
    },
    "no rows": lambda rows, compute: rows.map_batches(emptied, batch_format="pyarrow", compute=compute),
    "no rows of pandas": lambda rows, compute: rows.map_batches(emptied, batch_format="pandas", compute=compute),
    "several batches": lambda rows, compute: rows.map_batches(in_parts, batch_format="pyarrow", compute=compute),
    "schemas that widen": lambda rows, compute: rows.map_batches(widening, batch_size=10, compute=compute),
    "copies": lambda rows, compute: rows.map_batches(
        lambda batch: {"id": np.negative(batch["id"], out=batch["id"])}, zero_copy_batch=False, compute=compute
    ),
    "map": lambda rows, compute: rows.map(doubled, compute=compute),
    "flat_map": lambda rows, compute: rows.flat_map(repeated, compute=compute),
    "flat_map of nothing": lambda rows, compute: rows.flat_map(lambda row: [], compute=compute),
    "filter": lambda rows, compute: rows.filter(lambda row: row["id"] % 3 == 1, compute=compute),
    "add_column": lambda rows, compute: rows.add_column("sum", lambda frame: frame["id"] + 1, compute=compute),
    "map_groups": lambda rows, compute: rows.groupby("kind").map_groups(
        lambda group: {"kind": group["kind"][:1], "sum": [group["id"].sum()]}, compute=compute
    ),
    "arguments": lambda rows, compute: rows.map(
        lambda row, add, *, times: {"id": (row["id"] + add) * times},
        fn_args=(3,),
        fn_kwargs={"times": 2},
        compute=compute,
    ),
    "above a function": lambda rows, compute: rows.map(doubled, compute=compute).map(doubled, compute=compute),
    "above a shuffle": lambda rows, compute: rows.random_shuffle(seed=4).map(doubled, compute=compute),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_function_gives_there_what_it_gives_here(kind):
    rows = ms.from_arrow(every_type())
    here = FUNCTIONS[kind](rows, HERE).to_arrow()
    there = FUNCTIONS[kind](rows, ONE_THERE).to_arrow()
    assert there.schema == here.schema
    assert there.to_pylist().__repr__() == here.to_pylist().__repr__()  # in which NaN is NaN


def test_it_does_run_there_and_each_worker_has_an_instance_of_its_own(rows):
    class Owner:
        def __init__(self):
            self.calls = 0

        def __call__(self, batch):
            self.calls += 1
            ms.function_random()
            return {"key": batch["key"][:1], "process": [os.getpid()], "calls": [self.calls]}

    took = rows.map_batches(Owner, batch_size=5, compute=ms.ActorPoolStrategy(size=2, processes=True)).take_all()
    calls = collections.defaultdict(list)
    for row in took:
        calls[row["process"]].append(row["calls"])
    assert os.getpid() not in calls
    assert 1 <= len(calls) <= 2
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in calls.values())
    assert [row["key"] for row in took] == list(range(0, 1000, 5))


def test_functions_of_the_main_script_need_no_guard(run_python):
    printed = run_python(
        """
import os
import numpy as np
import millstream as ms

print("main runs")
SCALE = 3

class Trouble(ValueError):
    pass

def scaled(batch):
    if batch["id"][-1] == 99:
        raise Trouble("ninety-nine")
    return {"x": batch["id"] * SCALE, "p": np.full(len(batch["id"]), os.getpid())}

there = ms.TaskPoolStrategy(2, processes=True)
rows = ms.range(90).map_batches(scaled, batch_size=10, compute=there).take_all()
assert [row["x"] for row in rows] == [3 * i for i in range(90)]
assert os.getpid() not in {row["p"] for row in rows}
assert [r["y"] for r in ms.range(3).map(lambda row: {"y": row["id"] + SCALE}, compute=there).take_all()] == [3, 4, 5]
try:
    ms.range(100).map_batches(scaled, batch_size=10, compute=there).take_all()
except Trouble as error:
    print(error)
"""
    )
    lines = printed.splitlines()
    assert lines[0] == "main runs"
    assert "MapBatches(scaled): the function raised Trouble: ninety-nine (" in lines[1]
    assert 'script.py, line 14: raise Trouble("ninety-nine")), on rows 90 to 99 of Range' in lines[1]
    assert len(lines) == 2


def test_what_a_worker_prints_comes_out(run_python):
    printed = run_python(
        """
import millstream as ms
def say(row):
    print("row", row["id"])
    return row
ms.range(2).map(say, compute=ms.TaskPoolStrategy(1, processes=True)).take_all()
"""
    )
    assert printed == "row 0\nrow 1\n"


def test_rows_do_not_depend_on_the_engine(each_engine, rows):
    shuffled = (
        rows.map(lambda row: {"key": 2 * row["key"]}, compute=THERE)
        .random_shuffle(seed=9)
        .map(lambda row: row, compute=ONE_THERE)
    )
    assert shuffled.take_all() == [
        {"key": 2 * row["key"]} for row in rows.select_columns(["key"]).random_shuffle(seed=9).iter_rows()
    ]


def test_the_random_numbers_are_the_same_there(rows):
    def drawn(compute):
        shuffled = rows.random_shuffle(seed=3)
        return shuffled.map_batches(
            lambda batch: {"x": ms.function_random().random(len(batch["key"]))}, batch_size=64, compute=compute
        ).take_all()

    assert drawn(THERE) == drawn(HERE)


# ---- memory ----
def test_batches_that_a_function_keeps_stay_as_they_were():
    class Keeper:
        def __init__(self):
            self.kept = []

        def __call__(self, batch):
            self.kept.append(batch["id"])
            return {"first": [int(ids[0]) for ids in self.kept]}

    kept = ms.range(200).map_batches(Keeper, batch_size=20, compute=ms.ActorPoolStrategy(size=1, processes=True))
    assert [row["first"] for row in kept.take_all()] == [
        first for last in range(0, 200, 20) for first in range(0, last + 1, 20)
    ]


def test_results_that_the_consumer_keeps_stay_as_they_were(use_engine):
    use_engine()
    rows = ms.range(20_000).map_batches(lambda batch: {"x": batch["id"] * 2}, batch_size=500, compute=ONE_THERE)
    kept = [batch["x"] for batch in rows.iter_batches(batch_size=500)]
    assert np.concatenate(kept).tolist() == list(range(0, 40_000, 2))
    del kept
    assert_no_worker_left()


@pytest.mark.tame  # a batch takes 24 MB
def test_batches_that_are_large_and_few_go_there_and_back():
    rows = ms.range(6_000_000).map_batches(lambda batch: {"x": batch["id"] + 1}, batch_size=3_000_000, compute=THERE)
    assert rows.sum("x") == 6_000_000 * 6_000_001 // 2


# ---- errors ----
class OddError(Exception):
    """Takes other arguments than a text."""

    def __init__(self, code, reason):
        super().__init__(code, reason)


def raising(error):
    def raises(row):
        if row["key"] == 617:
            raise error
        return row

    return raises


class Told(NamedTuple):
    """Of an error, without its traceback, which holds what the pass held."""

    kinds: tuple
    text: str
    cause: str


def error_of(plan):
    with pytest.raises(Exception) as raised:  # noqa: PT011
        plan.take_all()
    return Told(type(raised.value).__mro__[1:], str(raised.value), str(raised.value.__cause__))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no good"),
        KeyError("x"),
        OSError(2, "gone"),
        RuntimeError("r"),
        StopIteration("s"),
        OddError(3, "odd"),
        SystemExit(3),
    ],
    ids=repr,
)
def test_what_a_function_raises_there_is_told_as_here(rows, error):
    here = error_of(rows.map(raising(error), compute=HERE))
    there = error_of(rows.map(raising(error), compute=THERE))
    assert there.text == here.text
    assert "row 117 of " in there.text
    assert "test_worker_processes.py, line " in there.text
    assert there.kinds == here.kinds
    assert RuntimeError in there.kinds
    assert "in raises\n    raise error\n" in there.cause


WRONG_RESULTS = {
    "type": lambda batch: None,
    "length": lambda batch: {"a": [1], "b": [1, 2]},
    "no Arrow type": lambda batch: {"a": object()},
    "invalid Arrow": lambda batch: pa.RecordBatch.from_arrays(
        [pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(np.array([5, 1], np.int32)), pa.py_buffer(b"abc")])],
        ["a"],
    ),
    "missing name": lambda batch: batch["kee"],
}


@pytest.mark.parametrize("wrong", WRONG_RESULTS)
def test_a_wrong_result_is_told_there_as_here(rows, wrong):
    here = error_of(rows.map_batches(WRONG_RESULTS[wrong], compute=HERE))
    there = error_of(rows.map_batches(WRONG_RESULTS[wrong], compute=THERE))
    assert there.kinds == here.kinds
    assert there.text == here.text
    assert "part-0.parquet" in there.text


def test_a_class_that_cannot_be_made_there_says_so(rows):
    class Broken:
        def __init__(self, path):
            raise FileNotFoundError(path)

        def __call__(self, row):
            return row

    with pytest.raises(FileNotFoundError, match=r"Map\(Broken\): the function raised FileNotFoundError: model\.pt"):
        rows.map(Broken, fn_constructor_args=("model.pt",), compute=ONE_THERE).take_all()


def test_a_function_that_cannot_be_sent_is_an_error_where_processes_are_asked_for(use_engine, rows):
    use_engine()
    lock = threading.Lock()

    def locked(row):
        with lock:
            return row

    with pytest.raises(TypeError, match=r"Map\(locked\): the function cannot be sent to a worker process .*lock"):
        rows.map(locked, compute=THERE).take_all()
    assert_no_worker_left()


def unloadable():
    raise ImportError("no such model")


class Unloadable:
    def __call__(self, row):
        return row

    def __reduce__(self):
        return unloadable, ()


def test_a_function_that_cannot_be_loaded_there_is_an_error_too(use_engine, rows):
    use_engine()
    with pytest.raises(
        RuntimeError,
        match=r"Map\(Unloadable\): a worker process cannot load the function .*no such model.*processes=False",
    ):
        rows.map(Unloadable(), compute=THERE).take_all()
    assert_no_worker_left()


# ---- workers that die ----
def exits(row):
    if row["key"] == 617:
        os._exit(3)
    return row


def kills_itself(row):
    if row["key"] == 617:
        os.kill(os.getpid(), signal.SIGKILL)
    return row


def crashes(row):
    if row["key"] == 617:
        signal.raise_signal(signal.SIGSEGV)
    return row


DEATHS = [
    (exits, "ended with exit code 3"),
    (kills_itself, r"died of signal 9 \(SIGKILL\)"),
    (crashes, r"died of signal 11 \(SIGSEGV\) \(\S*test_worker_processes.py, line \d+: signal.raise_signal"),
]


@pytest.mark.parametrize(("function", "told"), DEATHS)
def test_a_worker_that_dies_is_an_error_that_names_stage_way_and_rows(use_engine, rows, function, told):
    use_engine()
    with pytest.raises(ms.WorkerDiedError, match=rf"^Map\({function.__name__}\): the worker process .*{told}") as died:
        rows.map(function, compute=THERE).take_all()
    assert "so did the one before it" in str(died.value)
    assert "on rows 70 to 139 of " in str(died.value)
    assert "part-2.parquet" in str(died.value)
    del died
    assert_no_worker_left()


def test_the_rows_before_those_that_a_worker_dies_of_come_first(rows):
    taken = []
    with pytest.raises(ms.WorkerDiedError):
        taken.extend(row["key"] for row in rows.map(exits, compute=THERE).iter_rows())
    assert taken == list(range(len(taken)))
    assert 0 < len(taken) <= 570


def test_a_function_whose_worker_dies_once_is_called_again_in_another(rows, tmp_path):
    mark = tmp_path / "died"

    def dies_once(row):
        if row["key"] == 617 and not mark.exists():
            mark.touch()
            os._exit(1)
        return row

    mapped = rows.map(dies_once, compute=THERE)
    assert [row["key"] for row in mapped.iter_rows()] == list(range(1000))
    assert mark.exists()
    assert "Map(dies_once): in 2 worker processes, 1 begun anew after one died" in mapped.stats()


def test_a_class_whose_worker_dies_is_not_called_again(rows, tmp_path):
    mark = tmp_path / "died"

    class DiesOnce:
        def __call__(self, row):
            if row["key"] == 617 and not mark.exists():
                mark.touch()
                os._exit(1)
            return row

    with pytest.raises(ms.WorkerDiedError, match=r"ended with exit code 1, on rows 70 to 139 of \S*part-2"):
        rows.map(DiesOnce, compute=ONE_THERE).take_all()


def test_a_function_that_does_not_return_is_ended(use_engine, tmp_path):
    use_engine()

    def stuck(batch):
        (tmp_path / str(os.getpid())).touch()
        if batch["id"][0] >= 10:
            time.sleep(1000)
        return batch

    context = ms.DataContext.get_current().copy()
    context.function_timeout_s = 1.0
    with ms.DataContext.current(context):
        rows = ms.range(20).map_batches(stuck, batch_size=5, compute=ONE_THERE)
    with pytest.raises(
        TimeoutError, match=r"MapBatches\(stuck\).* within 1 s, on rows 10 to 14 of Range .*line \d+: time.sleep"
    ):
        rows.take_all()
    assert_no_worker_left()
    assert not any(is_alive(path.name) for path in tmp_path.iterdir() if path.name.isdecimal())


# ---- what is left ----
def slow(batch):
    time.sleep(0.001 if batch["id"][0] < 1000 else 1000)
    return batch


def by_end(tmp_path):
    assert ms.range(1000).map_batches(same, batch_size=100, compute=THERE).count() == 1000


def by_break(tmp_path):
    for _ in ms.range(10_000).map_batches(slow, batch_size=100, compute=THERE).iter_batches(batch_size=100):
        break


def by_exception(tmp_path):
    with pytest.raises(ZeroDivisionError):
        ms.range(1000).map_batches(lambda batch: 1 / 0, batch_size=100, compute=THERE).take_all()


def by_limit(tmp_path):
    assert ms.range(10_000).map_batches(slow, batch_size=100, compute=THERE).limit(150).count() == 150


@pytest.mark.parametrize("leave", [by_end, by_break, by_exception, by_limit], ids=lambda leave: leave.__name__)
def test_however_a_pass_ends_no_process_and_no_memory_is_left(use_engine, tmp_path, leave):
    use_engine()
    leave(tmp_path)
    assert_no_worker_left()


LEAVES_WORKERS = """
import os, sys, time
import millstream as ms

def stuck(batch):
    os.write(1, f"{os.getpid()}\\n".encode())  # at once, for two workers write
    time.sleep(1000)
    return batch

there = ms.TaskPoolStrategy(2, processes=True)
"""


def started(source):
    """A process that runs the source, and the ids of the two workers that it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVES_WORKERS + source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, [int(process.stdout.readline()) for _ in range(2)]


def test_workers_die_with_a_parent_that_is_killed():
    process, workers = started("ms.range(10).map_batches(stuck, batch_size=1, compute=there).take_all()")
    process.kill()
    process.communicate()
    assert holds_within(lambda: not any(is_alive(worker) for worker in workers))


def test_workers_die_with_a_parent_that_leaves_a_pass_open():
    process, workers = started(
        "import threading\n"
        "threading.Thread(target=lambda: (sys.stdin.readline(), os._exit(0))).start()\n"
        "next(iter(ms.range(10).map_batches(stuck, batch_size=1, compute=there).iter_batches(prefetch_batches=4)))"
    )
    process.communicate("leave\n", timeout=DEADLINE_S)
    assert holds_within(lambda: not any(is_alive(worker) for worker in workers))


def test_ctrl_c_ends_workers_and_only_the_parent_tells_of_it():
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            LEAVES_WORKERS + "ms.range(10).map_batches(stuck, batch_size=1, compute=there).take_all()",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    workers = [int(process.stdout.readline()) for _ in range(2)]
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=DEADLINE_S)
    assert told.count("KeyboardInterrupt") == 1
    assert holds_within(lambda: not any(is_alive(worker) for worker in workers))


# ---- the choice ----
def test_explain_and_stats_say_where_a_function_runs(rows, capsys):
    for compute, planned, ran in (
        (HERE, "2 at a time, on threads of this process\n", "on 2 threads of this process"),
        (ms.TaskPoolStrategy(1), "1 at a time, on threads of this process\n", "on 1 thread of this process"),
        (THERE, "2 at a time, in worker processes\n", "in 2 worker processes"),
        (ONE_THERE, "1 at a time, in worker processes\n", "in 1 worker process"),
    ):
        mapped = rows.map(same, compute=compute)
        mapped.explain()
        assert f"Map(same): whole blocks, {planned}" in capsys.readouterr().out
        assert len(list(mapped.iter_rows())) == 1000
        assert f"\nMap(same): {ran}\n" in mapped.stats()


@pytest.fixture
def two_cpus(monkeypatch):
    monkeypatch.setattr(function_place, "_cpus", lambda: 2)


def told_of(monkeypatch, verdict):
    """Lets no clock decide."""
    monkeypatch.setattr(CallOverlap, "end", lambda self: verdict)


def places_of(rows):
    """The processes that a function ran in: of the first and of the second execution of one plan."""
    mapped = rows.map_batches(lambda batch: {"p": [os.getpid()]}, batch_size=10, concurrency=2)
    return [[row["p"] for row in mapped.iter_rows()] for _ in range(2)], mapped


@pytest.mark.usefixtures("two_cpus")
def test_a_function_whose_calls_hold_one_another_up_moves_to_processes(rows, monkeypatch):
    told_of(monkeypatch, True)
    (first, second), mapped = places_of(rows)
    assert first[0] == os.getpid()
    assert first[-1] != os.getpid()
    assert os.getpid() not in second  # which begins where the first has ended
    assert "in 2 worker processes\n" in mapped.stats()


@pytest.mark.usefixtures("two_cpus")
def test_a_function_whose_calls_run_side_by_side_stays(rows, monkeypatch):
    told_of(monkeypatch, False)
    places, mapped = places_of(rows)
    assert {place for each in places for place in each} == {os.getpid()}
    assert "on 2 threads of this process\n" in mapped.stats()


@pytest.mark.usefixtures("two_cpus")
def test_what_cannot_be_sent_stays_and_statistics_say_why(rows, monkeypatch):
    told_of(monkeypatch, True)
    lock = threading.Lock()

    def locked(row):
        with lock:
            return row

    mapped = rows.map(locked, concurrency=2)
    assert len(list(mapped.iter_rows())) == 1000
    assert (
        "on 2 threads of this process; Map(locked): the function cannot be sent to a worker process" in mapped.stats()
    )


@pytest.mark.usefixtures("two_cpus")
def test_what_cannot_be_loaded_there_stays(rows, monkeypatch):
    monkeypatch.setattr(function_place, "is_stateless", lambda fn: True)
    told_of(monkeypatch, True)
    mapped = rows.map(Unloadable(), concurrency=2)
    assert [row["key"] for row in mapped.iter_rows()] == list(range(1000))
    assert "a worker process cannot load the function (ImportError: no such model)" in mapped.stats()


@pytest.mark.usefixtures("two_cpus")
def test_rows_of_types_that_cannot_go_there_stay(monkeypatch):
    told_of(monkeypatch, True)
    ids = pa.DictionaryArray.from_arrays([0, 1] * 50, pa.array([b"0" * 16, b"1" * 16], pa.uuid()))
    rows = ms.from_arrow(pa.table({"ids": ids}))

    def count(compute):
        return rows.map_batches(
            lambda batch: {"n": [batch.num_rows]}, batch_size=10, batch_format="pyarrow", compute=compute
        )

    assert count(ms.TaskPoolStrategy(2)).sum("n") == 100
    with pytest.raises(
        TypeError, match=r"MapBatches\(<lambda>\): column 'ids' of type .* cannot go to a worker process"
    ):
        count(THERE).take_all()


@pytest.mark.usefixtures("two_cpus")
def test_instances_of_classes_are_in_processes_from_the_start_and_objects_stay(rows, capsys):
    class Where:
        def __call__(self, batch):
            return {"p": [os.getpid()]}

    def processes(fn):
        mapped = rows.map_batches(fn, batch_size=10, concurrency=2)
        mapped.explain()
        return {row["p"] for row in mapped.take_all()}

    assert os.getpid() not in processes(Where)
    assert "2 at a time, in worker processes" in capsys.readouterr().out
    assert processes(Where()) == {os.getpid()}
    assert processes(Where().__call__) == {os.getpid()}
    assert "2 at a time, on threads of this process\n" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["yes", 3])
def test_processes_is_a_flag(value):
    for strategy in (ms.TaskPoolStrategy, ms.ActorPoolStrategy):
        with pytest.raises(TypeError, match="processes must be True or False"):
            strategy(size=2, processes=value)


class Clocks:
    """Of two threads whose calls are under way at one time for ten seconds, and run for `share` of them each."""

    def __init__(self, share):
        self.share = share
        self.now = 0.0

    def wall(self):
        return self.now

    def runnable(self, thread):
        return self.now * self.share

    def verdict(self, cpus):
        overlap = CallOverlap(cpus, self.wall, self.runnable)
        overlap.begin()
        beside = threading.Thread(target=overlap.begin)
        beside.start()
        beside.join()
        self.now = 10.0
        return overlap.end()


def test_calls_of_which_one_runs_at_a_time_hold_one_another_up():
    assert Clocks(0.5).verdict(cpus=2) is True
    assert Clocks(0.6).verdict(cpus=4) is True
    assert Clocks(0.95).verdict(cpus=2) is False
    assert Clocks(0.1).verdict(cpus=2) is False  # they wait for something else


def test_one_call_at_a_time_tells_nothing():
    clocks = Clocks(1.0)
    overlap = CallOverlap(2, clocks.wall, clocks.runnable)
    for _ in range(3):
        overlap.begin()
        clocks.now += 10.0
        assert overlap.end() is None
