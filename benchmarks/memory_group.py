"""A cgroup whose memory is limited, for one process: the kernel kills it when it holds more. Versions 1 and 2.

The group is made below the own one, so that every limit that holds for this process goes on holding for the other.
Page cache counts in the group, but the kernel takes it back before it kills.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REMOVAL_SECONDS = 5.0


class MemoryGroupError(RuntimeError):
    """No group can be made here; the message says why, for each place that was tried."""


@dataclass(frozen=True)
class Place:
    """Where a group can be made, and the name of its limit."""

    directory: Path
    limit_file: str
    swap_limit_file: str


def unescaped(path: str) -> str:
    """Mount points come with spaces as octal numbers."""
    return path.encode().decode("unicode_escape")


def places(self_cgroup: str, self_mountinfo: str) -> list[Place]:
    """The process's own groups with a memory controller; version 1 first. From /proc/self/cgroup and mountinfo."""
    own = {}  # controllers -> path in the hierarchy
    for line in self_cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path
    found = []
    for line in self_mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        root, mount = (unescaped(field) for field in before.split()[3:5])
        kind, _, options = after.split()[:3]
        if kind == "cgroup" and "memory" in options.split(","):
            path = next((path for names, path in own.items() if "memory" in names.split(",")), "/")
            found.append(Place(below(mount, root, path), "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"))
        elif kind == "cgroup2":
            found.append(Place(below(mount, root, own.get("", "/")), "memory.max", "memory.swap.max"))
    return sorted(found, key=lambda place: place.limit_file == "memory.max")


def below(mount: str, root: str, path: str) -> Path:
    """In a container the mount shows only what is below `root` of the hierarchy."""
    inside = os.path.relpath(path, root) if path.startswith(root) else "."
    return Path(os.path.normpath(os.path.join(mount, inside)))


class MemoryGroup:
    """Has no limit until it is given one."""

    def __init__(self, place: Place, directory: Path) -> None:
        self._place = place
        self._directory = directory

    def started_in(self, command: list[str]) -> list[str]:
        """The command that is a member from its first page on."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._directory / "cgroup.procs"), *command]

    def set_limit(self, limit_bytes: int) -> None:
        (self._directory / self._place.limit_file).write_text(str(limit_bytes))
        swap = self._directory / self._place.swap_limit_file
        if swap.exists():  # else there is no swap to escape to
            swap.write_text("0" if self._place.limit_file == "memory.max" else str(limit_bytes))

    def kills(self) -> int:
        """How often the kernel has killed a member."""
        for name in ("memory.events", "memory.oom_control"):
            file = self._directory / name
            if file.exists():
                counts = dict(line.split() for line in file.read_text().splitlines())
                return int(counts.get("oom_kill", 0))
        return 0


def make_group(place: Place, name: str) -> MemoryGroup:
    directory = place.directory / name
    directory.mkdir()
    if not (directory / place.limit_file).exists():
        directory.rmdir()
        raise OSError(f"{place.directory} gives its children no memory controller (cgroup.subtree_control)")
    return MemoryGroup(place, directory)


def remove(directory: Path) -> None:
    """Members are gone a moment after they have been waited for."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        try:
            return directory.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextlib.contextmanager
def memory_group() -> Iterator[MemoryGroup]:
    """Raises MemoryGroupError where none can be made. Removed at the end, when its members are gone."""
    name = f"millstream-memory-{os.getpid()}"
    reasons = []
    for place in places(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text()):
        try:
            group = make_group(place, name)
        except OSError as error:
            reasons.append(str(error))
            continue
        try:
            yield group
        finally:
            remove(place.directory / name)
        return
    raise MemoryGroupError("no cgroup with a memory limit can be made: " + ("; ".join(reasons) or "none is mounted"))
