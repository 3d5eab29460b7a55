"""The engine's order is the one that docs/order.md defines, whatever the way to it."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from millstream import _core
from order_reference import golden_keys, golden_orders, listing, row_key, shuffled

ENGINE = _core.Engine(num_cpus=2, memory_limit=256 << 20)
GOLDEN_ROWS = (12, 8)


def positions(plan, *, seed, epoch, batch_size=1, resume=None, engine=ENGINE):
    """Each batch's rows as tuples, with the position after it."""
    stream = _core.execute(
        engine,
        plan,
        seed=seed,
        epoch=epoch,
        batch_size=batch_size,
        drop_last=False,
        prefetch_batches=2,
        preserve_order=True,
        resume=resume,
    )
    while (batch := stream.next()) is not None:
        yield list(zip(*(batch.pylist(column) for column in range(batch.num_columns)), strict=True)), dict(zip(("key", "ties", "rows"), stream.position(), strict=True))


def rows(plan, **options):
    return [row for batch, _ in positions(plan, **options) for row in batch]


def identity_table(source, row_numbers):
    return pa.table(
        {"source": pa.array([source] * len(row_numbers), pa.int32()), "row": pa.array(row_numbers, pa.int64())}
    )


@pytest.fixture(scope="module")
def golden_plan(tmp_path_factory):
    root = tmp_path_factory.mktemp("golden")
    for source, count in enumerate(GOLDEN_ROWS):
        pq.write_table(identity_table(source, range(count)), root / f"{'ab'[source]}.parquet", row_group_size=5)
    return _core.read_parquet(ENGINE, {"paths": [str(root)]})


def test_the_page_has_its_vectors():
    assert len(golden_keys()) >= 8
    assert len(golden_orders()) >= 3
    for order in golden_orders().values():
        assert sorted(order) == [(source, row) for source, count in enumerate(GOLDEN_ROWS) for row in range(count)]


def test_the_pages_text_gives_the_pages_vectors():
    for seed, epoch, source, row, key in golden_keys():
        assert row_key(seed, epoch, source, row) == key
    for (seed, epoch), order in golden_orders().items():
        assert shuffled(sorted(order), seed, epoch) == order


def test_the_engine_gives_the_pages_orders_and_keys(golden_plan):
    for (seed, epoch), order in golden_orders().items():
        found = list(positions(golden_plan.random_shuffle("per_execution", seed), seed=seed, epoch=epoch))
        assert [batch[0] for batch, _ in found] == order
        assert [position["key"] for _, position in found] == [row_key(seed, epoch, *identity) for identity in order]
        assert [position["ties"] for _, position in found] == [1] * len(order)
        assert [position["rows"] for _, position in found] == list(range(1, len(order) + 1))


def test_a_fixed_seed_has_the_order_of_epoch_zero_in_every_epoch(golden_plan):
    plan = golden_plan.random_shuffle("fixed", 7)
    for epoch in (0, 1, 5):
        assert rows(plan, seed=99, epoch=epoch) == golden_orders()[7, 0]


def test_of_several_shuffles_the_uppermost_counts(golden_plan):
    plan = golden_plan.random_shuffle("fixed", 1).random_shuffle("fixed", 7)
    assert rows(plan, seed=0, epoch=0) == golden_orders()[7, 0]


def write_random_dataset(root, rng):
    """Files in nested folders, some empty, some hidden; returns the identities of all rows that count."""
    names = ["b", "a", "z/1", "z/0", "a-b/x", "a/x", "Z", "z/_x", "_hidden/y", ".y", "é", "z/deep/er/0"]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.parquet").touch()
    (root / "notes.txt").write_text("not data")
    files = listing(root)
    assert len(files) == len(names) - 3
    identities = []
    for path in root.rglob("*.parquet"):
        count = rng.choice([0, 1, 7, rng.randrange(400)])
        source = files.index(path) if path in files else -1
        pq.write_table(identity_table(source, range(count)), path, row_group_size=rng.choice([3, 50, 1000]))
        identities += [(source, row) for row in range(count)] if source >= 0 else []
    return sorted(identities)


@pytest.mark.parametrize("attempt", range(4))
def test_the_pages_text_gives_the_engines_order_of_any_data_set(tmp_path, attempt):
    seed_of_test = random.randrange(2**32)
    print("seed", seed_of_test)
    rng = random.Random(seed_of_test)
    identities = write_random_dataset(tmp_path, rng)
    seed, epoch, cut = rng.randrange(2**64), rng.randrange(1000), rng.randrange(200)
    plan = _core.read_parquet(ENGINE, {"paths": [str(tmp_path)]})
    assert rows(plan, seed=0, epoch=0, batch_size=100) == identities
    order = shuffled(identities, seed, epoch)
    plan = plan.random_shuffle("per_execution", seed)
    for threads, limit, spill in ((1, 256 << 20, False), (3, 64 << 20, True)):
        engine = _core.Engine(num_cpus=threads, memory_limit=limit, always_spill=spill)
        found = rows(plan, seed=seed, epoch=epoch, batch_size=rng.randrange(1, 500), engine=engine)
        assert found == order
    kept = plan.filter(_core.call("greater_equal", [_core.column("row"), _core.literal(cut)]))
    assert rows(kept, seed=seed, epoch=epoch, batch_size=64) == [identity for identity in order if identity[1] >= cut]


def test_rows_in_memory_are_source_zero_however_they_are_cut():
    order = [row for _, row in shuffled([(0, row) for row in range(100)], 5, 2)]
    whole = pa.table({"row": range(100)})
    cut = pa.concat_tables([whole.slice(0, 33), whole.slice(33, 0), whole.slice(33, 67)])
    plans = [
        _core.Plan.from_arrow(whole),
        _core.Plan.from_arrow(cut),
        _core.Plan.range(100, 1),
        _core.Plan.range(100, 7),
    ]
    for plan in plans:
        assert [row for (row,) in rows(plan.random_shuffle("per_execution", 5), seed=5, epoch=2, batch_size=9)] == order


def test_a_limit_below_the_shuffle_keeps_the_numbers_of_the_first_rows(golden_plan):
    plan = golden_plan.limit(15).random_shuffle("per_execution", 7)
    kept = [(0, row) for row in range(12)] + [(1, row) for row in range(3)]
    assert rows(plan, seed=7, epoch=1) == shuffled(kept, 7, 1)


def test_a_position_without_a_shuffle_is_source_and_next_row(golden_plan):
    found = [position for _, position in positions(golden_plan, seed=0, epoch=0, batch_size=5)]
    assert [(position["key"], position["ties"], position["rows"]) for position in found] == [
        (0, 5, 5),
        (0, 10, 10),
        (1, 3, 15),
        (1, 8, 20),
    ]
