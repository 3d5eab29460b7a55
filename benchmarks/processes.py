"""Runs one cell of the comparison: one library, one workload, one process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from workloads import process_tree

HERE = Path(__file__).resolve().parent
READ_BYTES = 16 << 20
MEAN_OFF_MOST = 2.0  # of pictures of one batch; two readers scale a little differently


def settle(data: Path, spill: Path) -> None:
    """Leaves the next process what the last one found: files in the page cache, nothing to write back, no spill."""
    shutil.rmtree(spill, ignore_errors=True)
    spill.mkdir(parents=True)
    os.sync()
    for path in filter(Path.is_file, data.rglob("*")):
        with path.open("rb", buffering=0) as file:
            while file.read(READ_BYTES):
                pass


def run_process(command: Sequence[str], environment: Mapping[str, str], seconds_limit: float) -> dict[str, Any]:
    """Runs it to its end, or to the time limit, and returns the JSON of its last line, or its error."""
    started = time.monotonic_ns()
    process = subprocess.Popen(
        command,
        cwd=HERE,
        env={**environment, "BENCHMARK_STARTED_NS": str(started)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
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
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    process.communicate()


def exception_line(errors: str) -> str:
    """What was raised: messages of several lines put advice last."""
    raised = re.findall(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)\b.*", errors, re.MULTILINE)
    return raised[-1] if raised else last_line(errors)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def checked(result: dict[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """A run that lost, doubled or mixed rows in any epoch, or sorted them wrongly, is an error, however fast it was."""
    for number, epoch in enumerate(result.get("epochs", [])):
        if (epoch["rows"], epoch["checksum"]) != (expected["rows"], expected["checksum"]):
            found = f"{epoch['rows']} rows, checksum {epoch['checksum']}"
            return {**result, "error": f"epoch {number} came with wrong rows: {found}"}
        if not epoch.get("in_order", True):
            return {**result, "error": f"epoch {number} came in another order than that of the sort key"}
        if epoch.get("mean_off", 0.0) > MEAN_OFF_MOST:
            return {
                **result,
                "error": f"epoch {number} came with pictures whose mean is off by {epoch['mean_off']:.1f}",
            }
    return result
