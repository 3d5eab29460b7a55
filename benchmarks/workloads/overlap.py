"""A training loop whose steps together take as long as the loading of an epoch: is the device kept busy?"""

from __future__ import annotations

import argparse
from itertools import pairwise
from statistics import mean, median
from typing import Any

from workloads.epoch import Epoch, run_epoch
from workloads.peer import Peer

BARE_EPOCHS = 4
STEPPED_EPOCHS = 5


def run(peer: Peer, job: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Epochs without steps, whose mean from the third on is the loading time; then a new iterator's with steps.

    Returns all epochs, and what holds between those with steps.
    """
    bare = [run_epoch(lambda: peer.shuffle(number), job) for number in range(BARE_EPOCHS)]  # noqa: B023
    loading_seconds = mean(epoch.seconds for epoch in bare[2:])
    step_seconds = loading_seconds / len(bare[-1].arrivals)
    stepped = [
        run_epoch(lambda: peer.shuffle(number), job, step_seconds)  # noqa: B023
        for number in range(STEPPED_EPOCHS)
    ]
    figures = {
        "loading_seconds": loading_seconds,
        "step_seconds": step_seconds,
        "over_longer": [over_longer(epoch, loading_seconds) for epoch in stepped],
        "gap_steps": [None, *(gap_steps(*both) for both in pairwise(stepped))],  # before each epoch
    }
    return [epoch.figures for epoch in [*bare, *stepped]], figures


def over_longer(epoch: Epoch, loading_seconds: float) -> float:
    """Its time over the longer of loading and steps: 1 is perfect overlap."""
    return float(epoch.seconds / max(loading_seconds, epoch.steps_seconds))


def gap_steps(before: Epoch, after: Epoch) -> float:
    """From the last batch of an epoch to the first of the next, its own step included, in median steps."""
    step = median(later - earlier for earlier, later in pairwise(after.arrivals))
    return (after.arrivals[0] - before.arrivals[-1]) / step
