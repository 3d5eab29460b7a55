"""Shuffles a file in an environment that has nothing but Millstream and what it requires."""

import importlib.util
import sys

from millstream import _core

engine = _core.Engine(num_cpus=2, memory_limit=128 << 20)
plan = _core.read_parquet(engine, {"paths": [sys.argv[1]]}).random_shuffle("fixed", 5)
stream = _core.execute(
    engine, plan, seed=3, epoch=0, batch_size=100, drop_last=False, prefetch_batches=2, preserve_order=True
)
keys = []
while (batch := stream.next()) is not None:
    keys += batch.pylist(0)
assert sorted(keys) == list(range(len(keys)))
assert keys != sorted(keys)
assert importlib.util.find_spec("pyarrow") is None
print(f"{len(keys)} rows, no pyarrow")
