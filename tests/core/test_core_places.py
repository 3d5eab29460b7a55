"""Values of places are those that section 7 of docs/order.md defines."""

import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from millstream import _core
from order_reference import mix, row_key

ENGINE = _core.Engine(num_cpus=2, memory_limit=256 << 20)
SEEDS = [0, 7, 2**64 - 1]
ROWS = (12, 8)


def random_number(seed, epoch, source, place):
    return (row_key(mix(seed ^ 0x52414E444F4D2031), epoch, source, place) >> 11) * 2.0**-53


def uuid_text(seed, source, place):
    high = row_key(mix(seed ^ 0x5555494420686967), 0, source, place)
    low = row_key(mix(seed ^ 0x5555494420206C6F), 0, source, place)
    return str(uuid.UUID(int=high << 64 | low, version=4))


@pytest.fixture
def plan(tmp_path):
    for source, rows in enumerate(ROWS):
        pq.write_table(pa.table({"x": range(rows)}), tmp_path / f"{source}.parquet", row_group_size=5)
    return _core.read_parquet(ENGINE, {"paths": [str(tmp_path)]})


def columns(plan, epoch):
    stream = _core.execute(
        ENGINE,
        plan,
        seed=0,
        epoch=epoch,
        batch_size=7,
        drop_last=False,
        prefetch_batches=1,
        preserve_order=True,
    )
    names = plan.schema().names
    whole = {name: [] for name in names}
    while (batch := stream.next()) is not None:
        for column, name in enumerate(names):
            whole[name] += batch.pylist(column)
    return whole


PLACES = [(source, place) for source, rows in enumerate(ROWS) for place in range(rows)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("epoch", [0, 3])
def test_values_are_those_of_the_page(plan, seed, epoch):
    values = [
        ("random", "each", seed, True),
        ("random", "same", seed, False),
        ("uuid", "u", seed, False),
        ("id", "i", 0, False),
    ]
    made = columns(plan.row_values(values), epoch)
    assert made["each"] == [random_number(seed, epoch, *at) for at in PLACES]
    assert made["same"] == [random_number(seed, 0, *at) for at in PLACES]
    assert made["u"] == [uuid_text(seed, *at) for at in PLACES]
    assert made["i"] == [source * 2**40 + place for source, place in PLACES]


def test_plans_with_them_travel_as_bytes(plan):
    made = plan.row_values([("random", "r", 5, True), ("uuid", "u", 6, False)])
    again = _core.Plan.deserialize(made.serialize())
    assert columns(again, 2) == columns(made, 2)
    assert again.fingerprint() == made.fingerprint()
    assert made.fingerprint() != plan.row_values([("random", "r", 6, True), ("uuid", "u", 6, False)]).fingerprint()


def test_a_name_that_is_there_is_refused(plan):
    with pytest.raises(ValueError, match="two columns would be named 'x'"):
        plan.row_values([("random", "x", 1, False)])
