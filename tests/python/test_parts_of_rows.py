"""limit between any stages, random_sample, randomize_block_order, and the splits of a data set."""

import itertools
import random

import pytest

import millstream as ms
from millstream import col


def keys(dataset):
    return [row["key"] for row in dataset.take_all()]


def as_it_is(rows):
    return rows.map(lambda row: row)


# ---- limit ----
LIMITED = {
    "files": lambda rows, first: rows.limit(first),
    "below a function": lambda rows, first: as_it_is(rows.limit(first)),
    "above a function": lambda rows, first: as_it_is(rows).limit(first),
    "between functions": lambda rows, first: as_it_is(as_it_is(rows).limit(first)),
    "below a filter": lambda rows, first: as_it_is(rows).limit(first).filter(expr=col("key") >= 0),
    "above a sort": lambda rows, first: rows.random_shuffle(seed=2).sort("key").limit(first),
    "below a sort": lambda rows, first: as_it_is(rows).limit(first).sort("key"),
    "above a union": lambda rows, first: rows.union(rows).limit(first),
    "in a union": lambda rows, first: rows.limit(first).union(rows.limit(0)),
    "above groups": lambda rows, first: rows.groupby("key").count().limit(first),
    "of a limit": lambda rows, first: rows.limit(first).limit(first + 10),
    "above a zip": lambda rows, first: rows.zip(rows).limit(first),
}


@pytest.mark.parametrize("where", LIMITED)
def test_a_limit_anywhere_gives_the_first_rows(where, rows):
    for first in (0, 1, 70, 251, 1000):
        assert keys(LIMITED[where](rows, first)) == list(range(first)), first
        assert LIMITED[where](rows, first).count() == first


def test_a_limit_below_an_order_keeps_the_rows_that_it_cut(each_engine, rows):
    assert sorted(keys(rows.limit(300).random_shuffle(seed=1))) == list(range(300))
    assert sorted(keys(as_it_is(rows).limit(300).random_shuffle(seed=1))) == list(range(300))
    shuffled = keys(rows.random_shuffle(seed=1))
    assert keys(rows.random_shuffle(seed=1).limit(77)) == shuffled[:77]
    assert keys(rows.random_shuffle(seed=1).limit(77).sort("key")) == sorted(shuffled[:77])
    assert keys(as_it_is(rows.random_shuffle(seed=1).limit(77))) == shuffled[:77]
    assert keys(rows.sort("key", descending=True).limit(5).sort("key")) == [995, 996, 997, 998, 999]
    assert keys(rows.filter(expr=col("key") % 2 == 1).limit(5).random_shuffle(seed=4).sort("key")) == [1, 3, 5, 7, 9]
    assert rows.limit(10).groupby(None).count().take_all() == [{"count()": 10}]
    assert as_it_is(rows).limit(10).sum("key") == 45


def test_a_limit_ends_what_is_below_it(rows):
    called = []
    endless = ms.range(10**12).map_batches(lambda batch: called.append(1) or batch, batch_size=1000)
    assert endless.limit(2_500).count() == 2_500
    assert len(called) < 50


# ---- random_sample ----
def test_a_sample_is_the_same_rows_on_every_engine(use_engine, rows):
    from conftest import ENGINES

    samples = set()
    for options in ENGINES.values():
        use_engine(**options)
        samples.add(tuple(keys(rows.random_sample(0.3, seed=5))))
    (sample,) = samples
    assert sorted(sample) == list(sample)
    assert 240 < len(sample) < 360
    assert set(keys(rows.random_sample(0.1, seed=5))) < set(sample)  # a smaller share of the same draws
    assert keys(as_it_is(rows).random_sample(0.3, seed=5)) == list(sample)
    assert keys(rows.random_sample(0.3, seed=6)) != list(sample)


def test_the_ends_of_a_share_are_all_and_none(rows):
    assert keys(rows.random_sample(1.0)) == list(range(1000))
    assert keys(rows.random_sample(1)) == list(range(1000))
    assert keys(rows.random_sample(0)) == []


def test_without_a_seed_a_sample_is_drawn_once(rows):
    sample = rows.random_sample(0.5)
    assert keys(sample) == keys(sample)
    assert sample.count() == len(keys(sample))
    assert keys(sample) != keys(rows.random_sample(0.5))


def test_shares_are_checked(rows):
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="fraction must be from 0 to 1"):
            rows.random_sample(share)
    with pytest.raises(TypeError, match="fraction must be a number from 0 to 1, not str"):
        rows.random_sample("0.5")


# ---- randomize_block_order ----
def test_blocks_come_whole_in_one_random_order_on_every_engine(use_engine):
    from conftest import ENGINES

    orders = set()
    for options in ENGINES.values():
        use_engine(**options)
        blocks = ms.range(1000, override_num_blocks=20).randomize_block_order(seed=3)
        orders.add(tuple(row["id"] for row in blocks.take_all()))
    (order,) = orders
    firsts = order[::50]
    assert sorted(firsts) == list(range(0, 1000, 50))
    assert firsts != tuple(range(0, 1000, 50))
    assert list(order) == [first + place for first in firsts for place in range(50)]


def test_files_and_functions_follow_the_blocks(rows):
    order = keys(rows.randomize_block_order(seed=1))
    assert sorted(order) == list(range(1000))
    assert order != list(range(1000))
    assert keys(as_it_is(rows.randomize_block_order(seed=1))) == order
    assert keys(rows.randomize_block_order(seed=2)) != order


def test_a_shuffle_has_no_blocks_to_be_put_in_order(rows):
    with pytest.raises(ValueError, match="block"):
        rows.random_shuffle(seed=1).randomize_block_order(seed=1)


# ---- splits ----
PLANS = {
    "files": lambda rows: rows,
    "function": as_it_is,
    "filtered": lambda rows: rows.filter(expr=col("key") % 3 != 0),
    "shuffled": lambda rows: rows.random_shuffle(seed=ms.RandomSeedConfig(4)),
    "sorted": lambda rows: rows.sort("name"),
    "shuffled below a function": lambda rows: as_it_is(rows.random_shuffle()),
    "union": lambda rows: rows.union(rows),
}


@pytest.mark.parametrize("plan", PLANS)
def test_the_parts_of_a_split_are_its_rows_in_order(rows, plan):
    whole = PLANS[plan](rows)
    order = keys(whole)
    total = len(order)
    for n in (1, 3, 7):
        parts = [keys(part) for part in whole.split(n)]
        assert list(itertools.chain(*parts)) == order
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        equal = [keys(part) for part in whole.split(n, equal=True)]
        assert [len(part) for part in equal] == [total // n] * n
        assert list(itertools.chain(*equal)) == order[: total // n * n]
    parts = whole.split_at_indices([0, 10, 10, 500, 5_000])
    assert [keys(part) for part in parts] == [[], order[:10], [], order[10:500], order[500:5_000], order[5_000:]]
    assert [part.count() for part in parts] == [0, 10, 0, 490, total - 500, 0]
    shares = [keys(part) for part in whole.split_proportionately([0.2, 0.5])]
    assert [len(part) for part in shares] == [
        int(total * 0.2),
        int(total * 0.7) - int(total * 0.2),
        total - int(total * 0.7),
    ]
    assert list(itertools.chain(*shares)) == order
    train, test = whole.train_test_split(0.25)
    assert keys(train) + keys(test) == order
    assert len(keys(test)) == total - int(total * 0.75)


def test_parts_of_a_shuffle_keep_their_rows_in_every_epoch(rows):
    train, test = rows.random_shuffle().train_test_split(100)
    assert test.count() == 100
    for _ in range(3):
        seen = {key for batch in test.iter_batches() for key in batch["key"].tolist()}
        assert seen == set(keys(test))
        assert not seen & set(keys(train))
    order = train.random_shuffle(seed=1)
    assert sorted(keys(order)) == sorted(keys(train))


def test_a_split_may_be_shuffled_first_by_a_seed(rows):
    train, test = rows.train_test_split(0.1, shuffle=True, seed=3)
    assert keys(train) + keys(test) == keys(rows.random_shuffle(seed=3))
    drawn, rest = rows.train_test_split(0.1, shuffle=True)
    assert sorted(keys(drawn) + keys(rest)) == list(range(1000))
    assert keys(drawn) == keys(drawn)


def test_parts_go_through_stages_of_their_own(each_engine, rows):
    first, second = rows.sort("key", descending=True).split(2)
    assert keys(first.sort("key")) == list(range(500, 1000))
    assert second.map(lambda row: {"key": -row["key"]}).take(1) == [{"key": -499}]
    assert keys(first.union(second)) == list(range(999, -1, -1))
    draw = random.Random(3)
    indices = sorted(draw.randrange(1000) for _ in range(20))
    parts = as_it_is(rows).split_at_indices(indices)
    assert [key for part in parts for key in keys(part)] == list(range(1000))


def test_small_sets_have_parts_of_one_row_where_they_can():
    for rows, proportions, sizes in (
        (3, [0.9, 0.05], [1, 1, 1]),
        (2, [0.5], [1, 1]),
        (10, [0.3, 0.21, 0.04], [2, 2, 1, 5]),  # bounds of 3, 5, 5: the equal one and those before it move down
        (100, [0.1, 0.001, 0.001, 0.5], [8, 1, 1, 50, 40]),
        (1000, [0.0015, 0.0005], [1, 1, 998]),
    ):
        assert [part.count() for part in ms.range(rows).split_proportionately(proportions)] == sizes
    for rows, proportions in ((0, [0.5]), (1, [0.5]), (2, [0.3, 0.3]), (3, [0.2, 0.2, 0.2]), (9, [0.1])):
        with pytest.raises(
            ValueError, match=rf"would leave a part of {rows} rows by \[0\.. ?.*\] empty; use more rows"
        ):
            ms.range(rows).split_proportionately(proportions)
    assert [part.count() for part in ms.range(2).split(4)] == [0, 1, 0, 1]
    assert [part.count() for part in ms.range(0).split(2)] == [0, 0]


# ---- streaming_train_test_split ----
SPLITS = {
    "random": lambda rows, share: rows.streaming_train_test_split(share, seed=5),
    "drawn": lambda rows, share: rows.streaming_train_test_split(share),
    "hash": lambda rows, share: rows.streaming_train_test_split(share, split_type="hash", hash_column="name"),
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("plan", PLANS)
def test_each_row_is_in_one_of_two_streamed_parts_in_its_order(rows, plan, split):
    whole = PLANS[plan](rows)
    whole = whole.random_shuffle(seed=3) if plan == "shuffled below a function" else whole  # one order, drawn or not
    train, test = SPLITS[split](whole, 0.3)
    assert keys(test) == keys(test)
    assert sorted(keys(train) + keys(test)) == sorted(keys(whole))
    order = {key: place for place, key in enumerate(keys(whole))}
    if plan not in ("union", "shuffled", "shuffled below a function"):
        for part in (train, test):
            assert keys(part) == sorted(keys(part), key=order.get)
    share = test.count() / len(keys(whole))
    assert 0.2 < share < 0.4 if split != "hash" or plan != "union" else 0.15 < share < 0.45


def test_streamed_parts_are_the_same_on_every_engine(use_engine, rows):
    from conftest import ENGINES

    for split in ("random", "hash"):
        tests = set()
        for options in ENGINES.values():
            use_engine(**options)
            tests.add(tuple(keys(SPLITS[split](as_it_is(rows), 0.2)[1])))
        assert len(tests) == 1, split


def test_a_seed_decides_a_streamed_split_and_a_hash_the_values_alone(rows):
    assert keys(SPLITS["random"](rows, 0.2)[1]) == keys(SPLITS["random"](as_it_is(rows), 0.2)[1])
    assert keys(rows.streaming_train_test_split(0.2, seed=6)[1]) != keys(SPLITS["random"](rows, 0.2)[1])
    assert keys(SPLITS["drawn"](rows, 0.2)[1]) != keys(SPLITS["drawn"](rows, 0.2)[1])
    by_rest = rows.with_column("rest", col("key") % 100)
    train, test = by_rest.streaming_train_test_split(0.3, split_type="hash", hash_column="rest")
    rests = [{row["rest"] for row in part.take_all()} for part in (train, test)]
    assert not rests[0] & rests[1]
    assert len(rests[0]) + len(rests[1]) == 100
    shuffled = by_rest.random_shuffle(seed=1).streaming_train_test_split(0.3, split_type="hash", hash_column="rest")
    assert sorted(keys(shuffled[1])) == sorted(keys(test))
    larger = by_rest.streaming_train_test_split(0.5, split_type="hash", hash_column="rest")[1]
    assert set(keys(test)) < set(keys(larger))


def test_no_row_of_a_streamed_part_changes_it_over_epochs(rows):
    for split in ("random", "hash"):
        train, test = SPLITS[split](rows.random_shuffle(seed=ms.RandomSeedConfig(2)), 0.3)
        iterators = train.iterator(), test.iterator()
        epochs = [tuple(frozenset(row["key"] for row in part.iter_rows()) for part in iterators) for _ in range(3)]
        assert len(set(epochs)) == 1, split
        assert not epochs[0][0] & epochs[0][1]


def test_a_streamed_split_counts_nothing_and_ends_with_what_is_taken(rows):
    train, _ = ms.range(10**12).streaming_train_test_split(0.5, seed=1)
    assert len(train.take(10)) == 10


@pytest.mark.parametrize("split", SPLITS)
def test_streamed_parts_of_no_rows_have_none(rows, split):
    for none in (rows.limit(0), rows.filter(lambda row: False)):
        assert [part.take_all() for part in SPLITS[split](none, 0.5)] == [[], []]


BAD_SPLITS = [
    (lambda rows: rows.streaming_train_test_split(0), ValueError, "test_size must be above 0 and below 1, got 0"),
    (lambda rows: rows.streaming_train_test_split(1.0), ValueError, "test_size must be above 0 and below 1, got 1.0"),
    (lambda rows: rows.streaming_train_test_split(2), ValueError, "test_size must be .*, got 2"),
    (
        lambda rows: rows.streaming_train_test_split("half"),
        TypeError,
        "test_size must be a number between 0 and 1, not",
    ),
    (lambda rows: rows.streaming_train_test_split(0.5, split_type="x"), ValueError, "must be 'random' or 'hash', got"),
    (lambda rows: rows.streaming_train_test_split(0.5, split_type="hash"), ValueError, "takes hash_column with split_"),
    (lambda rows: rows.streaming_train_test_split(0.5, hash_column="key"), ValueError, "takes hash_column with split_"),
    (
        lambda rows: rows.streaming_train_test_split(0.5, split_type="hash", hash_column="kee"),
        KeyError,
        "did you mean 'key'",
    ),
    (
        lambda rows: rows.streaming_train_test_split(0.5, split_type="hash", hash_column="key", seed=1),
        ValueError,
        "leave the seed out",
    ),
    (lambda rows: rows.streaming_train_test_split(0.5, seed="x"), TypeError, "seed"),
    (lambda rows: rows.streaming_train_test_split(0.5, num_cpus=2), NotImplementedError, "num_cpus"),
    (lambda rows: rows.streaming_train_test_split(0.5, shuffle=True), TypeError, "no argument 'shuffle'"),
    (lambda rows: rows.split(0), ValueError, "n must be at least 1, got 0"),
    (lambda rows: rows.split(2.5), TypeError, "n must be a whole number, not float"),
    (lambda rows: rows.split(2, equal="yes"), TypeError, "equal must be True or False"),
    (lambda rows: rows.split(2, locality_hints=[1]), NotImplementedError, "locality_hints"),
    (lambda rows: rows.split_at_indices([]), ValueError, "at least one row number"),
    (lambda rows: rows.split_at_indices([3, 1]), ValueError, r"ascending order, got \[3, 1\]"),
    (lambda rows: rows.split_at_indices([-1]), ValueError, "must be at least 0, got -1"),
    (lambda rows: rows.split_proportionately([0.5, 0.5]), ValueError, r"less than 1 together, got \[0\.5, 0\.5\]"),
    (lambda rows: rows.split_proportionately([0.0]), ValueError, "each be above 0"),
    (lambda rows: rows.train_test_split(0), ValueError, "a test_size of 0 rows must be above 0"),
    (lambda rows: rows.train_test_split(1000), ValueError, "below the 1000 rows there are"),
    (lambda rows: rows.train_test_split(1.0), ValueError, "above 0 and below 1, got 1.0"),
    (lambda rows: rows.train_test_split("half"), TypeError, "a share or a number of rows, not str"),
    (lambda rows: rows.train_test_split(0.5, seed=1, shuffle="no"), TypeError, "shuffle must be True or False"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), BAD_SPLITS)
def test_splits_that_cannot_be_are_refused(rows, ask, kind, message):
    with pytest.raises(kind, match=message):
        ask(rows)
