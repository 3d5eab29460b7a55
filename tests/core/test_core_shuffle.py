"""The engine's module on small Parquet files: every row once, one order for a seed, resume."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millstream import _core

ROWS = 10_000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for index in range(4):
        begin = index * ROWS // 4
        keys = list(range(begin, begin + ROWS // 4))
        table = pa.table(
            {
                "key": pa.array(keys, pa.int64()),
                "half": pa.array([None if key % 7 == 0 else key / 2 for key in keys], pa.float64()),
                "name": pa.array([None if key % 11 == 0 else f"row {key}" for key in keys]),
                "tags": pa.array([[key] * (key % 4) for key in keys], pa.list_(pa.int32())),
            }
        )
        pq.write_table(table, root / f"part-{index}.parquet", row_group_size=700)
    return root


def engine(threads=2):
    return _core.Engine(num_cpus=threads, memory_limit=1 << 30)


def batches(plan, *, threads=2, seed=5, epoch=0, batch_size=512, resume=None):
    stream = _core.execute(
        engine(threads), plan, seed=seed, epoch=epoch, batch_size=batch_size, drop_last=False, prefetch_batches=1,
        preserve_order=True, resume=resume,
    )
    while (batch := stream.next()) is not None:
        yield batch, dict(zip(("key", "ties", "rows"), stream.position(), strict=True))


def rows(plan, **options):
    out = []
    for batch, _ in batches(plan, **options):
        out.extend(zip(*(batch.pylist(column) for column in range(batch.num_columns)), strict=True))
    return out


def expected(key):
    return (key, None if key % 7 == 0 else key / 2, None if key % 11 == 0 else f"row {key}", [key] * (key % 4))


def read(data):
    return _core.read_parquet(engine(), {"paths": [str(data)]})


def test_reads_all_rows_in_source_order(data):
    assert rows(read(data)) == [expected(key) for key in range(ROWS)]


def test_shuffles_every_row_once_whatever_the_threads_and_batch_size(data):
    plan = read(data).random_shuffle("per_execution", 5)
    first = rows(plan, threads=1, batch_size=100)
    assert first != sorted(first, key=lambda row: row[0])
    assert sorted(first, key=lambda row: row[0]) == [expected(key) for key in range(ROWS)]
    assert rows(plan, threads=4, batch_size=3000) == first
    assert rows(plan, epoch=1) != first


def test_filters_before_the_shuffle_keep_the_order_of_the_rest(data):
    plan = read(data).random_shuffle("per_execution", 5)
    kept = plan.filter(_core.call("less", [_core.column("key"), _core.literal(3000)]))
    assert rows(kept) == [row for row in rows(plan) if row[0] < 3000]


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_resume_at_every_step_gives_the_rest(data, shuffled):
    plan = read(data).filter(_core.call("greater", [_core.column("half"), _core.literal(100.0)]))
    if shuffled:
        plan = plan.random_shuffle("per_execution", 5)
    whole = [(batch.pylist(0), position) for batch, position in batches(plan)]
    for step, (_, position) in enumerate(whole):
        assert [batch.pylist(0) for batch, _ in batches(plan, resume=position)] == [keys for keys, _ in whole[step + 1 :]]


def test_a_limit_cuts_after_the_filter(data):
    plan = read(data).filter(_core.call("greater_equal", [_core.column("key"), _core.literal(5)])).limit(10)
    assert [row[0] for row in rows(plan)] == list(range(5, 15))
    assert sorted(row[0] for row in rows(plan.random_shuffle("fixed", 1))) == list(range(5, 15))


def test_an_unknown_column_names_the_near_one(data):
    with pytest.raises(KeyError, match="did you mean 'half'"):
        read(data).filter(_core.column("hal"))


def test_a_missing_path_is_file_not_found():
    with pytest.raises(FileNotFoundError, match="no/such/path"):
        _core.read_parquet(engine(), {"paths": ["no/such/path"]})


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(ValueError, match="bad.parquet"):
        _core.read_parquet(engine(), {"paths": [str(tmp_path)]})
