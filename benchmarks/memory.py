"""Holds the engine to its memory limit: the peak memory of a whole process, under a cgroup that kills it if it lies.

    python benchmarks/memory.py [--limits 128MB,512MB,2GB] [--factors 1,10] [--threads 1,2] [--plans shuffle,scan,write]

Each cell is a process of its own. It runs the plan on a file of 1,000 rows, which makes it import, start and cache
what it will; what it holds then is the baseline. It then runs the same plan on 1 or 10 times the limit of data and may
hold the baseline, 1.1 times the limit, and one batch, which is the user's. The whole table moves 150 GB of rows: take
an hour, and 60 GB of disk for --cache. Needs numpy and pyarrow. tests/python/test_memory_limit.py runs its small cells.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments
import memory_data
from memory_group import memory_group

HERE = Path(__file__).resolve().parent
PLANS = ("shuffle", "scan", "write")
TRANSFORMS = ("sort", "few_groups", "many_groups", "join", "repartition", "unique")
LIMIT_SHARE = 1.1
KERNEL_BYTES = 8_000_000  # page tables, file handles and the like, which the kernel charges to the process's group
SHAPE_HEADINGS = ("data", "plan", "limit MB", "data ×", "threads")
HEADINGS = (*SHAPE_HEADINGS, "baseline MB", "asked MB", "peak MB", "of limit", "seconds", "")


@dataclass(frozen=True)
class Cell:
    data: str
    plan: str
    limit_bytes: int
    factor: int
    threads: int


@dataclass(frozen=True)
class Outcome:
    """What a cell came to; `error` is empty where it ended with all rows."""

    cell: Cell
    error: str
    baseline_bytes: int = 0
    allowed_bytes: int = 0
    peak_bytes: int = 0
    seconds: float = 0.0

    @property
    def kept(self) -> bool:
        return not self.error and self.peak_bytes <= self.allowed_bytes

    @property
    def limit_share(self) -> float:
        """Of the limit, how much came on top of the baseline; the user's batch included."""
        return (self.peak_bytes - self.baseline_bytes) / self.cell.limit_bytes


def run_cell(cell: Cell, cache: Path, python: str = sys.executable) -> Outcome:
    """MemoryGroupError where no cgroup can be made."""
    small = memory_data.small_file(cache, cell.data)
    data, rows = memory_data.data_set(cache, cell.data, cell.limit_bytes, cell.factor)
    with memory_group() as group, tempfile.TemporaryDirectory(dir=cache) as scratch:
        command = [python, str(HERE / "memory_plan.py"), cell.plan, "--small", str(small), "--data", str(data)]
        command += ["--scratch", scratch, "--memory-limit", str(cell.limit_bytes), "--threads", str(cell.threads)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(group.started_in(command), text=True, **pipes) as process:
            before = json.loads(process.stdout.readline() or "{}") if process.stdout else {}
            allowed = before.get("peak_bytes", 0) + int(LIMIT_SHARE * cell.limit_bytes) + batch_bytes(cell)
            group.set_limit(allowed + KERNEL_BYTES)
            output, errors = process.communicate("go on\n")
        after = json.loads(output or "{}")
        error = failure(process.returncode, errors, group.kills())
    if not error and after["rows"] != rows:
        error = f"{after['rows']} rows came of {rows}"
    baseline, peak = before.get("peak_bytes", 0), after.get("peak_bytes", 0)
    return Outcome(cell, error, baseline, allowed, peak, after.get("seconds", 0.0))


def batch_bytes(cell: Cell) -> int:
    """The one batch in the user's hands."""
    from memory_plan import BATCH_ROWS

    sides = {"write": 0, "few_groups": 0, "many_groups": 0, "unique": 0, "join": 2}
    return sides.get(cell.plan, 1) * BATCH_ROWS * memory_data.row_bytes(cell.data)


def failure(exit_status: int, errors: str, kills: int) -> str:
    if kills:
        return "killed by the kernel, out of memory"
    return "" if exit_status == 0 else (errors.strip().splitlines() or [f"exit status {exit_status}"])[-1]


def row_of(outcome: Outcome) -> list[str]:
    def megabytes(count: float) -> str:
        return f"{count / 1e6:.1f}"

    cell = outcome.cell
    shown = [cell.data, cell.plan, f"{cell.limit_bytes / 1e6:.0f}", str(cell.factor), str(cell.threads)]
    figures = [outcome.baseline_bytes, outcome.allowed_bytes, outcome.peak_bytes]
    verdict = outcome.error or ("kept" if outcome.kept else "BROKEN")
    return [*shown, *map(megabytes, figures), f"{outcome.limit_share:.2f}", f"{outcome.seconds:.1f}", verdict]


def table(outcomes: Iterable[Outcome]) -> str:
    """In Markdown."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    return "\n".join([*lines, *("| " + " | ".join(row_of(outcome)) + " |" for outcome in outcomes)])


def cells(arguments: argparse.Namespace) -> Iterator[Cell]:
    for limit in arguments.limits:
        for data in arguments.data:
            for plan in arguments.plans:
                for factor in arguments.factors:
                    yield from (Cell(data, plan, limit, factor, threads) for threads in arguments.threads)


def byte_sizes(text: str) -> list[int]:
    units = {"MB": 10**6, "GB": 10**9}
    return [int(size[:-2]) * units[size[-2:]] for size in text.split(",")]


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def names(text: str) -> list[str]:
    return text.split(",")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limits", type=byte_sizes, default="128MB,512MB,2GB")
    parser.add_argument("--factors", type=numbers, default="1,10", help="the data is so many times the limit")
    parser.add_argument("--threads", type=numbers, default="1,2")
    parser.add_argument("--plans", type=names, default=[*PLANS, *TRANSFORMS])
    parser.add_argument("--data", type=names, default=list(memory_data.KINDS))
    parser.add_argument("--cache", type=Path, default=environments.DEFAULT_CACHE / "memory")
    parser.add_argument("--millstream-python", default=sys.executable, metavar="PATH", help="a Python with millstream")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    outcomes = []
    for cell in cells(arguments):
        outcomes.append(run_cell(cell, arguments.cache, os.path.abspath(arguments.millstream_python)))
        print(" ".join(row_of(outcomes[-1])), file=sys.stderr, flush=True)
    print(table(outcomes))
    return 0 if all(outcome.kept for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
