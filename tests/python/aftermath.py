"""What must be so after a pass has ended badly: nobody works, nothing is held or left behind, the engine goes on."""

import contextlib
import os
import pathlib
import threading
import time

import millstream as ms
from millstream.process_engine import PROCESS_ENGINE


def lane_run_times():
    """Nanoseconds that each of the engine's threads has run, by thread."""
    times = {}
    for task in pathlib.Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that ends meanwhile
            if (task / "comm").read_text().startswith("ms-lane"):
                times[task.name] = int((task / "schedstat").read_text().split()[0])
    return times


def scratch_files():
    """Open files of the spill directory: what is spilled has no name, and shows only so."""
    links = []
    for descriptor in pathlib.Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(os.readlink(descriptor))
    return [link for link in links if link.startswith(PROCESS_ENGINE.get().spill_directory)]


def files_under(directory):
    return sorted(str(path) for path in pathlib.Path(directory).rglob("*") if path.is_file())


def assert_lanes_rest(lanes):
    """There are so many lanes, or more of other engines; and within a second, for one may be on its way to sleep, none
    runs for 20 ms on end.
    """
    deadline = time.monotonic() + 1
    before = now = lane_run_times()
    while time.monotonic() < deadline:
        before = now
        time.sleep(0.02)
        now = lane_run_times()
        if before == now and len(now) >= lanes:
            return
    raise AssertionError(f"{lanes} lanes do not rest: {before}, 20 ms later {now}")


def assert_functions_end():
    """Threads of functions end within a second: nobody can stop a call, so that they may be in one still."""
    for thread in threading.enumerate():
        if thread.name.startswith("ms-function"):
            thread.join(1)
            assert not thread.is_alive(), thread


def wait_until_freed():
    """What the threads that end hold is freed within a second."""
    deadline = time.monotonic() + 1
    while PROCESS_ENGINE.get().memory_used() > 0 and time.monotonic() < deadline:
        time.sleep(0.002)


def assert_nothing_left(*directories):
    """No lane runs, no byte is reserved, no scratch file is open, no file lies in `directories`, and a read works."""
    assert_functions_end()
    engine = PROCESS_ENGINE.get()
    assert engine.memory_used() == 0
    assert scratch_files() == []
    assert_lanes_rest(engine.num_cpus)
    for directory in directories:
        assert files_under(directory) == []
    assert [row["id"] for row in ms.range(5).random_shuffle(seed=1).take_all()] == [3, 1, 4, 0, 2]
    assert engine.memory_used() == 0
    assert PROCESS_ENGINE.get() is engine
