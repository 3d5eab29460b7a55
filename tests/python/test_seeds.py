"""What a shuffle's seed means."""

import millstream as ms
from millstream.seeds import SeedState


def state(seed):
    return ms.range(10).random_shuffle(seed=seed)._seed_state


def test_an_int_is_a_fixed_order():
    assert state(7) == SeedState("fixed", 7)
    assert state(ms.RandomSeedConfig(7, reseed_after_execution=False)) == SeedState("fixed", 7)


def test_a_config_asks_for_a_new_order_each_epoch():
    assert state(ms.RandomSeedConfig(7)) == SeedState("per_execution", 7)
    assert ms.RandomSeedConfig(7) == ms.RandomSeedConfig(seed=7, reseed_after_execution=True)


def test_none_draws_a_seed_once_and_keeps_it():
    first, second = state(None), state(None)
    assert first.kind == second.kind == "unset"
    assert first.seed != second.seed
    shuffled = ms.range(100).random_shuffle()
    assert shuffled.take_all() == shuffled.take_all()
    assert state(ms.RandomSeedConfig()).kind == "unset"


def test_without_a_shuffle_there_is_no_seed():
    assert ms.range(10)._seed_state == SeedState(None, 0)


def test_the_uppermost_shuffle_decides():
    assert ms.range(10).random_shuffle(seed=1).random_shuffle(seed=2)._seed_state == SeedState("fixed", 2)


def test_a_seed_may_be_a_numpy_integer():
    import numpy as np

    assert state(np.int64(7)) == SeedState("fixed", 7)
