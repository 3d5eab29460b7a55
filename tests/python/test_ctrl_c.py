"""Ctrl-C in every phase: KeyboardInterrupt at once, nothing left, a process that ends as others do.

Each test starts a program, sends it SIGINT once it says that it is in the phase, and reads on.
"""

import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time

import pytest

SECONDS_TO_STOP_MAX = 1.0  # what a person takes for "at once"

PRELUDE = """
import os, pathlib, sys, threading, time
import millstream as ms
from aftermath import assert_nothing_left, lane_run_times

work = pathlib.Path(sys.argv[1])
ms.init(num_cpus=2, memory_limit="96MB", spill_directory=work / "spill")
MANY = 60_000_000  # rows: 480 MB, which take seconds to shuffle through 64 MB

def say(line):
    print(line, flush=True)

def say_when(reached):
    # Reads what the phases count, from beside the main thread, which is in a call.
    def watch():
        while not reached():
            time.sleep(0.002)
        say("here")
    threading.Thread(target=watch, daemon=True).start()

def stages(iterator):
    record = iterator._record
    return {} if record is None else {stage["name"]: stage for stage in record.stages()}

def rows_of(iterator, stage):
    return stages(iterator).get(stage, {"rows": 0})["rows"]

def lanes_work():
    return sum(lane_run_times().values()) > 50_000_000

def interrupted(run):
    try:
        run()
    except KeyboardInterrupt:
        say("interrupted")
    else:
        say("went on")
    assert_nothing_left(work)
    say("nothing left")
"""

SCATTER = """
iterator = ms.range(MANY).random_shuffle(seed=1).iterator()
say_when(lambda: rows_of(iterator, "RandomShuffle") > 1_000_000)
batches = iter(iterator.iter_batches(batch_size=1000))
interrupted(lambda: next(batches))
assert list(batches) == []
assert iterator.state_dict()["position"] is None
"""

GATHER = """
iterator = ms.range(MANY // 4).random_shuffle(seed=1).iterator()
seen = 0
def consume():
    global seen
    for batch in iterator.iter_batches(batch_size=50):
        seen += len(batch["id"])
        if seen == 50:
            say("here")
interrupted(consume)
assert 0 < seen < MANY // 4, seen
assert stages(iterator)["RandomShuffle"]["spilled_bytes"] > 0
# Ctrl-C may fall between a batch and the count of it.
assert iterator.state_dict()["position"]["rows"] - seen in (0, 50)
"""

WAIT = """
nothing = ms.range(10**12).filter(expr="id < 0")
iterator = nothing.iterator()
say_when(lambda: rows_of(iterator, "ReadParquet") > 0)
interrupted(lambda: next(iter(iterator.iter_batches())))
"""

COUNT = """
nothing = ms.range(10**12).filter(expr="id < 0")
say_when(lanes_work)
interrupted(nothing.count)
"""

SECOND_EPOCH = """
# The third one is being prepared meanwhile.
ms.init(num_cpus=2, memory_limit="512MB", spill_directory=work / "spill")
iterator = ms.range(5_000_000).random_shuffle(seed=ms.RandomSeedConfig(1)).iterator()
for _ in iterator.iter_batches(batch_size=10_000):
    pass
def consume():
    global iterator
    for number, _ in enumerate(iterator.iter_batches(batch_size=10)):
        if number == 0:
            say("here")
try:
    consume()
except KeyboardInterrupt:
    say("interrupted")
del iterator
assert_nothing_left(work)
say("nothing left")
"""

LOCAL_SHUFFLE = """
iterator = ms.range(10**12).filter(expr="id < 1000").iterator()
say_when(lambda: rows_of(iterator, "ReadParquet") > 0)
interrupted(lambda: list(iterator.iter_batches(batch_size=10, local_shuffle_buffer_size=5000)))
"""

WRITE = """
say_when(lambda: any(path.stat().st_size > 0 for path in (work / "out").rglob("*.parquet")))
interrupted(lambda: ms.range(10**10).write_parquet(work / "out", compression="none", max_rows_per_file=100_000))
assert not (work / "out").exists()
"""

WRITE_OVER = """
ms.range(10).write_parquet(work / "out")
before = os.listdir(work / "out")
say_when(lambda: any(path.stat().st_size > 0 for path in (work / "out").rglob("new/*.parquet")))
try:
    ms.range(10**10).write_parquet(work / "out", mode="overwrite", compression="none", max_rows_per_file=100_000)
except KeyboardInterrupt:
    say("interrupted")
assert os.listdir(work / "out") == before
assert ms.read_parquet(work / "out").count() == 10
assert_nothing_left(work / "spill")
say("nothing left")
"""

WRITE_SHUFFLED = """
say_when(lambda: any(os.scandir(work / "out")) if (work / "out").exists() else False)
interrupted(lambda: ms.range(MANY).random_shuffle(seed=1).write_parquet(work / "out"))
assert not (work / "out").exists()
"""

FUNCTION = """
def slow(batch):
    if batch["id"][0] > 10_000:
        say("here") if not said.is_set() else None
        said.set()
        time.sleep(0.05)
    return batch
said = threading.Event()
interrupted(lambda: ms.range(10**12).map_batches(slow, batch_size=1000).take_all())
"""

FUNCTIONS_SHUFFLED = """
def half(batch):
    return {"half": batch["id"] / 2}
iterator = ms.range(10**10).map_batches(half, concurrency=2).random_shuffle(seed=1).iterator()
say_when(lambda: rows_of(iterator, "MapBatches(half)") > 1_000_000)
interrupted(lambda: next(iter(iterator.iter_batches())))
"""

SORT = """
iterator = ms.range(MANY).sort("id", descending=True).iterator()
say_when(lanes_work)
interrupted(lambda: next(iter(iterator.iter_batches(batch_size=1000))))
"""

GROUPS = """
rows = ms.range(10**12).with_column("rest", ms.col("id") % 7)
say_when(lanes_work)
interrupted(lambda: rows.groupby("rest").count().take_all())
"""

UNCAUGHT = """
say_when(lanes_work)
for _ in ms.range(10**12).filter(expr="id < 0").iter_batches():
    pass
"""


class Program:
    """A Python program in a process of its own, in which Ctrl-C is as in a terminal."""

    def __init__(self, source, work):
        here = pathlib.Path(__file__).parent
        package = pathlib.Path(sys.modules["millstream"].__file__).parents[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + source, str(work)],
            env={**os.environ, "PYTHONPATH": f"{package}:{here}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip())
        self._lines.put(None)

    def wait_for(self, line, seconds):
        try:
            said = self._lines.get(timeout=seconds)
        except queue.Empty:
            said = f"nothing in {seconds} s"
        assert said == line, f"{said!r}: {self.process.stderr.read() if said is None else ''}"

    def end(self):
        stderr = self.process.communicate(timeout=30)[1]
        return self.process.returncode, stderr


@pytest.fixture
def start(tmp_path):
    started = []

    def make(source):
        started.append(Program(source, tmp_path))
        return started[-1]

    yield make
    for program in started:
        program.process.kill()
        program.process.wait()


PHASES = {
    "scatter": SCATTER,
    "gather": GATHER,
    "wait for rows": WAIT,
    "count": COUNT,
    "second epoch": SECOND_EPOCH,
    "local shuffle": LOCAL_SHUFFLE,
    "write": WRITE,
    "write over": WRITE_OVER,
    "shuffle and write": WRITE_SHUFFLED,
    "function": FUNCTION,
    "functions and shuffle": FUNCTIONS_SHUFFLED,
    "sort": SORT,
    "groups": GROUPS,
}


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_ends_the_phase_at_once_and_leaves_nothing(start, phase):
    program = start(PHASES[phase])
    program.wait_for("here", 30)
    sent = time.monotonic()
    program.process.send_signal(signal.SIGINT)
    program.wait_for("interrupted", 10)
    assert time.monotonic() - sent < SECONDS_TO_STOP_MAX
    program.wait_for("nothing left", 10)
    assert program.end() == (0, "")


def test_a_ctrl_c_that_nobody_catches_ends_the_process_as_in_any_program(start):
    program = start(UNCAUGHT)
    program.wait_for("here", 30)
    sent = time.monotonic()
    program.process.send_signal(signal.SIGINT)
    status, stderr = program.end()
    assert time.monotonic() - sent < SECONDS_TO_STOP_MAX + 0.5  # the interpreter's own end, too
    assert status == -signal.SIGINT
    assert stderr.splitlines()[-1] == "KeyboardInterrupt"
