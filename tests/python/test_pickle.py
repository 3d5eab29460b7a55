"""A data set travels as its plan."""

import concurrent.futures
import copy
import multiprocessing
import pickle

import cloudpickle
import pyarrow as pa
import pytest

import millstream as ms
from millstream import col


def take_all_of(pickled):
    return pickle.loads(pickled).take_all()


def plans(rows):
    yield rows
    yield rows.filter(expr=(col("key") > 3) & col("name").is_not_null()).with_column("b", col("key") % 3)
    yield rows.random_shuffle(seed=4).limit(10)
    yield rows.random_shuffle(seed=ms.RandomSeedConfig(4))
    yield rows.random_shuffle()
    yield ms.range(100).rename_columns({"id": "n"})
    yield ms.from_arrow(pa.table({"a": [1, None]}))


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_pickled_set_gives_the_same_rows(rows, dumps):
    for dataset in plans(rows):
        again = pickle.loads(dumps(dataset))
        assert type(again) is type(dataset)
        assert again.take_all() == dataset.take_all()
        assert again.schema() == dataset.schema()


def test_a_pickle_holds_the_plan_and_not_the_rows(rows):
    assert len(pickle.dumps(rows)) < 2048
    assert b"row 17" not in pickle.dumps(rows)


def test_name_and_settings_travel_too(rows):
    rows.set_name("flights")
    rows.context.execution_options.preserve_order = False
    again = pickle.loads(pickle.dumps(rows))
    assert again.name == "flights"
    assert again.context.execution_options.preserve_order is False


def test_a_set_deep_copies(rows):
    assert copy.deepcopy(rows).take(3) == rows.take(3)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_another_process_reads_the_same_rows(rows, method):
    dataset = rows.random_shuffle(seed=11).filter(expr=col("key") < 100)
    here = dataset.take_all()
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(take_all_of, pickle.dumps(dataset)).result(timeout=60) == here
    assert dataset.take_all() == here


def test_rows_in_memory_travel_only_while_they_are_few():
    big = ms.from_arrow(pa.table({"a": pa.array(range(3 << 20))}))
    with pytest.raises(ValueError, match="write_parquet"):
        pickle.dumps(big)


def test_damaged_bytes_are_a_value_error(rows):
    plan = rows._plan.serialize()
    from millstream import _core

    for length in (0, 3, 10, len(plan) - 1):
        with pytest.raises(ValueError):  # noqa: PT011
            _core.Plan.deserialize(plan[:length])
