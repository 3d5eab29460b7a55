"""mix: rows of several data sets in turns, by their weights."""

import collections
import itertools

import pyarrow as pa
import pytest

import millstream as ms
from millstream import col

DROP, SHORTEST = ms.MixStoppingCondition.STOP_ON_LONGEST_DROP, ms.MixStoppingCondition.STOP_ON_SHORTEST
RUN = 32


def sets(*sizes, blocks=1):
    """Data sets of so many rows: which one, and the number of the row."""
    return [
        ms.from_arrow(
            pa.table({"set": pa.array([place] * size, pa.int64()), "row": pa.array(range(size), pa.int64())}),
            override_num_blocks=blocks,
        )
        for place, size in enumerate(sizes)
    ]


def order_of(dataset):
    return [(row["set"], row["row"]) for row in dataset.take_all()]


def mixed(sizes, weights, *, shortest=False, blocks=None):
    """What docs/order.md says of a mix; `blocks`: the sizes of the batches of each set."""
    left = [list(blocks[place]) if blocks else [size] if size else [] for place, size in enumerate(sizes)]
    given, ended, rows = [0] * len(sizes), [False] * len(sizes), []
    while not all(ended):
        place = min((p for p in range(len(sizes)) if not ended[p]), key=lambda p: (given[p] / weights[p], p))
        if not left[place]:
            if shortest:
                break
            ended[place] = True
            continue
        run = min(RUN, left[place][0])
        rows += [(place, given[place] + number) for number in range(run)]
        given[place] += run
        left[place][0] -= run
        if left[place][0] == 0:
            left[place].pop(0)
    return rows


MIXES = [
    ((100, 100), None),
    ((500, 90), None),
    ((90, 500), [1, 1]),
    ((1000, 1000), [3, 1]),
    ((1000, 1000, 1000), [0.5, 0.3, 0.2]),
    ((1000, 10, 200), [1, 2, 100]),
    ((700, 0, 31), [1, 1, 1]),
    ((5, 5, 5, 5), [1, 2, 3, 4]),
    ((0, 0), None),
    ((64, 64), [1e-9, 1e9]),
]


@pytest.mark.parametrize("condition", [DROP, SHORTEST])
@pytest.mark.parametrize(("sizes", "weights"), MIXES)
def test_the_order_is_that_of_the_page(sizes, weights, condition):
    first, *others = sets(*sizes)
    made = first.mix(*others, weights=weights, stopping_condition=condition)
    expected = mixed(sizes, weights or [1] * len(sizes), shortest=condition is SHORTEST)
    assert order_of(made) == expected
    assert made.count() == len(expected)


def test_all_rows_come_in_their_order_and_no_condition_means_all():
    first, *others = sets(300, 700, 40)
    rows = order_of(first.mix(*others))
    assert rows == order_of(first.mix(*others, stopping_condition=DROP))
    for place, size in enumerate((300, 700, 40)):
        assert [row for where, row in rows if where == place] == list(range(size))


def test_numbers_stay_as_the_weights_at_every_place():
    first, second, third = sets(9000, 9000, 9000)
    counts = collections.Counter()
    for number, (place, _) in enumerate(order_of(first.mix(second, third, weights=[6, 3, 1]).limit(8000)), start=1):
        counts[place] += 1
        for which, share in enumerate((0.6, 0.3, 0.1)):
            assert abs(counts[which] - number * share) <= RUN, number


def test_the_shortest_ends_a_mix_when_it_is_asked_in_vain():
    first, second = sets(1000, 64)
    made = order_of(first.mix(second, stopping_condition=SHORTEST))
    assert collections.Counter(place for place, _ in made) == {0: 96, 1: 64}
    assert order_of(first.mix(sets(0)[0], stopping_condition=SHORTEST)) == [(0, row) for row in range(32)]


def test_runs_end_where_blocks_do():
    first, second = sets(100, 100, blocks=4)  # of 25 rows
    assert order_of(first.mix(second)) == mixed((100, 100), [1, 1], blocks=[[25] * 4] * 2)


def test_a_mix_is_the_same_on_every_engine_and_over_batch_sizes(use_engine, rows):
    from conftest import ENGINES

    keys = rows.select_columns("key")
    function = keys.map_batches(lambda batch: {"key": batch["key"] + 1000}, batch_size=90)
    made = keys.mix(
        function,
        keys.sort("key", descending=True).filter(expr=col("key") % 2 == 0),
        keys.random_shuffle(seed=3).map(lambda row: {"key": row["key"] + 5000}),
        weights=[1, 2, 0.5, 3],
    )
    orders = set()
    for options, batch_size in zip(ENGINES.values(), (1000, 7, 100, 33, 1, 64), strict=False):
        use_engine(**options)
        batches = made.iter_batches(batch_size=batch_size)
        orders.add(tuple(itertools.chain(*(batch["key"].tolist() for batch in batches))))
    (order,) = orders
    assert len(order) == 3500
    assert [key for key in order if 1000 <= key < 5000] == list(range(1000, 2000))
    assert sorted(key for key in order if key >= 5000) == list(range(5000, 6000))


def test_types_are_brought_together_as_in_a_union():
    whole, half, text = (ms.from_arrow(pa.table({"a": values})) for values in ([1, 2], [0.5], ["x"]))
    assert whole.mix(half).take_all() == [{"a": 1.0}, {"a": 2.0}, {"a": 0.5}]
    unknown = half.map_batches(lambda batch: {**batch, "b": ["new"]})
    assert whole.mix(unknown).take_all() == [{"a": 1.0, "b": None}, {"a": 2.0, "b": None}, {"a": 0.5, "b": "new"}]
    with pytest.raises(TypeError, match=r"mix: column 'a' is int64 in one data set and string in another"):
        whole.mix(text)
    with pytest.raises(TypeError, match=r"mix: column 'a' is int64 in one data set and string in another"):
        whole.map(lambda row: row).mix(text).take_all()


def test_what_is_above_a_mix_sees_its_order(rows):
    first, second = sets(100, 300)
    made = first.mix(second, weights=[1, 3])
    assert order_of(made.limit(70)) == mixed((100, 300), [1, 3])[:70]
    assert order_of(made.filter(expr=col("set") == 0)) == [(0, row) for row in range(100)]
    assert order_of(made.sort("set")) == [(0, row) for row in range(100)] + [(1, row) for row in range(300)]
    assert made.groupby("set").count().take_all() == [{"set": 0, "count()": 100}, {"set": 1, "count()": 300}]
    assert sorted(order_of(made.random_shuffle(seed=1))) == sorted(order_of(made))
    assert order_of(made.map(lambda row: row)) == order_of(made)
    assert order_of(made.mix(first))[:64] == [(0, row) for row in range(32)] * 2


def test_a_set_mixed_with_itself_comes_twice(rows, expected):
    assert rows.mix().take_all() == expected
    counts = collections.Counter(row["key"] for row in rows.mix(rows, weights=[1, 5]).take_all())
    assert counts == dict.fromkeys(range(1000), 2)


def test_each_epoch_of_shuffled_sets_has_an_order_of_its_own_and_a_state(rows):
    made = rows.random_shuffle(seed=ms.RandomSeedConfig(3)).mix(rows, weights=[2, 1])
    iterator = made.iterator()
    batches = [batch["key"].tolist() for batch in iterator.iter_batches(batch_size=90)]
    again = made.iterator()
    resumed = made.iterator()
    for number, _ in enumerate(again.iter_batches(batch_size=90, prefetch_batches=0), start=1):
        if number == 7:
            resumed.load_state_dict(again.state_dict())
            break
    assert [batch["key"].tolist() for batch in resumed.iter_batches(batch_size=90)] == batches[7:]
    second = [batch["key"].tolist() for batch in iterator.iter_batches(batch_size=90)]
    assert [batch["key"].tolist() for batch in resumed.iter_batches(batch_size=90)] == second
    assert second != batches
    assert sorted(itertools.chain(*second)) == sorted(itertools.chain(*batches))


@pytest.mark.tame
def test_sets_larger_than_the_memory_are_mixed_within_the_limit(use_engine):
    limit = 48 << 20
    engine = use_engine(num_cpus=2, memory_limit=limit)
    rows = 8_000_000
    evens, odds = (ms.range(rows).with_column("id", col("id") * 2 + rest) for rest in (0, 1))
    total = 0
    for batch in evens.mix(odds, weights=[1, 3]).iter_batches(batch_size=50_000):
        total += int(batch["id"].sum())
    assert total == rows * (2 * rows - 1)
    assert engine.memory_peak() <= limit


BAD_MIXES = [
    (lambda rows: rows.mix(rows, weights=[1]), ValueError, "mix got 1 weights for 2 data sets"),
    (lambda rows: rows.mix(rows, weights=[1, 0]), ValueError, "weights must be above 0, got 0"),
    (lambda rows: rows.mix(rows, weights=[1, -2]), ValueError, "weights must be above 0, got -2"),
    (lambda rows: rows.mix(rows, weights=[1, float("nan")]), ValueError, "weights must be above 0"),
    (lambda rows: rows.mix(rows, weights=[1, float("inf")]), ValueError, "weights must be finite"),
    (lambda rows: rows.mix(rows, weights=[1, "2"]), TypeError, "weights must be a list of numbers"),
    (lambda rows: rows.mix(rows, weights=2), TypeError, "weights must be a list of numbers, not 2"),
    (lambda rows: rows.mix([rows]), TypeError, "mix takes data sets, not list"),
    (lambda rows: rows.mix(rows, stopping_condition="now"), ValueError, "'now' is not a valid MixStoppingCondition"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), BAD_MIXES)
def test_mixes_that_cannot_be_are_refused_at_once(rows, ask, kind, message):
    with pytest.raises(kind, match=message):
        ask(rows)


def test_a_condition_may_be_given_by_its_value():
    first, second = sets(100, 40)
    assert order_of(first.mix(second, stopping_condition="stop_on_shortest")) == order_of(
        first.mix(second, stopping_condition=SHORTEST)
    )
