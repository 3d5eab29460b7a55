"""Iterators over plans with transforms: states, epochs, several at once, left early, forked, on every engine."""

import gc
import itertools
import json
import multiprocessing
import pickle
import random
import re

import cloudpickle
import pytest
from aftermath import assert_functions_end, assert_nothing_left
from transform_plans import PLANS

import millstream as ms

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def numbers(batches):
    return [int(number) for batch in batches for number in batch["number"]]


@pytest.mark.parametrize("plan", PLANS)
def test_rows_and_order_are_the_same_on_every_engine_and_over_batch_sizes(use_engine, files, plan):
    from conftest import ENGINES

    orders = {}
    for (name, options), batch_size in zip(ENGINES.items(), (1000, 7, 100, 33, 1, 64), strict=False):
        use_engine(**options)
        orders[name] = [numbers(PLANS[plan](files).iterator().iter_batches(batch_size=batch_size, prefetch_batches=2))]
    assert [name for name in orders if orders[name] != orders["one lane"]] == []


@pytest.mark.parametrize("plan", PLANS)
def test_a_state_taken_at_any_step_gives_exactly_the_batches_to_come(files, plan):
    seed = random.randrange(2**32)
    print("seed", seed)
    iterator = PLANS[plan](files).iterator()
    states, batches = [iterator.state_dict()], []
    for batch in iterator.iter_batches(batch_size=70, prefetch_batches=3):
        batches.append(batch["number"].tolist())
        states.append(json.loads(json.dumps(iterator.state_dict())))
    next_epoch = numbers(iterator.iter_batches())
    steps = range(len(states))
    for step in sorted(random.Random(seed).sample(steps, min(5, len(steps)))):
        resumed = PLANS[plan](files).iterator()
        resumed.load_state_dict(states[step])
        assert [batch["number"].tolist() for batch in resumed.iter_batches(batch_size=70)] == batches[step:], step
        assert numbers(resumed.iter_batches()) == next_epoch


def test_states_of_other_functions_or_stages_are_refused(files):
    state = PLANS["map"](files).iterator().state_dict()
    for other in ("sorted", "map, shuffled", "filter and flat map", "union, shuffled", "grouped"):
        with pytest.raises(ValueError, match=r"the state is of another plan.*stages differ"):
            PLANS[other](files).iterator().load_state_dict(state)


RESEEDED = [
    "map, shuffled",
    "shuffled, map",
    "flat map, shuffled, map",
    "shuffled twice",
    "union, shuffled",
    "sorted, shuffled",
]


@pytest.mark.parametrize("plan", RESEEDED)
def test_each_epoch_has_an_order_of_its_own_and_all_rows(files, plan):
    iterator = PLANS[plan](files).iterator()
    epochs = [numbers(iterator.iter_batches(batch_size=100)) for _ in range(3)]
    assert len(set(map(tuple, epochs))) == 3
    assert len({tuple(sorted(epoch)) for epoch in epochs}) == 1
    again = PLANS[plan](files).iterator()
    assert [numbers(again.iter_batches(batch_size=64)) for _ in range(3)] == epochs


def test_a_limit_above_a_shuffle_cuts_other_rows_each_epoch(files):
    iterator = PLANS["shuffled, map"](files).limit(50).iterator()
    epochs = [set(numbers(iterator.iter_batches())) for _ in range(2)]
    assert epochs[0] != epochs[1]


# Groups take what memory there is, so that two at once do not fit.
@pytest.mark.parametrize("plan", [plan for plan in PLANS if not plan.startswith("grouped")])
def test_two_iterators_at_once_do_not_disturb_one_another(files, plan):
    dataset = PLANS[plan](files)
    whole = numbers(dataset.iterator().iter_batches())
    one, two = (iter(dataset.iterator().iter_batches(batch_size=50)) for _ in range(2))
    pairs = list(itertools.zip_longest(one, two))
    for side in range(2):
        assert numbers(pair[side] for pair in pairs) == whole


@pytest.mark.parametrize("plan", PLANS)
def test_an_iterator_left_early_leaves_nothing(use_engine, files, plan):
    use_engine(num_cpus=1)
    dataset = PLANS[plan](files)
    whole = numbers(dataset.iterator().iter_batches())
    for batches_taken in (0, 1):
        batches = iter(dataset.iterator().iter_batches(batch_size=5))
        for _ in range(batches_taken):
            next(batches)
        del batches
        gc.collect()
        assert_nothing_left()
    assert numbers(dataset.iterator().iter_batches()) == whole


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_pickled_plan_gives_the_same_rows(files, plan, dumps):
    dataset = PLANS[plan](files)
    again = pickle.loads(dumps(dataset))
    assert again.take_all() == dataset.take_all()
    assert again.schema() == dataset.schema()
    assert again._plan.fingerprint() == dataset._plan.fingerprint()


def test_functions_of_the_main_program_and_closures_travel_too(files):
    factor = 3
    dataset = PLANS["map"](files).map(lambda row: {"number": row["number"] * factor}).sort("number", descending=True)
    assert pickle.loads(pickle.dumps(dataset)).take(2) == [{"number": 2997}, {"number": 2994}]


def take(dataset, results):
    results.put(dataset.take_all())


@pytest.mark.parametrize("plan", ["map", "map, shuffled", "sorted", "grouped", "groups"])
def test_a_forked_child_runs_plans_of_its_parent(files, plan):
    dataset = PLANS[plan](files)
    here = dataset.take_all()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=take, args=(dataset, results))
    child.start()
    assert results.get(timeout=60) == here
    child.join(30)
    assert child.exitcode == 0
    assert dataset.take_all() == here


@pytest.mark.parametrize("plan", PLANS)
def test_schema_columns_and_texts_are_the_same_before_and_after_rows_are_read(files, plan, capsys):
    dataset = PLANS[plan](files)
    before = repr(dataset)
    assert before.startswith("shape: (")
    unknown = dataset.schema(fetch_if_missing=False) is None
    assert unknown == (dataset.columns(fetch_if_missing=False) is None)
    schema = dataset.schema()
    assert schema.names == dataset.columns() == list(dataset.take(1)[0])
    assert dataset.to_arrow().schema.types == schema.types
    assert dataset.limit(0).to_arrow().schema.types == schema.types
    dataset.explain()
    assert re.search("Read(Parquet|Tens)", capsys.readouterr().out)


def test_stats_name_each_stage_with_its_rows(files):
    iterator = PLANS["flat map, shuffled, map"](files).iterator()
    seen = len(numbers(iterator.iter_batches()))
    assert seen == 1500
    lines = {line.split()[0]: line for line in iterator.stats().splitlines()[2:] if line}
    for stage, rows in (
        ("ReadParquet", 1000),
        ("FlatMap(one_or_two)", 1500),
        ("RandomShuffle", 1500),
        ("Map(Adds)", 1500),
    ):
        assert f"{rows:,}" in lines[stage], lines
    sorted_by = PLANS["map, sorted"](files)
    numbers(sorted_by.iter_batches())
    assert "MapBatches(doubled)" in sorted_by.stats()
    assert "Sort" in sorted_by.stats()


def test_a_materialized_plan_runs_its_functions_once(files):
    calls = []
    counted = PLANS["map"](files).map(lambda row: calls.append(1) or row)
    held = counted.materialize()
    assert len(calls) == 1000
    assert held.sort("number").take(1)[0]["number"] == 0
    assert held.count() == 1000
    assert len(calls) == 1000


def test_an_iteration_closed_in_a_call_ends_when_the_call_does(files):
    import threading

    began, go_on = threading.Event(), threading.Event()

    def waits(batch):
        began.set()
        go_on.wait(20)
        return batch

    iterator = ms.range(100_000).map_batches(waits).iterator()
    batches = iter(iterator.iter_batches(prefetch_batches=2))
    threading.Thread(target=lambda: (began.wait(20), go_on.set()), daemon=True).start()
    next(batches)
    batches.close()
    assert_functions_end()
