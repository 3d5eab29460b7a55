"""Turns the figures of a run into tables: medians, ratios paired by round with their spread, limits, errors."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

OURS = "millstream"
LIMITS = "limits"
TITLES = {
    "read": "Plain reading, no shuffle",
    "shuffle": "Global shuffle, one epoch, a fresh process",
    "shuffle_warm": "Global shuffle, one epoch, a process that has run one before",
    "epochs": "A new order each epoch: mean from the third epoch on",
    "epochs_materialized": "A new order each epoch over data held ready: mean from the third epoch on",
    "shuffle_limited": "Global shuffle with memory for half of the data",
    "overlap": "A training step as long as its loading: the last of four epochs",
    "first_rows": "Start, import and first rows of a small file: the whole process",
}
RAY_NOTE = "CPU and peak RSS are of all its processes; its start and its workers' imports are outside the timer"
# What a figure means, where it does not mean the same as its neighbours.
CELL_NOTES = {
    **{("ray", workload): RAY_NOTE for workload in TITLES if workload != "first_rows"},
    ("ray", "shuffle_limited"): f"{RAY_NOTE}; the limit is for its object store alone",
    ("petastorm", "shuffle"): "no global shuffle: row groups in random order and a buffer of 1 M rows",
}
Run = dict[str, Any]


class Table(NamedTuple):
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]


def runs_of(results: dict[str, Any], workload: str, peer: str) -> dict[int, Run]:
    """By round."""
    return {run["round"]: run for run in results["runs"] if (run["workload"], run["peer"]) == (workload, peer)}


def good(runs: dict[int, Run]) -> dict[int, Run]:
    return {number: run for number, run in runs.items() if "error" not in run and "unsupported" not in run}


def in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def workloads(results: dict[str, Any]) -> list[str]:
    return [name for name in in_order(run["workload"] for run in results["runs"]) if name != LIMITS]


def peers(results: dict[str, Any], workload: str) -> list[str]:
    """Ours first, the others as they were named."""
    present = {run["peer"] for run in results["runs"] if run["workload"] == workload}
    return [peer for peer in [OURS, *results["pins"]] if peer in present]


def spread(values: Sequence[float], unit: str = "", digits: int = 2) -> str:
    if not values:
        return "–"
    return f"{median(values):.{digits}f}{unit} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def paired(above: dict[int, Run], below: dict[int, Run], figure: Callable[[Run, Run], float]) -> list[float]:
    """One value for each round in which both went well: drift of the machine touches both alike."""
    both = sorted(good(above).keys() & good(below).keys())
    return [figure(above[number], below[number]) for number in both]


def seconds_ratio(above: Run, below: Run) -> float:
    return float(above["seconds"]) / float(below["seconds"])


def middle(runs: dict[int, Run], name: str, scale: float = 1.0) -> str:
    values = [run[name] / scale for run in good(runs).values() if name in run]
    return f"{median(values):.2f}" if values else "–"


def disk_traffic(runs: dict[int, Run]) -> str:
    values = [
        (run["disk_read_bytes"] + run["disk_write_bytes"]) / 1e9
        for run in good(runs).values()
        if "disk_read_bytes" in run
    ]
    return f"{median(values):.2f}" if values else "–"


def trouble(runs: dict[int, Run]) -> list[str]:
    """What went wrong, each once, with how often and without the paths of a machine."""
    said = [run.get("error") or run.get("unsupported") or "" for run in runs.values()]
    shown = in_order(text for text in said if text)
    return [f"{without_paths(text)} ({said.count(text)} of {len(said)})" for text in shown]


def without_paths(text: str) -> str:
    return re.sub(r"(?<![\w.])(/[\w.+@-]+)+/", "…/", text)


def comparison(results: dict[str, Any], workload: str) -> Table:
    ours = runs_of(results, workload, OURS)
    rows, notes = [], []
    for peer in peers(results, workload):
        runs = runs_of(results, workload, peer)
        ratio = ("1" if good(ours) else "–") if peer == OURS else spread(paired(runs, ours, seconds_ratio))
        rows.append([peer, *figures(runs), ratio])
        notes += [f"{peer}: {text}" for text in trouble(runs)]
        if (peer, workload) in CELL_NOTES and good(runs):
            notes.append(f"{peer}: {CELL_NOTES[peer, workload]}")
    header = ["", "seconds", "first batch", "CPU seconds", "peak RSS, GB", "disk, GB", "of Millstream's time"]
    return Table(TITLES.get(workload, workload), header, rows, notes)


def figures(runs: dict[int, Run]) -> list[str]:
    seconds = [run["seconds"] for run in good(runs).values()]
    counts = [middle(runs, "first_batch_seconds"), middle(runs, "cpu_seconds"), middle(runs, "peak_rss_bytes", 1e9)]
    return [spread(seconds), *counts, disk_traffic(runs)]


def limits_table(results: dict[str, Any]) -> Table:
    runs = good(runs_of(results, LIMITS, LIMITS))
    threads = results["threads"]
    lines = [
        ("Arrow decode of all files, seconds", "decode_seconds", "decode_1_thread_seconds", 1.0),
        ("first touch of 2 GB, seconds", "first_touch_seconds", "first_touch_1_thread_seconds", 1.0),
        ("two-pass permutation of 1.92 GB, seconds", "permutation_seconds", None, 1.0),
        ("memory copy, GB a second", "copy_bytes_per_second", "copy_1_thread_bytes_per_second", 1e9),
        ("direct disk write, GB a second", None, "disk_write_bytes_per_second", 1e9),
        ("direct disk read, GB a second", None, "disk_read_bytes_per_second", 1e9),
    ]
    rows = [[title, limit(runs, many, scale), limit(runs, one, scale)] for title, many, one, scale in lines]
    return Table(
        "The bare limits, in the same run",
        ["", f"{threads} threads", "1 thread"],
        rows,
        trouble(runs_of(results, LIMITS, LIMITS)),
    )


def limit(runs: dict[int, Run], name: str | None, scale: float) -> str:
    return spread([run[name] / scale for run in runs.values()]) if name else ""


def decode_share(limits: Run, ours: Run) -> float:
    return float(limits["decode_seconds"]) / float(ours["seconds"])


def against_limits(results: dict[str, Any]) -> Table:
    """How near ours comes to what the machine allows."""
    limits = runs_of(results, LIMITS, LIMITS)
    size = results["data"]["decoded_bytes"]

    def over_floor(run: Run, bare: Run) -> float:
        touch = bare["first_touch_seconds"] * size / bare["first_touch_bytes"]
        permutation = bare["permutation_seconds"] * size / bare["permutation_bytes"]
        return float(run["seconds"] / (bare["decode_seconds"] + 1.2 * (touch + permutation)))

    rows = []
    for workload in ("read", "shuffle", "shuffle_warm"):
        ours = runs_of(results, workload, OURS)
        if good(ours):
            rows.append([f"{workload}: rate as a share of bare decode", spread(paired(limits, ours, decode_share))])
    for workload in ("shuffle", "shuffle_warm"):
        ours = runs_of(results, workload, OURS)
        if good(ours):
            title = f"{workload}: time over decode + 1.2 × (first touch + permutation)"
            rows.append([title, spread(paired(ours, limits, over_floor))])
    return Table("Millstream against the limits", ["", "median (least..most)"], [*rows, *own_rows(results)], [])


def own_rows(results: dict[str, Any]) -> list[list[str]]:
    size = results["data"]["decoded_bytes"]
    limited = good(runs_of(results, "shuffle_limited", OURS)).values()
    overlap = [run["epochs"][-1] for run in good(runs_of(results, "overlap", OURS)).values()]
    rows = []
    if limited:
        traffic = [(run["disk_read_bytes"] + run["disk_write_bytes"]) / size for run in limited]
        rows.append(["shuffle_limited: bytes of disk traffic a decoded byte", spread(traffic)])
    if overlap:
        rows.append(["overlap: epoch over the sum of its steps", spread([epoch["over_steps"] for epoch in overlap])])
        rows.append(["overlap: gap between epochs, in steps", spread([epoch["gap_steps"] for epoch in overlap])])
    return rows


def tables(results: dict[str, Any]) -> list[Table]:
    compared = [comparison(results, workload) for workload in workloads(results)]
    return [table for table in [*compared, limits_table(results), against_limits(results)] if table.rows]


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
    rounds = 1 + max(run["round"] for run in results["runs"])
    return [
        "# Benchmarks",
        "",
        f"Written by `{results['command']}`.",
        f"{machine['processor']}, {results['threads']} of {machine['cpus']} CPUs, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, Python {machine['python']}.",
        f"{data['rows']:,} rows in {data['files']} Parquet files, {data['decoded_bytes'] / 1e9:.2f} GB decoded, "
        f"{data['stored_bytes'] / 1e9:.2f} GB stored, warm page cache.",
        "",
        f"Each figure is the median of {rounds} interleaved rounds, with the least and the most in brackets.",
        "A ratio is taken within each round, so it stands when the machine drifts; seconds compare only within this",
        "page. Every run is a fresh process whose imports and start are outside the timer, and counts only if each row",
        "came exactly once (a checksum over two columns).",
        "",
    ]
