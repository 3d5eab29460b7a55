"""Parquet files of numbered rows, which the tests of passes and states read."""

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1000
FILES = 4


def make_files(root, rows=ROWS, files=FILES, first=0):
    """`rows` rows over `files` files, several row groups each: number, half (null at multiples of 7), name."""
    for index in range(files):
        numbers = range(first + index * rows // files, first + (index + 1) * rows // files)
        table = pa.table(
            {
                "number": pa.array(list(numbers), pa.int64()),
                "half": pa.array([None if n % 7 == 0 else n / 2 for n in numbers], pa.float64()),
                "name": pa.array([f"row {n}" for n in numbers]),
            }
        )
        pq.write_table(table, root / f"part-{index}.parquet", row_group_size=90)
    return root
