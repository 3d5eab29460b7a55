"""What all peers share: the workloads, the clock, the checks, and the one JSON line that a run prints.

A peer module subclasses Peer and ends with `run(ItsPeer)`. Importing torch and the library, and starting what must be
started (`open`), are outside every timer and reported on their own; only `first_rows` times the whole process.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workloads import process_tree

BATCH_ROWS = 65_536
FIRST_ROWS = 20
EPOCHS = 4
HEAVY_MODULES = ("numpy", "pandas", "pyarrow", "torch")
# CLOCK_MONOTONIC of the moment before this process was started; the parent sets it.
STARTED_VARIABLE = "BENCHMARK_STARTED_NS"

Batch = Mapping[str, Any]  # column name -> torch.Tensor


class Unsupported(Exception):
    """The peer has no such thing; the message says what is missing."""


class Peer:
    """One library under test. Each method that yields batches yields torch tensors of at most BATCH_ROWS rows."""

    modules: tuple[str, ...] = ()
    first_rows_modules: tuple[str, ...] | None = None  # where fewer do for a look at a file
    uses_processes = False

    def __init__(self, job: argparse.Namespace) -> None:
        self.job = job
        self.data: str = str(job.data)
        self.threads: int = job.threads

    def open(self, memory_limit_bytes: int | None) -> None:
        """Starts what a program starts once; a limit of None leaves the library's default."""
        if memory_limit_bytes is not None:
            raise Unsupported("has no memory limit to set")

    def warm_up(self) -> None:
        """For a library that works in other processes: has those import what they need."""

    def close(self) -> None:
        """Ends what open() started."""

    def read(self) -> Iterator[Batch]:
        raise NotImplementedError

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        """One epoch in a new global order; a user's way of doing it, called once for each epoch."""
        raise NotImplementedError

    def materialize(self) -> None:
        """Holds the data ready so that later calls of shuffle() need not read it again."""
        raise Unsupported("cannot hold a data set ready between epochs")

    def first_rows(self, path: str, rows: int) -> int:
        raise NotImplementedError


class Tally:
    """Counts what came: rows, a checksum that is free of order, and how mixed the first batch is.

    In numpy: torch would wake its OpenMP threads, whose spinning takes the CPUs from the library under test.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.batches = 0
        self.sum = 0
        self.first_keys: Any = None

    def add(self, batch: Batch) -> None:
        key = batch["key"].numpy()
        if self.first_keys is None:
            self.first_keys = key.copy()
        self.rows += len(key)
        self.batches += 1
        self.sum += int((key * (key + batch["embeddings_name16"].numpy())).sum())

    def row_groups_in_first_batch(self, rows_per_row_group: int) -> int:
        if self.first_keys is None:
            return 0
        return len(set((self.first_keys // rows_per_row_group).tolist()))


def run_epoch(
    batches: Callable[[], Iterator[Batch]], job: argparse.Namespace, step_seconds: float = 0.0
) -> dict[str, Any]:
    """Times one epoch from the call that asks for it to the last batch, with a sleep as a device's step."""
    tally = Tally()
    started, cpu_started = time.perf_counter(), process_tree.cpu_seconds(os.getpid())
    first = last_step = None
    for batch in batches():
        first = first or time.perf_counter()
        tally.add(batch)
        if step_seconds:
            time.sleep(step_seconds)
            last_step = time.perf_counter()
    ended = time.perf_counter()
    return {
        "seconds": ended - started,
        "first_batch_seconds": (first or ended) - started,
        "tail_seconds": ended - (last_step or ended),
        "cpu_seconds": process_tree.cpu_seconds(os.getpid()) - cpu_started,
        "rows": tally.rows,
        "batches": tally.batches,
        "checksum": tally.sum % 2**63,
        "row_groups_in_first_batch": tally.row_groups_in_first_batch(job.rows_per_row_group),
    }


def read(peer: Peer, job: argparse.Namespace) -> list[dict[str, Any]]:
    return [run_epoch(peer.read, job)]


def shuffle(peer: Peer, job: argparse.Namespace) -> list[dict[str, Any]]:
    return [run_epoch(lambda: peer.shuffle(0), job)]


def epochs(peer: Peer, job: argparse.Namespace) -> list[dict[str, Any]]:
    return [run_epoch(lambda: peer.shuffle(number), job) for number in range(EPOCHS)]  # noqa: B023


def overlap(peer: Peer, job: argparse.Namespace) -> list[dict[str, Any]]:
    """Two epochs bare, then two with a step as long as the loading of one batch was in the second."""
    done = [run_epoch(lambda: peer.shuffle(number), job) for number in range(2)]  # noqa: B023
    step = done[-1]["seconds"] / max(1, done[-1]["batches"])
    done += [run_epoch(lambda: peer.shuffle(number), job, step) for number in range(2, 4)]  # noqa: B023
    for epoch in done[2:]:
        epoch["step_seconds"] = step
        epoch["over_steps"] = epoch["seconds"] / (step * epoch["batches"])
    done[-1]["gap_steps"] = (done[-2]["tail_seconds"] + done[-1]["first_batch_seconds"]) / step
    return done


# name -> (how it runs, whether the data is held ready before it, whether memory is limited)
WORKLOADS: dict[str, tuple[Callable[[Peer, argparse.Namespace], list[dict[str, Any]]], bool, bool]] = {
    "read": (read, False, False),
    "shuffle": (shuffle, False, False),
    "shuffle_warm": (lambda peer, job: [*shuffle(peer, job), *shuffle(peer, job)], False, False),
    "epochs": (epochs, False, False),
    "epochs_materialized": (epochs, True, False),
    "shuffle_limited": (shuffle, False, True),
    "overlap": (overlap, False, False),
}


def limit_to_threads(threads: int) -> None:
    """Binds the process to so many CPUs: not every library has a setting for the size of its thread pools."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure_batches(peer_type: type[Peer], job: argparse.Namespace) -> dict[str, Any]:
    body, held_ready, limited = WORKLOADS[job.workload]
    torch_seconds = timed(lambda: importlib.import_module("torch"))
    import_seconds = timed(lambda: [importlib.import_module(name) for name in peer_type.modules])
    peer = peer_type(job)
    sampler = process_tree.TreePeak() if peer.uses_processes else None
    if sampler:
        sampler.start()
    start_seconds = timed(lambda: peer.open(job.memory_limit if limited else None))
    try:
        warm_up_seconds = timed(peer.warm_up)
        memory_before = process_tree.status_bytes(os.getpid(), "VmRSS")
        disk_before = process_tree.disk_bytes(os.getpid())
        prepare_seconds = timed(peer.materialize) if held_ready else 0.0
        done = body(peer, job)
        disk = process_tree.disk_bytes(os.getpid())
        peak = sampler.finish() if sampler else process_tree.peak_of_this_process()
    finally:
        peer.close()
    return {
        **headline(job.workload, done),
        "epochs": done,
        "torch_import_seconds": torch_seconds,
        "import_seconds": import_seconds,
        "start_seconds": start_seconds,
        "warm_up_seconds": warm_up_seconds,
        "prepare_seconds": prepare_seconds,
        "memory_before_bytes": memory_before,
        "peak_rss_bytes": peak,
        "peak_rss_of": "process tree, sampled" if sampler else "process, VmHWM",
        "disk_read_bytes": disk["read_bytes"] - disk_before["read_bytes"],
        "disk_write_bytes": disk["write_bytes"] - disk_before["write_bytes"],
    }


def headline(workload: str, done: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures a table shows: of repeated epochs the mean from the third on, else the last one's."""
    chosen = done[2:] if workload.startswith("epochs") else done[-1:]
    mean = {
        name: sum(epoch[name] for epoch in chosen) / len(chosen)
        for name in ("seconds", "first_batch_seconds", "cpu_seconds")
    }
    return {
        **mean,
        "rows": done[-1]["rows"],
        "checksum": done[-1]["checksum"],
        "whole_seconds": sum(epoch["seconds"] for epoch in done),
    }


def measure_first_rows(peer_type: type[Peer], job: argparse.Namespace) -> dict[str, Any]:
    """From before the process was started to the first rows in hand, the interpreter's own start included."""
    started = time.monotonic_ns()
    spawned = int(os.environ.get(STARTED_VARIABLE, started))
    modules = peer_type.modules if peer_type.first_rows_modules is None else peer_type.first_rows_modules
    for name in modules:
        importlib.import_module(name)
    imported = time.monotonic_ns()
    peer = peer_type(job)
    peer.open(None)
    rows = peer.first_rows(job.small, FIRST_ROWS)
    ended = time.monotonic_ns()
    loaded = [name for name in HEAVY_MODULES if name in sys.modules]
    peak = process_tree.tree_memory(os.getpid()) if peer.uses_processes else process_tree.peak_of_this_process()
    cpu = process_tree.cpu_seconds(os.getpid())
    peer.close()
    return {
        "seconds": (ended - spawned) / 1e9,
        "import_and_rows_seconds": (ended - started) / 1e9,
        "import_seconds": (imported - started) / 1e9,
        "rows": rows,
        "cpu_seconds": cpu,
        "peak_rss_bytes": peak,
        "heavy_modules": loaded,
    }


def parse_job() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs one workload once and prints one line of JSON.")
    parser.add_argument("workload", choices=[*WORKLOADS, "first_rows"])
    parser.add_argument("--data", type=Path, required=True, help="directory of Parquet files made by data.py")
    parser.add_argument("--small", required=True, help="a small file of the same columns")
    parser.add_argument("--spill", required=True, help="directory on disk for what does not fit")
    parser.add_argument("--threads", type=int, default=2)
    job = parser.parse_args()
    manifest = json.loads(job.data.with_name(job.data.name + ".json").read_text())
    job.rows_per_row_group = manifest["rows_per_row_group"]
    job.memory_limit = manifest["decoded_bytes"] // 2
    return job


def run(peer_type: type[Peer]) -> None:
    job = parse_job()
    limit_to_threads(job.threads)
    try:
        measure = measure_first_rows if job.workload == "first_rows" else measure_batches
        result = measure(peer_type, job)
    except Unsupported as reason:
        result = {"unsupported": str(reason)}
    print(json.dumps(result), flush=True)
