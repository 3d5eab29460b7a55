"""read_delta and write_delta, with deltalake."""

import datetime
import decimal
import json
import os
import pathlib
import pickle

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import millstream as ms
from millstream import col

ROWS = 3_000
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("half", pa.float64()),
        ("name", pa.string()),
        ("price", pa.decimal128(12, 2)),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", "UTC")),
        ("list", pa.list_(pa.int64())),
        ("inner", pa.struct([("x", pa.int64()), ("y", pa.string())])),
        ("flag", pa.bool_()),
    ]
)


def row_of(n):
    return {
        "id": n,
        "half": n / 2 if n % 7 else None,
        "name": f"row {n}",
        "price": decimal.Decimal(n) / 4,
        "day": datetime.date(2020, 1, 1) + datetime.timedelta(days=n % 900),
        "at": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(hours=n),
        "list": [n, n + 1],
        "inner": {"x": n, "y": f"{n}"},
        "flag": n % 2 == 0,
    }


def table_of(begin, end):
    return pa.Table.from_pylist([row_of(n) for n in range(begin, end)], schema=SCHEMA)


@pytest.fixture
def path(tmp_path):
    """A table of three files, of the rows 0, 1000 and 2000 on."""
    for begin in (0, 1000, 2000):
        deltalake.write_deltalake(tmp_path / "t", table_of(begin, begin + 1000), mode="append")
    return str(tmp_path / "t")


def version_of(path):
    return deltalake.DeltaTable(path).version()


def change_log(path, change):
    """Rewrites the table's first commit, its lines as dicts, as an engine of other features would have written it."""
    first = pathlib.Path(path, "_delta_log", f"{0:020}.json")
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    change({key: value for line in lines for key, value in line.items()})
    first.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_files_are_read_in_the_order_of_their_writing(each_engine, path):
    rows = ms.read_delta(path)
    assert list(rows.iter_rows()) == [row_of(n) for n in range(ROWS)]
    assert (rows.columns(), rows.num_blocks(), rows.count()) == (SCHEMA.names, 3, ROWS)
    assert rows.to_arrow().schema.types == SCHEMA.types
    shuffled = [row["id"] for row in rows.random_shuffle(seed=2).iter_rows()]
    assert sorted(shuffled) == list(range(ROWS)) != shuffled
    assert list(pickle.loads(pickle.dumps(rows)).iter_rows()) == [row_of(n) for n in range(ROWS)]
    few = ms.read_delta(path, override_num_blocks=2, concurrency=2)
    assert (few.num_blocks(), [row["id"] for row in few.iter_rows()]) == (2, list(range(ROWS)))


def test_columns_and_filters(path):
    assert ms.read_delta(path, columns=["name", "id"]).take(1) == [{"name": "row 0", "id": 0}]
    for row_filter in (pc.field("id") >= ROWS - 2, col("id") >= ROWS - 2):
        rows = ms.read_delta(path, filter=row_filter, columns=["name"])
        assert rows.take_all() == [{"name": f"row {n}"} for n in (ROWS - 2, ROWS - 1)]
    assert ms.read_delta(path, filter=col("id") < 0).take_all() == []


def test_a_version_stays_as_it_is(path):
    first = ms.read_delta(path)
    table = deltalake.DeltaTable(path)
    table.delete("id < 1990")
    assert [row["id"] for row in ms.read_delta(path).iter_rows()] == [*range(2000, ROWS), *range(1990, 2000)]
    assert first.to_arrow()["id"].to_pylist() == list(range(ROWS))
    assert ms.read_delta(path, version=0).count() == 1000
    with pytest.raises(ms.UserCodeError, match=r"read_delta: .*, version 99: DeltaError"):
        ms.read_delta(path, version=99)


def test_a_checkpoint_changes_no_order(path):
    before = ms.read_delta(path).to_arrow()
    deltalake.DeltaTable(path).create_checkpoint()
    assert ms.read_delta(path).to_arrow() == before
    for name in pathlib.Path(path, "_delta_log").glob("*.json"):
        if name.stem < f"{2:020}":
            name.unlink()
    assert ms.read_delta(path).to_arrow() == before


def test_partitions_are_columns(tmp_path):
    kinds = ["a 1/x", "b=%20", None]
    items = [{"id": n, "kind": kinds[n % 3], "year": 2019 + n % 2} for n in range(90)]
    ms.from_items(items).write_delta(tmp_path / "p", partition_by=["kind", "year"])
    rows = ms.read_delta(tmp_path / "p", include_paths=True)
    assert rows.columns() == ["id", "kind", "year", "path"]
    assert rows.num_blocks() == 6
    read = rows.take_all()
    assert sorted(row["id"] for row in read) == list(range(90))
    for row in read:
        assert {name: row[name] for name in ("id", "kind", "year")} == items[row["id"]]
        assert os.path.isfile(row["path"])
    some = ms.read_delta(tmp_path / "p", filter=(col("kind") == kinds[0]) & (col("year") == 2019), columns=["id"])
    assert sorted(row["id"] for row in some.iter_rows()) == list(range(0, 90, 6))


def test_columns_that_came_later_are_null_before(path):
    ms.from_items([{"id": 9_000, "late": "x"}]).write_delta(path)
    rows = ms.read_delta(path, columns=["id", "late"]).take_all()
    assert (rows[0], rows[-1]) == ({"id": 0, "late": None}, {"id": 9_000, "late": "x"})
    assert len(rows) == ROWS + 1


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    ms.range(0).write_delta(tmp_path / "empty")
    rows = ms.read_delta(tmp_path / "empty")
    assert (rows.columns(), rows.take_all()) == (["id"], [])


def test_large_rows_come_few_at_a_time(tmp_path):
    images = pa.table({"id": range(60), "bytes": [os.urandom(1_000_000) for _ in range(60)]})
    deltalake.write_deltalake(tmp_path / "images", images)
    seen = []

    def size(batch):
        seen.append(len(batch["id"]))
        return {"size": [len(each) for each in batch["bytes"]]}

    rows = ms.read_delta(tmp_path / "images").map_batches(size, batch_size=None)
    assert [row["size"] for row in rows.iter_rows()] == [1_000_000] * 60
    assert max(seen) <= 8


@pytest.mark.parametrize("feature", ["deletionVectors", "columnMapping", "newerThanThis"])
def test_features_that_cannot_be_read_are_refused(path, feature):
    def change(log):
        log["protocol"].update(
            minReaderVersion=3, minWriterVersion=7, readerFeatures=[feature], writerFeatures=[feature]
        )

    change_log(path, change)
    with pytest.raises((NotImplementedError, ms.UserCodeError), match=rf"read_delta: .*{feature}"):
        ms.read_delta(path)


def test_mapped_columns_of_the_older_protocol_are_refused(path):
    def change(log):
        log["protocol"].update(minReaderVersion=2, minWriterVersion=5)
        log["metaData"]["configuration"]["delta.columnMapping.mode"] = "name"

    change_log(path, change)
    with pytest.raises(
        (NotImplementedError, ms.UserCodeError), match=r"read_delta: .*(mapped columns|olumn ?[mM]apping)"
    ):
        ms.read_delta(path)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"columns": ["nmae"]}, KeyError, "no column 'nmae'; did you mean 'name'"),
        ({"version": "1"}, TypeError, "version must be a whole number"),
        ({"version": -1}, ValueError, "version must be at least 0"),
        ({"filter": "id > 3"}, TypeError, "filter must be an expression"),
        ({"shuffle": "files"}, NotImplementedError, "random_shuffle"),
        ({"filesystem": object()}, NotImplementedError, "storage_options"),
        ({"num_cpus": 2}, NotImplementedError, "num_cpus"),
        ({"rows": 2}, TypeError, "no argument 'rows'"),
    ],
)
def test_mistakes_of_reading_are_named(path, arguments, kind, message):
    with pytest.raises(kind, match=message):
        ms.read_delta(path, **arguments)


def test_what_is_no_table_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no Delta table at .*nowhere"):
        ms.read_delta(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no Delta table at"):
        ms.read_delta(tmp_path)


def test_a_filter_of_an_unknown_column_and_a_path_of_the_tables_own(path, tmp_path):
    with pytest.raises(ms.UserCodeError, match=r"ReadDelta: .*part-.*nmae"):
        ms.read_delta(path, filter=col("nmae") > 3).take_all()
    ms.from_items([{"path": "x"}]).write_delta(tmp_path / "p")
    with pytest.raises(ValueError, match="a column 'path' itself"):
        ms.read_delta(tmp_path / "p", include_paths=True)


def test_a_file_that_is_gone_is_named(path):
    rows = ms.read_delta(path)
    name = next(pathlib.Path(path).glob("*.parquet"))
    name.unlink()
    with pytest.raises(OSError, match=f"ReadDelta: .*{name.name}"):
        rows.to_arrow()


# ---- writing ----
def test_rows_come_back_as_they_were_written(rows, expected, tmp_path):
    target = tmp_path / "made"
    rows.write_delta(target, name="made", description="rows of a test")
    table = deltalake.DeltaTable(target)
    assert table.to_pyarrow_table().to_pylist() == expected
    assert (table.version(), table.metadata().name, table.metadata().description) == (0, "made", "rows of a test")
    rows.limit(10).write_delta(target)
    assert ms.read_delta(target).take_all() == expected + expected[:10]
    rows.limit(3).write_delta(target, mode=ms.SaveMode.OVERWRITE)
    assert ms.read_delta(target).take_all() == expected[:3]
    assert ms.read_delta(target, version=1).count() == 1010
    rows.limit(4).select_columns(["name"]).write_delta(target, mode="overwrite", schema_mode="overwrite")
    assert ms.read_delta(target).take_all() == [{"name": row["name"]} for row in expected[:4]]
    assert version_of(target) == 3


def test_many_rows_are_one_version(tmp_path):
    ms.range(ROWS).map(lambda row: row_of(row["id"])).write_delta(tmp_path / "made")
    assert version_of(tmp_path / "made") == 0
    assert sorted(row["id"] for row in ms.read_delta(tmp_path / "made").iter_rows()) == list(range(ROWS))


def test_a_table_that_is_there_is_left_or_refused(path):
    def never(row):
        raise AssertionError("nobody asks for this row")

    ms.range(3).map(never).write_delta(path, mode="ignore")
    with pytest.raises(FileExistsError, match=r"a Delta table at .* already; give mode='append'"):
        ms.range(3).map(never).write_delta(path, mode="error")
    assert version_of(path) == 2


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_failure_leaves_the_table_as_it_was(path, mode):
    def failing(row):
        if row["id"] == 39_000:
            raise KeyError("the last row")
        return row

    with pytest.raises(KeyError, match="the last row") as caught:
        ms.range(39_001).map(failing).write_delta(path, mode=mode)
    assert isinstance(caught.value, ms.UserCodeError)
    assert version_of(path) == 2
    assert ms.read_delta(path).count() == ROWS
    with pytest.raises(ms.UserCodeError, match="WriteDelta: SchemaMismatchError"):
        ms.from_items([{"id": 3}]).write_delta(path, mode=mode, schema_mode=None)
    assert version_of(path) == 2


TABLE_TYPES = {
    "whole": pa.array([1], pa.int32()),
    "wide": pa.array([1], pa.int64()),
    "real": pa.array([1.5], pa.float64()),
    "yes": pa.array([True]),
    "day": pa.array([1], pa.date32()),
    "at": pa.array([1], pa.timestamp("us", "UTC")),
    "price": pa.array([decimal.Decimal("1.50")], pa.decimal128(5, 2)),
    "text": pa.array(["x"]),
    "inner": pa.array([{"x": 1}]),
    "list": pa.array([[1]]),
}


def one_of(value):
    """A column of one value."""
    return pa.repeat(value, 1) if isinstance(value, pa.Scalar) else pa.array([value])


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("whole", 7, 7),
        ("real", 3, 3.0),
        ("price", decimal.Decimal("2.5"), decimal.Decimal("2.50")),
        ("at", pa.scalar(3_000, pa.timestamp("ns", "UTC")), datetime.datetime(1970, 1, 1, 0, 0, 0, 3, datetime.UTC)),
        ("text", pa.scalar("y", pa.large_string()), "y"),
        ("inner", {"x": 2, "y": "new"}, {"x": 2, "y": "new"}),
        ("list", [5, None], [5, None]),
        ("new", pa.scalar(200, pa.uint8()), 200),
        ("new", pa.scalar(1.5, pa.float16()), 1.5),
        ("new", None, None),
    ],
)
def test_values_keep_their_value_in_the_tables_types(tmp_path, name, value, read):
    deltalake.write_deltalake(tmp_path / "t", pa.table(TABLE_TYPES))
    ms.from_arrow(pa.table({name: one_of(value)})).write_delta(tmp_path / "t")
    row = ms.read_delta(tmp_path / "t").take_all()[-1]
    assert row[name] == read
    assert all(row[other] is None for other in TABLE_TYPES if other != name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("whole", 1.5),
        ("whole", 1 << 40),
        ("wide", "3"),
        ("real", (1 << 53) + 1),
        ("yes", 5),
        ("day", datetime.datetime(2020, 1, 1, 5)),
        ("at", datetime.datetime(2020, 1, 1, 5)),
        ("at", pa.scalar(3_001, pa.timestamp("ns", "UTC"))),
        ("price", decimal.Decimal("1.555")),
        ("text", 3),
        ("inner", {"x": 1.5}),
        ("list", [1.5]),
        ("new", pa.scalar(3_001, pa.timestamp("ns"))),
        ("new", pa.scalar((1 << 63) + 5, pa.uint64())),
    ],
)
def test_a_value_that_would_change_is_refused(tmp_path, name, value):
    deltalake.write_deltalake(tmp_path / "t", pa.table(TABLE_TYPES))
    with pytest.raises(TypeError, match=f"write_delta: column '{name}' is|WriteDelta: the rows are not of the table's"):
        ms.from_arrow(pa.table({name: one_of(value)})).write_delta(tmp_path / "t")
    assert version_of(tmp_path / "t") == 0


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"mode": "upsert"}, ValueError, "mode must be one of 'append', 'overwrite', 'ignore', 'error', got 'upsert'"),
        ({"schema_mode": "sideways"}, ValueError, "schema_mode must be 'merge', 'overwrite' or None"),
        ({"partition_by": ["nowhere"]}, ms.UserCodeError, "WriteDelta: .*nowhere"),
        ({"catalog": object()}, NotImplementedError, "give the table's path"),
        ({"name": 3}, TypeError, "name must be a text"),
        ({"rows": 3}, TypeError, "rows"),
        ({"ray_remote_args": {"num_cpus": 1}}, NotImplementedError, "write_delta"),
    ],
)
def test_mistakes_of_writing_are_named(rows, tmp_path, options, kind, message):
    with pytest.raises(kind, match=message):
        rows.write_delta(tmp_path / "made", **options)
    assert not deltalake.DeltaTable.is_deltatable(str(tmp_path / "made"))
