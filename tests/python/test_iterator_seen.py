"""What a pass shows of itself: statistics, verdict, progress bar."""

import io
import subprocess
import sys

import pytest

import millstream as ms
from millstream.pass_record import PassTimes
from millstream.stats import verdict


def stage(name, **figures):
    zero = dict.fromkeys(
        (
            "rows_expected",
            "rows",
            "bytes",
            "cpu_seconds",
            "wait_in_seconds",
            "wait_out_seconds",
            "spilled_bytes",
            "read_back_bytes",
            "peak_memory_bytes",
        ),
        0,
    )
    return {"name": name, **zero, **figures}


def test_stats_before_the_first_pass_say_so(files):
    assert "no pass has been begun" in ms.read_parquet(str(files)).iterator().stats()


@pytest.mark.tame
def test_stats_have_a_line_a_stage_and_a_verdict(files):
    iterator = ms.read_parquet(str(files)).random_shuffle(seed=1).iterator()
    list(iterator.iter_batches(batch_size=100))
    lines = iterator.stats().splitlines()
    assert lines[0] == "epoch 0, finished: 1000 rows in 10 batches"
    assert lines[1].split()[:2] == ["stage", "rows"]
    by_stage = {line.split()[0]: line.split()[1] for line in lines[2:5]}
    assert by_stage == {"ReadParquet": "1,000", "RandomShuffle": "1,000", "Batches": "1,000"}
    assert lines[-1].startswith("verdict: ")


def test_stats_can_be_asked_for_in_the_loop_and_after_a_break(files):
    iterator = ms.read_parquet(str(files)).iterator()
    for _ in iterator.iter_batches(batch_size=100):
        assert "epoch 0, under way: 100 rows in 1 batches" in iterator.stats()
        break
    assert "epoch 0, left before its end: 100 rows in 1 batches" in iterator.stats()


def test_the_verdict_counts_what_all_stages_of_an_operation_spilled():
    stages = [
        stage("Sort", cpu_seconds=1.0, spilled_bytes=300),
        stage("Join, left rows", spilled_bytes=200),
        stage("Join, pairs sorted", spilled_bytes=200),
    ]
    said = verdict(PassTimes(wait=9.0, step=1.0), stages, None)
    assert "for Join, which spilled 400 B to disk" in said
    assert "fewer columns before Join, may help" in said


def test_the_verdict_names_the_stage_the_gain_and_the_setting():
    stages = [stage("ReadParquet", cpu_seconds=9.0), stage("RandomShuffle", cpu_seconds=1.0), stage("Batches")]
    said = verdict(PassTimes(wait=1.2, step=8.8), stages, None)
    assert "waited 12% of the time for ReadParquet" in said
    assert "with a loader of zero cost the epoch would be 1.14x faster" in said
    assert "num_cpus" in said


@pytest.mark.parametrize(
    ("times", "stages", "message"),
    [
        (
            PassTimes(wait=0.1, step=9.9),
            [stage("ReadParquet", cpu_seconds=5)],
            "loading keeps up; .* took 99% .* 1.01x faster",
        ),
        (PassTimes(wait=5, convert=0, step=0), [stage("ReadParquet", cpu_seconds=5)], "100% .* more than 100x faster"),
        (PassTimes(wait=1, convert=4, step=5), [stage("ReadParquet", cpu_seconds=1)], "50% .* converted .* 2.00x"),
        (
            PassTimes(wait=5, step=5),
            [stage("ReadParquet", cpu_seconds=1), stage("RandomShuffle", spilled_bytes=3 << 20)],
            "RandomShuffle, which spilled 3.0 MiB to disk.*memory_limit",
        ),
        (PassTimes(wait=5, step=5), [stage("LocalShuffle", cpu_seconds=8)], "local_shuffle_buffer_size"),
        (PassTimes(), [], "no batch has been delivered yet"),
    ],
)
def test_the_verdict_follows_the_time(times, stages, message):
    import re

    assert re.search(message, verdict(times, stages, None))


def test_time_in_the_loop_is_the_consumers_and_the_rest_the_loaders(files, monkeypatch):
    now = 100.0
    monkeypatch.setattr("millstream.data_pass.perf_counter", lambda: now)
    iterator = ms.read_parquet(str(files)).iterator()
    for _ in iterator.iter_batches(batch_size=250):
        now += 2.0
    times = iterator._record.times
    assert (times.step, times.wait, times.convert) == (8.0, 0.0, 0.0)
    assert "the trainer's own step took 100% of the time" in iterator.stats()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_a_bar_a_stage(files, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    list(ms.read_parquet(str(files)).random_shuffle(seed=1).iterator().iter_batches())
    for name in ("ReadParquet", "RandomShuffle", "Batches", "1000/1000"):
        assert name in screen.getvalue()


def test_bars_can_be_switched_off(files, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    dataset = ms.read_parquet(str(files))
    dataset.context.enable_progress_bars = False
    list(dataset.iterator().iter_batches())
    assert screen.getvalue() == ""


def test_a_pass_that_ends_early_leaves_the_terminal_as_it_was(files, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    for _ in ms.read_parquet(str(files)).iterator().iter_batches():
        break
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h")  # cursor hidden and shown


QUIET = """
import sys
import millstream as ms
list(ms.read_parquet(sys.argv[1]).iterator().iter_batches(batch_size=100))
assert "rich" not in sys.modules and "torch" not in sys.modules, sys.modules.keys()
"""


def test_what_is_not_a_terminal_sees_nothing_and_rich_is_not_imported(files):
    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(files)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_drawing_needs_no_thread(files, monkeypatch):
    import threading

    monkeypatch.setattr(sys, "stderr", Terminal())
    before = threading.active_count()
    for _ in ms.read_parquet(str(files)).iterator().iter_batches():
        assert threading.active_count() == before
