"""The engine of a process: its settings, its end, and forks."""

import pytest

import millstream as ms
from millstream.byte_size import parse_byte_size
from millstream.process_engine import PROCESS_ENGINE


@pytest.fixture(autouse=True)
def _fresh_engine():
    ms.shutdown()
    yield
    ms.shutdown()


@pytest.mark.tame
def test_init_sets_what_the_engine_has(tmp_path):
    ms.init(num_cpus=1, memory_limit="100MB", spill_directory=tmp_path)
    engine = PROCESS_ENGINE.get()
    assert (engine.num_cpus, engine.memory_limit, engine.spill_directory) == (1, 100_000_000, str(tmp_path))


@pytest.mark.tame
def test_the_environment_sets_what_init_does_not(monkeypatch, tmp_path):
    monkeypatch.setenv("MILLSTREAM_NUM_CPUS", "1")
    monkeypatch.setenv("MILLSTREAM_MEMORY_LIMIT", "64MiB")
    monkeypatch.setenv("MILLSTREAM_SPILL_DIRECTORY", str(tmp_path))
    engine = PROCESS_ENGINE.get()
    assert (engine.num_cpus, engine.memory_limit, engine.spill_directory) == (1, 64 << 20, str(tmp_path))
    ms.init(memory_limit=128 << 20)
    engine = PROCESS_ENGINE.get()
    assert (engine.num_cpus, engine.memory_limit, engine.spill_directory) == (1, 128 << 20, str(tmp_path))


@pytest.mark.parametrize(
    ("name", "value"),
    [("MILLSTREAM_NUM_CPUS", "two"), ("MILLSTREAM_NUM_CPUS", "0"), ("MILLSTREAM_MEMORY_LIMIT", "lots")],
)
def test_a_bad_environment_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        ms.range(3).take()


def test_without_settings_the_machine_decides():
    engine = PROCESS_ENGINE.get()
    assert engine.num_cpus >= 1
    assert engine.memory_limit > 1 << 20
    assert PROCESS_ENGINE.get() is engine


def test_init_refuses_what_it_cannot_give():
    with pytest.raises(ValueError, match="num_cpus must be at least 1"):
        ms.init(num_cpus=0)
    with pytest.raises(TypeError, match="num_cpus must be a whole number"):
        ms.init(num_cpus=1.5)
    with pytest.raises(NotImplementedError, match="one process"):
        ms.init(address="auto")
    with pytest.raises(NotImplementedError, match="schedules GPUs"):
        ms.init(num_gpus=1)
    ms.init(num_gpus=0)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512_000_000), ("2GiB", 2 << 30), ("1.5 kB", 1500), (" 7 ", 7), ("1tib", 1 << 40), ("3B", 3), (12, 12)],
)
def test_byte_sizes_are_numbers_with_units(text, size):
    assert parse_byte_size(text, "memory_limit") == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "2 gigs", "1e3", "0", 0, -5, "99999999999TB"])
def test_what_is_no_byte_size_is_a_value_error(text):
    with pytest.raises(ValueError, match="memory_limit"):
        parse_byte_size(text, "memory_limit")


def test_byte_sizes_of_another_type_are_type_errors():
    with pytest.raises(TypeError, match="memory_limit must be bytes or a text"):
        parse_byte_size(None, "memory_limit")
    with pytest.raises(TypeError, match="not bool"):
        parse_byte_size(True, "memory_limit")


def test_after_shutdown_the_next_use_makes_a_new_engine(rows):
    before = PROCESS_ENGINE.get()
    assert rows.take(1)
    ms.shutdown()
    assert rows.take(1)
    assert PROCESS_ENGINE.get() is not before


def test_a_running_execution_keeps_its_engine_when_init_is_called_again(rows, expected):
    batches = rows._batches_once(rows._plan, batch_size=10)
    first = next(batches)
    ms.init(num_cpus=1)
    assert first.num_rows + sum(batch.num_rows for batch in batches) == len(expected)


def test_a_forked_child_has_an_engine_of_its_own(run_python, data):
    source = """
import os, sys, millstream as ms
from millstream.process_engine import PROCESS_ENGINE
rows = ms.read_parquet(sys.argv[1]).random_shuffle(seed=3)
order = rows.take_all()
engine = PROCESS_ENGINE.get()
running = rows._batches_once(rows._plan, batch_size=10)
next(running)
child = os.fork()
if child == 0:
    assert PROCESS_ENGINE.get() is not engine
    assert rows.take_all() == order
    try:
        next(running)
    except RuntimeError as error:
        print("inherited:", "fork" in str(error), flush=True)
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert rows.take_all() == order
assert sum(batch.num_rows for batch in running) == len(order) - 10
print("parent done")
"""
    assert run_python(source, str(data)).splitlines() == ["inherited: True", "parent done"]


def test_exit_is_clean_with_an_execution_left_open(run_python, data):
    source = """
import sys, millstream as ms
rows = ms.read_parquet(sys.argv[1]).random_shuffle(seed=3)
left_open = rows._batches_once(rows._plan, batch_size=10)
kept = next(left_open)
print("end")
"""
    assert run_python(source, str(data)) == "end\n"
