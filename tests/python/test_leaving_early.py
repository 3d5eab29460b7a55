"""A consumer that stops early, however it does: what the pass held goes at once, and the next epoch is whole."""

import gc
import itertools
import sys

import pytest
from aftermath import assert_nothing_left, lane_run_times

import millstream as ms
from millstream.process_engine import PROCESS_ENGINE

ROWS = 200_000


class StepError(Exception):
    """Of a training step."""


def by_break(batches):
    for _ in batches:
        break


def by_return(batches):
    def first():
        for batch in batches:
            return batch
        return None

    return first()


def by_exception(batches):
    try:
        for _ in batches:
            raise StepError
    except StepError as error:
        return error  # with its traceback and all its frames


def by_exception_in_a_named_pass(batches):
    pass_ = iter(batches)
    try:
        for _ in pass_:
            raise StepError
    except StepError:
        del pass_


def by_dropping(batches):
    pass_ = iter(batches)
    next(pass_)
    del pass_


def by_closing(batches):
    pass_ = iter(batches)
    next(pass_)
    pass_.close()
    assert list(pass_) == []
    return pass_


def by_closing_a_generator(batches):
    def steps():
        yield 0
        for batch in batches:
            yield len(batch)

    generator = steps()
    assert [next(generator) for _ in range(3)] == [0, 1, 1]
    generator.close()
    return generator


def by_dropping_a_generator(batches):
    generator = (batch for batch in batches)
    next(generator)
    del generator


def by_islice(batches):
    assert len(list(itertools.islice(batches, 2))) == 2


def by_zip(batches):
    assert len([number for number, _ in zip(range(2), batches, strict=False)]) == 2


def by_a_cycle_of_garbage(batches):
    holder = {"pass": iter(batches)}
    holder["self"] = holder
    next(holder["pass"])
    del holder
    gc.collect()


def by_never_beginning(batches):
    return iter(batches), batches


LEAVINGS = {
    leave.__name__: leave
    for leave in (
        by_break,
        by_return,
        by_exception,
        by_exception_in_a_named_pass,
        by_dropping,
        by_closing,
        by_closing_a_generator,
        by_dropping_a_generator,
        by_islice,
        by_zip,
        by_a_cycle_of_garbage,
        by_never_beginning,
    )
}

PASSES = {
    "read": lambda rows: (rows, {}),
    "filter": lambda rows: (rows.filter(expr="id % 3 == 1"), {}),
    "shuffle": lambda rows: (rows.random_shuffle(seed=ms.RandomSeedConfig(5)), {}),
    "local shuffle": lambda rows: (rows, {"local_shuffle_buffer_size": 5_000, "local_shuffle_seed": 3}),
}


@pytest.mark.parametrize("always_spill", [False, True], ids=["in memory", "spilled"])
@pytest.mark.parametrize("kind", PASSES)
def test_however_a_pass_is_left_nothing_of_it_is_left(use_engine, tmp_path, kind, always_spill):
    use_engine(always_spill=always_spill, memory_limit=64 << 20)
    rows, options = PASSES[kind](ms.range(ROWS))
    for name, leave in LEAVINGS.items():
        batches = rows.iterator().iter_batches(batch_size=100, prefetch_batches=8, **options)
        kept = leave(batches)
        assert_nothing_left(tmp_path / "spill")
        del kept, batches, name


@pytest.mark.parametrize("always_spill", [False, True], ids=["in memory", "spilled"])
def test_the_epoch_after_one_that_was_left_is_whole_and_has_its_own_order(use_engine, tmp_path, always_spill):
    def order(passed):
        return [number for batch in passed for number in batch["id"].tolist()]

    def fresh():
        return ms.range(20_000).random_shuffle(seed=ms.RandomSeedConfig(5)).iterator()

    use_engine()
    whole = fresh()
    epochs = [order(whole.iter_batches(batch_size=100)) for _ in range(4)]
    del whole
    use_engine(always_spill=always_spill)
    for leave in LEAVINGS.values():
        iterator = fresh()
        kept = leave(iterator.iter_batches(batch_size=100))
        begun = leave is not by_never_beginning
        assert iterator.state_dict()["epoch"] == 0
        assert order(iterator.iter_batches(batch_size=100)) == epochs[begun]
        del kept
        kept = leave(iterator.iter_batches(batch_size=100))
        assert order(iterator.iter_batches(batch_size=100)) == epochs[begun + 1 + begun]
        # The epoch to come may be prepared by now, which goes with the iterator.
        del iterator, kept
        assert_nothing_left(tmp_path / "spill")


def test_a_step_that_fails_in_every_epoch_leaves_no_more_than_one_that_does_not(use_engine, tmp_path):
    """As when a training script is run again and again in a notebook, which keeps the last traceback."""
    engine = use_engine(memory_limit=64 << 20)
    for _ in range(20):
        try:
            for batch in ms.range(ROWS).random_shuffle(seed=1).iter_batches(batch_size=100):
                raise StepError(len(batch["id"]))
        except StepError:
            sys.last_traceback = sys.exc_info()[2]
        assert engine.memory_used() == 0
    del sys.last_traceback
    assert_nothing_left(tmp_path / "spill")


def test_batches_in_the_users_hands_outlive_a_pass_that_was_left(use_engine):
    use_engine(always_spill=True)
    batches = iter(ms.range(ROWS).random_shuffle(seed=1).iter_batches(batch_size=1000))
    kept = [next(batches)["id"] for _ in range(3)]
    copies = [ids.copy() for ids in kept]
    batches.close()
    del batches
    ms.shutdown()
    assert sum(len(batch["id"]) for batch in ms.range(ROWS).random_shuffle(seed=2).iter_batches()) == ROWS
    assert all((ids == copy).all() for ids, copy in zip(kept, copies, strict=True))
    assert PROCESS_ENGINE.get().memory_used() == 0


def test_after_shutdown_no_thread_of_the_engine_is_left(use_engine):
    others = set(lane_run_times())
    use_engine(num_cpus=3)
    batches = iter(ms.range(ROWS).random_shuffle(seed=1).iter_batches(batch_size=1000))
    next(batches)
    assert len(set(lane_run_times()) - others) == 3
    ms.shutdown()
    assert set(lane_run_times()) <= others
    with pytest.raises(RuntimeError, match="shut down"):
        list(batches)
