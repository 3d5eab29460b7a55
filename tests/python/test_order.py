"""The bytes of an epoch, and their order, are the same whatever threads, memory, spilling, batch size and resumes."""

import hashlib
import itertools
import random
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream import col

ROWS = 16_000
THREADS = (1, 2, 8)
BATCH_SIZES = (1_000, 77, 5_000)
PLENTY = 1 << 30


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six files whose row groups differ in size, of columns of all layouts, with nulls."""
    root = tmp_path_factory.mktemp("data")
    draw = random.Random(11)

    def some(values):
        return [None if draw.random() < 0.1 else value for value in values]

    begin = 0
    for index, share in enumerate((0.1, 0.3, 0.0, 0.25, 0.05, 0.3)):
        numbers = range(begin, begin + round(ROWS * share))
        begin += len(numbers)
        table = pa.table(
            {
                "number": pa.array(numbers, pa.int64()),
                "small": pa.array(some(number % 100 for number in numbers), pa.int16()),
                "half": pa.array(some(number / 2 for number in numbers), pa.float64()),
                "flag": pa.array(some(number % 3 == 0 for number in numbers), pa.bool_()),
                "name": pa.array(some(f"row {number}, " * (number % 50) for number in numbers), pa.string()),
                "tags": pa.array(some([number] * (number % 4) for number in numbers), pa.list_(pa.int32())),
                "pair": pa.array(some({"x": number, "y": str(number)} for number in numbers)),
                "word": pa.array(some("aeiou"[number % 5] for number in numbers)).dictionary_encode(),
            }
        )
        pq.write_table(table, root / f"{index}.parquet", row_group_size=draw.randrange(500, 2_500))
    assert begin == ROWS
    return root


def plain(data):
    return ms.read_parquet(data)


def shuffled(data):
    return ms.read_parquet(data).random_shuffle(seed=ms.RandomSeedConfig(7))


def filtered_and_shuffled(data):
    return (
        shuffled(data)
        .filter(expr=(col("small") > 20) & col("name").is_not_null())
        .with_column("twice", col("half") * 2)
    )


PLANS = {plan.__name__: plan for plan in (plain, shuffled, filtered_and_shuffled)}


def digest_of(tables):
    """Of the schema, and of the values of each column one after the other, in whatever batches they came."""
    digest = hashlib.sha256(repr([(field.name, str(field.type)) for field in tables[0].schema]).encode())
    for index in range(tables[0].num_columns):
        values = [value for table in tables for value in table.column(index).to_pylist()]
        digest.update(repr(values).encode())
    return digest.hexdigest()


def digest_of_batch(table):
    """Of the values, the codes that stand for them, and what the numbers are under nulls."""
    digest = hashlib.sha256(digest_of([table]).encode())
    for column in table.columns:
        (chunk,) = column.chunks
        if pa.types.is_dictionary(chunk.type):
            digest.update(repr((chunk.indices.to_pylist(), chunk.dictionary.to_pylist())).encode())
        elif pa.types.is_primitive(chunk.type) and not pa.types.is_boolean(chunk.type):
            width = chunk.type.bit_width // 8
            digest.update(chunk.buffers()[1].slice(chunk.offset * width, len(chunk) * width))
    return digest.hexdigest()


def run(dataset, batch_size, passes=1):
    iterator = dataset.iterator()
    epochs = []
    for _ in range(passes):
        epochs.append(list(iterator.iter_batches(batch_size=batch_size, batch_format="pyarrow", prefetch_batches=2)))
    spilled = sum(stage["spilled_bytes"] for stage in iterator._record.stages())
    return epochs, spilled


def least_limit(use_engine, dataset, batch_size, **options):
    """What the refusal of a limit that is far too small says that would do; 1 where nothing is refused."""
    use_engine(memory_limit=100_000, **options)
    try:
        for _ in dataset.iter_batches(batch_size=batch_size):
            break
    except MemoryError as error:
        return int(re.search(r"at least (\d+) bytes", str(error))[1])
    return 100_000


# The whole product for one plan; for the other each pair of values, not each triple.
CASES = {
    "shuffled": list(itertools.product(THREADS, BATCH_SIZES, (False, True))),
    "filtered_and_shuffled": [(1, 77, False), (2, 1_000, True), (8, 5_000, False), (1, 1_000, True), (8, 77, True)],
}


@pytest.mark.parametrize("name", CASES)
def test_bytes_and_order_are_the_same_over_threads_limits_batch_sizes_and_spilling(use_engine, data, name):
    reference, digests, all_spilled = None, {}, []
    for threads, batch_size, always_spill in CASES[name]:
        least = least_limit(use_engine, PLANS[name](data), batch_size, num_cpus=threads)
        assert least > 1 << 20
        for limit in (PLENTY, 2 * least, least):
            use_engine(num_cpus=threads, memory_limit=limit, always_spill=always_spill)
            (epoch,), spilled = run(PLANS[name](data), batch_size)
            all_spilled.append((limit < PLENTY, always_spill, spilled > 0))
            reference = reference or digest_of(epoch)
            if batch_size not in digests:
                assert digest_of(epoch) == reference
                digests[batch_size] = [digest_of_batch(table) for table in epoch]
            assert [digest_of_batch(table) for table in epoch] == digests[batch_size], (
                f"{threads} threads, limit {limit}, batches of {batch_size}, always_spill={always_spill}"
            )
    # The cases are what they are meant to be.
    assert {spilled for low, always, spilled in all_spilled if always} == {True}
    assert {spilled for low, always, spilled in all_spilled if not low and not always} == {False}
    assert True in {spilled for low, always, spilled in all_spilled if low and not always}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("always_spill", [False, True], ids=["in memory", "spilled"])
def test_a_resume_at_every_step_is_the_tail_whatever_the_engine_before_and_after(use_engine, data, name, always_spill):
    batch_size = 700

    def fresh():
        return PLANS[name](data).iterator()

    def batches_of(iterator):
        return iterator.iter_batches(batch_size=batch_size, batch_format="pyarrow", prefetch_batches=8)

    use_engine(num_cpus=2, always_spill=always_spill)
    iterator = fresh()
    states, digests = [iterator.state_dict()], []
    for table in batches_of(iterator):
        digests.append(digest_of_batch(table))
        states.append(iterator.state_dict())
    assert len(digests) > 10
    engines = itertools.cycle(itertools.product((1, 3), (96 << 20, PLENTY), (False, True)))
    for step, state in enumerate(states):
        threads, limit, spill = next(engines)
        use_engine(num_cpus=threads, memory_limit=limit, always_spill=spill)
        resumed = fresh()
        resumed.load_state_dict(state)
        rest = [digest_of_batch(table) for table in batches_of(resumed)]
        assert rest == digests[step:], f"step {step}, {threads} threads, limit {limit}, always_spill={spill}"


def test_epochs_that_were_prepared_kept_or_made_afresh_are_the_same(use_engine, data):
    def epochs_under(**options):
        use_engine(**options)
        (epochs, _) = run(shuffled(data), 1_000, passes=4)
        return [digest_of(epoch) for epoch in epochs]

    reference = epochs_under(num_cpus=2, memory_limit=PLENTY)
    assert len(set(reference)) == 4
    assert epochs_under(num_cpus=1, memory_limit=48 << 20) == reference
    assert epochs_under(num_cpus=8, memory_limit=96 << 20, always_spill=True) == reference


def test_what_is_written_is_the_same_files_whatever_threads_memory_and_spilling(use_engine, data, tmp_path):
    contents = []
    for number, (threads, limit, always_spill) in enumerate(
        ((1, PLENTY, False), (2, 96 << 20, True), (8, PLENTY, True))
    ):
        use_engine(num_cpus=threads, memory_limit=limit, always_spill=always_spill)
        shuffled(data).write_parquet(tmp_path / str(number), max_rows_per_file=2_500)
        files = sorted((tmp_path / str(number)).iterdir())
        contents.append([file.read_bytes() for file in files])
    assert len(contents[0]) > 5
    assert contents[0] == contents[1] == contents[2]
