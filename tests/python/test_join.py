"""join: its eight types against DuckDB and plain Python, in the order of docs/order.md, whatever runs them."""

import collections
import datetime
import itertools
import math
import pickle
import random

import duckdb
import pyarrow as pa
import pytest
from mixed_rows import TYPES, plain, rank, table_of

import millstream as ms
from millstream import col

KINDS = ["inner", "left_outer", "right_outer", "full_outer", "left_semi", "right_semi", "left_anti", "right_anti"]


def table(**columns):
    return ms.from_arrow(pa.table(columns))


def unchanged(rows):
    """The same rows out of a function, so that nothing is known of their columns."""
    return rows.map_batches(lambda batch: batch, batch_format="pyarrow")


def nothing_of(rows):
    """No rows, and columns that nobody ever hears of."""
    return rows.flat_map(lambda row: [])


def joined(kind, left, right, on, right_on=None, columns=None):
    """What the join of two lists of rows gives, in its order. `columns`: the result's, of joins of two sides."""
    right_on = right_on or on
    places, matched, rows = collections.defaultdict(list), set(), []
    for place, row in enumerate(right):
        places[key_of(row, right_on)].append(place)
    for row in left:
        found = [] if (key := key_of(row, on)) is None else places.get(key, [])
        matched.update(found)
        if kind == ("left_semi" if found else "left_anti"):
            rows.append(row)
        if kind in ("inner", "left_outer", "right_outer", "full_outer"):
            rows += [{**row, **without(right[place], right_on)} for place in found]
        if kind in ("left_outer", "full_outer") and not found:
            rows.append(row)
    for place, row in enumerate(right):
        if kind == ("right_semi" if place in matched else "right_anti"):
            rows.append(row)
        if kind in ("right_outer", "full_outer") and place not in matched:
            keys = {name: row[other] for name, other in zip(on, right_on, strict=True)}
            rows.append({**without(row, right_on), **keys})
    return rows if columns is None else [{name: row.get(name) for name in columns} for row in rows]


def key_of(row, names):
    return None if any(row[name] is None for name in names) else tuple(rank(row[name]) for name in names)


def without(row, names):
    return {name: value for name, value in row.items() if name not in names}


def numbered(names, seed, rows, number):
    """A table of mixed_rows whose numbers are in the column `number`."""
    made = table_of(names, seed, rows)
    return made.rename_columns([*names, number])


def columns_of(kind, left, right, right_on):
    """The names of the columns of a join of two tables that share no others than keys."""
    if kind in ("left_semi", "left_anti"):
        return left.column_names
    if kind in ("right_semi", "right_anti"):
        return right.column_names
    return left.column_names + [name for name in right.column_names if name not in right_on]


# ---- against others ----
SQL = {
    "inner": "select l.k, l.word, l, r from a l join b r on {on} order by l, r",
    "left_outer": "select l.k, l.word, l, r from a l left join b r on {on} order by l, r",
    "right_outer": "select r.k, r.word, l, r from a l right join b r on {on} order by l nulls last, r",
    "full_outer": """select coalesce(l.k, r.k) as k, coalesce(l.word, r.word) as word, l, r
        from a l full join b r on {on} order by l nulls last, r""",
    "left_semi": "select * from a l semi join b r on {on} order by l",
    "right_semi": "select * from b r semi join a l on {on} order by r",
    "left_anti": "select * from a l anti join b r on {on} order by l",
    "right_anti": "select * from b r anti join a l on {on} order by r",
}


def numbers_table(draw, rows, number):
    def some(value):
        return [None if draw.random() < 0.1 else value() for _ in range(rows)]

    return pa.table(
        {
            "k": pa.array(some(lambda: draw.randrange(120)), pa.int64()),
            "word": pa.array(some(lambda: draw.choice(["", "a", "ab", "b", "é"])), pa.string()),
            number: pa.array(range(rows), pa.int64()),
        }
    )


@pytest.mark.parametrize("on", [["k"], ["word", "k"]], ids="+".join)
def test_joins_agree_with_duckdb_on_every_engine(each_engine, on):
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    left, right = numbers_table(draw, 1500, "l"), numbers_table(draw, 400, "r")
    if on == ["k"]:
        right = right.drop_columns("word").append_column("word_2", right["word"])
    connection = duckdb.connect()
    connection.register("a", left)
    connection.register("b", right)
    for kind in KINDS:
        query = SQL[kind].format(on=" and ".join(f"l.{key} = r.{key}" for key in on))
        if on == ["k"]:
            query = query.replace("coalesce(l.word, r.word) as word", "l.word").replace("r.word,", "l.word,")
        expected = connection.sql(query).to_arrow_table().to_pylist()
        made = ms.from_arrow(left, override_num_blocks=5).join(ms.from_arrow(right), kind, on=on)
        names = [name for name in ("k", "word", "l", "r") if name in expected[0]]
        assert made.select_columns(names).take_all() == [{name: row[name] for name in names} for row in expected], kind


@pytest.mark.parametrize("name", TYPES)
def test_keys_of_each_type_match_where_they_are_equal(name):
    seed = random.randrange(2**32)
    print("seed", seed)
    left, right = numbered([name], seed, 70, "l"), numbered([name], seed + 1, 50, "r")
    for kind in KINDS:
        made = ms.from_arrow(left, override_num_blocks=3).join(ms.from_arrow(right), kind, on=name)
        names = columns_of(kind, left, right, [name])
        assert made.columns() == names
        expected = joined(kind, left.to_pylist(), right.to_pylist(), [name], columns=names)
        assert plain(made.take_all()) == plain(expected), kind


@pytest.mark.parametrize("known", [True, False])
def test_keys_of_several_types_and_of_different_names_match_together(use_engine, known):
    from conftest import ENGINES

    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    for kind, options in zip(KINDS, itertools.cycle(ENGINES.values()), strict=False):
        use_engine(**options)
        keys = draw.sample(list(TYPES), draw.choice([2, 3]))
        print(kind, keys)
        left = numbered(keys, draw.randrange(2**32), 300, "l")
        # Half of the right's keys are those of rows of the left, for else hardly any would match.
        begins = sorted(draw.randrange(300) for _ in range(100))
        taken = [left.drop_columns("l").slice(begin, 1) for begin in begins]
        right = pa.concat_tables([*taken, table_of(keys, draw.randrange(2**32), 100).drop_columns("row")])
        right = right.append_column("r", pa.array(range(200), pa.int64()))
        right_on = [f"right {key}" for key in keys]
        right = right.rename_columns([*right_on, "r"])
        sides = [ms.from_arrow(side, override_num_blocks=4) for side in (left, right)]
        sides = sides if known else [unchanged(side) for side in sides]
        made = sides[0].join(sides[1], kind, on=keys, right_on=right_on)
        names = columns_of(kind, left, right, right_on)
        expected = joined(kind, left.to_pylist(), right.to_pylist(), keys, right_on, columns=names)
        assert plain(made.take_all()) == plain(expected), kind
        assert made.columns() == names


def test_values_of_every_type_come_along_and_are_null_where_there_is_no_row():
    seed = random.randrange(2**32)
    print("seed", seed)
    left, right = numbered(list(TYPES), seed, 60, "k"), numbered(list(TYPES), seed + 1, 90, "k")
    left = left.set_column(left.num_columns - 1, "k", pa.array([n * 7 % 120 for n in range(60)]))
    right = right.rename_columns([f"right {name}" if name != "k" else "k" for name in right.column_names])
    for kind in KINDS:
        made = ms.from_arrow(left).join(ms.from_arrow(right), kind, on="k")
        names = columns_of(kind, left, right, ["k"])
        expected = joined(kind, left.to_pylist(), right.to_pylist(), ["k"], columns=names)
        assert plain(made.take_all()) == plain(expected), kind
        types = {
            **dict(zip(right.column_names, right.schema.types, strict=True)),
            **dict(zip(left.column_names, left.schema.types, strict=True)),
        }
        assert made.to_arrow().schema.types == [types[name] for name in names]


# ---- what is equal ----
def test_nulls_match_nothing_and_nan_and_the_zeros_match_themselves():
    left = table(k=[math.nan, None, 0.0, -0.0, 1.0], l=range(5))
    right = table(k=[None, -math.nan, -0.0, 2.0], r=range(4))
    pairs = [(row["l"], row["r"]) for row in left.join(right, "inner", on="k").take_all()]
    assert pairs == [(0, 1), (2, 2), (3, 2)]
    assert [row["l"] for row in left.join(right, "left_anti", on="k").take_all()] == [1, 4]
    assert [row["r"] for row in left.join(right, "right_anti", on="k").take_all()] == [0, 3]
    whole = left.join(right, "full_outer", on="k").take_all()
    assert [(row["l"], row["r"]) for row in whole] == [
        (0, 1),
        (1, None),
        (2, 2),
        (3, 2),
        (4, None),
        (None, 0),
        (None, 3),
    ]
    assert [str(row["k"]) for row in whole] == ["nan", "None", "0.0", "-0.0", "1.0", "None", "2.0"]  # the left's


def test_of_several_keys_one_null_is_enough_to_match_nothing():
    left = table(a=[1, 1, None, None], b=["x", None, "x", None], l=range(4))
    right = table(a=[1, 1, None, None], b=["x", None, "x", None], r=range(4))
    assert left.join(right, "inner", on=["a", "b"]).take_all() == [{"a": 1, "b": "x", "l": 0, "r": 0}]
    assert left.join(right, "full_outer", on=["a", "b"]).count() == 7


def test_keys_do_not_run_into_each_other():
    left = table(a=["a", "", "a\0"], b=["", "a", "b"], l=range(3))
    right = table(a=["", "a", "a"], b=["a", "\0b", ""], r=range(3))
    assert [(row["l"], row["r"]) for row in left.join(right, "inner", on=["a", "b"]).take_all()] == [(0, 2), (1, 0)]


def test_dictionaries_match_by_their_values_whatever_their_numbers():
    words = ["b", "a", None, "c", "b"]
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2, 0], pa.int8()), pa.array(["b", "a", "c"]))
    others = pa.DictionaryArray.from_arrays(pa.array([1, 1, 0, 2], pa.int32()), pa.array(["z", "b", "a"]))
    expected = joined(
        "full_outer",
        [{"k": word, "l": place} for place, word in enumerate(words)],
        [{"k": word, "r": place} for place, word in enumerate(["b", "b", "z", "a"])],
        ["k"],
        columns=["k", "l", "r"],
    )
    for left, right in itertools.product((codes, pa.array(words)), (others, others.cast(pa.string()))):
        rows = table(k=left, l=range(5)).join(table(k=right, r=range(4)), "full_outer", on="k")
        assert rows.take_all() == expected
        assert rows.to_arrow().schema.field("k").type == left.type


def test_times_match_in_one_unit_and_zone():
    hour = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)
    utc = pa.array([hour, None], pa.timestamp("s", "UTC"))
    berlin = utc.cast(pa.timestamp("s", "Europe/Berlin"))
    assert table(k=utc, l=[1, 2]).join(table(k=utc, r=[3, 4]), "inner", on="k").count() == 1
    for other in (berlin, utc.cast(pa.timestamp("us", "UTC")), pa.array([hour, None], pa.timestamp("s"))):
        with pytest.raises(TypeError, match=r"the key 'k' is timestamp\[s, tz=UTC\] on the left and 'k' timestamp"):
            table(k=utc, l=[1, 2]).join(table(k=other, r=[3, 4]), "inner", on="k")


# ---- columns ----
def test_columns_are_the_lefts_then_the_rights_without_its_keys():
    left, right = table(a=[1], k=[2], b=[3]), table(c=[4], other=[2], d=[5])
    for kind in ("inner", "left_outer", "right_outer", "full_outer"):
        made = left.join(right, kind, on="k", right_on="other")
        assert made.columns() == ["a", "k", "b", "c", "d"]
        assert made.take_all() == [{"a": 1, "k": 2, "b": 3, "c": 4, "d": 5}]
    assert left.join(right, "right_semi", on="k", right_on="other").columns() == ["c", "other", "d"]
    assert left.join(right, "left_semi", on="k", right_on="other").columns() == ["a", "k", "b"]


@pytest.mark.parametrize("known", [True, False])
def test_suffixes_go_to_names_that_both_sides_have_but_keys(known):
    left, right = table(k=[1], v=[2], only=[3]), table(k=[1], v=[4], other=[5])
    if not known:
        left, right = unchanged(left), unchanged(right)

    def columns(**suffixes):
        return left.join(right, "inner", on="k", **suffixes).take_all()

    assert columns(left_suffix="_l", right_suffix="_r") == [{"k": 1, "v_l": 2, "only": 3, "v_r": 4, "other": 5}]
    assert columns(right_suffix="_r") == [{"k": 1, "v": 2, "only": 3, "v_r": 4, "other": 5}]
    assert columns(left_suffix="_l") == [{"k": 1, "v_l": 2, "only": 3, "v": 4, "other": 5}]
    with pytest.raises(ValueError, match="both sides have a column 'v'; give left_suffix or right_suffix"):
        columns()
    with pytest.raises(ValueError, match="both sides have a column 'v_x'"):
        columns(left_suffix="_x", right_suffix="_x")
    with pytest.raises(ValueError, match="both sides have a column 'other'"):
        left.rename_columns({"v": "w", "only": "oth"}).join(
            right.rename_columns({"v": "oth"}), "inner", on="k", left_suffix="er"
        ).take_all()


def test_semi_and_anti_joins_need_no_suffixes():
    left, right = table(k=[1, 2], v=[3, 4]), table(k=[2, 5], v=[6, 7])
    assert left.join(right, "left_semi", on="k").take_all() == [{"k": 2, "v": 4}]
    assert left.join(right, "left_anti", on="k").take_all() == [{"k": 1, "v": 3}]
    assert left.join(right, "right_semi", on="k").take_all() == [{"k": 2, "v": 6}]
    assert left.join(right, "right_anti", on="k").take_all() == [{"k": 5, "v": 7}]


def test_a_key_of_the_right_may_be_named_as_another_column_of_the_left():
    left, right = table(a=[1, 2], b=[3, 4]), table(b=[2, 9], a=[5, 6])
    made = left.join(right, "left_outer", on="a", right_on="b", right_suffix="_r")
    assert made.take_all() == [{"a": 1, "b": 3, "a_r": None}, {"a": 2, "b": 4, "a_r": 5}]


def test_a_set_is_joined_with_itself(each_engine, rows, expected):
    names = rows.select_columns(["key", "name"])
    made = rows.join(names, "inner", on="key", right_suffix="_2")
    assert made.take_all() == [{**row, "name_2": row["name"]} for row in expected]
    by_name = rows.join(rows, "left_outer", on="name", right_on="name", right_suffix="_2").select_columns("key_2")
    assert [row["key_2"] for row in by_name.take_all()] == [None if key % 11 == 0 else key for key in range(1000)]


def test_the_key_is_id_unless_another_is_named():
    assert ms.range(5).join(ms.range(3), "left_anti").take_all() == [{"id": 3}, {"id": 4}]


def test_what_changes_nothing_is_taken():
    left, right = table(k=[1, 2]), table(k=[2, 3])
    assert left.join(right, "inner", 17, ("k",), ["k"]).take_all() == [{"k": 2}]
    made = left.join(right, "inner", num_partitions=3, on="k", partition_size_hint=1 << 20, validate_schemas=True)
    assert made.take_all() == [{"k": 2}]


# ---- shapes of data ----
def sides_of(shape):
    """The keys of the left and of the right."""
    return {
        "empty left": ([], [1, 2, None]),
        "empty right": ([1, 2, None], []),
        "both empty": ([], []),
        "one row each": ([7], [7]),
        "one row each that do not match": ([7], [8]),
        "all null": ([None] * 300, [None] * 200),
        "no match": (list(range(500)), list(range(500, 900))),
        "one to one": (list(range(500)), list(range(500))[::-1]),
        "all of one key": ([3] * 90, [3] * 80),
        "half of one key": (
            [5 if number % 2 else number for number in range(400)],
            [5 if number % 2 else number for number in range(300)],
        ),
        "duplicates on both sides": ([n % 50 for n in range(500)], [n % 70 for n in range(300)]),
        "a single match": (list(range(2000)), [1234]),
    }[shape]


SHAPES = [
    "empty left",
    "empty right",
    "both empty",
    "one row each",
    "one row each that do not match",
    "all null",
    "no match",
    "one to one",
    "all of one key",
    "half of one key",
    "duplicates on both sides",
    "a single match",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_sides_of_any_shape_are_joined_on_every_engine(use_engine, shape):
    from conftest import ENGINES

    keys, others = sides_of(shape)
    left = pa.table({"k": pa.array(keys, pa.int64()), "l": pa.array(range(len(keys)), pa.int64())})
    right = pa.table({"k": pa.array(others, pa.int64()), "r": pa.array(range(len(others)), pa.int64())})
    engines = itertools.cycle(ENGINES.values())
    for kind in KINDS:
        names = columns_of(kind, left, right, ["k"])
        expected = joined(kind, left.to_pylist(), right.to_pylist(), ["k"], columns=names)
        for known in (True, False):
            use_engine(**next(engines))
            sides = [ms.from_arrow(side, override_num_blocks=7) for side in (left, right)]
            # A function that is never called gives no columns.
            sides = [rows if known or rows.count() == 0 else unchanged(rows) for rows in sides]
            made = sides[0].join(sides[1], kind, on="k")
            assert made.take_all() == expected, (kind, known)
            assert made.count() == len(expected)
            if known:
                assert made.to_arrow().schema == pa.schema([(name, pa.int64()) for name in names])


@pytest.mark.parametrize("kind", KINDS)
def test_a_left_side_that_gives_no_rows_needs_no_columns(kind):
    rows = table(k=[1, None, 2], v=["a", "b", None])
    none = nothing_of(rows)
    kept = rows.take_all() if kind in ("right_outer", "full_outer", "right_anti") else []
    assert none.join(rows, kind, on="k").take_all() == kept
    assert none.join(none, kind, on="k").take_all() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_join_without_rows_has_its_columns_once_it_has_run(kind):
    rows = unchanged(table(k=[1], v=["a"])).filter(lambda row: False)
    assert rows.join(rows.rename_columns({"v": "w"}), kind, on="k").columns()[0] == "k"


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_side_that_gives_no_rows_needs_no_columns(kind):
    rows = table(k=[1, None, 2], v=["a", "b", None])
    kept = rows.take_all() if kind in ("left_outer", "full_outer", "left_anti") else []
    assert rows.join(nothing_of(rows), kind, on="k").take_all() == kept


def test_one_key_with_half_of_the_rows_gives_all_its_pairs_in_order(use_engine):
    keys = [5 if number % 2 else number for number in range(1200)]
    left = pa.table({"k": keys, "l": range(1200)})
    right = pa.table({"k": keys[:1000], "r": range(1000)})
    expected = []
    for row in range(1200):
        found = range(1, 1000, 2) if row % 2 else range(row, row + 1) if row < 1000 else ()
        expected += [(row, other) for other in found]
    for options in ({"num_cpus": 1}, {"num_cpus": 4}, {"memory_limit": 48 << 20}, {"always_spill": True}):
        use_engine(**options)
        made = ms.from_arrow(left, override_num_blocks=5).join(ms.from_arrow(right), "inner", on="k")
        pairs = [pair for batch in made.iter_batches() for pair in zip(batch["l"], batch["r"], strict=True)]
        assert pairs == expected, options


# ---- whatever runs it ----
@pytest.mark.parametrize("kind", KINDS)
def test_the_order_is_the_same_over_cpus_limits_and_batch_sizes(use_engine, files, kind):
    draw = random.Random(4)
    numbers = [draw.choice([draw.randrange(1300), 77, None]) for _ in range(400)]
    right = ms.from_arrow(pa.table({"number": pa.array(numbers, pa.int64()), "r": range(400)}), override_num_blocks=6)
    made = ms.read_parquet(str(files)).join(right, kind, on="number")
    orders = set()
    for cpus, limit, batch_size in itertools.product((1, 2, 4), (48 << 20, 1 << 30), (1, 77, 5_000)):
        use_engine(num_cpus=cpus, memory_limit=limit)
        batches = made.iter_batches(batch_size=batch_size, batch_format="pyarrow")
        tables = list(batches)
        assert {batch.num_rows for batch in tables[:-1]} <= {batch_size}
        orders.add(repr(pa.concat_tables(tables).to_pylist()))
    left = [{"number": n, "half": None if n % 7 == 0 else n / 2, "name": f"row {n}"} for n in range(1000)]
    others = [{"number": number, "r": place} for place, number in enumerate(numbers)]
    expected = joined(kind, left, others, ["number"], columns=made.columns())
    assert orders == {repr(expected)}


def rest(key):
    return {"key": key, "rest": key % 10}


# The left and the right of a join on "rest", and their rows, by which rows are below it.
BELOW = {
    "expressions": (
        lambda rows: rows.with_column("rest", col("key") % 10).select_columns(["key", "rest"]),
        [rest(key) for key in range(1000)],
    ),
    "another name": (
        lambda rows: rows.select_columns("key").rename_columns({"key": "rest"}).with_column("key", col("rest") + 0),
        [{"rest": key, "key": key} for key in range(1000)],
    ),
    "a filter": (
        lambda rows: (
            rows.filter(expr=col("key") % 3 == 0).with_column("rest", col("key") % 10).select_columns(["key", "rest"])
        ),
        [rest(key) for key in range(0, 1000, 3)],
    ),
    "a filter that drops all": (
        lambda rows: (
            rows.filter(expr=col("key") < 0).with_column("rest", col("key") % 10).select_columns(["key", "rest"])
        ),
        [],
    ),
    "a filter by a function": (
        lambda rows: rows.filter(lambda row: row["key"] % 3 == 0).map(lambda row: rest(row["key"])),
        [rest(key) for key in range(0, 1000, 3)],
    ),
    "a limit": (
        lambda rows: rows.limit(333).with_column("rest", col("key") % 10).select_columns(["key", "rest"]),
        [rest(key) for key in range(333)],
    ),
    "a function": (lambda rows: rows.map(lambda row: rest(row["key"])), [rest(key) for key in range(1000)]),
    "a function that drops rows": (
        lambda rows: rows.flat_map(lambda row: [rest(row["key"])] * (row["key"] % 3)),
        [rest(key) for key in range(1000) for _ in range(key % 3)],
    ),
    "a sort": (
        lambda rows: (
            rows.with_column("rest", col("key") % 10).select_columns(["key", "rest"]).sort("key", descending=True)
        ),
        [rest(key) for key in range(999, -1, -1)],
    ),
    "a union": (
        lambda rows: rows.limit(20).union(rows.limit(10)).map(lambda row: rest(row["key"])),
        [rest(key) for key in [*range(20), *range(10)]],
    ),
    "groups": (
        lambda rows: (
            rows.with_column("rest", col("key") % 10).groupby("rest").min("key").rename_columns({"min(key)": "key"})
        ),
        [{"rest": key, "key": key} for key in range(10)],
    ),
    "a join": (
        lambda rows: (
            rows.with_column("rest", col("key") % 10).select_columns(["key", "rest"]).join(rows, "left_semi", on="key")
        ),
        [rest(key) for key in range(1000)],
    ),
}


@pytest.mark.parametrize("engine", ["one lane", "four lanes", "lanes in any order", "little memory"])
@pytest.mark.parametrize("below", BELOW)
def test_a_join_takes_its_sides_from_any_stage(use_engine, rows, below, engine):
    from conftest import ENGINES

    use_engine(**ENGINES[engine])
    make, values = BELOW[below]
    right = [{"rest": rest, "r": place} for place, rest in enumerate([3, 3, 12, None, 999, 0])]
    other = ms.from_items(right)
    for kind in KINDS:
        made = make(rows).join(other, kind, on="rest").take_all()
        columns = {"right_semi": ["rest", "r"], "right_anti": ["rest", "r"]}.get(kind, ["key", "rest"])
        columns = columns if kind.endswith(("semi", "anti")) else ["key", "rest", "r"]
        assert made == joined(kind, values, right, ["rest"], columns=columns), kind
        turned = other.join(make(rows), kind, on="rest").take_all()
        columns = ["rest", "r"] if kind.startswith("left") else ["key", "rest"]
        columns = columns if kind.endswith(("semi", "anti")) else ["rest", "r", "key"]
        assert turned == joined(kind, right, values, ["rest"], columns=columns), kind


def test_what_is_above_a_join_sees_its_rows(each_engine, rows):
    keys = ms.range(600).rename_columns({"id": "key"}).with_column("twice", col("key") * 2)
    made = rows.join(keys, "inner", on="key")
    assert made.count() == 600
    assert made.filter(expr=col("twice") >= 1190).select_columns("twice").take_all() == [
        {"twice": twice} for twice in range(1190, 1200, 2)
    ]
    assert [row["key"] for row in made.limit(3).take_all()] == [0, 1, 2]
    assert [row["key"] for row in made.sort("twice", descending=True).take(2)] == [599, 598]
    assert made.groupby(None).sum("twice").take_all() == [{"sum(twice)": 600 * 599}]
    assert made.map(lambda row: {"x": row["twice"] - row["key"]}).sum("x") == 300 * 599
    assert sorted(row["key"] for row in made.random_shuffle(seed=1).take_all()) == list(range(600))
    assert made.union(made).count() == 1200
    assert [part.count() for part in made.split(4)] == [150] * 4
    twice = made.join(made.select_columns("key"), "left_outer", on="key").join(keys, "left_anti", on="key")
    assert twice.take_all() == []


@pytest.mark.tame  # two passes take more
def test_joins_above_joins_go_to_disk_in_32_mb(use_engine, rows):
    use_engine(num_cpus=2, memory_limit=32 << 20, always_spill=True)
    keys = ms.range(600).rename_columns({"id": "key"})
    made = rows.join(keys, "inner", on="key")
    made = made.join(made.select_columns("key"), "left_outer", on="key").join(keys, "left_semi", on="key")
    assert [row["key"] for row in made.take_all()] == list(range(600))


def test_a_shuffle_on_the_left_is_the_order_of_the_join(each_engine, rows):
    order = [row["key"] for row in rows.random_shuffle(seed=6).take_all()]
    keys = rows.filter(expr=col("key") % 2 == 0).select_columns("key")
    made = rows.random_shuffle(seed=6).join(keys, "left_semi", on="key")
    assert [row["key"] for row in made.take_all()] == [key for key in order if key % 2 == 0]
    turned = keys.join(rows.random_shuffle(seed=6), "right_anti", on="key")
    assert [row["key"] for row in turned.take_all()] == [key for key in order if key % 2]


def test_a_shuffle_above_a_join_has_one_order_on_every_engine(use_engine, rows):
    from conftest import ENGINES

    orders = set()
    for options in ENGINES.values():
        use_engine(**options)
        made = rows.join(rows.limit(300).select_columns("key"), "full_outer", on="key").random_shuffle(seed=2)
        orders.add(tuple(row["key"] for row in made.take_all()))
    (order,) = orders
    assert sorted(order) == list(range(1000))


# ---- iterators ----
def test_a_state_taken_at_any_step_gives_exactly_the_rows_to_come(rows):
    right = rows.with_column("rest", col("key") % 100).select_columns("rest").limit(300)
    made = rows.random_shuffle(seed=ms.RandomSeedConfig(3)).join(right, "full_outer", on="key", right_on="rest")
    iterator = made.iterator()
    states, batches = [iterator.state_dict()], []
    for batch in iterator.iter_batches(batch_size=111):
        batches.append(batch["key"].tolist())
        states.append(iterator.state_dict())
    assert len(batches) == 11  # of 1200 rows
    for step in range(0, len(states), 3):
        resumed = made.iterator()
        resumed.load_state_dict(states[step])
        assert [batch["key"].tolist() for batch in resumed.iter_batches(batch_size=111)] == batches[step:], step


def test_epochs_join_again_and_a_join_pickles_as_its_plan(rows):
    made = rows.random_shuffle(seed=ms.RandomSeedConfig(3)).join(rows.limit(50), "left_semi", on="key")
    iterator = made.iterator()
    first, second = ([row["key"] for row in iterator.iter_rows()] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert [row["key"] for row in pickle.loads(pickle.dumps(made)).iter_rows()] == first


def test_a_join_that_is_left_early_leaves_nothing(use_engine, rows):
    from aftermath import assert_nothing_left

    use_engine(num_cpus=2)
    made = rows.map(lambda row: row).join(rows.map(lambda row: {"key": row["key"]}), "full_outer", on="key")
    for taken in (0, 1, 500):
        assert len(made.take(taken)) == taken
        assert_nothing_left()


def test_two_joins_run_at_once(use_engine, rows):
    use_engine(num_cpus=2, memory_limit=96 << 20)
    made = [rows.join(rows.select_columns("key"), kind, on="key").iter_rows() for kind in ("inner", "left_outer")]
    for one, other in zip(*made, strict=True):
        assert one == other


# ---- memory ----
@pytest.mark.tame
def test_a_left_side_of_any_size_passes_by_within_the_limit(use_engine):
    limit = 48 << 20
    engine = use_engine(num_cpus=2, memory_limit=limit)
    right = ms.range(50_000).with_column("id", col("id") * 100)
    rows = 0
    for batch in ms.range(20_000_000).join(right, "inner").iter_batches(batch_size=10_000):
        assert (batch["id"] % 100 == 0).all()
        rows += len(batch["id"])
    assert rows == 50_000
    left = ms.range(2_000_000).map_batches(lambda batch: batch, batch_format="pyarrow")
    assert left.join(right, "left_anti").count() == 2_000_000 - 20_000
    assert engine.memory_peak() <= limit


@pytest.mark.tame
def test_keys_that_match_many_rows_keep_to_the_limit(use_engine):
    limit = 64 << 20
    engine = use_engine(num_cpus=2, memory_limit=limit)
    right = ms.from_arrow(pa.table({"k": pa.array([1] * 100_000), "r": range(100_000)}))
    pairs = 0
    for batch in table(k=[1] * 40, l=range(40)).join(right, "inner", on="k").iter_batches(batch_size=20_000):
        assert batch["r"].tolist() == [pair % 100_000 for pair in range(pairs, pairs + 20_000)]
        assert batch["l"].tolist() == [pair // 100_000 for pair in range(pairs, pairs + 20_000)]
        pairs += 20_000
    assert pairs == 4_000_000
    assert engine.memory_peak() <= limit


# ---- mistakes ----
BAD_JOINS = [
    (lambda rows: rows.join(rows, "inner", on="kee"), KeyError, "no column 'kee'; did you mean 'key'"),
    (lambda rows: rows.join(rows, "inner", on=["key", "nmae"]), KeyError, "did you mean 'name'"),
    (lambda rows: rows.join(rows, "inner", on="key", right_on="nam"), KeyError, "did you mean 'name'"),
    (lambda rows: rows.join(rows, "inner"), KeyError, "no column 'id'"),
    (
        lambda rows: rows.join(rows, "outer", on="key"),
        ValueError,
        "join_type must be one of inner, left_outer, .*'outer'",
    ),
    (lambda rows: rows.join(rows, None, on="key"), TypeError, "join_type must be a text, not NoneType"),
    (lambda rows: rows.join(rows, "inner", on=[]), ValueError, "as many keys .* at least one; got 0 and 0"),
    (lambda rows: rows.join(rows, "inner", on=["key", "name"], right_on="key"), ValueError, "got 2 and 1"),
    (
        lambda rows: rows.join(rows, "inner", on=3),
        TypeError,
        "on must be the name of a column, or a list of names, not 3",
    ),
    (
        lambda rows: rows.join(rows, "inner", on=[3]),
        TypeError,
        r"on must be the name of a column, or a list .*not \[3\]",
    ),
    (lambda rows: rows.join(rows, "inner", on=None), TypeError, "on must be the name of a column, or a list"),
    (lambda rows: rows.join(rows, "inner", on="key", right_on=col("key")), TypeError, "right_on must be the name of a"),
    (lambda rows: rows.join(rows, "inner", on=["key", "key"]), ValueError, r"on has a column twice: \['key', 'key'\]"),
    (
        lambda rows: rows.join(rows, "inner", on=["key", "name"], right_on=["key", "key"]),
        ValueError,
        "right_on has a column twice",
    ),
    (lambda rows: rows.join([rows], "inner", on="key"), TypeError, "join takes data sets, not list"),
    (lambda rows: rows.join(rows, "inner", on="key", left_suffix=1), TypeError, "left_suffix must be a text, not int"),
    (lambda rows: rows.join(rows, "inner", on="key"), ValueError, "both sides have a column 'half'; give left_suffix"),
    (
        lambda rows: rows.join(rows, "inner", on="key", right_on="half"),
        TypeError,
        "'key' is int64 on the left and 'half'",
    ),
    (
        lambda rows: rows.with_column("key", col("key").cast("int32")).join(rows, "left_semi", on="key"),
        TypeError,
        r"the key 'key' is int32 on the left and 'key' int64 on the right; cast .*with_column\('key'",
    ),
    (
        lambda rows: rows.join(rows, "inner", on="key", aggregator_ray_remote_args={"num_cpus": 1}),
        NotImplementedError,
        "aggregator_ray_remote_args",
    ),
    (lambda rows: rows.join(rows, "inner", on="key", how="inner"), TypeError, r"join\(\) has no argument 'how'"),
    (lambda rows: rows.join(rows, "inner", 0, on="key"), ValueError, "num_partitions must be at least 1, got 0"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), BAD_JOINS)
def test_joins_that_cannot_be_are_refused_at_once(rows, ask, kind, message):
    with pytest.raises(kind, match=message):
        ask(rows)


def test_maps_and_the_like_are_no_keys():
    pairs = table(pairs=pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())))
    with pytest.raises(TypeError, match=r"join: values of 'pairs' \(map<.* cannot be keys"):
        pairs.join(pairs, "left_semi", on="pairs")


@pytest.mark.parametrize("kind", KINDS)
def test_above_functions_mistakes_are_told_when_columns_are_known(rows, kind):
    keys = rows.map(lambda row: {"key": row["key"], "half": row["key"] / 2})
    with pytest.raises(KeyError, match="no column 'kee'; did you mean 'key'"):
        keys.join(rows, kind, on="kee", right_on="key", right_suffix="_2").take_all()
    with pytest.raises(TypeError, match="'half' is double on the left and 'key' int64 on the right; cast"):
        keys.join(rows, kind, on="half", right_on="key", right_suffix="_2").take_all()


@pytest.mark.parametrize("kind", KINDS)
def test_above_functions_unknown_keys_of_the_right_are_told_too(rows, kind):
    keys = rows.map(lambda row: {"key": row["key"], "half": row["key"] / 2})
    with pytest.raises(KeyError, match="no column 'kee'; did you mean 'key'"):
        rows.join(keys, kind, on="key", right_on="kee", right_suffix="_2").take_all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_a_function_below_raises_names_its_row(rows, side):
    def fails(row):
        return {"key": row["key"], "x": 1 // (row["key"] - 700)}

    bad = rows.map(fails)
    with pytest.raises(ms.UserCodeError, match=r"Map\(fails\).*on row 200 of .*part-2\.parquet") as raised:
        (bad.join(rows, "inner", on="key") if side == "left" else rows.join(bad, "inner", on="key")).take_all()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
