"""CPU time, disk bytes and memory of a process, or of a process with all its descendants, from /proc."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.25  # A sample takes some 4 ms from the process under test.


def descendants(root: int) -> Iterator[int]:
    """The process and everything below it that is alive now."""
    yield root
    try:
        threads = os.listdir(f"/proc/{root}/task")
    except OSError:
        return
    for thread in threads:
        for child in read(f"/proc/{root}/task/{thread}/children").split():
            yield from descendants(int(child))


def read(path: str) -> str:
    """A /proc file's text; empty when the process has ended meanwhile."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def cpu_seconds(root: int) -> float:
    """User and system time of the tree, and of the children that its members have waited for."""
    ticks = 0
    for process in descendants(root):
        after_name = read(f"/proc/{process}/stat").rpartition(")")[2].split()
        ticks += sum(int(field) for field in after_name[11:15])
    return ticks / CLOCK_TICKS


def disk_bytes(root: int) -> dict[str, int]:
    """Bytes the living tree has had read from and written to block devices; cached reads do not count."""
    totals = {"read_bytes": 0, "write_bytes": 0}
    for process in descendants(root):
        for name, value in fields(f"/proc/{process}/io").items():
            if name in totals:
                totals[name] += int(value)
    return totals


def fields(path: str) -> dict[str, str]:
    lines = (line.partition(":") for line in read(path).splitlines())
    return {name: value.strip() for name, _, value in lines}


def status_bytes(process: int, *names: str) -> list[int]:
    status = fields(f"/proc/{process}/status")
    return [int(status.get(name, "0 kB").split()[0]) * 1024 for name in names]


def peak_of_this_process() -> int:
    """VmHWM; getrusage's ru_maxrss would inherit the parent's peak over exec."""
    return status_bytes(os.getpid(), "VmHWM")[0]


def tree_memory(root: int) -> int:
    """Private memory of all members, plus the largest shared and the largest file-backed part: each counted once."""
    private, shared, backed = 0, 0, 0
    for process in descendants(root):
        parts = status_bytes(process, "RssAnon", "RssShmem", "RssFile")
        private, shared, backed = private + parts[0], max(shared, parts[1]), max(backed, parts[2])
    return private + shared + backed


class TreePeak(threading.Thread):
    """Samples tree_memory four times a second for peers that work in several processes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, tree_memory(os.getpid()))

    def finish(self) -> int:
        self._stop_asked.set()
        self.join()
        return self.peak_bytes
