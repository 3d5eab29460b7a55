"""Imports pyarrow and Millstream in the order that the first argument asks for."""

import sys

if sys.argv[1] == "pyarrow first":
    import pyarrow as pa
    import pyarrow.parquet
    from millstream import _core
elif sys.argv[1] == "millstream first":
    from millstream import _core

    _core.Engine(num_cpus=1, memory_limit=64 << 20)
    import pyarrow as pa
    import pyarrow.parquet  # noqa: F401
else:
    sys.exit(f"unknown order {sys.argv[1]!r}")

__all__ = ["_core", "engine", "pa", "stream"]


def engine():
    return _core.Engine(num_cpus=2, memory_limit=128 << 20)


def stream(plan, batch_size=100):
    return _core.execute(
        engine(), plan, seed=3, epoch=0, batch_size=batch_size, drop_last=False, prefetch_batches=2, preserve_order=True
    )
