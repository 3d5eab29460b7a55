"""Passes: batches, epochs, warnings, and what is given back when a pass ends early."""

import gc
import os
import pickle
import re
import signal
import threading
import time
import warnings

import numpy as np
import pytest

import millstream as ms
from millstream.process_engine import PROCESS_ENGINE

ROWS = 1000


def numbers(batches):
    return [int(number) for batch in batches for number in batch["number"]]


def shuffled(files, seed=5):
    return ms.read_parquet(str(files)).random_shuffle(seed=ms.RandomSeedConfig(seed, reseed_after_execution=True))


def memory_used():
    return PROCESS_ENGINE.get().memory_used()


def open_spill_files():
    """Scratch files are unlinked; they show as open descriptors of deleted files."""
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return [link for link in links if "spill" in link]


def test_batches_come_in_source_order_and_of_the_size_asked_for(files):
    batches = list(ms.read_parquet(str(files)).iterator().iter_batches(batch_size=300))
    assert [len(batch["number"]) for batch in batches] == [300, 300, 300, 100]
    assert numbers(batches) == list(range(ROWS))
    assert set(batches[0]) == {"number", "half", "name"}


def test_drop_last_leaves_out_the_short_batch(files):
    iterator = shuffled(files).iterator()
    assert [len(b["number"]) for b in iterator.iter_batches(batch_size=300, drop_last=True)] == [300, 300, 300]


def test_batch_size_none_takes_whole_blocks(files):
    dataset = ms.read_parquet(str(files))
    batches = list(dataset.iterator().iter_batches(batch_size=None))
    assert numbers(batches) == list(range(ROWS))
    assert len(batches) == -(-ROWS // -(-ROWS // dataset.num_blocks()))


def test_each_pass_is_an_epoch_with_an_order_of_its_own(files):
    iterator = shuffled(files).iterator()
    epochs = [numbers(iterator.iter_batches(batch_size=64)) for _ in range(3)]
    assert all(sorted(epoch) == list(range(ROWS)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    again = shuffled(files).iterator()
    assert [numbers(again.iter_batches(batch_size=100, prefetch_batches=8)) for _ in range(3)] == epochs


def test_a_pass_that_was_not_begun_is_no_epoch(files):
    iterator = shuffled(files).iterator()
    iterator.iter_batches()
    iter(iterator.iter_batches())
    assert iterator.state_dict()["epoch"] == 0
    assert numbers(iterator.iter_batches()) == numbers(shuffled(files).iterator().iter_batches())


def test_looking_at_rows_advances_no_epoch(files):
    dataset = shuffled(files)
    first = numbers(dataset.iterator().iter_batches())
    dataset.take(3)
    dataset.count()
    dataset.schema()
    dataset.take_batch(4)
    assert numbers(dataset.iter_batches()) == first


def test_one_iterable_can_be_looped_over_again_as_the_next_epoch(files):
    iterator = shuffled(files).iterator()
    batches = iterator.iter_batches(batch_size=64)
    first, second = numbers(batches), numbers(batches)
    assert first != second
    assert iterator.state_dict()["epoch"] == 1


def test_next_begins_a_pass_that_a_loop_takes_over(files):
    batches = ms.read_parquet(str(files)).iterator().iter_batches(batch_size=400)
    assert next(batches)["number"][0] == 0
    assert [int(batch["number"][0]) for batch in batches] == [400, 800]
    assert [int(batch["number"][0]) for batch in batches] == [0, 400, 800]


def test_two_passes_may_be_open_at_once(files):
    iterator = shuffled(files).iterator()
    expected = [numbers(p) for p in (shuffled(files).iterator().iter_batches(),)]
    one, other = iter(iterator.iter_batches(batch_size=100)), iter(iterator.iter_batches(batch_size=100))
    first, second = [], []
    for a, b in zip(one, other, strict=True):
        first.extend(a["number"].tolist())
        second.extend(b["number"].tolist())
    assert first == expected[0]
    assert sorted(second) == list(range(ROWS))
    assert second != first


def test_an_int_seed_repeats_its_order_and_warns_once_of_it(files):
    iterator = ms.read_parquet(str(files)).random_shuffle(seed=3).iterator()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = numbers(iterator.iter_batches())
    with pytest.warns(UserWarning, match=r"RandomSeedConfig\(3, reseed_after_execution=True\)"):
        second = numbers(iterator.iter_batches())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        third = numbers(iterator.iter_batches())
    assert first == second == third


def test_the_warning_points_at_the_loop(files):
    iterator = ms.read_parquet(str(files)).random_shuffle(seed=3).iterator()
    list(iterator.iter_batches())
    with pytest.warns(UserWarning, match="same order") as caught:
        for _ in iterator.iter_batches():
            pass
    assert caught[0].filename == __file__


def test_iter_rows_gives_the_rows_of_the_batches(files):
    rows = list(shuffled(files).iterator().iter_rows())
    assert [row["number"] for row in rows] == numbers(shuffled(files).iterator().iter_batches())
    by_number = {row["number"]: row for row in rows}
    assert by_number[7] == {"number": 7, "half": None, "name": "row 7"}
    assert by_number[8] == {"number": 8, "half": 4.0, "name": "row 8"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": "ten"}, TypeError, "batch_size must be a whole number, not str"),
        ({"batch_size": True}, TypeError, "batch_size must be a whole number, not bool"),
        ({"prefetch_batches": -1}, ValueError, "prefetch_batches must be at least 0, got -1"),
        ({"batch_format": "csv"}, ValueError, "batch_format must be one of .* got 'csv'"),
        ({"local_shuffle_buffer_size": 0}, ValueError, "local_shuffle_buffer_size must be at least 1"),
        ({"local_shuffle_buffer_size": 10, "batch_size": None}, ValueError, "needs a batch_size"),
    ],
)
def test_arguments_that_cannot_be_are_refused_at_the_call(files, arguments, error, message):
    with pytest.raises(error, match=message):
        ms.read_parquet(str(files)).iterator().iter_batches(**arguments)


def test_a_pass_that_is_broken_out_of_gives_back_what_it_held(files):
    iterator = shuffled(files).iterator()
    before = memory_used()
    for _ in iterator.iter_batches(batch_size=10, prefetch_batches=8):
        assert memory_used() > before
        break
    assert memory_used() == before
    assert not open_spill_files()


def test_a_pass_whose_loop_raises_gives_back_what_it_held(files):
    iterator = shuffled(files).iterator()
    before = memory_used()

    def loop():
        for _ in iterator.iter_batches(batch_size=10, prefetch_batches=8):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop()
    assert memory_used() == before
    assert iterator.state_dict()["position"]["rows"] == 10


def test_a_dropped_pass_gives_back_what_it_held(files):
    iterator = shuffled(files).iterator()
    before = memory_used()
    batches = iter(iterator.iter_batches(batch_size=10))
    next(batches)
    del batches
    assert memory_used() == before


def test_a_batch_outlives_its_pass(files):
    iterator = shuffled(files).iterator()
    batch = next(iter(iterator.iter_batches(batch_size=10)))
    expected = batch["number"].tolist()
    gc.collect()
    list(shuffled(files, seed=9).iterator().iter_batches())
    assert batch["number"].tolist() == expected


def test_an_error_in_a_file_ends_the_pass_and_names_the_file(files, tmp_path):
    for path in sorted(files.iterdir()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    dataset = ms.read_parquet(str(tmp_path))
    bad = tmp_path / "part-2.parquet"
    content = bytearray(bad.read_bytes())
    content[4:400] = bytes(396)  # the first data pages; the footer stays
    bad.write_bytes(content)
    before = memory_used()
    with pytest.raises((ValueError, OSError), match=r"part-2\.parquet"):
        list(dataset.iterator().iter_batches())
    assert memory_used() == before


def test_ctrl_c_while_waiting_is_a_keyboard_interrupt_and_closes_the_pass():
    # Far more rows than are read before the signal comes, which is when the first wait is reported.
    dataset = ms.range(300_000_000).random_shuffle(seed=1)
    iterator = dataset.iterator()
    before = memory_used()
    batches = iter(iterator.iter_batches(batch_size=10))
    interrupter = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    interrupter.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in batches:
            pass
    interrupter.join()
    assert time.monotonic() - began < 60
    assert memory_used() == before
    assert list(batches) == []


def test_an_exception_of_another_signal_handler_comes_through_as_it_is():
    class AlarmError(Exception):
        pass

    def ring(*_):
        raise AlarmError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(AlarmError):
            for _ in ms.range(300_000_000).random_shuffle(seed=1).iterator().iter_batches(batch_size=10):
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def in_forked_child(work):
    """What `work` returned or raised in a child, as a string."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = str(work())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return text


def test_an_inherited_pass_raises_in_a_forked_child_and_goes_on_in_the_parent(files):
    expected = numbers(shuffled(files).iterator().iter_batches(batch_size=100))
    iterator = shuffled(files).iterator()
    batches = iter(iterator.iter_batches(batch_size=100))
    first = next(batches)["number"].tolist()
    said = in_forked_child(lambda: next(batches))
    assert re.match(r"RuntimeError: .*dataset\.iterator\(\)", said)
    assert first + numbers(batches) == expected


def test_an_inherited_iterator_raises_in_a_forked_child_and_a_fresh_one_works(files):
    dataset = shuffled(files)
    iterator = dataset.iterator()
    expected = numbers(iterator.iter_batches())
    said = in_forked_child(lambda: list(iterator.iter_batches()))
    assert re.match(r"RuntimeError: .*dataset\.iterator\(\)", said)
    assert in_forked_child(lambda: numbers(dataset.iterator().iter_batches()) == expected) == "True"


def test_a_child_may_go_on_from_the_state_of_an_inherited_iterator(files):
    dataset = shuffled(files)
    iterator = dataset.iterator()
    expected = numbers(dataset.iterator().iter_batches(batch_size=100))
    batches = iter(iterator.iter_batches(batch_size=100))
    next(batches)

    def go_on():
        fresh = dataset.iterator()
        fresh.load_state_dict(iterator.state_dict())
        return numbers(fresh.iter_batches(batch_size=100)) == expected[100:]

    assert in_forked_child(go_on) == "True"


def test_an_iterator_pickles_as_plan_and_state_not_as_data(files):
    iterator = ms.read_parquet(str(files)).random_shuffle().iterator()
    batches = iter(iterator.iter_batches(batch_size=100))
    next(batches)
    pickled = pickle.dumps(iterator)
    assert len(pickled) < 20_000
    copy = pickle.loads(pickled)
    assert numbers(copy.iter_batches(batch_size=100)) == numbers(batches)
    assert numbers(copy.iter_batches()) == numbers(iterator.iter_batches())


def test_a_pass_under_way_does_not_pickle(files):
    with pytest.raises(TypeError, match="pickle its DataIterator"):
        pickle.dumps(iter(ms.read_parquet(str(files)).iterator().iter_batches()))


def test_it_looks_like_its_data_set(files):
    dataset = ms.read_parquet(str(files))
    assert repr(dataset.iterator()) == f"DataIterator({dataset!r})"
    assert dataset.iterator().schema().names == dataset.schema().names
    assert dataset.iterator().get_context() is dataset.context


def test_arrays_of_a_table_in_memory_cannot_change_that_table():
    import pyarrow as pa

    table = pa.table({"number": pa.array([1, 2, 3], pa.int64())})
    for batch in ms.from_arrow(table).iterator().iter_batches(batch_size=3):
        values = batch["number"]
        if values.flags.writeable:
            values += 1
    assert table.column("number").to_pylist() == [1, 2, 3]
    assert isinstance(values, np.ndarray)


SHUT_DOWN = """
import millstream as ms

shuffled = iter(ms.range(20_000_000).random_shuffle(seed=1).iterator().iter_batches(batch_size=1000))
read = iter(ms.range(100_000_000).iterator().iter_batches(batch_size=1000))
next(shuffled)
next(read)
ms.shutdown()
for batches in (shuffled, read):
    try:
        for _ in batches:
            pass
        print("ended")
    except RuntimeError as error:
        print(error)
print(sum(len(batch["id"]) for batch in ms.range(100).iterator().iter_batches()))
"""


def test_passes_open_at_a_shutdown_raise_and_new_ones_begin(run_python):
    lines = run_python(SHUT_DOWN).splitlines()
    assert len(lines) == 3
    assert all("this engine was shut down" in line for line in lines[:2])
    assert lines[2] == "100"


LEFT_OPEN = """
import millstream as ms

shuffled = iter(ms.range(20_000_000).random_shuffle(seed=1).iterator().iter_batches(batch_size=10))
read = iter(ms.range(100_000_000).iterator().iter_batches(batch_size=1000))
next(shuffled)
next(read)
print("leaving")
"""


def test_the_interpreter_ends_with_passes_open(run_python):
    assert run_python(LEFT_OPEN) == "leaving\n"


@pytest.mark.parametrize("shuffled", [False, True])
def test_an_interrupt_while_a_pass_begins_leaves_nothing_and_is_no_epoch(files, monkeypatch, shuffled):
    dataset = ms.read_parquet(str(files))
    iterator = (dataset.random_shuffle(seed=ms.RandomSeedConfig(5)) if shuffled else dataset).iterator()
    expected = numbers(iterator._dataset.iterator().iter_batches())

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("millstream.progress.progress_of", interrupt)
    with pytest.raises(KeyboardInterrupt) as raised:
        next(iterator.iter_batches())
    assert raised.tb is not None
    assert memory_used() == 0
    assert iterator.state_dict()["epoch"] == 0
    monkeypatch.undo()
    assert numbers(iterator.iter_batches()) == expected
