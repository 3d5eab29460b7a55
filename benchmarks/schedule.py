"""What is measured, by whom, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

OURS = "millstream"
LIMITS = "limits"
TABULAR = ("ray", "petastorm", "duckdb", "polars", "daft", "pyarrow")
PEERS = (*TABULAR, "torch")


class Cell(NamedTuple):
    round: int
    workload: str
    peer: str


class Comparison(NamedTuple):
    peers: tuple[str, ...] = ()  # beside Millstream
    limits: bool = False  # whether the machine's bare limits are measured just before Millstream
    rounds_max: int | None = None
    scale: int = 1  # data A so many times over
    outcome: str | None = None  # what must come out, by its name in transform_data.py; else what is read
    form: str | None = None  # of files made by reader_data.py, which are read; else data A
    stored: bool = False  # whether they are read from an S3 server of this machine


WORKLOADS = {
    "read": Comparison(TABULAR, limits=True),
    "shuffle": Comparison(TABULAR, limits=True),
    "shuffle_warm": Comparison(limits=True),
    "epochs": Comparison(("ray",)),
    "epochs_materialized": Comparison(("ray",)),
    "shuffle_limited": Comparison(("ray", "duckdb")),
    "shuffle_spilled": Comparison(rounds_max=2, scale=5),
    "overlap": Comparison(),
    "first_rows": Comparison(TABULAR),
    "sort": Comparison(("ray", "duckdb", "polars", "daft"), outcome="sort"),
    "sort_limited": Comparison(("ray", "duckdb"), outcome="sort"),
    "groupby": Comparison(("ray", "duckdb", "polars", "daft"), outcome="groupby"),
    "groupby_limited": Comparison(("ray", "duckdb"), outcome="groupby"),
    "join": Comparison(("ray", "duckdb", "polars", "daft"), outcome="join"),
    "join_limited": Comparison(("ray", "duckdb"), outcome="join"),
    "map_batches": Comparison(("ray", "daft", "pyarrow"), outcome="map_batches"),
    "small_blocks": Comparison(("ray",), rounds_max=3, outcome="small_blocks"),
    "csv": Comparison(("ray", "duckdb", "polars", "daft", "pyarrow"), form="csv"),
    "json_lines": Comparison(("ray", "duckdb", "polars", "daft", "pyarrow"), form="json_lines"),
    "jpeg": Comparison(("ray", "daft", "torch"), form="jpeg"),
    "small_files": Comparison(("ray", "daft"), form="small_files"),
    "small_csv_files": Comparison(("ray", "polars", "daft", "pyarrow"), form="small_csv_files"),
    "s3_trips": Comparison(("ray", "petastorm"), rounds_max=3, form="trips", stored=True),
    "one_column_of_30": Comparison(("pyarrow",), outcome="one_column"),
}


def cells(workloads: Sequence[str], peers: Sequence[str], first_round: int, rounds: int) -> Iterator[Cell]:
    """Round by round; within a workload the peers follow each other, another one first in each round."""
    for number in range(rounds):
        for workload in workloads:
            comparison = WORKLOADS[workload]
            if comparison.rounds_max is None or number < comparison.rounds_max:
                for peer in in_turn(comparison, peers, number):
                    yield Cell(first_round + number, workload, peer)


def in_turn(comparison: Comparison, peers: Sequence[str], number: int) -> Iterator[str]:
    chosen = [OURS, *(peer for peer in peers if peer in comparison.peers)]
    first = number % len(chosen)
    for peer in chosen[first:] + chosen[:first]:
        if peer == OURS and comparison.limits:
            yield LIMITS
        yield peer
