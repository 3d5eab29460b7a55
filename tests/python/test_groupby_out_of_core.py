"""Groups whose states do not fit the memory: they are what they are without a limit, or one is named as too large."""

import numpy as np
import pytest
from aftermath import scratch_files

import millstream as ms
from millstream import col
from millstream.aggregate import AsList, Count, Max, Sum, Unique, ValueCounter

ROWS = 300_000


def numbered(rows, groups):
    return ms.range(rows, override_num_blocks=24).with_column("k", col("id") * 7919 % groups)


def all_rows(rows, batch_size=4096):
    """Of a data set or an iterator."""
    batches = rows.iter_batches(batch_size=batch_size, batch_format="pyarrow")
    return [row for batch in batches for row in batch.to_pylist()]


CASES = {
    "lists of few groups": (24 << 20, lambda: numbered(ROWS, 300).groupby("k").aggregate(AsList("id"))),
    "lists of many groups": (24 << 20, lambda: numbered(ROWS, 60_000).groupby("k").aggregate(AsList("id"), Count())),
    "sets": (24 << 20, lambda: numbered(ROWS, 300).groupby("k").aggregate(Unique("id"))),
    "sets of many groups": (24 << 20, lambda: numbered(ROWS, 60_000).groupby("k").aggregate(Unique("id"))),
    "counted values": (24 << 20, lambda: numbered(ROWS, 1000).groupby("k").aggregate(ValueCounter("id"))),
    "many groups": (20 << 20, lambda: numbered(ROWS, ROWS).groupby("k").aggregate(Sum("id"), Count(), Max("id"))),
    "texts": (
        20 << 20,
        lambda: (
            numbered(ROWS, 150_000)
            .with_column("t", col("k").cast("string"))
            .groupby(["t", "k"])
            .aggregate(Max("t"), Count())
        ),
    ),
}


@pytest.mark.tame
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("cpus", [2, 4])
def test_groups_in_little_memory_are_those_in_much(use_engine, case, cpus):
    limit, groups = CASES[case]
    use_engine(num_cpus=2, memory_limit=2 << 30)
    expected = all_rows(groups())
    engine = use_engine(num_cpus=cpus, memory_limit=limit)
    made = groups().iterator()
    assert all_rows(made, 512) == expected
    assert engine.memory_peak() <= limit
    assert sum(stage["spilled_bytes"] for stage in made._record.stages()) > 0
    assert scratch_files() == []


@pytest.mark.tame
@pytest.mark.parametrize("aggregate", [AsList, Unique], ids=["AsList", "Unique"])
def test_one_key_with_half_the_rows(use_engine, aggregate):
    def groups():
        rows = numbered(ROWS, 20_000)
        skewed = rows.with_column("s", (col("id") % 2) * (col("k") + 1) - 1)
        return skewed.groupby("s").aggregate(aggregate("id"), Count(), Sum("id"))

    use_engine(num_cpus=2, memory_limit=2 << 30)
    expected = all_rows(groups())
    assert expected[0]["count()"] == ROWS // 2
    limit = 64 << 20
    engine = use_engine(num_cpus=4, memory_limit=limit)
    assert all_rows(groups(), 16) == expected
    assert engine.memory_peak() <= limit


@pytest.mark.tame
def test_a_group_that_is_too_large_is_named_and_leaves_nothing(use_engine):
    limit = 32 << 20
    engine = use_engine(num_cpus=4, memory_limit=limit)
    rows = numbered(2_000_000, 1000).with_column("s", (col("id") % 2) * (col("k") + 1) - 1)
    with pytest.raises(MemoryError, match=r"one group does not fit .*s = -1.* takes more than .*memory_limit"):
        all_rows(rows.groupby("s").aggregate(AsList("id")))
    assert scratch_files() == []
    counted = all_rows(rows.groupby("s").count())
    assert counted[0] == {"s": -1, "count()": 1_000_000}
    assert engine.memory_peak() <= limit


@pytest.mark.tame
def test_a_set_of_all_rows_that_is_too_large_says_so(use_engine):
    use_engine(num_cpus=4, memory_limit=24 << 20)
    with pytest.raises(MemoryError, match=r"one group does not fit .*memory_limit"):
        ms.range(2_000_000).aggregate(Unique("id"))


@pytest.mark.tame
def test_rows_that_no_table_reduces_take_little_memory(use_engine):
    rows = 1_500_000
    use_engine(num_cpus=2, memory_limit=2 << 30)
    iterator = numbered(rows, rows).groupby("k").aggregate(Count(), Sum("id")).iterator()
    seen = 0
    for batch in iterator.iter_batches(batch_size=100_000):
        keys = np.arange(seen, seen + len(batch["k"]))
        assert (batch["k"] == keys).all()
        assert (batch["count()"] == 1).all()
        assert (batch["sum(id)"] * 7919 % rows == keys).all()
        seen += len(keys)
    assert seen == rows
    grouping = next(stage for stage in iterator._record.stages() if stage["name"] == "GroupBy")
    assert grouping["peak_memory_bytes"] < 120 * rows
