"""One process of the memory benchmark: runs a plan on a small file, waits for a line, runs it on the data.

Prints a line of JSON after each: the peak of its resident memory so far (VmHWM, which starts anew with a program;
ru_maxrss is inherited over exec), and what came out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workloads import process_tree

BATCH_ROWS = 16_384


def batches(dataset: Any) -> dict[str, int]:
    """Holds one batch at a time, as a loop does."""
    rows, largest = 0, 0
    for batch in dataset.iter_batches(batch_size=BATCH_ROWS, batch_format="pyarrow"):
        rows += batch.num_rows
        largest = max(largest, batch.nbytes)
    return {"rows": rows, "batch_bytes": largest}


def shuffle(dataset: Any, scratch: Path) -> dict[str, int]:
    return batches(dataset.random_shuffle(seed=7))


def scan(dataset: Any, scratch: Path) -> dict[str, int]:
    return batches(dataset)


def write(dataset: Any, scratch: Path) -> dict[str, int]:
    import millstream

    out = scratch / "written"
    dataset.write_parquet(str(out))
    rows = millstream.read_parquet(out).count()
    shutil.rmtree(out)
    return {"rows": rows, "batch_bytes": 0}


def sort(dataset: Any, scratch: Path) -> dict[str, int]:
    return batches(dataset.sort("key"))


def few_groups(dataset: Any, scratch: Path) -> dict[str, int]:
    return grouped(dataset, category_of(dataset))


def many_groups(dataset: Any, scratch: Path) -> dict[str, int]:
    return grouped(dataset, "key")


def grouped(dataset: Any, by: str) -> dict[str, int]:
    from millstream.aggregate import Count, Max

    groups = dataset.groupby(by).aggregate(Count(alias_name="rows"), Max("key", alias_name="greatest"))
    rows = sum(int(batch["rows"].sum()) for batch in groups.iter_batches(batch_size=BATCH_ROWS))
    return {"rows": rows, "batch_bytes": 0}


def join(dataset: Any, scratch: Path) -> dict[str, int]:
    """Each row with itself, found by its place."""
    from millstream.expressions import monotonically_increasing_id

    left = dataset.with_column("place of row", monotonically_increasing_id())
    right = left.rename_columns({name: f"{name}_r" for name in dataset.columns()})
    return batches(left.join(right, "inner", on="place of row"))


def repartition(dataset: Any, scratch: Path) -> dict[str, int]:
    return batches(dataset.repartition(16, keys=["key"]))


def unique(dataset: Any, scratch: Path) -> dict[str, int]:
    from millstream import col

    column = category_of(dataset)
    return {"rows": dataset.filter(expr=col(column).is_in(dataset.unique(column))).count(), "batch_bytes": 0}


def category_of(dataset: Any) -> str:
    """A column of few values."""
    return "one_hot1" if "one_hot1" in dataset.columns() else "category"


PLANS: dict[str, Callable[[Any, Path], dict[str, int]]] = {
    plan.__name__: plan for plan in (shuffle, scan, write, sort, few_groups, many_groups, join, repartition, unique)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", choices=PLANS)
    parser.add_argument("--small", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--memory-limit", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    job = parser.parse_args()

    import millstream

    millstream.init(num_cpus=job.threads, memory_limit=job.memory_limit, spill_directory=job.scratch / "spill")
    for path in (job.small, job.data):
        started = time.monotonic()
        result: dict[str, Any] = PLANS[job.plan](millstream.read_parquet(path), job.scratch)
        result["seconds"] = time.monotonic() - started
        result["peak_bytes"] = process_tree.peak_of_this_process()
        print(json.dumps(result), flush=True)
        if path == job.small:
            sys.stdin.readline()


if __name__ == "__main__":
    main()
