"""One column of the thirty of data A: does reading it take no more than its share of reading all?

Each column is read alone, for some take ten times as long to decode as others; together their times are those of all
columns where nothing is read in vain. What is timed counts rows and bytes alone: a checksum over a column takes about
as long as reading it. Epochs of all and of one column are run once more with it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from typing import Any

from workloads.epoch import run_epoch
from workloads.peer import Peer
from workloads.readers import COLUMN, ColumnsSize, ColumnTally

PAIRS = 5


def run(peer: Peer, job: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Epochs of all columns and of each in turn, so that all meet the same machine. Returns those that are checked, of
    all columns first; the figures are of the others.
    """
    names = names_of(Path(job.data))
    seconds_of_all, over_share = [], []
    for _ in range(PAIRS):
        all_seconds, all_bytes = timed(peer, job, names)
        each = [timed(peer, job, [name]) for name in names]
        if sum(size for _, size in each) != all_bytes:
            raise AssertionError(f"{all_bytes} bytes of all columns, and {each} of each")
        seconds_of_all.append(all_seconds)
        over_share.append(sum(seconds for seconds, _ in each) / all_seconds)
    checked = [
        run_epoch(lambda: peer.columns(names), job, tally=ColumnTally())  # noqa: B023
        for names in (None, [COLUMN])
        for _ in range(PAIRS)
    ]
    figures = {"all_columns_seconds": median(seconds_of_all), "over_share": median(over_share)}
    return [epoch.figures for epoch in checked], figures


def timed(peer: Peer, job: argparse.Namespace, names: list[str]) -> tuple[float, int]:
    """Seconds and bytes."""
    size = ColumnsSize(names)
    epoch = run_epoch(lambda: peer.columns(names), job, tally=size)
    return epoch.seconds, size.bytes


def names_of(data: Path) -> list[str]:
    import pyarrow.parquet

    return list(pyarrow.parquet.read_schema(next(data.glob("*.parquet"))).names)
