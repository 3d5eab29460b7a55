"""Data goes from pyarrow to Millstream and back; either side may let go of it last."""

import decimal
import gc
import os
import tempfile

from imports import _core, engine, pa, stream


def table():
    rows = range(1000)
    return pa.table(
        {
            "key": pa.array(rows, pa.int64()),
            "text": pa.array([None if row % 7 == 0 else f"row {row}" for row in rows]),
            "list": pa.array([[row] * (row % 3) for row in rows], pa.list_(pa.int32())),
            "word": pa.array([("a", "b", "c")[row % 3] for row in rows]).dictionary_encode(),
            "price": pa.array([decimal.Decimal(row) / 4 for row in rows], pa.decimal128(12, 2)),
            "time": pa.array([row * 1000 for row in rows], pa.timestamp("us", tz="UTC")),
            "pair": pa.array([{"x": row, "y": None} for row in rows], pa.struct({"x": pa.int16(), "y": pa.float64()})),
        }
    )


def batches(plan):
    source = stream(plan)
    while (batch := source.next()) is not None:
        yield pa.record_batch(batch)


def read(plan):
    return pa.Table.from_batches(list(batches(plan)))


expected = table()
assert read(_core.Plan.from_arrow(expected)).to_pylist() == expected.to_pylist()

# What Millstream holds outlives the table it was made from.
plan = _core.Plan.from_arrow(table())
gc.collect()
kept = read(plan)
del plan
# And what pyarrow holds outlives stream, plan and engine.
gc.collect()
assert kept.to_pylist() == expected.to_pylist()

# Through a Parquet file that the user's own pyarrow wrote.
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "a.parquet")
    pa.parquet.write_table(expected, path, row_group_size=300)
    shuffled = read(_core.read_parquet(engine(), {"paths": [path]}).random_shuffle("fixed", 5))
    assert sorted(shuffled.to_pylist(), key=lambda row: row["key"]) == expected.to_pylist()
    assert shuffled["key"].to_pylist() != expected["key"].to_pylist()
print("crossed")
