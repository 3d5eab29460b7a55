"""repartition: the same rows in other blocks, which functions are given and files are cut by."""

import itertools
import random

import pyarrow.parquet as pq
import pytest
from mixed_rows import TYPES, plain, rank, table_of

import millstream as ms
from millstream import col


def as_it_is(rows):
    return rows.map(lambda row: row)


def blocks_of(dataset, column="key"):
    """The values of a column, a list a block: what a function is given by one call."""

    def one_row(batch):
        return {"block": [batch[column].tolist()]}

    return [row["block"] for row in dataset.map_batches(one_row).take_all()]


def even(values, blocks):
    """So many runs of `values` whose lengths differ by at most one; the shorter ones are not all together."""
    ends = [len(values) * block // blocks for block in range(blocks + 1)]
    return [values[begin:end] for begin, end in itertools.pairwise(ends)]


# Below a repartition; the keys of the rows that it makes of `rows`.
BELOW = {
    "files": (lambda rows: rows, list(range(1000))),
    "a filter": (lambda rows: rows.filter(expr=col("key") % 3 == 0), list(range(0, 1000, 3))),
    "a filter by a function": (lambda rows: rows.filter(lambda row: row["key"] > 740), list(range(741, 1000))),
    "a function": (as_it_is, list(range(1000))),
    "a function that drops rows": (lambda rows: rows.flat_map(lambda row: [row] * (row["key"] < 77)), list(range(77))),
    "a limit": (lambda rows: rows.limit(333), list(range(333))),
    "a sort": (lambda rows: rows.sort("key", descending=True), list(range(999, -1, -1))),
    "a union": (lambda rows: rows.limit(50).union(as_it_is(rows).limit(5)), [*range(50), *range(5)]),
    "groups": (lambda rows: rows.groupby("key").count(), list(range(1000))),
    "a join": (lambda rows: rows.join(rows.limit(90), "left_anti", on="key"), list(range(90, 1000))),
    "other blocks": (lambda rows: rows.repartition(7), list(range(1000))),
    "other blocks of a function": (lambda rows: as_it_is(rows.repartition(7)), list(range(1000))),
}


@pytest.mark.parametrize("below", BELOW)
def test_so_many_blocks_of_nearly_one_size_in_the_order_of_the_rows(rows, below):
    make, values = BELOW[below]
    for blocks in (1, 2, 7, 20):
        made = make(rows).repartition(blocks)
        assert blocks_of(made) == even(values, blocks), blocks
        assert [row["key"] for row in made.take_all()] == values
        assert made.num_blocks() == blocks
        assert made.count() == len(values)


@pytest.mark.parametrize("below", BELOW)
def test_blocks_of_so_many_rows_are_exact_but_the_last(rows, below):
    make, values = BELOW[below]
    for size in (1, 60, 100, 5_000):
        made = make(rows).repartition(target_num_rows_per_block=size)
        assert blocks_of(made) == [values[begin : begin + size] for begin in range(0, len(values), size)], size
        assert [row["key"] for row in made.take_all()] == values


def test_blocks_are_the_same_on_every_engine(use_engine, rows):
    from conftest import ENGINES

    made = {
        "counted": rows.repartition(9),
        "to be counted": as_it_is(rows).repartition(9),
        "of rows": as_it_is(rows).repartition(target_num_rows_per_block=77),
        "by key": rows.with_column("rest", col("key") % 30).repartition(9, keys=["rest"]),
        "by key, sorted": as_it_is(rows).repartition(9, keys=["name", "half"], sort=True),
        "shuffled": rows.repartition(9, shuffle=True),
    }
    for name, dataset in made.items():
        seen = set()
        for options in ENGINES.values():
            use_engine(**options)
            seen.add(repr(blocks_of(dataset)))
        assert len(seen) == 1, name


def test_fewer_rows_than_blocks_are_a_block_each_and_none_are_none():
    assert blocks_of(ms.range(3).repartition(10), "id") == [[0], [1], [2]]
    assert blocks_of(as_it_is(ms.range(3)).repartition(10), "id") == [[0], [1], [2]]
    assert blocks_of(ms.range(0).repartition(4), "id") == []
    assert ms.range(0).repartition(4).columns() == ["id"]
    for none in (ms.range(5).filter(lambda row: False), ms.range(5).flat_map(lambda row: [])):
        assert none.repartition(4).take_all() == []
        assert none.repartition(target_num_rows_per_block=4).take_all() == []
        assert none.repartition(4, keys=["id"]).take_all() == []


# ---- by keys ----
@pytest.mark.parametrize("known", [True, False])
def test_rows_of_equal_keys_are_in_one_block_in_their_order(each_engine, rows, known):
    source = rows.with_column("rest", col("key") % 30).select_columns(["key", "rest"])
    made = (source if known else as_it_is(source)).repartition(6, keys=["rest"])
    blocks = blocks_of(made)
    assert sorted(itertools.chain(*blocks)) == list(range(1000))
    assert len(blocks) > 1
    assert all(block == sorted(block) for block in blocks)
    rests = [{key % 30 for key in block} for block in blocks]
    assert sum(map(len, rests)) == len(set().union(*rests)) == 30
    assert [row["key"] for row in made.take_all()] == list(itertools.chain(*blocks))
    assert made.columns() == ["key", "rest"]


@pytest.mark.parametrize("name", TYPES)
def test_keys_of_each_type_go_by_equal_values(name):
    seed = random.randrange(2**32)
    print("seed", seed)
    table = table_of([name], seed, 300)
    rows = table.to_pylist()
    made = ms.from_arrow(table, override_num_blocks=4).repartition(5, keys=[name])
    blocks = blocks_of(made, "row")
    assert sorted(itertools.chain(*blocks)) == list(range(300))
    values = [{rank(rows[row][name]) for row in block} for block in blocks]
    assert sum(map(len, values)) == len(set().union(*values)), "a value is in two blocks"
    assert plain(made.take_all()) == plain([rows[row] for row in itertools.chain(*blocks)])
    ordered = made.repartition(5, keys=[name], sort=True)
    for block in blocks_of(ordered, "row"):
        assert block == sorted(block, key=lambda row: (rank(rows[row][name]), row))


def test_blocks_of_keys_are_sorted_where_asked_for(each_engine, rows):
    made = as_it_is(rows).repartition(3, keys=["half", "name"], sort=True)
    blocks = blocks_of(made)
    assert len(blocks) == 3
    assert sorted(itertools.chain(*blocks)) == list(range(1000))

    def order(key):
        half = (1, 0.0) if key % 7 == 0 else (0, key / 2)
        return half, (1, b"") if key % 11 == 0 else (0, f"row {key}".encode())

    assert all(block == sorted(block, key=lambda key: (order(key), key)) for block in blocks)


def test_the_same_keys_share_a_block_in_every_data_set_and_order():
    one = ms.range(500).repartition(4, keys=["id"])
    other = ms.range(1000).sort("id", descending=True).map(lambda row: row).repartition(4, keys=["id"])
    blocks = [{key for key in block if key < 500} for block in blocks_of(other, "id")]
    assert [set(block) for block in blocks_of(one, "id")] == blocks


# ---- shuffle ----
def test_shuffle_draws_one_order_and_keeps_it(rows):
    made = rows.repartition(4, shuffle=True)
    order = [row["key"] for row in made.take_all()]
    assert sorted(order) == list(range(1000))
    assert order != list(range(1000))
    assert [row["key"] for row in made.take_all()] == order
    assert blocks_of(made) == even(order, 4)
    assert [row["key"] for row in rows.repartition(4, shuffle=True).take_all()] != order
    iterator = made.iterator()
    assert [[row["key"] for row in iterator.iter_rows()] for _ in range(2)] == [order, order]


# ---- what is above ----
def test_stages_above_see_the_blocks_and_files_are_cut_by_them(rows, expected, tmp_path):
    made = rows.repartition(8)
    assert made.take_all() == expected
    assert [len(block) for block in blocks_of(made.filter(expr=col("key") < 500))] == [125] * 4
    assert [len(block) for block in blocks_of(made.with_column("more", col("key") + 1))] == [125] * 8
    assert made.sort("key", descending=True).take(1) == [expected[-1]]
    assert made.limit(130).count() == 130
    assert sorted(row["key"] for row in made.random_shuffle(seed=1).take_all()) == list(range(1000))
    made.write_parquet(tmp_path / "out")
    files = sorted((tmp_path / "out").iterdir())
    assert [pq.read_metadata(file).num_rows for file in files] == [125] * 8
    assert ms.read_parquet(tmp_path / "out").take_all() == expected


def test_batch_size_goes_over_blocks(rows):
    sizes = rows.repartition(8).map_batches(lambda batch: {"rows": [len(batch["key"])]}, batch_size=300).take_all()
    assert [row["rows"] for row in sizes] == [300, 300, 300, 100]


def test_a_state_gives_the_rows_to_come(rows):
    for made in (rows.repartition(6, keys=["key"]), as_it_is(rows).repartition(6), rows.repartition(3, shuffle=True)):
        iterator = made.iterator()
        batches = iter(iterator.iter_batches(batch_size=130, prefetch_batches=0))
        seen = [next(batches)["key"].tolist() for _ in range(3)]
        resumed = made.iterator()
        resumed.load_state_dict(iterator.state_dict())
        seen += [batch["key"].tolist() for batch in resumed.iter_batches(batch_size=130)]
        assert list(itertools.chain(*seen)) == [row["key"] for row in made.take_all()]


# ---- memory ----
@pytest.mark.tame
def test_blocks_larger_than_the_memory_come_in_parts_within_the_limit(use_engine):
    limit = 48 << 20
    engine = use_engine(num_cpus=2, memory_limit=limit)
    rows = 9_000_000  # 72 MB
    source = ms.range(rows)
    counted = ms.range(rows).map_batches(lambda batch: batch, batch_format="pyarrow")
    plans = [
        source.repartition(2),
        counted.repartition(2),
        source.repartition(target_num_rows_per_block=rows),
        counted.repartition(target_num_rows_per_block=rows),
        source.repartition(2, shuffle=True),
        source.with_column("half", col("id") // rows).repartition(2, keys=["half"]),  # all in one
    ]
    for plan in plans:
        parts = plan.map_batches(lambda batch: {"rows": [len(batch["id"])], "sum": [int(batch["id"].sum())]})
        made = parts.take_all()
        assert sum(row["rows"] for row in made) == rows
        assert sum(row["sum"] for row in made) == rows * (rows - 1) // 2
        assert max(row["rows"] for row in made) * 8 <= 4 << 20
        assert engine.memory_peak() <= limit


# ---- mistakes ----
BAD_REPARTITIONS = [
    (lambda rows: rows.repartition(), ValueError, "takes num_blocks or target_num_rows_per_block"),
    (lambda rows: rows.repartition(3, 100), ValueError, "takes num_blocks or target_num_rows_per_block"),
    (lambda rows: rows.repartition(0), ValueError, "num_blocks must be at least 1, got 0"),
    (lambda rows: rows.repartition(2.0), TypeError, "num_blocks must be a whole number, not float"),
    (lambda rows: rows.repartition(target_num_rows_per_block=0), ValueError, "target_num_rows_per_block must be at le"),
    (lambda rows: rows.repartition(2, shuffle="no"), TypeError, "shuffle must be True or False, not 'no'"),
    (lambda rows: rows.repartition(2, strict="no"), TypeError, "strict must be True or False, not 'no'"),
    (lambda rows: rows.repartition(2, sort=True), ValueError, r"give keys=\[\.\.\.\], or use sort\(\)"),
    (lambda rows: rows.repartition(2, keys=["kee"]), KeyError, "did you mean 'key'"),
    (
        lambda rows: rows.repartition(2, keys=3),
        TypeError,
        "keys must be the name of a column, or a list of names, not 3",
    ),
    (lambda rows: rows.repartition(2, keys=[3]), TypeError, r"keys must be the name of a column, .* not \[3\]"),
    (lambda rows: rows.repartition(2, keys=["key", "key"]), ValueError, "keys has a column twice"),
    (lambda rows: rows.repartition(target_num_rows_per_block=2, keys=["key"]), ValueError, "needs num_blocks"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), BAD_REPARTITIONS)
def test_repartitions_that_cannot_be_are_refused_at_once(rows, ask, kind, message):
    with pytest.raises(kind, match=message):
        ask(rows)


def test_above_a_function_an_unknown_key_is_told_when_its_columns_are_known(rows):
    with pytest.raises(KeyError, match="did you mean 'key'"):
        as_it_is(rows).repartition(2, keys=["kee"]).take_all()


def test_a_block_without_end_is_one_that_the_source_gave(rows):
    """Without a repartition functions are given row groups."""
    assert [len(block) for block in blocks_of(rows)] == [70, 70, 70, 40] * 4
