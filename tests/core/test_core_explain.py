"""explain() tells the bytes that a run then reads and spills: exactly for fixed-width columns without a filter."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from millstream import _core

ROWS = 60_000
# Of the values below, as the exchange stores them: 8, 2 and 1 bytes a row.
STORED = ROWS * (8 + 2 + 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    draw = np.random.default_rng(1)
    for index in range(3):
        rows = ROWS // 3
        table = pa.table(
            {
                "f": draw.random(rows),
                "small": draw.integers(0, 60_000, rows),
                "tiny": pa.array(draw.integers(1_000_000, 1_000_100, rows).astype(np.int32)),
                "text": [f"row {row}" for row in range(rows)],
                "holes": pa.array([None if row % 2 else row for row in range(rows)], pa.int64()),
            }
        )
        pq.write_table(table, root / f"{index}.parquet", row_group_size=5_000)
    return root


def engine(memory_limit=1 << 30, **hostile):
    return _core.Engine(num_cpus=2, memory_limit=memory_limit, **hostile)


def plan_of(data, columns=("f", "small", "tiny")):
    return _core.read_parquet(engine(), {"paths": [str(data)]}, columns=list(columns))


def shuffled(plan):
    return plan.random_shuffle("fixed", 3)


def compressed_bytes(data, columns):
    total = 0
    for path in data.glob("*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        for group in range(metadata.num_row_groups):
            for leaf in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(leaf)
                total += chunk.total_compressed_size if chunk.path_in_schema in columns else 0
    return total


def test_the_bytes_read_are_those_of_the_column_chunks(data):
    for columns in (["small"], ["f", "tiny"], ["text", "f"]):
        text = plan_of(data, columns).explain(engine())
        assert f"({compressed_bytes(data, columns)} bytes) to be read" in text
        assert not re.search(r"about [^,]* to be read", text)


def test_what_is_spilled_in_two_passes_is_told_exactly_and_the_run_agrees(data):
    two_passes = engine(always_two_passes=True)
    text = shuffled(plan_of(data)).explain(two_passes)
    exact, _, estimated = text.partition("  disk: ")
    assert f" ({STORED} bytes) of values\n" in exact
    assert "about" not in exact
    stream = _core.execute(
        two_passes, shuffled(plan_of(data)), seed=3, epoch=0, batch_size=1024, drop_last=False, prefetch_batches=1,
        preserve_order=True,
    )
    while stream.next() is not None:
        pass
    stages = {stage["name"]: stage["spilled_bytes"] for stage in stream.stages()}
    spilled = stages["RandomShuffle"]
    # Row numbers, and the frames' headers and padding.
    assert STORED + 2 * ROWS <= spilled <= STORED + 8 * ROWS + (1 << 20)
    told = int(re.match(r"about [^(]*\((\d+) bytes\) to be written", estimated)[1])
    written = sum(stages.values())  # in the second pass too, where rows are always spilled
    assert written / 1.1 <= told <= written * 1.1


@pytest.mark.tame
def test_in_memory_nothing_is_written(data):
    assert "in memory: 0 bytes are written" in shuffled(plan_of(data)).explain(engine())


@pytest.mark.tame
@pytest.mark.parametrize("columns", [["text"], ["f", "holes"]])
def test_values_of_varying_width_and_nulls_make_it_an_estimate(data, columns):
    plan = shuffled(plan_of(data, columns))
    assert "nothing is written, by estimate" in plan.explain(engine())
    assert "spills: about " in plan.explain(engine(always_two_passes=True))


def test_a_filter_makes_it_an_estimate(data):
    plan = shuffled(plan_of(data).filter(_core.parse_filter("small > 10")))
    assert "spills: about " in plan.explain(engine(always_two_passes=True))
