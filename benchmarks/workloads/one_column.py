"""One column of the thirty of data A: does reading it take no more than its share of reading all?"""

from __future__ import annotations

import argparse
from statistics import median
from typing import Any

from workloads.epoch import Epoch, run_epoch
from workloads.peer import Peer
from workloads.readers import COLUMN, ColumnTally

PAIRS = 5


def run(peer: Peer, job: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Epochs of all columns and of one in turn, so that both meet the same machine. Returns those of all first."""
    pairs = [(epoch_of(None, peer, job), epoch_of([COLUMN], peer, job)) for _ in range(PAIRS)]
    epochs = [epoch for place in (0, 1) for epoch in [pair[place] for pair in pairs]]
    figures = {
        "all_columns_seconds": median(all_columns.seconds for all_columns, _ in pairs),
        "over_share": median(over_share(*pair, job.decoded_bytes) for pair in pairs),
    }
    return [epoch.figures for epoch in epochs], figures


def epoch_of(names: list[str] | None, peer: Peer, job: argparse.Namespace) -> Epoch:
    return run_epoch(lambda: peer.columns(names), job, tally=ColumnTally())


def over_share(all_columns: Epoch, one: Epoch, decoded_bytes: int) -> float:
    """The time of one column over its share, by decoded bytes, of the time of all: 1 is nothing read in vain."""
    return one.seconds / (all_columns.seconds * one.tally.bytes / decoded_bytes)
