"""Reading Parquet: listings, columns, blocks, differing schemas, pruning, and bad input, against pyarrow."""

import datetime
import decimal
import math
import random
import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from millstream import _core

ENGINE = _core.Engine(num_cpus=2, memory_limit=256 << 20)


def read(*paths, blocks=0, **options):
    return _core.read_parquet(ENGINE, {"paths": [str(path) for path in paths], "blocks": blocks}, **options)


def open_stream(plan, batch_size=1000):
    return _core.execute(
        ENGINE, plan, seed=1, epoch=0, batch_size=batch_size, drop_last=False, prefetch_batches=1, preserve_order=True
    )


def table_of(plan):
    """The plan's rows as a pyarrow table, read through the Arrow capsules."""
    stream = open_stream(plan)
    batches = []
    while (batch := stream.next()) is not None:
        batches.append(pa.record_batch(batch))
    return pa.Table.from_batches(batches, schema=pa.schema(plan.schema()))


def rows_scanned(plan):
    stream = open_stream(plan)
    while stream.next() is not None:
        pass
    return stream.stages()[0]["rows"]


def assert_same_rows(plan, expected):
    for found, what in ((table_of(plan), "in order"), (table_of(plan.random_shuffle("fixed", 3)), "shuffled")):
        assert found.schema.names == expected.schema.names
        if what == "in order":
            assert found.to_pylist() == expected.to_pylist()
        else:
            assert sorted(map(repr, found.to_pylist())) == sorted(map(repr, expected.to_pylist()))


def write(path, rows=10, begin=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.table({"a": range(begin, begin + rows), "b": [f"row {n}" for n in range(begin, begin + rows)]}),
        path,
        **options,
    )
    return path


# Listings


def test_directories_are_walked_sorted_and_hidden_names_left_out(tmp_path):
    for name in (
        "z.parquet",
        "b/2.parquet",
        "b/10.parquet",
        "_temporary/x.parquet",
        ".hidden.parquet",
        "b/_SUCCESS.parquet",
    ):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not data")
    expected = [str(tmp_path / name) for name in ("b/10.parquet", "b/2.parquet", "z.parquet")]
    assert read(tmp_path).input_files() == expected
    assert read(f"{tmp_path}/").input_files() == expected
    assert read(tmp_path / "**").input_files() == expected


def test_patterns_match_component_by_component(tmp_path):
    for name in (
        "x1/a.parquet",
        "x2/a.parquet",
        "x2/b.parquet",
        "y/a.parquet",
        "x1/_a.parquet",
        "x1/deep/er/a.parquet",
    ):
        write(tmp_path / name)

    def names(pattern):
        return [file[len(str(tmp_path)) + 1 :] for file in read(tmp_path / pattern).input_files()]

    assert names("x*/a.parquet") == ["x1/a.parquet", "x2/a.parquet"]
    assert names("x[2-9]/?.parquet") == ["x2/a.parquet", "x2/b.parquet"]
    assert names("x1/*.parquet") == ["x1/a.parquet"]
    assert names("x1/_*.parquet") == ["x1/_a.parquet"]
    assert names("**/a.parquet") == ["x1/a.parquet", "x1/deep/er/a.parquet", "x2/a.parquet", "y/a.parquet"]
    assert names("y*") == ["y/a.parquet"]


def test_a_file_named_twice_is_read_twice(tmp_path):
    path = write(tmp_path / "a.parquet", rows=3)
    plan = read(path, path)
    assert table_of(plan)["a"].to_pylist() == [0, 1, 2, 0, 1, 2]
    assert sorted(table_of(plan.random_shuffle("fixed", 1))["a"].to_pylist()) == [0, 0, 1, 1, 2, 2]


def test_paths_keep_the_order_they_are_given_in(tmp_path):
    one, two = write(tmp_path / "1.parquet", rows=2), write(tmp_path / "2.parquet", rows=2, begin=2)
    assert table_of(read(two, one))["a"].to_pylist() == [2, 3, 0, 1]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda root: root / "missing.parquet", FileNotFoundError, "missing.parquet"),
        (lambda root: root / "*.parquet", FileNotFoundError, "no file matches"),
        (lambda root: root, ValueError, "no file ending in .parquet"),
    ],
)
def test_paths_without_files_are_named(tmp_path, make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        read(make(tmp_path))


def test_no_path_at_all_is_an_error():
    with pytest.raises(ValueError, match="no path"):
        read()


# Columns


def test_columns_come_in_the_order_asked_for(tmp_path):
    path = write(tmp_path / "a.parquet")
    plan = read(path, columns=["b", "a"])
    assert table_of(plan).equals(pq.read_table(path).select(["b", "a"]))
    assert table_of(read(path, columns=["b"])).column_names == ["b"]
    assert table_of(_core.Plan.deserialize(plan.serialize())).column_names == ["b", "a"]


def test_no_columns_at_all_keep_their_rows(tmp_path):
    plan = read(write(tmp_path / "a.parquet"), columns=[])
    stream = open_stream(plan, batch_size=7)
    assert [stream.next().num_rows, stream.next().num_rows, stream.next()] == [7, 3, None]


def test_an_unknown_column_names_the_near_one(tmp_path):
    path = write(tmp_path / "a.parquet")
    pq.write_table(pa.table({"departure": [1]}), path)
    with pytest.raises(KeyError, match="no column 'depature'; did you mean 'departure'"):
        read(path, columns=["depature"])


def test_only_the_columns_used_are_decoded(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"a": range(1000), "b": [f"row {n}" for n in range(1000)]}),
        path,
        use_dictionary=False,
        compression="none",
    )
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(1)
    damaged = bytearray(path.read_bytes())
    damaged[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = bytes(
        chunk.total_compressed_size
    )
    path.write_bytes(damaged)
    a = _core.column("a")
    for plan in (
        read(path, columns=["a"]),
        read(path).project([("a", _core.call("add", [a, a]))]).filter(_core.parse_filter("a >= 0")),
    ):
        assert len(table_of(plan)) == len(table_of(plan.random_shuffle("fixed", 1))) == 1000
    with pytest.raises((ValueError, OSError), match=r"a\.parquet, row group 0, column b"):
        table_of(read(path))


# Blocks


@pytest.mark.parametrize("blocks", [1, 2, 3, 7, 100, 10_000])
def test_blocks_are_as_many_as_asked_for_where_the_rows_allow(tmp_path, blocks):
    table = pa.table({"a": range(300)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=70)
    pq.write_table(table.slice(0, 0), tmp_path / "b.parquet")
    plans = [read(tmp_path, blocks=blocks), _core.Plan.from_arrow(table, blocks=blocks), _core.Plan.range(300, blocks)]
    for plan in plans:
        for same in (plan, _core.Plan.deserialize(plan.serialize())):
            assert same.num_blocks() == min(blocks, 300)
            assert table_of(same)[0].to_pylist() == list(range(300))


def test_without_a_number_a_block_is_a_row_group_or_a_batch(tmp_path):
    table = pa.table({"a": range(300)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=70)
    assert read(tmp_path).num_blocks() == 5
    assert _core.Plan.from_arrow(pa.concat_tables([table, table])).num_blocks() == 2
    with pytest.raises(ValueError, match="number of blocks"):
        read(tmp_path, blocks=-1)


def test_a_long_table_is_read_by_all_lanes_and_keeps_its_order():
    rows = 600_000
    plan = _core.Plan.from_arrow(pa.table({"a": pa.array(range(rows))}))
    assert plan.num_blocks() == 1
    assert table_of(plan)["a"].to_pylist() == list(range(rows))
    assert table_of(plan.limit(300_000).filter(_core.parse_filter("a >= 299_990")))["a"].to_pylist() == list(
        range(299_990, 300_000)
    )


# Files that differ


def test_columns_that_a_file_lacks_are_null_and_orders_may_differ(tmp_path):
    one = pa.table({"a": [1, 2], "s": ["x", None], "l": pa.array([[1], []], pa.list_(pa.int32()))})
    two = pa.table({"z": [1.5], "a": [3]})
    pq.write_table(one, tmp_path / "1.parquet")
    pq.write_table(two, tmp_path / "2.parquet")
    assert_same_rows(read(tmp_path), pa.concat_tables([one, two], promote_options="permissive"))
    assert table_of(read(tmp_path).filter(_core.parse_filter("s is None")))["a"].to_pylist() == [2, 3]
    assert table_of(read(tmp_path).filter(_core.parse_filter("z > 1")))["a"].to_pylist() == [3]


WIDENED = [
    (pa.int32(), [1, None, 3], pa.int64(), [2**40]),
    (pa.int8(), [1, None], pa.int32(), [5]),
    (pa.uint8(), [200], pa.int16(), [-5]),
    (pa.float32(), [1.5, None], pa.float64(), [1e300]),
    (pa.int64(), [1, None], pa.float64(), [2.5]),
    (pa.null(), [None, None], pa.string(), ["x"]),
    (pa.null(), [None], pa.list_(pa.int64()), [[1]]),
    (pa.null(), [None], pa.struct({"x": pa.int8()}), [{"x": 1}]),
    (
        pa.timestamp("ms"),
        [datetime.datetime(2020, 1, 1)],
        pa.timestamp("us"),
        [datetime.datetime(2020, 1, 1, 0, 0, 0, 7)],
    ),
    (pa.list_(pa.int32()), [[1], None, []], pa.list_(pa.int64()), [[2**40]]),
    (pa.decimal128(5, 2), [decimal.Decimal("1.25")], pa.decimal128(9, 3), [decimal.Decimal("1234.125")]),
    (pa.string(), ["a", None], pa.large_string(), ["b"]),
]


@pytest.mark.parametrize(
    ("narrow", "narrow_values", "wide", "wide_values"), WIDENED, ids=lambda value: str(value).replace("/", "")
)
def test_narrower_types_are_brought_to_the_wider(tmp_path, narrow, narrow_values, wide, wide_values):
    one, two = pa.table({"x": pa.array(narrow_values, narrow)}), pa.table({"x": pa.array(wide_values, wide)})
    for first, second in ((one, two), (two, one)):
        pq.write_table(first, tmp_path / "1.parquet")
        pq.write_table(second, tmp_path / "2.parquet")
        assert_same_rows(read(tmp_path), pa.concat_tables([first, second], promote_options="permissive"))


def test_structs_with_other_fields_are_unified(tmp_path):
    one = pa.table({"s": [{"x": 1, "y": "a"}, None]})
    two = pa.table({"s": [{"y": "b", "z": 2.5}]})
    pq.write_table(one, tmp_path / "1.parquet")
    pq.write_table(two, tmp_path / "2.parquet")
    assert_same_rows(read(tmp_path), pa.concat_tables([one, two], promote_options="permissive"))


def test_types_that_do_not_go_together_are_an_error_with_column_and_files(tmp_path):
    pq.write_table(pa.table({"a": [1], "x": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": [1], "x": ["text"]}), tmp_path / "2.parquet")
    with pytest.raises(TypeError, match=r"column 'x': string in .*2\.parquet, int64 in .*1\.parquet; read them apart"):
        read(tmp_path)


def test_a_value_that_does_not_fit_the_common_type_names_its_place(tmp_path):
    pq.write_table(pa.table({"x": [0.5]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"x": [2**60 + 1]}), tmp_path / "2.parquet")
    with pytest.raises(TypeError, match=r"2\.parquet, row group 0, column x"):
        table_of(read(tmp_path))


def test_two_columns_of_one_name_are_refused(tmp_path):
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "1.parquet")
    with pytest.raises(ValueError, match=r"1\.parquet has two columns named 'a'"):
        read(tmp_path)
    with pytest.raises(ValueError, match="two columns named 'a'"):
        _core.Plan.from_arrow(table)


def test_files_and_row_groups_without_rows_or_columns_are_read(tmp_path):
    table = pa.table({"a": [1, 2, 3]})
    pq.write_table(table.slice(0, 0), tmp_path / "0.parquet")
    with pq.ParquetWriter(tmp_path / "1.parquet", table.schema) as writer:
        for part in (table.slice(0, 0), table, table.slice(0, 0), table):
            writer.write_table(part)
    pq.write_table(pa.table({}), tmp_path / "2.parquet")
    assert table_of(read(tmp_path))["a"].to_pylist() == [1, 2, 3, 1, 2, 3]
    only_empty = read(tmp_path / "0.parquet")
    assert only_empty.known_row_count() == 0
    assert only_empty.num_blocks() == 0
    assert table_of(only_empty.random_shuffle("fixed", 1)).num_rows == 0
    assert table_of(read(tmp_path / "2.parquet")).num_columns == 0


# Bad input


def damage(path, change):
    content = bytearray(path.read_bytes())
    path.write_bytes(bytes(change(content)))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: b"PAR1",
        lambda content: b"not Parquet at all",
        lambda content: content[:-20],
        lambda content: content[: len(content) // 2],
    ],
    ids=["empty", "magic only", "text", "footer cut", "half"],
)
def test_a_file_that_is_not_parquet_or_cut_short_is_named_with_a_remedy(tmp_path, change):
    write(tmp_path / "0.parquet")
    damage(write(tmp_path / "1.parquet"), change)
    damage(write(tmp_path / "2.parquet"), change)
    for _ in range(5):
        with pytest.raises(
            ValueError, match=r"1\.parquet is not a readable Parquet file: .*write it again or leave it out"
        ):
            read(tmp_path)


@pytest.mark.parametrize("column", ["a", "b", "s"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_page_that_fails_its_checksum_is_named(tmp_path, column, shuffled):
    path = tmp_path / "a.parquet"
    table = pa.table({"a": range(1000), "b": [f"row {n}" for n in range(1000)], "s": [{"x": n} for n in range(1000)]})
    pq.write_table(table, path, row_group_size=500, write_page_checksum=True, use_dictionary=False, compression="none")
    metadata = pq.ParquetFile(path).metadata.row_group(1)
    chunk = metadata.column(["a", "b", "s"].index(column))

    def flip(content):
        content[chunk.data_page_offset + chunk.total_compressed_size - 10] ^= 1
        return content

    plan = read(damage(path, flip))
    with pytest.raises(
        ValueError, match=rf"a\.parquet, row group 1, column {column} cannot be decoded: .*write it again"
    ):
        table_of(plan.random_shuffle("fixed", 1) if shuffled else plan)
    assert len(table_of(read(path, columns=[name for name in ("a", "b", "s") if name != column]))) == 1000


def test_a_file_that_changed_after_it_was_listed_is_refused(tmp_path):
    path = write(tmp_path / "a.parquet", rows=10)
    plan = read(path)
    data = plan.serialize()
    write(path, rows=2000)
    with pytest.raises(ValueError, match=r"a\.parquet changed after it was listed"):
        table_of(plan)
    with pytest.raises(ValueError, match=r"a\.parquet changed after it was listed"):
        _core.Plan.deserialize(data)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.parquet"):
        table_of(plan)


# The first damages a column's name.
@pytest.mark.parametrize("seed", [343932670, random.randrange(2**32)], ids=["name", "random"])
def test_random_damage_is_never_a_crash_and_errors_name_their_place(tmp_path, seed):
    print("seed", seed)
    rng = random.Random(seed)
    path = tmp_path / "a.parquet"
    table = pa.table(
        {"a": range(200), "b": [f"row {n % 7}" for n in range(200)], "l": [[n] * (n % 3) for n in range(200)]}
    )
    pq.write_table(table, path, row_group_size=100, write_page_checksum=True)
    good = path.read_bytes()
    errors = []
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        path.write_bytes(bad)
        try:
            table_of(read(path).filter(_core.parse_filter("a >= 50")))
        except (ValueError, OSError, TypeError, KeyError, RuntimeError, MemoryError) as error:
            errors.append(str(error))
    assert errors
    # Damage may make another type of the column, which the filter is then not for.
    places = ("a.parquet", "column", "cannot evaluate (a >= 50): not for values of types")
    assert [error for error in errors if not any(place in error for place in places)] == []


def test_many_small_files_keep_their_order(tmp_path):
    for index in range(300):
        pq.write_table(pa.table({"a": [index]}), tmp_path / f"{index:03}.parquet")
    assert table_of(read(tmp_path))["a"].to_pylist() == list(range(300))


# Pruning by statistics


def pruned_and_right(path, text):
    """Rows scanned, once the result has been compared with pyarrow's."""
    plan = read(path).filter(_core.parse_filter(text))
    everything = table_of(read(path))
    unpruned = _core.Plan.from_arrow(everything).filter(_core.parse_filter(text))
    assert repr(table_of(plan).to_pylist()) == repr(table_of(unpruned).to_pylist()), text
    shuffled = read(path).random_shuffle("fixed", 9).filter(_core.parse_filter(text))
    both = [repr(row) for row in table_of(shuffled).to_pylist()]
    # The rows' keys are those of the whole set, so what is left keeps its order.
    kept = set(both)
    assert both == [
        repr(row) for row in table_of(read(path).random_shuffle("fixed", 9)).to_pylist() if repr(row) in kept
    ]
    return rows_scanned(plan)


@pytest.fixture(scope="module")
def statistics(tmp_path_factory):
    path = tmp_path_factory.mktemp("statistics") / "a.parquet"
    rows = 400
    table = pa.table(
        {
            "i": pa.array(range(rows), pa.int64()),
            "n": pa.array([None if row < 100 else row for row in range(rows)], pa.int32()),
            "u": pa.array([2**64 - 1 - row for row in range(rows)], pa.uint64()),
            "x": pa.array([math.nan if row == 50 else row / 2 for row in range(rows)], pa.float64()),
            "f": pa.array([row / 10 for row in range(rows)], pa.float32()),
            "s": [f"{row:04} {'long' * 40}" for row in range(rows)],
            "t": pa.array(
                [datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=row) for row in range(rows)],
                pa.timestamp("us"),
            ),
            "flag": [row >= 300 for row in range(rows)],
            "d": pa.array([decimal.Decimal(row) for row in range(rows)], pa.decimal128(9, 2)),
            "k": pa.array(["low" if row < 200 else "up" for row in range(rows)]).dictionary_encode(),
        }
    )
    pq.write_table(table, path, row_group_size=100)
    return path


@pytest.mark.parametrize(
    ("text", "scanned"),
    [
        ("i < 100", 100),
        ("i <= 100", 200),
        ("100 <= i < 200", 100),
        ("250 > i and 150 < i", 200),
        ("i == 5 or i == 399", 200),
        ("i in [5, 350]", 200),
        ("i in []", 0),
        ("i == 1000", 0),
        ("i > 1e300", 0),
        ("not i < 300", 100),
        ("not (i < 300 or i > 350)", 100),
        ("i != 5", 400),
        ("n is None", 100),
        ("n is not None", 300),
        ("is_null(n) or n > 350", 200),
        ("n < 150", 100),
        ("n in [None]", 100),
        ("u > 18446744073709551600", 100),
        ("x >= 175", 100),
        ("not x < 175", 400),
        ("is_nan(x)", 400),
        ("x != 3", 400),
        ("f > 35", 100),
        ("s < '0100'", 100),
        ("s == 'nothing'", 0),
        ("s >= '0300' and i >= 0", 100),
        ("flag", 100),
        ("not flag", 300),
        ("flag == True", 100),
        ("d is not None", 400),
        ("i + 1 < 5", 400),
        ("i < n", 400),
        ("True", 400),
        ("False", 0),
        ("k == 'low'", 200),
    ],
)
def test_row_groups_that_cannot_pass_are_not_read_and_the_others_are(statistics, text, scanned):
    assert pruned_and_right(statistics, text) == scanned


def test_times_prune_row_groups(statistics):
    limit = _core.literal(pa.array([datetime.datetime(2020, 1, 3)], pa.timestamp("us")))
    plan = read(statistics).filter(_core.call("less", [_core.column("t"), limit]))
    expected = pq.read_table(statistics, filters=pc.field("t") < datetime.datetime(2020, 1, 3))
    assert table_of(plan)["i"].to_pylist() == expected["i"].to_pylist()
    assert rows_scanned(plan) == 100


def test_a_file_without_the_column_or_without_statistics_is_right_too(tmp_path):
    pq.write_table(pa.table({"a": [1, 2], "b": [1, 2]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": [3]}), tmp_path / "2.parquet")
    pq.write_table(pa.table({"a": [4], "b": [9]}), tmp_path / "3.parquet", write_statistics=False)
    assert pruned_and_right(tmp_path, "b == 9") == 1
    assert pruned_and_right(tmp_path, "b is None") == 2
    assert pruned_and_right(tmp_path, "b != 1") == 3


def test_a_constant_that_rounds_in_the_columns_type_prunes_nothing_that_it_meets(tmp_path):
    pq.write_table(pa.table({"x": pa.array([1, 1], pa.int8())}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"x": pa.array([1.5, 2.5], pa.float32())}), tmp_path / "2.parquet")
    for text in ("x == 1.00000001", "x > 1.5000000001", "x >= 1.5000000001", "x == 1e300", "x != 1.00000001"):
        pruned_and_right(tmp_path, text)


def test_random_filters_on_random_data_lose_no_row(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)

    def maybe(value):
        return None if rng.random() < 0.2 else value

    for file in range(3):
        rows = rng.randrange(1, 60)
        table = pa.table(
            {
                "i": pa.array([maybe(rng.randrange(-5, 6)) for _ in range(rows)], rng.choice([pa.int8(), pa.int64()])),
                "x": pa.array(
                    [maybe(rng.choice([math.nan, -0.0, 0.0, 1.5, -2.5, math.inf])) for _ in range(rows)],
                    rng.choice([pa.float32(), pa.float64()]),
                ),
                "s": pa.array([maybe(rng.choice(["", "a", "ab", "é"])) for _ in range(rows)], pa.string()),
                "f": pa.array([maybe(rng.random() < 0.5) for _ in range(rows)], pa.bool_()),
            }
        )
        if rng.random() < 0.3:
            table = table.drop(["s"]) if file else table
        pq.write_table(
            table, tmp_path / f"{file}.parquet", row_group_size=rng.randrange(1, 8), write_statistics=rng.random() < 0.9
        )

    def condition(depth):
        if depth == 0 or rng.random() < 0.3:
            left, right = rng.choice(
                [
                    ("i", rng.randrange(-7, 8)),
                    ("x", rng.choice([0.0, 1.5, -2.5, 9.0])),
                    ("s", repr(rng.choice(["", "a", "b"]))),
                    ("i", 1.5),
                    ("x", 1),
                ]
            )
            return rng.choice(
                [
                    f"{left} {rng.choice(['==', '!=', '<', '<=', '>', '>='])} {right}",
                    f"{right} {rng.choice(['==', '!=', '<', '<=', '>', '>='])} {left}",
                    f"{left} is None",
                    f"{left} is not None",
                    f"{left} in [{right}, None]",
                    f"{left} not in [{right}]",
                    "f",
                ]
            )
        left, right = condition(depth - 1), condition(depth - 1)
        return rng.choice([f"({left} and {right})", f"({left} or {right})", f"(not {left})"])

    for _ in range(150):
        pruned_and_right(tmp_path, condition(3))
