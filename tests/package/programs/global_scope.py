"""Libraries are put into the global scope, where the dynamic linker looks first: pyarrow's, or those of both."""

import os
import sys

local = sys.getdlopenflags()
everywhere = os.RTLD_NOW | os.RTLD_GLOBAL


def import_pyarrow():
    sys.setdlopenflags(everywhere)
    import pyarrow
    import pyarrow.parquet

    return pyarrow


def import_millstream():
    sys.setdlopenflags(everywhere if sys.argv[2] == "both" else local)
    from millstream import _core

    return _core


if sys.argv[1] == "pyarrow first":
    pa, core = import_pyarrow(), import_millstream()
else:
    core, pa = import_millstream(), import_pyarrow()

sys.setdlopenflags(local)
core.ensure_s3_initialized()
engine = core.Engine(num_cpus=2, memory_limit=128 << 20)
source = core.execute(
    engine,
    core.Plan.from_arrow(pa.table({"key": list(range(1000))})).random_shuffle("fixed", 5),
    seed=3,
    epoch=0,
    batch_size=100,
    drop_last=False,
    prefetch_batches=2,
    preserve_order=True,
)
keys = []
while (batch := source.next()) is not None:
    keys += pa.record_batch(batch)["key"].to_pylist()
assert sorted(keys) == list(range(1000))
print("kept apart")
