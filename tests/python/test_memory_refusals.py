"""A limit too small for a plan is refused at once, and the number that the message names does."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream import col

ROWS = 40_000
TOO_SMALL = 100_000


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Two files of two row groups: 20 columns of numbers and one of strings."""
    root = tmp_path_factory.mktemp("wide")
    random = np.random.default_rng(5)
    for index in range(2):
        columns = {f"n{number}": random.integers(0, 1 << 40, ROWS // 2) for number in range(20)}
        columns["key"] = np.arange(index * ROWS // 2, (index + 1) * ROWS // 2)
        columns["text"] = pa.array([f"row {row} of file {index}" for row in range(ROWS // 2)])
        pq.write_table(pa.table(columns), root / f"part-{index}.parquet", row_group_size=ROWS // 4)
    return root


@pytest.fixture(autouse=True)
def _fresh_engine():
    yield
    ms.shutdown()


def scanned(wide, out):
    return [batch["key"] for batch in ms.read_parquet(wide).iter_batches(batch_size=500)]


def limited(wide, out):
    kept = ms.read_parquet(wide).filter(expr="n0 >= 0").limit(ROWS)
    return [batch["key"] for batch in kept.iter_batches(batch_size=500)]


def shuffled(wide, out):
    return [batch["key"] for batch in ms.read_parquet(wide).random_shuffle(seed=1).iter_batches(batch_size=500)]


def mixed_locally(wide, out):
    batches = ms.read_parquet(wide).iter_batches(batch_size=500, local_shuffle_buffer_size=5_000, local_shuffle_seed=3)
    return [batch["key"] for batch in batches]


def shuffled_and_mixed_locally(wide, out):
    rows = ms.read_parquet(wide).random_shuffle(seed=1)
    batches = rows.iter_batches(batch_size=500, local_shuffle_buffer_size=5_000, local_shuffle_seed=3)
    return [batch["key"] for batch in batches]


def written(wide, out):
    ms.read_parquet(wide).write_parquet(str(out))
    return [pq.read_table(out)["key"].to_numpy()]


@pytest.mark.parametrize("num_cpus", [1, 2])
@pytest.mark.parametrize("run", [scanned, limited, shuffled, mixed_locally, shuffled_and_mixed_locally, written])
def test_the_number_that_a_refusal_names_is_enough(run, num_cpus, wide, tmp_path):
    out = tmp_path / "out"
    ms.init(num_cpus=num_cpus, memory_limit=TOO_SMALL, spill_directory=tmp_path)
    with pytest.raises(MemoryError, match=r"at least [0-9]+ bytes") as refused:
        run(wide, out)
    assert not out.exists()
    named = int(re.search(r"at least ([0-9]+) bytes", str(refused.value))[1])
    assert named > TOO_SMALL
    ms.init(num_cpus=num_cpus, memory_limit=named, spill_directory=tmp_path)
    assert sorted(np.concatenate(run(wide, out)).tolist()) == list(range(ROWS))


def test_a_local_shuffle_buffer_that_does_not_fit_is_named(wide):
    ms.init(num_cpus=1, memory_limit="4MB")
    with pytest.raises(MemoryError, match=r"local_shuffle_buffer_size=30000.*at least"):
        next(iter(ms.read_parquet(wide).iter_batches(batch_size=100, local_shuffle_buffer_size=30_000)))


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """Two files of row groups of 150,000 rows: numbers, of which many are equal, and strings."""
    root = tmp_path_factory.mktemp("deep")
    random = np.random.default_rng(6)
    rows = 300_000
    for index in range(2):
        columns = {f"n{number}": random.integers(0, 1 << 40, rows) for number in range(6)}
        columns["few"] = random.integers(0, 50, rows)
        columns["text"] = pa.array([f"text {word} of some length" for word in random.integers(0, 1000, rows)])
        columns["row"] = np.arange(index * rows, (index + 1) * rows)
        pq.write_table(pa.table(columns), root / f"part-{index}.parquet", row_group_size=rows // 2)
    return root


SORTS = {
    "several": lambda rows: rows.sort(["n0", "n1", "n2", "n3", "n4", "n5"]),
    "few and texts": lambda rows: rows.sort(["few", "text", "n1", "n2"]),
    "computed": lambda rows: rows.with_column("c", (col("n0") + col("n1") + col("n2") + col("n3")) % 1_000_003).sort(
        "c"
    ),
    "two computed": lambda rows: (
        rows.with_column("c", (col("n0") + col("n1")) % 7)
        .with_column("d", (col("n2") + col("n3")) % 11)
        .sort(["c", "d", "text"])
    ),
    "filtered": lambda rows: rows.filter(expr=(col("n0") + col("n1") + col("n2") + col("n3")) >= 0).sort("text"),
    "in order": lambda rows: rows.sort(["row", "text"]),
}


@pytest.mark.tame
@pytest.mark.parametrize("num_cpus", [1, 4])
@pytest.mark.parametrize("kind", SORTS)
def test_a_sort_that_is_admitted_runs_to_its_end(deep, tmp_path, kind, num_cpus):
    limit = 24_000_000
    for _ in range(4):
        ms.init(num_cpus=num_cpus, memory_limit=limit, spill_directory=tmp_path)
        rows = []
        try:
            rows += [batch["row"] for batch in SORTS[kind](ms.read_parquet(deep)).iter_batches(batch_size=5_000)]
        except MemoryError as refused:
            named = re.search(r"too small for .* at least ([0-9]+) bytes", str(refused))
            if named is None or rows:  # in the middle
                raise
            limit = int(named[1])
            continue
        assert sorted(np.concatenate(rows).tolist()) == list(range(600_000))
        return
    raise AssertionError("the numbers that refusals named were not enough")


def sums(depth, at=3):
    """A tree whose two halves must both be there before they are added."""
    return sums(depth - 1, at) + sums(depth - 1, at + (1 << depth)) if depth else col("id") % at


@pytest.mark.tame
@pytest.mark.parametrize("limit", [10_000_000, 12_000_000, 15_000_000])
def test_what_an_expression_gives_on_the_way_is_planned_for(tmp_path, limit):
    ms.init(num_cpus=2, memory_limit=limit, spill_directory=tmp_path)
    rows = ms.range(400_000).with_column("sum", sums(5)).sort("sum")
    assert sum(len(batch["id"]) for batch in rows.iter_batches(batch_size=1_000)) == 400_000
