"""What all peers share: the workloads, the timers around them, and the one JSON line that a run prints.

A peer module subclasses Peer and ends with `run(ItsPeer)`. Importing torch or numpy and the library, and starting what
must be started (`open`), are outside every timer and reported on their own; only `first_rows` times the whole process.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from workloads import one_column, overlap, process_tree, readers, transforms
from workloads.epoch import AnyTally, Epoch, run_epoch
from workloads.peer import LOADER, READER, TRANSFORM, Batch, Peer, Unsupported

FIRST_ROWS = 5
EPOCHS = 4
HEAVY_MODULES = ("numpy", "pandas", "pyarrow", "torch")
# CLOCK_MONOTONIC of the moment before this process was started; the parent sets it.
STARTED_VARIABLE = "BENCHMARK_STARTED_NS"

# The epochs that were run, and what else there is to tell of them.
Done = tuple[list[dict[str, Any]], dict[str, Any]]


class Workload(NamedTuple):
    run: Callable[[Peer, argparse.Namespace], Done]
    first_counted: int  # The figures shown are the mean of the epochs from this one on.
    held_ready: bool = False  # whether the data set is materialized before the clock starts
    memory_share: float | None = None  # the memory limit as a share of the decoded bytes
    kind: str = LOADER


def figures_of(epochs: list[Epoch]) -> list[dict[str, Any]]:
    return [epoch.figures for epoch in epochs]


def read(peer: Peer, job: argparse.Namespace) -> Done:
    return [run_epoch(peer.read, job).figures], {}


def shuffle(peer: Peer, job: argparse.Namespace) -> Done:
    return [run_epoch(lambda: peer.shuffle(0), job).figures], {}


def shuffle_twice(peer: Peer, job: argparse.Namespace) -> Done:
    return figures_of([run_epoch(lambda: peer.shuffle(0), job) for _ in range(2)]), {}


def epochs(peer: Peer, job: argparse.Namespace) -> Done:
    return figures_of([run_epoch(lambda: peer.shuffle(number), job) for number in range(EPOCHS)]), {}  # noqa: B023


def transform(
    batches: Callable[[Peer], Iterator[Batch]], tally: Callable[[], AnyTally], memory_share: float | None = None
) -> Workload:
    def run_once(peer: Peer, job: argparse.Namespace) -> Done:
        return [run_epoch(lambda: batches(peer), job, tally=tally()).figures], {}

    return Workload(run_once, 0, memory_share=memory_share, kind=TRANSFORM)


def reader(batches: Callable[[Peer], Iterator[Batch]], tally: Callable[[argparse.Namespace], AnyTally]) -> Workload:
    def run_once(peer: Peer, job: argparse.Namespace) -> Done:
        return [run_epoch(lambda: batches(peer), job, tally=tally(job)).figures], {}

    return Workload(run_once, 0, kind=READER)


WORKLOADS = {
    "read": Workload(read, 0),
    "shuffle": Workload(shuffle, 0),
    "shuffle_warm": Workload(shuffle_twice, 1),
    "epochs": Workload(epochs, 2),
    "epochs_materialized": Workload(epochs, 2, held_ready=True),
    "shuffle_limited": Workload(shuffle, 0, memory_share=0.5),
    "shuffle_spilled": Workload(shuffle, 0, memory_share=0.1),
    "overlap": Workload(overlap.run, overlap.BARE_EPOCHS + 2),
    "sort": transform(lambda peer: peer.sort(), transforms.SortedTally),
    "sort_limited": transform(lambda peer: peer.sort(), transforms.SortedTally, 0.5),
    "groupby": transform(lambda peer: peer.group_means(), transforms.GroupsTally),
    "groupby_limited": transform(lambda peer: peer.group_means(), transforms.GroupsTally, 0.5),
    "join": transform(lambda peer: peer.join(), transforms.JoinedTally),
    "join_limited": transform(lambda peer: peer.join(), transforms.JoinedTally, 0.5),
    "map_batches": transform(lambda peer: peer.map_batches(), transforms.RowsTally),
    "small_blocks": transform(lambda peer: peer.small_blocks(), transforms.NumbersTally),
    "csv": reader(lambda peer: peer.csv(), lambda job: readers.AllTripsTally()),
    "json_lines": reader(lambda peer: peer.json_lines(), lambda job: readers.AllTripsTally()),
    "jpeg": reader(lambda peer: peer.pictures(), lambda job: readers.PicturesTally(job.manifest["means"])),
    "small_files": reader(lambda peer: peer.texts(), lambda job: readers.LinesTally()),
    "small_csv_files": reader(lambda peer: peer.small_csv(), lambda job: readers.TripsTally()),
    "s3_trips": reader(lambda peer: peer.shuffled_trips(), lambda job: readers.StoredTripsTally()),
    "one_column_of_30": Workload(one_column.run, one_column.PAIRS, kind=READER),
}


def limit_to_threads(threads: int) -> None:
    """Binds the process to so many CPUs: not every library has a setting for the size of its thread pools."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure_batches(peer_type: type[Peer], job: argparse.Namespace) -> dict[str, Any]:
    workload = WORKLOADS[job.workload]
    share = workload.memory_share
    memory_limit = None if share is None else int(job.decoded_bytes * share)
    form_seconds = timed(
        lambda: importlib.import_module("workloads.tensors" if workload.kind == LOADER else "workloads.arrays")
    )
    more = {TRANSFORM: peer_type.transform_modules, READER: peer_type.reader_modules}.get(workload.kind, ())
    import_seconds = timed(lambda: [importlib.import_module(name) for name in (*peer_type.modules, *more)])
    peer = peer_type(job)
    sampler = process_tree.TreePeak() if peer.uses_processes else None
    if sampler:
        sampler.start()
    start_seconds = timed(lambda: peer.open(memory_limit))
    try:
        warm_up_seconds = timed(lambda: peer.warm_up(workload.kind))
        memory_before = process_tree.status_bytes(os.getpid(), "VmRSS")[0]
        disk_before = process_tree.disk_bytes(os.getpid())
        prepare_seconds = timed(peer.materialize) if workload.held_ready else 0.0
        loaded = set(sys.modules)
        done, told = workload.run(peer, job)
        late = sorted(set(sys.modules) - loaded)
        disk = process_tree.disk_bytes(os.getpid())
        statistics = peer.statistics()
        peak = sampler.finish() if sampler else process_tree.peak_of_this_process()
    finally:
        peer.close()
    return {
        **headline(done, workload.first_counted),
        **told,
        **statistics,
        "imported_late": late,
        "decoded_bytes": job.decoded_bytes,
        "memory_limit_bytes": memory_limit,
        "epochs": done,
        "numpy_or_torch_import_seconds": form_seconds,
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


def headline(done: list[dict[str, Any]], first_counted: int) -> dict[str, Any]:
    """The figures a table shows."""
    counted = done[first_counted:]
    mean = {
        name: sum(epoch[name] for epoch in counted) / len(counted)
        for name in ("seconds", "first_batch_seconds", "cpu_seconds")
    }
    return {**mean, "whole_seconds": sum(epoch["seconds"] for epoch in done)}


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
    parser.add_argument("--data", type=Path, required=True, help="directory made by data.py or reader_data.py")
    parser.add_argument("--url", default="", help="where a server has the same files")
    parser.add_argument("--small", required=True, help="a small file of the same columns")
    parser.add_argument("--spill", required=True, help="directory on disk for what does not fit")
    parser.add_argument("--threads", type=int, default=2)
    job = parser.parse_args()
    job.manifest = json.loads(job.data.with_name(job.data.name + ".json").read_text())
    job.tenth = transforms.tenth_of(job.data)
    job.rows_per_row_group = job.manifest.get("rows_per_row_group")
    job.decoded_bytes = job.manifest["decoded_bytes"]
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
