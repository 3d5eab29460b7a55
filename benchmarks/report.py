"""Turns the figures of a run into tables: what was asked, medians, ratios with their spread, limits, errors."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import targets
from results import Runs, all_limits, good, in_order, paired, peers, runs_of, seconds_ratio, spread
from schedule import LIMITS, OURS, WORKLOADS

TITLES = {
    "read": "Plain reading, no shuffle",
    "shuffle": "Global shuffle, one epoch, a fresh process",
    "shuffle_warm": "Global shuffle, one epoch, a process that has run one before",
    "epochs": "A new order each epoch: mean from the third epoch on",
    "epochs_materialized": "A new order each epoch over data held ready: mean from the third epoch on",
    "shuffle_limited": "Global shuffle with memory for half of the data",
    "shuffle_spilled": "Global shuffle of five times the data with memory for a tenth of it",
    "overlap": "Steps that take as long as loading does: mean epoch from the third on",
    "first_rows": "Start, import and first rows of a small file: the whole process",
    "sort": "Sort by a float column, all columns out",
    "sort_limited": "Sort with memory for half of the data",
    "groupby": "Mean by a key of 88,999 values",
    "groupby_limited": "Mean by a key with memory for half of the data",
    "join": "Join with a tenth of the rows, all columns of both out",
    "join_limited": "Join with memory for half of the data",
    "map_batches": "A numpy function of each batch, all columns out",
    "small_blocks": "Three functions of each of 10,000 blocks of 100 rows",
    "csv": "CSV files, 8 columns with nulls and quoted texts",
    "json_lines": "The same rows as JSON lines",
    "jpeg": "JPEG files of 500 x 375, scaled to 224 x 224, in batches of 64",
    "small_files": "Text files of 3 lines",
    "small_csv_files": "CSV files of 3 rows, 4 columns",
    "s3_trips": "Shuffled trips from an S3 server of the same machine, all columns",
    "one_column_of_30": "One column of data A, in a process that reads all columns in turn with it",
}
RAY_NOTE = "CPU and peak RSS are of all its processes; its start and its workers' imports are outside the timer"
STORE_NOTE = "the limit is for its object store alone"
HELD_NOTE = "its result is whole in memory before the first batch"
PILLOW_NOTE = "Pillow decodes each picture whole, and then scales it"
FILES_NOTE = "its threaded reader, file by file"
# What a figure means, where it does not mean the same as its neighbours.
CELL_NOTES = {
    **{("ray", workload): RAY_NOTE for workload in TITLES if workload != "first_rows"},
    **{("ray", workload): f"{RAY_NOTE}; {STORE_NOTE}" for workload in TITLES if workload.endswith("_limited")},
    ("petastorm", "s3_trips"): (
        "no global shuffle: row groups in random order and a buffer of 1 M rows; without texts, which its loader does not take"
    ),
    ("petastorm", "shuffle"): "no global shuffle: row groups in random order and a buffer of 1 M rows",
    ("ray", "groupby"): f"{RAY_NOTE}; two columns selected by hand",
    ("ray", "groupby_limited"): f"{RAY_NOTE}; {STORE_NOTE}; two columns selected by hand",
    ("polars", "sort"): HELD_NOTE,
    ("polars", "join"): HELD_NOTE,
    ("daft", "map_batches"): "its function is given the one column that it uses, not the batch",
    ("pyarrow", "map_batches"): "a loop written by hand over the batches of its scanner",
    ("polars", "csv"): HELD_NOTE,
    ("polars", "json_lines"): f"{HELD_NOTE}; it reads times as texts, which an expression with their format parses",
    ("polars", "small_csv_files"): HELD_NOTE,
    ("pyarrow", "csv"): FILES_NOTE,
    ("pyarrow", "json_lines"): FILES_NOTE,
    ("pyarrow", "small_csv_files"): "its data set scanner",
    ("daft", "small_csv_files"): "it takes over 10 ms of CPU time a file, however short",
    (OURS, "jpeg"): "pictures are scaled by eighths while they are decoded, as far as they stay larger",
    ("ray", "jpeg"): f"{RAY_NOTE}; {PILLOW_NOTE}",
    (
        "torch",
        "jpeg",
    ): f"{PILLOW_NOTE}, in 2 workers, whose start is in the timer; CPU and peak RSS are of all processes",
}


class Table(NamedTuple):
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]


def middle(runs: Runs, figure: Callable[[dict[str, Any]], float | None], scale: float = 1.0) -> str:
    values = [value / scale for run in good(runs).values() if (value := figure(run)) is not None]
    return f"{median(values):.2f}" if values else "–"


def disk_bytes(run: dict[str, Any]) -> float | None:
    return run["disk_read_bytes"] + run["disk_write_bytes"] if "disk_read_bytes" in run else None


def trouble(runs: Runs) -> list[str]:
    """What went wrong, each once, with how often and without the paths of a machine."""
    said = [run.get("error") or run.get("unsupported") or "" for run in runs.values()]
    shown = in_order(text for text in said if text)
    return [f"{without_paths(text)} ({said.count(text)} of {len(said)})" for text in shown]


def without_paths(text: str) -> str:
    return re.sub(r"(?<![\w.])(/[\w.+@-]+)+/", "…/", text)


def comparison(results: dict[str, Any], workload: str) -> Table:
    ours = runs_of(results, workload, OURS)
    rows, notes = [], what_was_read(results, workload)
    for peer in peers(results, workload):
        runs = runs_of(results, workload, peer)
        ratio = ("1" if good(ours) else "–") if peer == OURS else spread(paired(runs, ours, seconds_ratio))
        rows.append([peer, *figures(runs), ratio])
        notes += [f"{peer}: {text}" for text in trouble(runs)]
        if (peer, workload) in CELL_NOTES and good(runs):
            notes.append(f"{peer}: {CELL_NOTES[peer, workload]}")
    header = ["", "rounds", "seconds", "first batch", "CPU seconds", "peak RSS, GB", "disk, GB", "of Millstream's time"]
    return Table(TITLES[workload], header, rows, notes)


def what_was_read(results: dict[str, Any], workload: str) -> list[str]:
    """Of files other than data A, which the preface describes."""
    read = (run["read"] for run in results["runs"] if run["workload"] == workload and "read" in run)
    return in_order(
        f"{each['rows']:,} rows in {each['files']:,} files, {each['stored_bytes'] / 1e6:.1f} MB stored, "
        f"{each['decoded_bytes'] / 1e6:.1f} MB decoded"
        for each in read
    )


def figures(runs: Runs) -> list[str]:
    return [
        str(len(good(runs))),
        spread([run["seconds"] for run in good(runs).values()]),
        middle(runs, lambda run: run.get("first_batch_seconds")),
        middle(runs, lambda run: run["cpu_seconds"]),
        middle(runs, lambda run: run["peak_rss_bytes"], 1e9),
        middle(runs, disk_bytes, 1e9),
    ]


def limits_table(results: dict[str, Any]) -> Table:
    size = results["data"]["decoded_bytes"] / 1e9
    lines = [
        (f"Arrow decode of all files ({size:.2f} GB), seconds", "decode_seconds", "decode_1_thread_seconds", 1.0),
        ("first touch of 2 GB in pages of 4 KB, seconds", "first_touch_seconds", "first_touch_1_thread_seconds", 1.0),
        ("two-pass permutation of 1.92 GB, seconds", "permutation_seconds", None, 1.0),
        ("memory copy, GB a second", "copy_bytes_per_second", "copy_1_thread_bytes_per_second", 1e9),
        ("direct disk write, GB a second", None, "disk_write_bytes_per_second", 1e9),
        ("direct disk read, GB a second", None, "disk_read_bytes_per_second", 1e9),
    ]
    rows = [[title, limit(results, many, scale), limit(results, one, scale)] for title, many, one, scale in lines]
    notes = in_order(note for workload in WORKLOADS for note in trouble(runs_of(results, workload, LIMITS)))
    return Table("The bare limits, in the same rounds", ["", f"{results['threads']} threads", "1 thread"], rows, notes)


def limit(results: dict[str, Any], name: str | None, scale: float) -> str:
    return spread([run[name] / scale for run in all_limits(results)]) if name else ""


def asked(results: dict[str, Any]) -> Table:
    floor = "* decode + 1.2 × (first touch of the bytes that the shuffle kept + two-pass permutation of all)"
    return Table("Asked and measured", ["", "asked", "median (least..most)", "met"], targets.rows(results), [floor])


def tables(results: dict[str, Any]) -> list[Table]:
    compared = [comparison(results, workload) for workload in WORKLOADS]
    return [table for table in [asked(results), *compared, limits_table(results)] if table.rows]


def as_text(results: dict[str, Any]) -> str:
    return "\n".join(text_table(table) for table in tables(results))


def text_table(table: Table) -> str:
    lines = [table.header, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.header))]
    body = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([table.title, *body, *(f"  {note}" for note in table.notes), ""])


def markdown_table(table: Table) -> str:
    rule = ["---"] + ["---:"] * (len(table.header) - 1)
    body = ["| " + " | ".join(line) + " |" for line in [table.header, rule, *table.rows]]
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"## {table.title}", "", *body, "", *notes, *([""] if notes else [])])


def as_markdown(results: dict[str, Any], report: Path, plot: Path | None) -> str:
    pins = [f"- {peer}: {', '.join(pinned)}" for peer, pinned in results["pins"].items()]
    picture = [f"![Seconds of each peer]({os.path.relpath(plot, report.parent)})", ""] if plot else []
    parts = [
        *preface(results),
        *picture,
        *(markdown_table(table) for table in tables(results)),
        "## Versions",
        "",
        *pins,
        "",
    ]
    return "\n".join(parts)


def preface(results: dict[str, Any]) -> list[str]:
    data, machine = results["data"], results["machine"]
    loads = [run["load"] for run in results["runs"]]
    return [
        "# Benchmarks",
        "",
        "Written by " + ", then ".join(f"`{command}`" for command in results["commands"]) + ".",
        f"{machine['processor']}, {results['threads']} of {machine['cpus']} CPUs, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, Python {machine['python']}.",
        f"{data['rows']:,} rows in {data['files']} Parquet files, {data['decoded_bytes'] / 1e9:.2f} GB decoded, "
        f"{data['stored_bytes'] / 1e9:.2f} GB stored, warm page cache.",
        f"Load average before a run, the runs' own work included: {spread(loads, 1)}.",
        "",
        "Each figure is the median of interleaved rounds, with the least and the most in brackets. A ratio is taken",
        "within each round, so it stands when the machine drifts; seconds compare only within this page. Every run is",
        "a fresh process whose imports and start are outside the timer, and counts only if each row came exactly once",
        "(a checksum over two columns or more) and, after a sort, in order.",
        "",
    ]
