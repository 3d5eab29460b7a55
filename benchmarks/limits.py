"""Measures what the machine itself allows, as one line of JSON: decoding, copying, touching, permuting and the disk.

    python benchmarks/limits.py --data DIR --scratch DIR --permutation PROGRAM [--threads 2]

PROGRAM is cpp/permutation_limit.cc, compiled: numpy takes twice as long to permute. Needs numpy and pyarrow.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

COPY_BYTES = 256_000_000
COPY_REPEATS = 4
TOUCH_BYTES = 2_000_000_000
DISK_BYTES = 1 << 30
DISK_BLOCK_BYTES = 4 << 20


def seconds_on_threads(tasks: Sequence[Callable[[], Any]], threads: int) -> float:
    """Wall seconds until all tasks are done, their threads started before the clock."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(time.sleep, [0.01] * threads))
        started = time.perf_counter()
        for done in [pool.submit(task) for task in tasks]:
            done.result()
        return time.perf_counter() - started


def parquet_file(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(path, memory_map=False, pre_buffer=False)


def decode_seconds(data: Path, threads: int) -> float:
    """Arrow's own decoder over every row group, one at a time a thread, each dropped as soon as it is decoded."""
    paths = sorted(data.glob("*.parquet"))
    groups = [(path, group) for path in paths for group in range(parquet_file(path).num_row_groups)]

    def decode(path: Path, group: int) -> None:
        parquet_file(path).read_row_group(group, use_threads=False)

    return seconds_on_threads([partial(decode, *group) for group in groups], threads)


def copy_bytes_per_second(threads: int) -> float:
    """Of bytes copied, each read once and written once, between warm buffers."""
    import numpy as np

    source = np.ones(COPY_BYTES, np.uint8)
    target = np.ones(COPY_BYTES, np.uint8)
    edges = [COPY_BYTES * part // threads for part in range(threads + 1)]
    parts = [slice(first, last) for first, last in pairwise(edges)]

    def copy(part: slice) -> None:
        for _ in range(COPY_REPEATS):
            np.copyto(target[part], source[part])

    return COPY_BYTES * COPY_REPEATS / seconds_on_threads([partial(copy, part) for part in parts], threads)


def first_touch_seconds(threads: int) -> float:
    """Of 2 GB fresh from the system in pages of 4 KB; numpy's own arrays would come in huge pages."""
    import numpy as np

    mappings = [
        mmap.mmap(-1, TOUCH_BYTES // threads, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for _ in range(threads)
    ]

    def touch(mapping: mmap.mmap) -> None:
        np.frombuffer(mapping, np.uint8)[:: mmap.PAGESIZE] = 1

    return seconds_on_threads([partial(touch, mapping) for mapping in mappings], threads)


def direct_disk_bytes_per_second(scratch: Path) -> dict[str, float]:
    """One writer, then one reader, past the page cache in blocks of 4 MB."""
    block = mmap.mmap(-1, DISK_BLOCK_BYTES)
    block.write(os.urandom(DISK_BLOCK_BYTES))
    path = scratch / f"limits-{os.getpid()}"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_DIRECT, 0o600)
    try:
        os.unlink(path)
        offsets = range(0, DISK_BYTES, DISK_BLOCK_BYTES)
        started = time.perf_counter()
        for offset in offsets:
            expect_whole(os.pwritev(file, [block], offset))
        os.fdatasync(file)
        written = time.perf_counter()
        for offset in offsets:
            expect_whole(os.preadv(file, [block], offset))
        read = time.perf_counter()
    finally:
        os.close(file)
    return {"disk_write": DISK_BYTES / (written - started), "disk_read": DISK_BYTES / (read - written)}


def expect_whole(size: int) -> None:
    if size != DISK_BLOCK_BYTES:
        raise OSError(f"Direct I/O moved {size} bytes of a block of {DISK_BLOCK_BYTES}")


def measure(data: Path, scratch: Path, permutation: Path, threads: int) -> dict[str, Any]:
    """Seconds for fixed work where the name says so, else bytes a second."""
    disk = direct_disk_bytes_per_second(scratch)
    return {
        "decode_seconds": decode_seconds(data, threads),
        "decode_1_thread_seconds": decode_seconds(data, 1),
        "first_touch_seconds": first_touch_seconds(threads),
        "first_touch_1_thread_seconds": first_touch_seconds(1),
        "first_touch_bytes": TOUCH_BYTES,
        **permutation_figures(permutation, threads),
        "copy_bytes_per_second": copy_bytes_per_second(threads),
        "copy_1_thread_bytes_per_second": copy_bytes_per_second(1),
        "disk_write_bytes_per_second": disk["disk_write"],
        "disk_read_bytes_per_second": disk["disk_read"],
    }


def permutation_figures(program: Path, threads: int) -> dict[str, Any]:
    done = subprocess.run([str(program), str(threads)], stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="directory on the disk to be measured")
    parser.add_argument("--permutation", type=Path, required=True, help="program of cpp/permutation_limit.cc")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    figures = measure(arguments.data, arguments.scratch, arguments.permutation, arguments.threads)
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
