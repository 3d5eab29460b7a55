"""Processes under a cgroup hold no more memory than they were given; the table is the output.

These are the small cells of benchmarks/memory.py.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))

import memory
import memory_group

LIMIT = 128_000_000
CELLS = [
    memory.Cell(data, plan, LIMIT, factor, threads)
    for data in ("fixed", "mixed")
    for plan in memory.PLANS
    for factor, threads in ((1, 1), (1, 2))
] + [memory.Cell("fixed", plan, LIMIT, 10, 2) for plan in ("shuffle", "scan")]


@pytest.fixture(scope="module")
def outcomes():
    """Filled by the tests, shown at the end."""
    seen = []
    yield seen
    print("\n" + memory.table(seen))


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("memory")


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.data}-{cell.plan}-{cell.factor}x-{cell.threads}")
def test_a_process_holds_no_more_than_it_was_given(cell, cache, outcomes, capsys):
    try:
        outcome = memory.run_cell(cell, cache)
    except memory_group.MemoryGroupError as reason:
        pytest.skip(str(reason))
    outcomes.append(outcome)
    with capsys.disabled():
        print("\n" + " ".join(memory.row_of(outcome)), end="")
    assert outcome.kept, memory.table([outcome])


def test_the_kernel_kills_what_breaks_its_promise(tmp_path):
    """Else the cells above would prove nothing."""
    import subprocess

    held = "held = bytearray(100_000_000); import sys; sys.stdin.readline(); held.extend(bytes(300_000_000))"
    try:
        with memory_group.memory_group() as group:
            command = group.started_in([sys.executable, "-c", held])
            process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
            group.set_limit(200_000_000)
            process.communicate("go on\n")
            assert process.returncode == -9
            assert group.kills() >= 1
    except memory_group.MemoryGroupError as reason:
        pytest.skip(str(reason))


MOUNTS = """\
30 23 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
31 23 0:27 /docker/a\\040b /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
32 23 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""


def test_groups_are_made_below_the_own_one_version_1_first():
    places = memory_group.places("4:memory:/docker/a b/inner\n3:cpu:/x\n0::/user.slice\n", MOUNTS)
    assert [(str(place.directory), place.limit_file) for place in places] == [
        ("/sys/fs/cgroup/memory/inner", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup/unified/user.slice", "memory.max"),
    ]
    assert memory_group.places("0::/\n", "") == []


def test_a_group_without_a_memory_controller_is_refused(tmp_path):
    place = memory_group.Place(tmp_path, "memory.max", "memory.swap.max")
    with pytest.raises(OSError, match="subtree_control"):
        memory_group.make_group(place, "child")
    assert list(tmp_path.iterdir()) == []
