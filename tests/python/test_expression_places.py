"""random, uuid and monotonically_increasing_id: functions of each row's place, whatever the machine and the batches."""

import itertools
import pickle
import uuid as standard_uuid

import pyarrow as pa
import pytest

import millstream as ms
from millstream import col
from millstream.expressions import (
    MonotonicallyIncreasingIdExpr,
    RandomExpr,
    UUIDExpr,
    monotonically_increasing_id,
    random,
    udf,
    uuid,
)


def values(dataset, column="y"):
    return [row[column] for row in dataset.take_all()]


def test_random_numbers_are_in_their_range_and_all_different(rows):
    numbers = values(rows.with_column("y", random(seed=3)))
    assert all(0 <= number < 1 for number in numbers)
    assert len(set(numbers)) == 1000
    assert 0.45 < sum(numbers) / 1000 < 0.55


def test_random_numbers_are_a_function_of_seed_and_place(rows, data):
    numbers = values(rows.with_column("y", random(seed=3)))
    assert values(rows.with_column("y", random(seed=3))) == numbers
    assert values(rows.with_column("y", random(seed=4))) != numbers
    assert values(ms.read_parquet(data, override_num_blocks=17).with_column("y", random(seed=3))) == numbers
    batches = rows.with_column("y", random(seed=3)).iter_batches(batch_size=13)
    assert [number for batch in batches for number in batch["y"].tolist()] == numbers
    assert values(rows.select_columns(["name"]).with_column("y", random(seed=3))) == numbers


@pytest.mark.parametrize("cpus", [1, 3])
def test_neither_threads_nor_memory_decide(rows, cpus):
    numbers = values(rows.with_columns({"y": random(seed=3), "u": uuid(seed=5)}), "u")
    ms.init(num_cpus=cpus, memory_limit="64MB")
    try:
        assert values(rows.with_columns({"y": random(seed=3), "u": uuid(seed=5)}), "u") == numbers
    finally:
        ms.shutdown()


def test_an_epoch_has_numbers_of_its_own_unless_told_otherwise(rows):
    def epochs(expr):
        iterator = rows.with_column("y", expr).iterator()
        return [[row["y"] for row in iterator.iter_rows()] for _ in range(3)]

    first, second, third = epochs(random(seed=3))
    assert first != second != third != first
    assert [first, second, third] == epochs(random(seed=3))
    fixed = epochs(random(seed=3, reseed_after_execution=False))
    assert fixed[0] == fixed[1] == fixed[2] == first


def test_two_draws_without_a_seed_differ_and_one_is_kept(rows):
    made = rows.with_columns({"a": random(), "b": random()})
    assert values(made, "a") != values(made, "b")
    assert values(made, "a") == values(made, "a")
    assert values(pickle.loads(pickle.dumps(made)), "a") == values(made, "a")
    assert values(rows.with_column("y", random())) != values(rows.with_column("y", random()))


def test_one_expression_has_one_value_a_row(rows):
    number = random()
    made = rows.with_columns({"a": number, "b": number * 2})
    assert all(row["b"] == 2 * row["a"] for row in made.take_all())


def test_random_numbers_do_not_follow_a_shuffle_of_their_seed(rows):
    shuffled = rows.with_column("y", random(seed=3)).random_shuffle(seed=3)
    numbers = values(shuffled)
    assert numbers != sorted(numbers)
    rising = sum(after > before for before, after in itertools.pairwise(numbers))
    assert 420 < rising < 580


def test_filter_by_a_random_number(rows):
    kept = rows.filter(expr=random(seed=3, reseed_after_execution=False) < 0.25)
    assert 200 < kept.count() < 300
    assert kept.take_all() == kept.take_all()
    assert kept.columns() == rows.columns()


def test_uuids_are_of_version_4_and_stay(rows):
    made = rows.with_column("y", uuid())
    texts = values(made)
    assert len(set(texts)) == 1000
    for text in texts[:50]:
        parsed = standard_uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, standard_uuid.RFC_4122)
    iterator = made.iterator()
    assert [row["y"] for row in iterator.iter_rows()] == texts
    assert [row["y"] for row in iterator.iter_rows()] == texts
    assert set(values(rows.with_column("y", uuid()))).isdisjoint(texts)
    assert values(rows.with_column("y", uuid(seed=1))) == values(rows.with_column("y", uuid(seed=1)))
    assert values(rows.with_column("y", uuid(seed=1).str.replace("-", "")))[0].isalnum()


def test_ids_rise_in_the_order_of_the_source(rows):
    ids = values(rows.with_column("y", monotonically_increasing_id()))
    assert ids == [(key // 250 << 40) + key % 250 for key in range(1000)]
    shuffled = rows.with_column("y", monotonically_increasing_id()).random_shuffle(seed=1)
    assert sorted(values(shuffled)) == ids
    assert [row["y"] for row in shuffled.sort("key").take_all()] == ids


def test_ids_of_rows_that_a_filter_leaves_are_distinct_and_rise(rows):
    ids = values(rows.filter(expr="key % 3 == 0").with_column("y", monotonically_increasing_id()))
    assert len(ids) == 334
    assert ids == sorted(set(ids))


def test_values_of_places_go_into_functions(rows):
    @udf("float64")
    def kept(values):
        return values

    made = rows.with_columns({"a": kept(random(seed=3)) + 1, "b": kept(monotonically_increasing_id() + 0.0)})
    assert values(made, "a") == [number + 1 for number in values(rows.with_column("y", random(seed=3)))]
    assert values(made, "b")[:3] == [0.0, 1.0, 2.0]


def test_they_stand_above_functions_unions_and_sorts(rows):
    mapped = rows.map_batches(lambda batch: {"key": batch["key"]})
    assert len(set(values(mapped.with_column("y", monotonically_increasing_id())))) == 1000
    both = rows.union(rows).with_column("y", monotonically_increasing_id())
    assert len(set(values(both))) == 2000
    ordered = rows.sort("key", descending=True).with_column("y", monotonically_increasing_id())
    assert values(ordered) == list(range(1000))


def test_the_schema_is_known_beforehand(rows, capsys):
    made = rows.with_columns({"r": random(), "u": uuid(), "i": monotonically_increasing_id()})
    schema = made.schema(fetch_if_missing=False)
    assert schema.names == [*rows.columns(), "r", "u", "i"]
    assert schema.types[-3:] == [pa.float64(), pa.string(), pa.int64()]
    assert made.count() == 1000
    made.explain()
    assert "random(seed=" in capsys.readouterr().out


def test_types_texts_and_equality():
    schema = pa.schema([("x", pa.int64())])
    assert isinstance(random(), RandomExpr)
    assert isinstance(uuid(), UUIDExpr)
    assert isinstance(monotonically_increasing_id(), MonotonicallyIncreasingIdExpr)
    assert random().get_type(schema) == pa.float64()
    assert uuid().get_type(schema) == pa.string()
    assert (monotonically_increasing_id() + col("x")).get_type(schema) == pa.int64()
    assert repr(random(seed=3)) == "random(seed=3, reseed_after_execution=True)"
    assert repr(uuid()) == "uuid()"
    assert repr(monotonically_increasing_id()) == "monotonically_increasing_id()"
    assert not random().is_idempotent()
    assert not (uuid().str.upper()).is_idempotent()
    assert (col("x") + 1).is_idempotent()
    assert random(seed=3).structurally_equals(random(seed=3))
    assert not random(seed=3).structurally_equals(random(seed=4))
    assert not random().nullable(schema)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_are_checked(seed):
    with pytest.raises(ValueError, match="seed"):
        random(seed=seed)
    with pytest.raises(TypeError, match="seed"):
        uuid(seed="seven")
