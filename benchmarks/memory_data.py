"""Data of a given decoded size for the memory benchmark: data A, and rows of every other layout.

A set of n times the size is the same files, linked n times: what memory a reader needs is decided by row groups and
their number, not by new values.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import data

FILE_BYTES = 128_000_000  # decoded; a file has two row groups, as in data A
SMALL_ROWS = data.SMALL_ROWS
KINDS = ("fixed", "mixed")
CATEGORIES = [f"category of products number {number:02d}" for number in range(24)]


def fixed_table(index: int, first_row: int, rows: int) -> Any:
    import pyarrow as pa

    return pa.table(data.columns_of_file(index, first_row, rows))


def mixed_table(index: int, first_row: int, rows: int) -> Any:
    """Numbers with nulls, strings that repeat and strings that do not, lists, lists of strings, a struct."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng([data.SEED, 1, index])
    score = random.normal(0.0, 1.0, rows)
    return pa.table(
        {
            "key": np.arange(first_row, first_row + rows, dtype=np.int64),
            "score": pa.array(score, mask=random.random(rows) < 0.1),
            "count": pa.array(random.integers(0, 1000, rows), mask=random.random(rows) < 0.5),
            "category": pa.array(CATEGORIES).take(pa.array(random.integers(0, len(CATEGORIES), rows))),
            "name": strings(random, rows, 4, 60, nulls=True),
            "text": strings(random, rows, 0, 120),
            "tags": lists(random, rows, 8, pa.array(random.integers(0, 1 << 30, 8 * rows, dtype=np.int32))),
            "words": lists(random, rows, 4, strings(random, 4 * rows, 2, 12)),
            "place": pa.StructArray.from_arrays([pa.array(score * 2), strings(random, rows, 8, 8)], ["x", "code"]),
        }
    )


def offsets(random: Any, rows: int, shortest: int, longest: int) -> Any:
    import numpy as np

    ends = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(random.integers(shortest, longest + 1, rows), out=ends[1:])
    return ends


def strings(random: Any, rows: int, shortest: int, longest: int, nulls: bool = False) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = offsets(random, rows, shortest, longest)
    letters = random.integers(97, 123, int(ends[-1]), dtype="uint8")
    made = pa.StringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(letters))
    if not nulls:
        return made
    return pc.if_else(pa.array(random.random(rows) < 0.2), pa.scalar(None, pa.string()), made)


def lists(random: Any, rows: int, longest: int, values: Any) -> Any:
    import pyarrow as pa

    return pa.ListArray.from_arrays(pa.array(offsets(random, rows, 0, longest)), values)


TABLES = {"fixed": fixed_table, "mixed": mixed_table}


def row_bytes(kind: str) -> int:
    return int(TABLES[kind](0, 0, SMALL_ROWS).nbytes // SMALL_ROWS)


def write(path: Path, kind: str, index: int, rows: int) -> Path:
    """Kept where it is there already."""
    import pyarrow.parquet as pq

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        pq.write_table(TABLES[kind](index, index * rows, rows), unfinished, row_group_size=-(-rows // 2))
        unfinished.rename(path)
    return path


def small_file(cache: Path, kind: str) -> Path:
    return write(cache / kind / "small.parquet", kind, 0, SMALL_ROWS)


def data_set(cache: Path, kind: str, decoded_bytes: int, factor: int) -> tuple[Path, int]:
    """A directory with `factor` times at least `decoded_bytes`, and its number of rows."""
    rows = -(-FILE_BYTES // row_bytes(kind))
    files = -(-decoded_bytes // FILE_BYTES)
    made = [write(cache / kind / f"part-{index:03d}.parquet", kind, index, rows) for index in range(files)]
    directory = cache / kind / f"{files}x{factor}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for number in range(factor):
        for path in made:
            os.link(path, directory / f"{number:02d}-{path.name}")
    return directory, files * factor * rows
