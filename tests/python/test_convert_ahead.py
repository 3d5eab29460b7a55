"""Conversions that take long run ahead of the consumer, on a thread that nobody notices."""

import gc
import os
import signal
import threading
import time

import pytest

import millstream as ms
from millstream.process_engine import PROCESS_ENGINE

torch = pytest.importorskip("torch")

STEP_SECONDS = 0.002
BATCH = 10
INLINE = 8  # batches that are converted where they are used, until it is known what that takes


class SlowCollate:
    """Takes as long as a step; remembers the threads that called it."""

    def __init__(self):
        self.threads = []
        self.gradients = []

    def __call__(self, batch):
        time.sleep(STEP_SECONDS)
        self.threads.append(threading.current_thread())
        self.gradients.append(torch.is_grad_enabled())
        return torch.as_tensor(batch["number"].copy())


def batches_of(iterator, collate, **options):
    return iter(iterator.iter_torch_batches(batch_size=BATCH, collate_fn=collate, **options))


def shuffled(files):
    return ms.read_parquet(str(files)).random_shuffle(seed=ms.RandomSeedConfig(5, reseed_after_execution=True))


def step(batch):
    time.sleep(STEP_SECONDS)
    return batch.tolist()


def converting_threads():
    return [thread for thread in threading.enumerate() if thread.name == "ms-convert"]


def until_on_thread(batches, collate, batches_max=60):
    """Takes steps until a batch has been converted ahead; the numbers seen."""
    seen = []
    for _ in range(batches_max):
        seen += step(next(batches))
        if collate.threads[-1] is not threading.current_thread():
            return seen
    pytest.fail(f"no batch of {batches_max} was converted ahead")


@pytest.mark.parametrize("prefetch", [1, 3])
def test_batches_and_states_are_those_of_the_consumers_thread(files, prefetch):
    inline = [step(batch) for batch in batches_of(shuffled(files).iterator(), SlowCollate(), prefetch_batches=0)]
    iterator, collate = shuffled(files).iterator(), SlowCollate()
    seen, states = [], []
    for batch in batches_of(iterator, collate, prefetch_batches=prefetch):
        seen.append(step(batch))
        states.append(iterator.state_dict())
    assert seen == inline
    assert collate.threads[0] is threading.current_thread()
    assert collate.threads[-1] is not threading.current_thread()
    assert not converting_threads()
    for number in (INLINE - 1, len(states) // 2, len(states) - 1):
        resumed = shuffled(files).iterator()
        resumed.load_state_dict(states[number])
        assert [batch.tolist() for batch in batches_of(resumed, SlowCollate())] == seen[number + 1 :]


def test_no_thread_where_a_conversion_costs_little_or_nothing_is_done_with_batches(files):
    started = []
    for batch in shuffled(files).iterator().iter_batches(batch_size=BATCH):
        time.sleep(STEP_SECONDS)
        started += converting_threads()
        assert len(batch["number"]) == BATCH
    collate = SlowCollate()
    for _ in batches_of(shuffled(files).iterator(), collate):
        pass
    assert not started
    assert set(collate.threads) == {threading.current_thread()}


def test_no_thread_without_prefetch_or_for_batches_that_are_large_beside_the_limit(files, use_engine):
    collate = SlowCollate()
    for batch in batches_of(shuffled(files).iterator(), collate, prefetch_batches=0):
        step(batch)
    use_engine(memory_limit=64 << 20)
    rows = ms.range(3_000_000)
    for batch in rows.iterator().iter_torch_batches(
        batch_size=300_000, collate_fn=lambda batch: collate({"number": batch["id"]})
    ):
        time.sleep(STEP_SECONDS)
        assert len(batch) == 300_000
    assert set(collate.threads) == {threading.current_thread()}


def test_conversion_and_step_overlap(files):
    iterator, collate = shuffled(files).iterator(), SlowCollate()
    for batch in batches_of(iterator, collate):
        step(batch)
    times = iterator._record.times
    ahead = len(collate.threads) - collate.threads.count(threading.current_thread())
    assert ahead > 50
    # What was converted ahead is not counted as the consumer's, but for what it waited.
    assert times.convert < len(collate.threads) * STEP_SECONDS
    assert "s in its own loop" in iterator.stats()


def test_the_thread_takes_over_the_gradient_mode_of_the_consumer(files):
    collate = SlowCollate()
    with torch.no_grad():
        for batch in batches_of(shuffled(files).iterator(), collate):
            step(batch)
    assert collate.threads[-1] is not threading.current_thread()
    assert not any(collate.gradients)


def test_statistics_may_be_asked_for_meanwhile(files):
    iterator, collate = shuffled(files).iterator(), SlowCollate()
    batches = batches_of(iterator, collate)
    until_on_thread(batches, collate)
    for batch in batches:
        step(batch)
        assert "under way" in iterator.stats()


def test_an_error_on_the_thread_is_raised_where_the_batch_is_asked_for(files):
    iterator, collate = shuffled(files).iterator(), SlowCollate()
    before = PROCESS_ENGINE.get().memory_used()

    def failing(batch):
        if len(collate.threads) == 40:
            raise ZeroDivisionError("row 7")
        return collate(batch)

    batches, seen = batches_of(iterator, failing), []

    def loop():
        for batch in batches:
            seen.append(step(batch))

    with pytest.raises(ZeroDivisionError, match="row 7") as raised:
        loop()
    assert len(seen) == 40
    assert any(entry.name == "failing" for entry in raised.traceback)
    assert not converting_threads()
    assert PROCESS_ENGINE.get().memory_used() == before
    assert iterator.state_dict()["position"]["rows"] == 40 * BATCH
    assert list(batches) == []


@pytest.mark.parametrize("leave", ["break", "drop", "close"])
def test_a_pass_that_is_left_ends_its_thread_and_gives_back_what_it_held(files, leave):
    iterator, collate = shuffled(files).iterator(), SlowCollate()
    before = PROCESS_ENGINE.get().memory_used()
    batches = batches_of(iterator, collate)
    until_on_thread(batches, collate)
    if leave == "break":
        for _ in batches:
            break
    elif leave == "close":
        batches.close()
    del batches
    assert not converting_threads()
    assert PROCESS_ENGINE.get().memory_used() == before


def test_a_pass_may_be_dropped_on_its_own_thread(files):
    iterator = shuffled(files).iterator()
    before = PROCESS_ENGINE.get().memory_used()
    holder, drop = [], threading.Event()

    class Dropping(SlowCollate):
        def __call__(self, batch):
            if drop.is_set():
                holder.clear()
                gc.collect()
            return super().__call__(batch)

    collate = Dropping()
    holder.append(batches_of(iterator, collate, prefetch_batches=3))
    until_on_thread(holder[0], collate)
    drop.set()
    if holder:
        next(holder[0], None)
    end = time.monotonic() + 30
    while (converting_threads() or PROCESS_ENGINE.get().memory_used() != before) and time.monotonic() < end:
        time.sleep(0.01)
    assert not holder
    assert not converting_threads()
    assert PROCESS_ENGINE.get().memory_used() == before


def test_ctrl_c_while_a_batch_is_converted_ahead(files):
    iterator, collate = shuffled(files).iterator(), SlowCollate()
    before = PROCESS_ENGINE.get().memory_used()
    waiting = threading.Event()

    def stuck(batch):
        if len(collate.threads) == 40:
            waiting.set()
            time.sleep(0.5)
        return collate(batch)

    def interrupt():
        waiting.wait()
        os.kill(os.getpid(), signal.SIGINT)

    def loop():
        for batch in batches_of(iterator, stuck):
            step(batch)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        loop()
    interrupter.join()
    assert not converting_threads()
    assert PROCESS_ENGINE.get().memory_used() == before


def test_a_thread_that_waits_for_the_engine_is_let_go_at_once(use_engine):
    engine = use_engine(num_cpus=1)
    collate = SlowCollate()
    # After 20 batches no row passes the filter any more, which takes the engine long to see.
    rows = ms.range(20_000_000_000).filter(expr="id < 2000")
    batches = rows.iterator().iter_torch_batches(
        batch_size=100, collate_fn=lambda batch: collate({"number": batch["id"]})
    )
    taken = iter(batches)
    for _ in range(20):
        step(next(taken))
    assert converting_threads()
    time.sleep(0.05)
    began = time.monotonic()
    taken.close()
    assert time.monotonic() - began < 5
    assert not converting_threads()
    assert engine.memory_used() == 0


def test_a_system_without_threads_converts_on_the_consumers(files, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    collate = SlowCollate()
    batches = batches_of(shuffled(files).iterator(), collate)
    first = step(next(batches))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    rest = [step(batch) for batch in batches]
    assert sorted(first + [number for batch in rest for number in batch]) == list(range(1000))
    assert set(collate.threads) == {threading.current_thread()}


def test_a_forked_child_neither_waits_for_the_thread_nor_disturbs_the_parent(files):
    iterator, collate = shuffled(files).iterator(), SlowCollate()
    expected = [number for batch in batches_of(shuffled(files).iterator(), SlowCollate()) for number in step(batch)]
    batches = batches_of(iterator, collate)
    seen = until_on_thread(batches, collate)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            next(batches)
        except RuntimeError as error:
            code = 0 if "dataset.iterator()" in str(error) else 2
        batches.close()
        del batches
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for batch in batches:
        seen += step(batch)
    assert seen == expected


LEFT_OPEN = """
import threading
import time
import torch
import millstream as ms

def collate(batch):
    time.sleep(0.002)
    return torch.as_tensor(batch["id"].copy()).to(torch.float64)

rows = ms.range(1_000_000).random_shuffle(seed=1)
batches = iter(rows.iterator().iter_torch_batches(batch_size=10, collate_fn=collate))
while not any(thread.name == "ms-convert" for thread in threading.enumerate()):
    next(batches)
    time.sleep(0.002)
print("leaving")
"""


def test_the_interpreter_ends_while_batches_are_converted(run_python):
    assert run_python(LEFT_OPEN) == "leaving\n"
