"""Sources of the user's own: tasks in order, blocks as a stream."""

import functools
import itertools
import pickle
import re
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import millstream as ms
from millstream import col
from millstream.datasource import BlockMetadata, Datasource, RandomIntRowDatasource, ReadTask

BLOCK = 50
TASK = 200


def read_numbers(first, count=TASK):
    for begin in range(first, first + count, BLOCK):
        yield pa.table({"n": range(begin, begin + BLOCK)})


class Numbers(Datasource):
    """0 to 199 in the first task, and so on."""

    def __init__(self, tasks=5):
        self.tasks = tasks
        self.asked = []

    def estimate_inmemory_data_size(self):
        return 8 * TASK * self.tasks

    def get_read_tasks(self, parallelism, per_task_row_limit=None, data_context=None):
        self.asked.append(parallelism)
        metadata = BlockMetadata(num_rows=TASK, size_bytes=8 * TASK, input_files=None, exec_stats=None)
        return [ReadTask(functools.partial(read_numbers, TASK * task), metadata) for task in range(self.tasks)]


class OfTasks(Datasource):
    def __init__(self, *read_fns, **options):
        self.tasks = [ReadTask(read_fn, BlockMetadata(), **options) for read_fn in read_fns]

    def get_read_tasks(self, parallelism):
        return self.tasks


def numbers(dataset):
    return [row["n"] for row in dataset.take_all()]


@pytest.mark.parametrize("readers", [None, 1, 3])
def test_rows_come_in_the_order_of_tasks_and_blocks(readers):
    rows = ms.read_datasource(Numbers(), concurrency=readers)
    assert numbers(rows) == list(range(1000))
    assert rows.count() == 1000
    assert rows.schema().names == ["n"]
    assert rows.num_blocks() == 5
    iterator = rows.iterator()
    for _ in range(2):
        assert [row["n"] for row in iterator.iter_rows()] == list(range(1000))


def test_order_and_identity_do_not_depend_on_who_reads():
    shuffled = [numbers(ms.read_datasource(Numbers(), concurrency=n).random_shuffle(seed=4)) for n in (1, 4)]
    assert shuffled[0] == shuffled[1] != list(range(1000))
    assert sorted(shuffled[0]) == list(range(1000))


def test_a_pass_goes_on_where_it_was_saved():
    rows = ms.read_datasource(Numbers()).random_shuffle(seed=4)
    first = rows.iterator()
    batches = iter(first.iter_batches(batch_size=64))
    begun = [next(batches)["n"].tolist() for _ in range(3)]
    state = first.state_dict()
    second = ms.read_datasource(Numbers()).random_shuffle(seed=4).iterator()
    second.load_state_dict(state)
    rest = [batch["n"].tolist() for batch in second.iter_batches(batch_size=64)]
    assert list(itertools.chain(*begun, *rest)) == numbers(rows)


def test_how_many_tasks_are_asked_for():
    source = Numbers()
    ms.read_datasource(source)
    ms.read_datasource(source, override_num_blocks=3)
    ms.read_datasource(source, parallelism=17)
    assert source.asked == [8, 3, 17]

    class Large(Numbers):
        def estimate_inmemory_data_size(self):
            return 10 << 30

    class Unknown(Numbers):
        def estimate_inmemory_data_size(self):
            return None

    large, unknown = Large(), Unknown()
    ms.read_datasource(large)
    ms.read_datasource(unknown)
    assert (large.asked, unknown.asked) == ([160], [64])


@pytest.mark.parametrize(
    "block",
    [
        pa.table({"n": [1, 2]}),
        pa.record_batch({"n": [1, 2]}),
        pd.DataFrame({"n": [1, 2]}),
        {"n": np.array([1, 2])},
        {"n": [1, 2]},
    ],
)
def test_what_a_block_may_be(block):
    assert numbers(ms.read_datasource(OfTasks(lambda: [block], lambda: iter([block])))) == [1, 2, 1, 2]


def test_tasks_may_have_no_rows():
    assert ms.read_datasource(OfTasks(list, list)).take_all() == []
    assert ms.read_datasource(OfTasks()).count() == 0
    assert numbers(ms.read_datasource(OfTasks(list, lambda: [{"n": [1]}], list))) == [1]


def test_a_task_keeps_to_its_row_limit():
    drawn = []

    def read():
        for begin in range(0, 1000, 10):
            drawn.append(begin)
            yield {"n": list(range(begin, begin + 10))}

    assert numbers(ms.read_datasource(OfTasks(read, per_task_row_limit=25))) == list(range(25))
    assert drawn == [0, 10, 20]


def test_stages_stand_above_it():
    rows = ms.read_datasource(Numbers()).filter(expr="n % 2 == 0").with_column("half", col("n") / 2)
    assert rows.take(3) == [{"n": 0, "half": 0.0}, {"n": 2, "half": 1.0}, {"n": 4, "half": 2.0}]
    assert rows.sort("n", descending=True).take(1) == [{"n": 998, "half": 499.0}]
    assert ms.read_datasource(Numbers()).map_batches(lambda batch: {"n": batch["n"] + 1}).sum("n") == 500500


def test_blocks_are_read_as_a_stream():
    lock = threading.Lock()
    counts = {"read": 0, "closed": 0}
    block_rows = 1 << 17

    def read():
        try:
            for _ in range(200):
                with lock:
                    counts["read"] += 1
                yield {"n": np.zeros(block_rows, np.int64)}
        finally:
            with lock:
                counts["closed"] += 1

    # Of each reader's task a block in hand and two that wait; what the stage looks at for its schema; batches ahead.
    most_ahead = 3 * 2 + 4 + 8
    rows = ms.read_datasource(OfTasks(read, read), concurrency=2)
    ahead = []
    for number, _ in enumerate(rows.iter_batches(batch_size=block_rows, prefetch_batches=1)):
        with lock:
            ahead.append(counts["read"] - number)
    assert len(ahead) == 400
    assert max(ahead) <= most_ahead
    assert counts == {"read": 400, "closed": 2}


def test_who_stops_early_stops_the_tasks():
    closed = threading.Event()

    def read():
        try:
            number = 0
            while True:
                yield {"n": [number]}
                number += 1
        finally:
            closed.set()

    assert numbers(ms.read_datasource(OfTasks(read)).limit(3)) == [0, 1, 2]
    assert closed.wait(60)


def test_what_a_task_raises_names_it_and_its_files():
    def read():
        yield {"n": [1]}
        raise OSError("no such table")

    metadata = BlockMetadata(input_files=["a.db", "b.db"])

    class Tables(Datasource):
        def get_read_tasks(self, parallelism):
            return [ReadTask(lambda: [{"n": [0]}], metadata), ReadTask(read, metadata)]

    rows = ms.read_datasource(Tables())
    with pytest.raises(OSError, match=r"ReadTables: .*no such table.*read task 1 of 2 \(a\.db, b\.db\)") as caught:
        rows.take_all()
    assert isinstance(caught.value, ms.UserCodeError)
    assert numbers(rows.limit(1)) == [0]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda: pa.table({"n": [1]}), "yield each, or return \\[block\\]"),
        (lambda: {"n": [1]}, "yield each, or return \\[block\\]"),
        (lambda: 3, "read_fn returned int"),
        (lambda: [[1]], "returned a list; a batch is a dict of columns.*read task 0 of 1"),
    ],
)
def test_what_is_no_block_says_what_to_return(returned, message):
    with pytest.raises(TypeError, match=message):
        ms.read_datasource(OfTasks(returned)).take_all()


def test_wrong_arguments_are_refused():
    with pytest.raises(TypeError, match="takes a Datasource, not int"):
        ms.read_datasource(3)
    with pytest.raises(NotImplementedError, match="needs get_read_tasks"):
        ms.read_datasource(Datasource())
    source = OfTasks()
    source.tasks = [3]
    with pytest.raises(TypeError, match="gives ReadTasks, and one is int"):
        ms.read_datasource(source)
    with pytest.raises(TypeError, match="takes a function that gives blocks"):
        ReadTask([1], BlockMetadata())
    with pytest.raises(NotImplementedError, match="num_gpus"):
        ms.read_datasource(Numbers(), num_gpus=1)
    with pytest.raises(TypeError, match="no argument 'tables'"):
        ms.read_datasource(Numbers(), tables=3)


def test_a_data_set_of_tasks_pickles():
    copied = pickle.loads(pickle.dumps(ms.read_datasource(Numbers()).filter(expr="n > 900")))
    assert numbers(copied) == list(range(901, 1000))


def test_names_and_what_tasks_tell():
    task = ReadTask(list, BlockMetadata(num_rows=3), pa.schema([("n", pa.int64())]), 5)
    assert (task.metadata.num_rows, task.schema.names, task.per_task_row_limit) == (3, ["n"], 5)
    assert list(ReadTask(lambda: [1, 2], BlockMetadata())()) == [1, 2]
    assert task.read_fn() == []
    assert Numbers().get_name() == "Numbers"
    assert Numbers().supports_distributed_reads


def test_what_tasks_tell_of_their_rows_sizes_the_stages_above(capsys):
    def expected(*metadata, size=None):
        class Told(Datasource):
            def estimate_inmemory_data_size(self):
                return size

            def get_read_tasks(self, parallelism):
                return [ReadTask(list, told) for told in metadata]

        ms.read_datasource(Told()).random_shuffle(seed=1).explain()
        return int(re.search(r"shuffle: about (\d+) rows", capsys.readouterr().out)[1])

    assert expected(BlockMetadata(100), BlockMetadata(200)) == 300
    assert expected(BlockMetadata(100), BlockMetadata(), BlockMetadata(200)) == 450
    assert expected(BlockMetadata(size_bytes=3200), BlockMetadata()) == 200
    assert expected(BlockMetadata(), size=32_000) == 1000


def test_random_int_rows_are_the_same_each_time():
    source = RandomIntRowDatasource(n=1000, num_columns=3)
    rows = ms.read_datasource(source, override_num_blocks=7)
    assert rows.count() == 1000
    assert rows.columns() == ["c_0", "c_1", "c_2"]
    assert rows.take_all() == rows.take_all()
    assert source.estimate_inmemory_data_size() == 24000
    assert ms.read_datasource(RandomIntRowDatasource(2, 1), override_num_blocks=7).count() == 2


ENDLESS = """
import itertools, os, sys
import millstream as ms
from millstream.datasource import BlockMetadata, Datasource, ReadTask

class Endless(Datasource):
    def get_read_tasks(self, parallelism):
        def read():
            for number in itertools.count():
                yield {"n": [number] * 1000}
        return [ReadTask(read, BlockMetadata()) for _ in range(4)]

batches = iter(ms.read_datasource(Endless(), concurrency=3).iter_batches(batch_size=10))
print(next(batches)["n"].tolist() == [0] * 10)
"""
FORK = """
child = os.fork()
if child == 0:
    os._exit(0 if ms.range(3).count() == 3 else 1)
print(os.waitpid(child, 0)[1])
"""


def test_a_process_ends_while_tasks_read(run_python):
    assert run_python(ENDLESS) == "True\n"
    assert run_python(ENDLESS + FORK) == "True\n0\n"
