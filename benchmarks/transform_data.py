"""Makes what the transforms of a data set of data.py need: a tenth of it to join with, and what must come out of each.

    python benchmarks/transform_data.py --data DIR

The tenth is every tenth row, in as many files, in the directory <DIR>_tenth. Prints the outcomes as one line of JSON,
which stays beside it in <DIR>_tenth.json. They are computed here file by file with numpy, and counted as a peer's rows
are. Needs numpy and pyarrow.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import data
from workloads import readers, transforms
from workloads.arrays import from_arrow
from workloads.peer import Batch

FORMAT_VERSION = 2
STEP = 10
COLUMNS = [transforms.JOIN_KEY, transforms.GROUP_KEY, *transforms.RowsTally.columns]


class GroupMeans:
    def __init__(self) -> None:
        import numpy as np

        self.sums, self.counts = np.zeros(0), np.zeros(0)

    def add(self, batch: Batch) -> None:
        import numpy as np

        key = batch[transforms.GROUP_KEY]
        size = max(len(self.counts), int(key.max()) + 1)
        self.sums = np.bincount(key, batch[transforms.AVERAGED], size) + grown(self.sums, size)
        self.counts = np.bincount(key, minlength=size) + grown(self.counts, size)

    def result(self) -> dict[str, Any]:
        key = self.counts.nonzero()[0]
        return {transforms.GROUP_KEY: key, transforms.MEAN: self.sums[key] / self.counts[key]}


def grown(array: Any, size: int) -> Any:
    import numpy as np

    return np.pad(array, (0, size - len(array)))


def joined(batch: Batch) -> dict[str, Any]:
    """With the tenth, whose rows are the batch's own."""
    matching = batch[transforms.JOIN_KEY] % STEP == 0
    left = {name: column[matching] for name, column in batch.items()}
    return left | {name + transforms.RIGHT_SUFFIX: column for name, column in left.items()}


def small_blocks() -> dict[str, Any]:
    import numpy as np

    numbers = np.arange(transforms.BLOCKS * transforms.BLOCK_ROWS)
    return {"id": numbers + transforms.SMALL_BLOCK_STAGES * transforms.BLOCK_ROWS}


def outcomes(directory: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    whole, mapped, right = transforms.RowsTally(), transforms.RowsTally(), transforms.JoinedTally()
    means, groups, numbers = GroupMeans(), transforms.GroupsTally(), transforms.NumbersTally()
    one_column = readers.ColumnTally()
    for path in sorted(directory.glob("*.parquet")):
        batch = from_arrow(pq.read_table(path, columns=COLUMNS))
        whole.add(batch)
        means.add(batch)
        one_column.add(batch)
        right.add(joined(batch))
        mapped.add(transforms.map_batch(dict(batch)))
    groups.add(means.result())
    numbers.add(small_blocks())
    tallies = {
        "sort": whole,
        "groupby": groups,
        "join": right,
        "map_batches": mapped,
        "small_blocks": numbers,
        "one_column": one_column,
    }
    return {name: tally.figures() for name, tally in tallies.items()}


def write_tenth(directory: Path, tenth: Path) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    shutil.rmtree(tenth, ignore_errors=True)
    tenth.mkdir()
    for path in sorted(directory.glob("*.parquet")):
        table = pq.read_table(path)
        key = table[transforms.JOIN_KEY]
        chosen = table.filter(pc.equal(key, pc.multiply(pc.divide(key, STEP), STEP)))
        row_group_rows = -(-chosen.num_rows // data.ROW_GROUPS_PER_FILE)
        pq.write_table(chosen, tenth / path.name, row_group_size=row_group_rows, compression="snappy")


def make_transform_data(directory: Path) -> dict[str, Any]:
    """The outcomes; made, as the tenth is, unless they are there already for this very data set."""
    tenth = transforms.tenth_of(directory)
    kept, made_of = data.manifest_file(tenth), {**data.load_manifest(directory), "transforms_version": FORMAT_VERSION}
    there = data.load_manifest(tenth) if kept.is_file() else {}
    if there.get("made_of") != made_of:
        write_tenth(directory, tenth)
        there = {"made_of": made_of, "outcomes": outcomes(directory)}
        kept.write_text(json.dumps(there, indent=1) + "\n")
    expected: dict[str, Any] = there["outcomes"]
    return expected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a directory made by data.py")
    print(json.dumps(make_transform_data(parser.parse_args().data)))


if __name__ == "__main__":
    main()
