"""A shuffle without a seed draws one wherever in the plan it stands, and states carry it."""

import json
import pickle

import pytest

import millstream as ms
from millstream import col

ROWS = 400


def rows():
    return ms.range(ROWS, override_num_blocks=4)


def as_it_is(batch):
    return batch


# Made anew by each call, so with seeds of their own. Column "id" tells the order.
PLANS = {
    "union": lambda: rows().random_shuffle().union(ms.range(5)),
    "second of a union": lambda: ms.range(5).union(rows().random_shuffle()),
    "two of a union": lambda: rows().random_shuffle().union(rows().random_shuffle()),
    "sort": lambda: rows().with_column("half", col("id") % 2).random_shuffle().sort("half"),
    "zip": lambda: rows().with_column("left", col("id")).select_columns(["left"]).zip(rows().random_shuffle()),
    "mix": lambda: rows().random_shuffle().mix(ms.range(ROWS), weights=[0.5, 0.5]),
    "union below functions": lambda: rows().random_shuffle().union(ms.range(5)).map_batches(as_it_is, batch_size=50),
    "limit below a shuffle": lambda: rows().random_shuffle().limit(200).map_batches(as_it_is).random_shuffle(seed=3),
}


def order(batches):
    return [int(number) for batch in batches for number in batch["id"]]


@pytest.mark.parametrize("plan", PLANS)
def test_each_data_set_and_each_epoch_has_an_order_of_its_own(plan):
    made = PLANS[plan]()
    first = order(made.iter_batches(batch_size=64))
    assert first == order(made.iterator().iter_batches(batch_size=33))  # the first epoch, kept
    assert first == [row["id"] for row in made.take_all()]
    others = [order(made.iter_batches(batch_size=64)), order(PLANS[plan]().iter_batches(batch_size=64))]
    assert first not in others
    assert others[0] != others[1]
    if plan != "limit below a shuffle":
        assert [sorted(other) for other in others] == [sorted(first)] * 2


@pytest.mark.parametrize("plan", PLANS)
def test_a_state_goes_on_with_the_seed_that_was_drawn(plan):
    iterator = PLANS[plan]().iterator()
    list(iterator.iter_batches(batch_size=64))
    states, batches = [], []
    for batch in iterator.iter_batches(batch_size=64):
        batches.append(batch["id"].tolist())
        states.append(json.loads(json.dumps(iterator.state_dict())))
    following = order(iterator.iter_batches(batch_size=64))
    for step in (0, len(states) // 2, len(states) - 1):
        resumed = PLANS[plan]().iterator()
        resumed.load_state_dict(states[step])
        assert resumed.state_dict() == states[step]
        assert [batch["id"].tolist() for batch in resumed.iter_batches(batch_size=64)] == batches[step + 1 :]
        assert order(resumed.iter_batches(batch_size=64)) == following
    copied = pickle.loads(pickle.dumps(resumed))
    assert order(copied.iter_batches(batch_size=64)) == order(resumed.iter_batches(batch_size=64))


def test_two_shuffles_of_one_plan_have_two_orders():
    both = order(PLANS["two of a union"]().iter_batches())
    assert sorted(both[:ROWS]) == sorted(both[ROWS:]) == list(range(ROWS))
    assert both[:ROWS] != both[ROWS:]


def test_a_data_set_used_twice_has_one_order():
    shuffled = rows().with_column("copy", col("id")).random_shuffle()
    again = shuffled.select_columns(["id"]).zip(shuffled.select_columns(["copy"]))
    for _ in range(2):
        assert all((batch["id"] == batch["copy"]).all() for batch in again.iter_batches())


def test_a_seed_that_is_given_is_kept_below_other_stages():
    def made(seed):
        return rows().random_shuffle(seed=seed).union(ms.range(5))

    assert order(made(3).iter_batches()) == order(made(3).iter_batches())
    assert order(made(3).iter_batches()) != order(made(4).iter_batches())
    iterator = made(3).iterator()
    next(iter(iterator.iter_batches()))
    assert iterator.state_dict()["seed"] is None
    with pytest.raises(ValueError, match="stages differ"):
        made(4).iterator().load_state_dict(iterator.state_dict())


def test_splits_of_an_undivided_order_hold_each_row_once():
    first, second = PLANS["two of a union"]().split_at_indices([300])
    shown = order(first.iter_batches()) + order(second.iter_batches())
    assert sorted(shown) == sorted([*range(ROWS)] * 2)
    assert shown[:ROWS] != shown[ROWS:]
