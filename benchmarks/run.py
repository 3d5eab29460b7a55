"""Compares Millstream with its peers on data A in one interleaved run: the one command.

    python benchmarks/run.py [--rounds 5] [--only shuffle,read] [--peers ray,duckdb] [--quick]

Makes the pinned environments and the data where they are missing, then goes round by round: in each round, for each
workload, every peer once in a process of its own, in an order that rotates from round to round, and the bare limits
once. Everything measured is written to results.json in the cache as it comes; a cell that fails keeps its error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environments
import report
from workloads import process_tree

HERE = Path(__file__).resolve().parent
OURS = "millstream"
LIMITS = "limits"
PEERS = ("ray", "petastorm", "duckdb", "polars", "daft", "pyarrow")
WORKLOADS = (
    "read",
    "shuffle",
    "shuffle_warm",
    "epochs",
    "epochs_materialized",
    "shuffle_limited",
    "overlap",
    "first_rows",
)
DEFAULT_WORKLOADS = ("read", "shuffle", "epochs", "epochs_materialized", "shuffle_limited", "first_rows")
# The rest show what only Millstream promises; a peer runs them when it is named together with them.
OURS_ONLY = ("shuffle_warm", "overlap")
# Its one epoch takes half a minute, so four in each of five rounds would take most of the run.
LEFT_OUT = {("petastorm", "epochs"): "not run for its length: see its single epoch"}
QUICK_ROWS = 400_000


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", type=names, metavar="WORKLOAD,…", help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--peers", type=names, default=list(PEERS), metavar="PEER,…", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--quick", action="store_true", help="one round on 400,000 rows: does everything run?")
    parser.add_argument("--rows", type=int, default=8_000_000)
    parser.add_argument("--scale", type=int, default=1, help="data A this many times over")
    parser.add_argument("--threads", type=int, default=2, help="CPUs that each process is bound to")
    parser.add_argument("--time-limit", type=float, default=600.0, metavar="SECONDS", help="for one process")
    parser.add_argument("--cache", type=Path, default=environments.DEFAULT_CACHE, help="environments, data and results")
    parser.add_argument(
        "--millstream-python", default=sys.executable, metavar="PATH", help="a Python with millstream and torch"
    )
    parser.add_argument("--results", type=Path, help="where the figures go; results.json in the cache by default")
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="also write the tables as Markdown")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="also draw them")
    parser.add_argument(
        "--report-only", action="store_true", help="measure nothing: report on the results that are there"
    )
    arguments = parser.parse_args()
    check(parser, arguments)
    if arguments.quick:
        arguments.rounds, arguments.rows = 1, QUICK_ROWS
    arguments.cache = arguments.cache.resolve()
    arguments.results = arguments.results or arguments.cache / "results.json"
    return arguments


def check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    for given, known in ((arguments.only or [], WORKLOADS), (arguments.peers, PEERS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown {', '.join(unknown)}; there are {', '.join(known)}")
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    found = shutil.which(arguments.millstream_python)
    if found is None:
        parser.error(f"--millstream-python names no program: {arguments.millstream_python}")
    arguments.millstream_python = os.path.abspath(found)  # Not resolved: a link tells Python its environment.


def make_data(python: Path, arguments: argparse.Namespace, rows: int, files: int, scale: int = 1) -> Path:
    out = arguments.cache / "data"
    command = [str(python), str(HERE / "data.py"), "--out", str(out)]
    command += ["--rows", str(rows), "--files", str(files), "--scale", str(scale)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip())


def commands(arguments: argparse.Namespace, pythons: dict[str, Path], data: Path, small: Path) -> dict[str, list[str]]:
    """How each peer is started, but for the name of the workload at the end."""
    spill = arguments.cache / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    threads = ["--threads", str(arguments.threads)]
    options = ["--data", str(data), "--small", str(small), "--spill", str(spill), *threads]
    started = {peer: [str(pythons[peer]), "-m", f"workloads.{peer}", *options] for peer in [OURS, *arguments.peers]}
    started[LIMITS] = [
        str(pythons["pyarrow"]),
        str(HERE / "limits.py"),
        "--data",
        str(data),
        "--scratch",
        str(spill),
        *threads,
    ]
    return started


def schedule(arguments: argparse.Namespace) -> Iterator[tuple[int, str, str]]:
    """(round, workload, peer): within a workload the peers follow each other, another one first in each round."""
    named = arguments.only or list(DEFAULT_WORKLOADS)
    for number in range(arguments.rounds):
        yield number, LIMITS, LIMITS
        for workload in named:
            peers = [OURS] if workload in OURS_ONLY and arguments.only is None else [OURS, *arguments.peers]
            first = number % len(peers)
            for peer in peers[first:] + peers[:first]:
                yield number, workload, peer


def run_process(command: list[str], seconds_limit: float) -> dict[str, Any]:
    """Runs it to its end, or to the time limit, and returns the JSON of its last line, or its error."""
    started = time.monotonic_ns()
    environment = {**os.environ, "BENCHMARK_STARTED_NS": str(started)}
    process = subprocess.Popen(
        command, cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        output, errors = process.communicate(timeout=seconds_limit)
    except subprocess.TimeoutExpired:
        end_tree(process)
        return {"error": f"not done after {seconds_limit:.0f} seconds"}
    if process.returncode != 0:
        return {"error": exception_line(errors) or f"exit status {process.returncode}", "stderr": errors[-4000:]}
    try:
        result: dict[str, Any] = json.loads(last_line(output))
    except ValueError:
        return {"error": "printed no result", "stderr": errors[-4000:]}
    return {**result, "process_seconds": (time.monotonic_ns() - started) / 1e9}


def end_tree(process: subprocess.Popen[str]) -> None:
    for member in list(process_tree.descendants(process.pid)):
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()


def exception_line(errors: str) -> str:
    """What was raised: messages of several lines put advice last."""
    raised = re.findall(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)\b.*", errors, re.MULTILINE)
    return raised[-1] if raised else last_line(errors)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def checked(result: dict[str, Any], manifest: dict[str, Any], workload: str) -> dict[str, Any]:
    """A run that lost, doubled or mixed rows in any epoch is an error, however fast it was."""
    for number, epoch in enumerate(result.get("epochs", [])):
        if (epoch["rows"], epoch["checksum"]) != (manifest["rows"], manifest["checksum"]):
            found = f"{epoch['rows']} rows, checksum {epoch['checksum']}"
            return {**result, "error": f"{workload}: epoch {number} came with wrong rows: {found}"}
    return result


def machine() -> dict[str, Any]:
    processor = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").open() if line.startswith("model name")), ""
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": memory,
        "python": sys.version.split()[0],
    }


def command_line(arguments: argparse.Namespace) -> str:
    """How to repeat the run, without the paths of this machine."""
    shape = (
        f"--rounds {arguments.rounds} --threads {arguments.threads} --rows {arguments.rows} --scale {arguments.scale}"
    )
    chosen = f" --only {','.join(arguments.only)}" if arguments.only else ""
    return f"python benchmarks/run.py {shape}{chosen} --peers {','.join(arguments.peers)}"


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    made = ["pyarrow", *arguments.peers]
    pythons = {name: environments.make_environment(name, arguments.cache) for name in dict.fromkeys(made)}
    pythons[OURS] = Path(arguments.millstream_python)
    data = make_data(pythons["pyarrow"], arguments, arguments.rows, 16, arguments.scale)
    small = next(make_data(pythons["pyarrow"], arguments, 1_000, 1).glob("*.parquet"))
    manifest = json.loads(data.with_name(data.name + ".json").read_text())
    results: dict[str, Any] = {
        "machine": machine(),
        "data": manifest,
        "threads": arguments.threads,
        "pins": {peer: environments.pins(peer) for peer in arguments.peers},
        "command": command_line(arguments),
        "runs": [],
    }
    started = commands(arguments, pythons, data, small)
    for number, workload, peer in schedule(arguments):
        run = {"round": number, "workload": workload, "peer": peer, "load": os.getloadavg()[0]}
        results["runs"].append({**run, **run_cell(started[peer], workload, peer, manifest, arguments.time_limit)})
        show(results["runs"][-1])
        save(arguments.results, results)
    return results


def run_cell(
    command: list[str], workload: str, peer: str, manifest: dict[str, Any], seconds_limit: float
) -> dict[str, Any]:
    if (peer, workload) in LEFT_OUT:
        return {"unsupported": LEFT_OUT[peer, workload]}
    if workload == LIMITS:
        return run_process(command, seconds_limit)
    return checked(run_process([*command, workload], seconds_limit), manifest, workload)


def save(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(json.dumps(results, indent=1) + "\n")
    unfinished.replace(path)


def show(run: dict[str, Any]) -> None:
    figure = f"{run['seconds']:8.2f} s" if "seconds" in run else ""
    note = run.get("error") or run.get("unsupported") or ""
    print(
        f"round {run['round'] + 1}  {run['workload']:<20} {run['peer']:<11} {figure} {note}",
        file=sys.stderr,
        flush=True,
    )


def main() -> None:
    arguments = parse_arguments()
    results = json.loads(arguments.results.read_text()) if arguments.report_only else measure(arguments)
    print(report.as_text(results))
    if arguments.plot:
        python = environments.make_environment("plot", arguments.cache)
        subprocess.run([str(python), str(HERE / "plot.py"), str(arguments.results), str(arguments.plot)], check=True)
    if arguments.report:
        arguments.report.write_text(report.as_markdown(results, arguments.report, arguments.plot))


if __name__ == "__main__":
    main()
