"""Compares Millstream with its peers on data A in one interleaved run: the one command.

    python benchmarks/run.py [--rounds 5] [--only shuffle,read] [--peers ray,duckdb] [--keep others] [--quick]

Makes the pinned environments and the data where they are missing, then goes round by round: in each round, for each
workload, every peer once in a process of its own, in an order that rotates from round to round, and the bare limits
just before Millstream. Everything measured is written to results.json in the cache as it comes; a cell that fails
keeps its error.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import environments
import processes
import report
import results as kept
from schedule import LIMITS, OURS, PEERS, WORKLOADS, Cell, cells

HERE = Path(__file__).resolve().parent
FILES = 16
ROWS = 8_000_000
QUICK_ROWS = 1_600_000  # A tenth of it is the least memory that Millstream takes for the spilled workload.
SMALL_ROWS = 1_000


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", type=names, default=list(WORKLOADS), metavar="WORKLOAD,…", help=f"of {', '.join(WORKLOADS)}"
    )
    parser.add_argument(
        "--peers", type=names, default=list(PEERS), metavar="PEER,…", help=f"beside Millstream, of {', '.join(PEERS)}"
    )
    parser.add_argument("--quick", action="store_true", help=f"one round on {QUICK_ROWS:,} rows: does everything run?")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--threads", type=int, default=2, help="CPUs that each process is bound to")
    parser.add_argument("--time-limit", type=float, default=600.0, metavar="SECONDS", help="for one process")
    parser.add_argument("--cache", type=Path, default=environments.DEFAULT_CACHE, help="environments, data and results")
    parser.add_argument(
        "--millstream-python", default=sys.executable, metavar="PATH", help="a Python with millstream and torch"
    )
    parser.add_argument("--results", type=Path, help="where the figures go; by default in the cache")
    parser.add_argument(
        "--keep",
        choices=("none", "all", "others"),
        default="none",
        help="earlier figures to add to: all, or those of workloads that are not measured now",
    )
    parser.add_argument("--report", type=Path, metavar="FILE.md", help="also write the tables as Markdown")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="also draw them")
    parser.add_argument(
        "--report-only", action="store_true", help="measure nothing: report on the results that are there"
    )
    arguments = parser.parse_args()
    check(parser, arguments)
    complete(arguments)
    return arguments


def check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    for given, known in ((arguments.only, WORKLOADS), (arguments.peers, PEERS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown {', '.join(unknown)}; there are {', '.join(known)}")
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    if shutil.which(arguments.millstream_python) is None:
        parser.error(f"--millstream-python names no program: {arguments.millstream_python}")


def complete(arguments: argparse.Namespace) -> None:
    # Not resolved: a link tells Python its environment.
    arguments.millstream_python = os.path.abspath(shutil.which(arguments.millstream_python) or "")
    arguments.cache = arguments.cache.resolve()
    name = "results.json"
    if arguments.quick:
        arguments.rounds, arguments.rows, name = 1, QUICK_ROWS, "results-quick.json"
    arguments.results = arguments.results or arguments.cache / name


def make_data(python: Path, cache: Path, rows: int, files: int, scale: int = 1) -> Path:
    command = [str(python), str(HERE / "data.py"), "--out", str(cache / "data")]
    command += ["--rows", str(rows), "--files", str(files), "--scale", str(scale)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip())


def make_reader_data(python: Path, cache: Path, form: str, rows: int) -> Path:
    command = [str(python), str(HERE / "reader_data.py"), "--out", str(cache / "data"), "--form", form]
    done = subprocess.run([*command, "--rows", str(rows)], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip())


def make_transform_data(python: Path, data: Path) -> dict[str, Any]:
    command = [str(python), str(HERE / "transform_data.py"), "--data", str(data)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    outcomes: dict[str, Any] = json.loads(done.stdout)
    return outcomes


def manifest_of(data: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(data.with_name(data.name + ".json").read_text())
    return manifest


class StoreServer:
    """An S3 server that holds a directory's files, for as long as this process runs."""

    def __init__(self, python: Path, data: Path) -> None:
        self.environment = {
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = [str(python), str(HERE / "s3_server.py"), "--data", str(data), "--bucket", "benchmark"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **self.environment},
        )
        assert self.process.stdout is not None
        url = self.process.stdout.readline().strip()
        if not url:
            raise environments.EnvironmentFailure("The S3 server did not start: run s3_server.py by hand")
        self.environment["AWS_ENDPOINT_URL"] = url
        self.url = f"s3://benchmark/{data.name}"


class Bench:
    """The environments, programs and data of a run, and how they make a cell."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        cache = arguments.cache
        forms = kept.in_order(form for workload in arguments.only if (form := WORKLOADS[workload].form))
        makers = {form: "torch" if form == "jpeg" else "pyarrow" for form in forms}
        made = dict.fromkeys(["pyarrow", *makers.values(), *arguments.peers])
        self.pythons = {name: environments.make_environment(name, cache) for name in made}
        self.pythons[OURS] = Path(arguments.millstream_python)
        self.permutation = environments.build_program(HERE / "cpp" / "permutation_limit.cc", cache)
        python = self.pythons["pyarrow"]
        self.small = next(make_data(python, cache, SMALL_ROWS, 1).glob("*.parquet"))
        scales = {1, *(WORKLOADS[workload].scale for workload in arguments.only)}
        self.data = {scale: make_data(python, cache, arguments.rows, FILES, scale) for scale in sorted(scales)}
        transformed = any(WORKLOADS[workload].outcome for workload in arguments.only)
        self.outcomes = make_transform_data(python, self.data[1]) if transformed else {}
        self.files = {
            form: make_reader_data(self.pythons[maker], cache, form, arguments.rows) for form, maker in makers.items()
        }
        stored = kept.in_order(str(each.form) for name in arguments.only if (each := WORKLOADS[name]).stored)
        self.servers = {
            form: StoreServer(environments.make_environment("s3", cache), self.files[form]) for form in stored
        }
        self.spill = cache / "spill"
        self.threads, self.seconds_limit = arguments.threads, arguments.time_limit

    def command(self, each: Cell, data: Path) -> list[str]:
        options = ["--data", str(data), "--threads", str(self.threads)]
        if WORKLOADS[each.workload].stored:
            options += ["--url", self.servers[str(WORKLOADS[each.workload].form)].url]
        if each.peer == LIMITS:
            scratch = ["--scratch", str(self.spill), "--permutation", str(self.permutation)]
            return [str(self.pythons["pyarrow"]), str(HERE / "limits.py"), *options, *scratch]
        options += ["--small", str(self.small), "--spill", str(self.spill)]
        return [str(self.pythons[each.peer]), "-m", f"workloads.{each.peer}", *options, each.workload]

    def run(self, each: Cell) -> dict[str, Any]:
        comparison = WORKLOADS[each.workload]
        data = self.files[comparison.form] if comparison.form else self.data[comparison.scale]
        manifest = manifest_of(data)
        processes.settle(data, self.spill)
        run = {**each._asdict(), "load": os.getloadavg()[0]}
        if comparison.form:
            run["read"] = {name: manifest[name] for name in ("rows", "files", "stored_bytes", "decoded_bytes")}
        environment = environment_of(each.peer)
        if comparison.stored:
            environment |= self.servers[str(comparison.form)].environment
        result = processes.run_process(self.command(each, data), environment, self.seconds_limit)
        expected = self.outcomes[comparison.outcome] if comparison.outcome else manifest
        return {**run, **processes.checked(result, expected)}


def environment_of(peer: str) -> dict[str, str]:
    """Only Millstream sees PYTHONPATH, which may name where its package lies."""
    return {name: value for name, value in os.environ.items() if peer == OURS or name != "PYTHONPATH"}


def machine() -> dict[str, Any]:
    described = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in described if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": memory,
        "python": sys.version.split()[0],
    }


def command_line(arguments: argparse.Namespace) -> str:
    """How to repeat the run, without the paths of this machine."""
    parts = [f"python benchmarks/run.py --rounds {arguments.rounds}"]
    if (arguments.rows, arguments.threads) != (ROWS, 2):
        parts.append(f"--rows {arguments.rows} --threads {arguments.threads}")
    if arguments.only != list(WORKLOADS):
        parts.append(f"--only {','.join(arguments.only)}")
    if arguments.peers != list(PEERS):
        parts.append(f"--peers {','.join(arguments.peers)}")
    return " ".join(parts)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    bench = Bench(arguments)
    about = {
        "machine": machine(),
        "data": manifest_of(bench.data[1]),
        "threads": arguments.threads,
        "pins": {peer: environments.pins(peer) for peer in arguments.peers},
        "commands": [command_line(arguments)],
    }
    results = kept.begin(arguments.results, about, arguments.only, arguments.keep)
    for each in cells(arguments.only, arguments.peers, kept.next_round(results), arguments.rounds):
        results["runs"].append(bench.run(each))
        show(results["runs"][-1])
        kept.save(arguments.results, results)
    return results


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
