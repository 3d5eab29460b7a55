"""What a function can ask for while it is called, and how long it may take."""

import threading
import time

import pytest

import millstream as ms


def drawn(dataset, **options):
    return dataset.map_batches(
        lambda batch: {"id": batch["id"], "x": ms.function_random().random(len(batch["id"]))}, **options
    )


def test_random_numbers_are_those_of_the_batch():
    rows = ms.range(1000, override_num_blocks=10)
    first = drawn(rows, batch_size=64).take_all()
    assert drawn(rows, batch_size=64).take_all() == first
    assert drawn(rows, batch_size=64, concurrency=3).take_all() == first
    assert len({row["x"] for row in first}) == 1000


def test_another_epoch_draws_other_numbers():
    iterator = drawn(ms.range(100)).iterator()
    one, two = ([row["x"] for row in iterator.iter_rows()] for _ in range(2))
    assert one != two
    again = drawn(ms.range(100)).iterator()
    assert [row["x"] for row in again.iter_rows()] == one


def test_outside_a_function_there_are_no_random_numbers():
    with pytest.raises(RuntimeError, match="while they are called"):
        ms.function_random()


def test_a_function_that_does_not_return_is_a_timeout_that_names_stage_and_rows():
    ended = threading.Event()

    def stuck(batch):
        if batch["id"][0] >= 10:
            ended.wait(30)
        return batch

    context = ms.DataContext.get_current().copy()
    context.function_timeout_s = 0.2
    with ms.DataContext.current(context):
        rows = ms.range(20).map_batches(stuck, batch_size=5)
    began = time.monotonic()
    try:
        with pytest.raises(
            TimeoutError, match=r"MapBatches\(stuck\).* within 0.2 s, on rows 10 to 14 of Range"
        ) as raised:
            rows.take_all()
        assert ": ended.wait(30))" in str(raised.value)
        assert time.monotonic() - began < 10
    finally:
        ended.set()


def test_a_function_within_its_time_is_not_disturbed():
    context = ms.DataContext.get_current().copy()
    context.function_timeout_s = 30
    with ms.DataContext.current(context):
        assert ms.range(10).map(lambda row: row).count() == 10
    context.function_timeout_s = -1
    with ms.DataContext.current(context), pytest.raises(ValueError, match="number of seconds above 0"):
        ms.range(10).map(lambda row: row)
