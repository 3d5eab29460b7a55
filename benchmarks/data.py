"""Makes data A, the tabular shape that Ray's shuffling loader was measured on: same options, same rows.

    python benchmarks/data.py --out DIR [--rows 8000000] [--files 16] [--scale 1]

Prints the data set's directory. Beside the directory stands <directory>.json: what it is made of, its decoded bytes,
and the checksum that a reader must arrive at when each row came exactly once. Needs numpy and pyarrow.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

FORMAT_VERSION = 1
SEED = 20_111
ROW_GROUPS_PER_FILE = 2
SMALL_ROWS = 1_000
EMBEDDING_CARDINALITIES = (
    2385, 201, 201, 6, 19, 1441, 201, 22, 156, 1216, 9216, 88999, 941792, 9405, 83332, 828767, 945195,
)  # fmt: skip
ONE_HOT_CARDINALITIES = (3, 50)
FIRST_TIMESTAMP_US = 1_600_000_000_000_000


def columns_of_file(index: int, first_row: int, rows: int) -> dict[str, Any]:
    """The columns of one file; a file depends on its index alone, so files can be made in any order."""
    import numpy as np

    random = np.random.default_rng([SEED, index])
    key = np.arange(first_row, first_row + rows, dtype=np.int64)
    columns = {"key": key}
    for number, cardinality in enumerate(EMBEDDING_CARDINALITIES):
        columns[f"embeddings_name{number}"] = random.integers(0, cardinality, rows)
    for number, cardinality in enumerate(ONE_HOT_CARDINALITIES):
        columns[f"one_hot{number}"] = random.integers(0, cardinality, rows)
    columns["timestamp"] = FIRST_TIMESTAMP_US + key * 1_000 + random.integers(0, 5_000, rows)
    columns["labels"] = random.random(rows)
    columns.update(feature_columns(random, rows))
    return columns


def feature_columns(random: Any, rows: int) -> dict[str, Any]:
    """Eight float columns of different distributions, all with full mantissas: real features do not compress."""
    return {
        "feature0": random.normal(0.0, 1.0, rows),
        "feature1": random.uniform(-1_000.0, 1_000.0, rows),
        "feature2": random.exponential(2.0, rows),
        "feature3": random.lognormal(1.0, 0.75, rows),
        "feature4": random.gamma(2.0, 3.0, rows),
        "feature5": random.beta(0.5, 0.5, rows),
        "feature6": random.standard_cauchy(rows),
        "feature7": random.normal(100.0, 15.0, rows),
    }


def checksum(columns: dict[str, Any]) -> int:
    """Sum of key * (key + embeddings_name16) modulo 2^63: free of order, off when a row is lost, doubled or mixed."""
    product = columns["key"] * (columns["key"] + columns["embeddings_name16"])
    return int(product.astype("uint64").sum()) % 2**63


def write_file(path: Path, columns: dict[str, Any], row_group_rows: int) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(columns)
    pq.write_table(table, path, row_group_size=row_group_rows, compression="snappy")
    return int(table.nbytes)


def write_files(directory: Path, rows: int, files: int) -> dict[str, Any]:
    rows_per_file = rows // files
    decoded_bytes, total = 0, 0
    for index in range(files):
        columns = columns_of_file(index, index * rows_per_file, rows_per_file)
        row_group_rows = -(-rows_per_file // ROW_GROUPS_PER_FILE)
        decoded_bytes += write_file(directory / f"part-{index:05d}.parquet", columns, row_group_rows)
        total = (total + checksum(columns)) % 2**63
    return {"decoded_bytes": decoded_bytes, "checksum": total, "rows_per_row_group": row_group_rows}


def make_data(out: Path, rows: int, files: int) -> Path:
    """Returns the directory of a data set, made unless it is there already, complete and of this version."""
    if rows % files:
        raise ValueError(f"The rows must divide evenly over the files: {rows} rows, {files} files")
    directory = out / f"rows{rows}-files{files}"
    manifest_path = manifest_file(directory)
    if manifest_path.is_file() and load_manifest(directory)["format_version"] == FORMAT_VERSION:
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    manifest = {"format_version": FORMAT_VERSION, "rows": rows, "files": files, **write_files(directory, rows, files)}
    manifest["stored_bytes"] = sum(path.stat().st_size for path in directory.iterdir())
    manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")
    return directory


def manifest_file(directory: Path) -> Path:
    return directory.with_name(directory.name + ".json")


def load_manifest(directory: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(manifest_file(directory).read_text())
    return manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="directory under which each data set gets its own")
    parser.add_argument("--rows", type=int, default=8_000_000)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--scale", type=int, default=1, help="this many times the rows and the files")
    arguments = parser.parse_args()
    print(make_data(arguments.out, arguments.rows * arguments.scale, arguments.files * arguments.scale))


if __name__ == "__main__":
    main()
