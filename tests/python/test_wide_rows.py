"""Wide rows that come from a function: an exchange sees how large they are before it divides its memory."""

import numpy as np
import pyarrow as pa
import pytest

import millstream as ms

LIMIT = 96_000_000
pytestmark = pytest.mark.tame


def widened(width):
    def function(table):
        ids = table["id"].to_pylist()
        return table.append_column("text", pa.array([b"%010d" % number * (width // 10) for number in ids], pa.binary()))

    return function


EXCHANGES = {
    "shuffled": lambda rows: rows.random_shuffle(seed=2),
    "sorted": lambda rows: rows.sort("id", descending=True),
    "shuffled below a function": lambda rows: rows.random_shuffle(seed=2).map_batches(
        lambda batch: batch, batch_size=256
    ),
}


@pytest.mark.parametrize("batch_size", [256, 1024])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_rows_of_a_kilobyte_that_do_not_fit_the_limit(use_engine, exchange, batch_size):
    use_engine(memory_limit=LIMIT)
    rows = ms.range(150_000).map_batches(widened(1000), batch_size=1024, batch_format="pyarrow")
    seen = []
    for batch in EXCHANGES[exchange](rows).iter_batches(batch_size=batch_size, batch_format="pyarrow"):
        seen.append(batch["id"].to_numpy())
        assert batch["text"][0].as_py() == b"%010d" % seen[-1][0] * 100
    seen = np.concatenate(seen)
    assert np.array_equal(np.sort(seen), np.arange(150_000))
    assert not np.array_equal(seen, np.arange(150_000))


def test_a_few_rows_of_a_hundred_kilobytes(use_engine):
    use_engine(memory_limit=LIMIT)
    rows = ms.range(200).map_batches(widened(100_000), batch_size=20, batch_format="pyarrow").random_shuffle(seed=2)
    assert sorted(row["id"] for row in rows.iter_rows()) == list(range(200))


def test_batches_that_cannot_fit_are_refused_with_what_would_do(use_engine):
    use_engine(memory_limit=LIMIT)
    rows = ms.range(20_000).map_batches(widened(10_000), batch_size=100, batch_format="pyarrow").random_shuffle(seed=2)
    with pytest.raises(MemoryError, match=r"too small for this shuffle with batches of 20000 rows.*at least \d+"):
        next(iter(rows.iter_batches(batch_size=20_000)))
