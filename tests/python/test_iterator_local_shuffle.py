"""The local shuffle buffer, from Python."""

import pytest

import millstream as ms


def numbers(dataset, **options):
    return [int(n) for batch in dataset.iterator().iter_batches(**options) for n in batch["number"]]


def test_every_row_comes_once_and_close_to_where_it_was(files):
    dataset = ms.read_parquet(str(files))
    drawn = numbers(dataset, batch_size=32, local_shuffle_buffer_size=100, local_shuffle_seed=1)
    assert sorted(drawn) == list(range(1000))
    assert drawn != sorted(drawn)
    assert max(drawn[:32]) < 200  # no row of far behind can come early


def test_a_seed_gives_one_order_whatever_the_prefetching(files):
    dataset = ms.read_parquet(str(files))
    options = {"batch_size": 32, "local_shuffle_buffer_size": 100}
    first = numbers(dataset, local_shuffle_seed=1, **options)
    assert numbers(dataset, local_shuffle_seed=1, prefetch_batches=8, **options) == first
    assert numbers(dataset, local_shuffle_seed=2, **options) != first


def test_batches_have_the_size_asked_for(files):
    batches = (
        ms.read_parquet(str(files))
        .iterator()
        .iter_batches(batch_size=300, local_shuffle_buffer_size=10, drop_last=True)
    )
    assert [len(batch["number"]) for batch in batches] == [300, 300, 300]


def test_a_pass_under_way_has_no_state_and_says_what_to_do(files):
    iterator = ms.read_parquet(str(files)).iterator()
    for _ in iterator.iter_batches(batch_size=100, local_shuffle_buffer_size=200):
        with pytest.raises(RuntimeError, match=r"local shuffle buffer .* use random_shuffle\(\)"):
            iterator.state_dict()
    state = iterator.state_dict()
    assert state["finished"]
    assert state["epoch"] == 0


def test_it_shows_as_a_stage_of_its_own(files):
    iterator = ms.read_parquet(str(files)).iterator()
    list(iterator.iter_batches(batch_size=100, local_shuffle_buffer_size=200))
    assert "LocalShuffle" in iterator.stats()
