"""function_random: the random numbers of a call follow from seed, epoch and batch, and from nothing else."""

import itertools

import numpy as np
import pytest

import millstream as ms
from millstream import col


def drawn(batch):
    return {"key": batch["key"], "x": ms.function_random().random(len(batch["key"]))}


def draws(dataset):
    return [(row["key"], row["x"]) for row in dataset.take_all()]


PLANS = {
    "files": lambda rows, **how: rows.map_batches(drawn, batch_size=33, **how),
    "blocks": lambda rows, **how: rows.map_batches(drawn, **how),
    "shuffled": lambda rows, **how: rows.random_shuffle(seed=4).map_batches(drawn, batch_size=33, **how),
    "sorted": lambda rows, **how: rows.sort("name").map_batches(drawn, batch_size=33, **how),
    "filtered": lambda rows, **how: rows.filter(expr=col("key") % 3 == 0).map_batches(drawn, batch_size=33, **how),
    "above a function": lambda rows, **how: rows.map_batches(drawn, batch_size=50).map_batches(drawn, **how),
    "joined": lambda rows, **how: rows.join(rows.limit(500), "left_semi", on="key").map_batches(
        drawn, batch_size=33, **how
    ),
    "map": lambda rows, **how: rows.map(lambda row: {"key": row["key"], "x": ms.function_random().random()}, **how),
    "groups": lambda rows, **how: rows.with_column("rest", col("key") % 9).groupby("rest").map_groups(drawn, **how),
}


@pytest.mark.parametrize("plan", PLANS)
def test_numbers_are_the_same_on_every_engine_and_by_any_workers(use_engine, rows, plan):
    from conftest import ENGINES

    seen = set()
    for options, workers in zip(ENGINES.values(), itertools.cycle((1, 2, 4))):
        use_engine(**options)
        seen.add(tuple(draws(PLANS[plan](rows, concurrency=workers))))
    assert len(seen) == 1
    (made,) = seen
    assert len({x for _, x in made}) == len(made)


@pytest.mark.parametrize("plan", PLANS)
def test_numbers_do_not_depend_on_the_batches_of_who_iterates(rows, plan):
    made = PLANS[plan](rows)
    expected = draws(made)
    for batch_size, prefetch in ((1, 0), (77, 3), (5_000, 1)):
        batches = made.iterator().iter_batches(batch_size=batch_size, prefetch_batches=prefetch)
        rows_seen = [pair for batch in batches for pair in zip(batch["key"].tolist(), batch["x"].tolist(), strict=True)]
        assert rows_seen == expected


def test_the_place_of_the_batch_decides_and_not_what_is_in_it(rows):
    one = [x for _, x in draws(rows.map_batches(drawn, batch_size=50))]
    other = [x for _, x in draws(rows.with_column("key", col("key") * -1).map_batches(drawn, batch_size=50))]
    assert one == other
    fewer = [x for _, x in draws(rows.map_batches(drawn, batch_size=25))]
    assert fewer[:25] == one[:25]
    assert fewer[25:50] != one[25:50]


def test_each_seed_and_epoch_has_numbers_of_its_own(rows):
    def numbers(seed, epochs=1):
        iterator = rows.random_shuffle(seed=seed).map_batches(drawn, batch_size=100).iterator()
        return [tuple(row["x"] for row in iterator.iter_rows()) for _ in range(epochs)]

    assert numbers(1) == numbers(1)
    assert numbers(1) != numbers(2)
    each = ms.RandomSeedConfig(1)
    epochs = numbers(each, 3)
    assert len(set(epochs)) == 3
    assert numbers(each, 3) == epochs
    assert len(set(numbers(5, 3))) == 3  # the order stays, the numbers do not


def test_a_resumed_pass_draws_the_numbers_of_the_first(rows):
    made = rows.random_shuffle(seed=ms.RandomSeedConfig(7)).map_batches(drawn, batch_size=60)
    iterator = made.iterator()
    list(iterator.iter_batches())  # the first epoch
    states, batches = [], []
    for batch in iterator.iter_batches(batch_size=90):
        batches.append(batch["x"].tolist())
        states.append(iterator.state_dict())
    for step in (0, 4, 9):
        resumed = made.iterator()
        resumed.load_state_dict(states[step])
        assert [batch["x"].tolist() for batch in resumed.iter_batches(batch_size=90)] == batches[step + 1 :]


def test_all_of_a_call_shares_one_generator_and_no_other_call_does(rows):
    def twice(batch):
        first, second = ms.function_random(), ms.function_random()
        assert first is second
        yield {"x": first.random(3)}
        yield {"x": second.random(3)}

    made = [row["x"] for row in rows.map_batches(twice, batch_size=500).take_all()]
    assert len(made) == 6 * 4  # a batch for each file
    assert len(set(made)) == len(made)


def test_it_is_a_generator_of_numpy_whose_numbers_are_even_and_independent():
    def many(batch):
        return {"x": [ms.function_random().random() for _ in batch["id"]]}

    one_a_batch = ms.range(4_000).map_batches(many, batch_size=1)
    values = np.array([row["x"] for row in one_a_batch.take_all()])
    assert abs(values.mean() - 0.5) < 0.03
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.06
    assert np.histogram(values, 8, (0, 1))[0].min() > 400
    kinds = ms.range(1).map(lambda row: {"kind": type(ms.function_random()).__name__}).take_all()
    assert kinds == [{"kind": "Generator"}]


def test_classes_and_threads_of_functions_have_them_and_constructors_do_not(rows):
    class Draws:
        def __init__(self):
            with pytest.raises(RuntimeError, match="while they are called"):
                ms.function_random()

        def __call__(self, batch):
            return drawn(batch)

    expected = draws(rows.map_batches(drawn, batch_size=40))
    assert draws(rows.map_batches(Draws, batch_size=40, concurrency=3)) == expected
    with pytest.raises(RuntimeError, match="while they are called"):
        ms.function_random()
