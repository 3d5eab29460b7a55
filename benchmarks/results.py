"""The figures of a run, kept in one JSON file: how parts are added to it, and how its cells are asked for.

A part goes on counting rounds where the file ends, so that each round is of one part and its cells belong together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from schedule import LIMITS, OURS

Run = dict[str, Any]
Runs = dict[int, Run]  # by round
SAME_IN_ALL_PARTS = ("machine", "data", "threads")


def begin(path: Path, about: Mapping[str, Any], workloads: Sequence[str], keep: str) -> dict[str, Any]:
    """What a new part is added to: nothing ("none"), all that is there, or what it does not measure ("others")."""
    if keep == "none" or not path.is_file():
        return {**about, "runs": []}
    results: dict[str, Any] = json.loads(path.read_text())
    differing = [name for name in SAME_IN_ALL_PARTS if results[name] != about[name]]
    if differing:
        raise ValueError(
            f"{path.name} was measured with another {', '.join(differing)}; leave out --keep to begin anew"
        )
    if keep == "others":
        results["runs"] = [run for run in results["runs"] if run["workload"] not in workloads]
    results["pins"].update(about["pins"])
    results["commands"] += [command for command in about["commands"] if command not in results["commands"]]
    return results


def next_round(results: Mapping[str, Any]) -> int:
    return 1 + max((run["round"] for run in results["runs"]), default=-1)


def save(path: Path, results: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(json.dumps(results, indent=1) + "\n")
    unfinished.replace(path)


def runs_of(results: Mapping[str, Any], workload: str, peer: str) -> Runs:
    return {run["round"]: run for run in results["runs"] if (run["workload"], run["peer"]) == (workload, peer)}


def good(runs: Runs) -> Runs:
    return {number: run for number, run in runs.items() if "error" not in run and "unsupported" not in run}


def all_limits(results: Mapping[str, Any]) -> list[Run]:
    return [run for run in results["runs"] if run["peer"] == LIMITS and "error" not in run]


def in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def peers(results: Mapping[str, Any], workload: str) -> list[str]:
    """Ours first, the others as they were named."""
    present = {run["peer"] for run in results["runs"] if run["workload"] == workload}
    return [peer for peer in [OURS, *results["pins"]] if peer in present]


def paired(above: Runs, below: Runs, figure: Callable[[Run, Run], float]) -> list[float]:
    """One value for each round in which both went well: drift of the machine touches both alike."""
    both = sorted(good(above).keys() & good(below).keys())
    return [figure(above[number], below[number]) for number in both]


def seconds_ratio(above: Run, below: Run) -> float:
    return float(above["seconds"]) / float(below["seconds"])


def spread(values: Sequence[float], digits: int = 2) -> str:
    if not values:
        return "–"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"
