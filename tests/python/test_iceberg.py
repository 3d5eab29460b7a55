"""read_iceberg and write_iceberg, with pyiceberg and a catalog in SQLite."""

import datetime
import decimal
import os
import pathlib
import pickle

import pyarrow as pa
import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.expressions import GreaterThanOrEqual
from pyiceberg.io import pyarrow as pyarrow_io
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import IntegerType, LongType, NestedField, StringType

import millstream as ms

ROWS = 3_000


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
    }


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
    ]
)


def table_of(begin, end):
    return pa.Table.from_pylist([row_of(n) for n in range(begin, end)], schema=SCHEMA)


class Warehouse:
    def __init__(self, root):
        self.root = root
        self.kwargs = {
            "name": "test",
            "type": "sql",
            "uri": f"sqlite:///{root}/catalog.db",
            "warehouse": f"file://{root}/w",
        }
        self.catalog = load_catalog(**self.kwargs)
        self.catalog.create_namespace("n")

    def create(self, name="n.t", schema=SCHEMA, **options):
        return self.catalog.create_table(name, schema=schema, **options)

    def read(self, name="n.t", **arguments):
        return ms.read_iceberg(name, catalog_kwargs=self.kwargs, **arguments)

    def write(self, rows, name="n.t", **arguments):
        rows.write_iceberg(name, catalog_kwargs=self.kwargs, **arguments)

    def table(self, name="n.t"):
        return self.catalog.load_table(name)

    def data_files(self):
        return sorted(str(path) for path in pathlib.Path(self.root, "w").rglob("*.parquet"))


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path)


@pytest.fixture
def filled(warehouse):
    """With a table of three files, of the rows 0, 1000 and 2000 on; the newest comes first."""
    table = warehouse.create()
    for begin in (2000, 1000, 0):
        table.append(table_of(begin, begin + 1000))
    return warehouse


def test_files_are_read_in_the_order_of_the_snapshot(each_engine, filled):
    rows = filled.read()
    assert list(rows.iter_rows()) == [row_of(n) for n in range(ROWS)]
    assert (rows.columns(), rows.num_blocks(), rows.count()) == (SCHEMA.names, 3, ROWS)
    shuffled = [row["id"] for row in rows.random_shuffle(seed=2).iter_rows()]
    assert sorted(shuffled) == list(range(ROWS)) != shuffled
    assert list(pickle.loads(pickle.dumps(rows)).iter_rows()) == [row_of(n) for n in range(ROWS)]
    few = filled.read(override_num_blocks=2, concurrency=2)
    assert (few.num_blocks(), [row["id"] for row in few.iter_rows()]) == (2, list(range(ROWS)))


def test_filters_and_fields(filled):
    rows = filled.read(row_filter="id >= 1500 and half is not null", selected_fields=("name", "id"))
    assert rows.num_blocks() == 2, "a file without such a row is not read"
    assert rows.columns() == ["id", "name"]  # of the table's order
    assert [row["id"] for row in rows.iter_rows()] == [n for n in range(1500, ROWS) if n % 7]
    assert filled.read(row_filter=GreaterThanOrEqual("id", ROWS - 1)).take_all() == [row_of(ROWS - 1)]
    assert filled.read(row_filter="id < 0").take_all() == []
    assert filled.read(row_filter="id < 0").columns() == SCHEMA.names
    assert filled.read(row_filter="ID = 7", scan_kwargs={"case_sensitive": False}).count() == 1
    inner = filled.read(selected_fields=["inner.x"]).take(1)
    assert inner == [{"inner": {"x": 0}}]


def test_a_snapshot_stays_as_it_is(filled):
    first = filled.read()
    table = filled.table()
    old = table.current_snapshot().snapshot_id
    table.delete("id < 995")
    assert [row["id"] for row in filled.read().iter_rows()] == list(range(995, ROWS))
    assert [row["id"] for row in first.iter_rows()] == list(range(ROWS))
    assert filled.read(snapshot_id=old).count() == ROWS
    with pytest.raises(ValueError, match=rf"n\.t has no snapshot 77; its last ones are .*{old}"):
        filled.read(snapshot_id=77)


def test_deleted_rows_are_left_out(filled, tmp_path):
    """A file of positions to delete, as other engines write them, added to the newest snapshot by hand."""
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.table import FileScanTask

    scan = filled.table().scan()
    task = next(iter(scan.plan_files()))
    path = str(tmp_path / "deletes.parquet")
    deletes = pa.table({"file_path": [task.file.file_path] * 2, "pos": pa.array([0, 998], pa.int64())})
    pa.parquet.write_table(deletes, path)
    delete_file = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=f"file://{path}",
        file_format=FileFormat.PARQUET,
        partition={},
    )
    from millstream.iceberg_tables import _Scan

    read = _Scan(scan).task([FileScanTask(task.file, {delete_file}, task.residual)])
    assert read.metadata.num_rows is None
    batches = list(read())
    assert [row["id"] for batch in batches for row in batch.to_pylist()] == [*range(1, 998), 999]


def test_a_library_that_has_no_streams_within_gives_the_same(filled, monkeypatch):
    expected = filled.read().to_arrow()
    monkeypatch.delattr(pyarrow_io.ArrowScan, "_record_batches_from_scan_tasks_and_deletes")

    def whole(scan, tasks):
        (task,) = tasks
        return iter(
            pyarrow_io._task_to_record_batches(
                scan._io,
                task,
                scan._bound_row_filter,
                scan._projected_schema,
                scan._table_metadata.schema(),
                scan._projected_field_ids,
                None,
                scan._case_sensitive,
            )
        )

    monkeypatch.setattr(pyarrow_io.ArrowScan, "to_record_batches", whole)
    assert filled.read().to_arrow() == expected


def test_columns_that_came_later_are_null_before(filled):
    table = filled.table()
    with table.update_schema() as update:
        update.add_column("late", IntegerType())
        update.rename_column("name", "title")
    table.append(
        table_of(3000, 3001)
        .rename_columns(["title" if n == "name" else n for n in SCHEMA.names])
        .append_column("late", pa.array([5], pa.int32()))
    )
    rows = filled.read(selected_fields=["id", "title", "late"]).take_all()
    assert rows[0] == {"id": 3000, "title": "row 3000", "late": 5}
    assert rows[1] == {"id": 0, "title": "row 0", "late": None}


def test_a_table_without_rows_keeps_its_columns(warehouse):
    warehouse.create()
    rows = warehouse.read()
    assert (rows.columns(), rows.take_all()) == (SCHEMA.names, [])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"selected_fields": ["nmae"]}, KeyError, "no column 'nmae'; did you mean 'name'"),
        ({"row_filter": "nmae > 3"}, ValueError, "Could not find field with name nmae"),
        ({"row_filter": "id >"}, ValueError, "row_filter 'id >' is not a filter"),
        ({"scan_kwargs": {"limit": 3}}, NotImplementedError, r"use limit\(\)"),
        ({"scan_kwargs": {"limits": 3}}, TypeError, "limits"),
        ({"catalog": object()}, NotImplementedError, "catalog_kwargs="),
        ({"num_cpus": 2}, NotImplementedError, "num_cpus"),
        ({"rows": 2}, TypeError, "no argument 'rows'"),
    ],
)
def test_mistakes_of_reading_are_named(filled, arguments, kind, message):
    with pytest.raises(kind, match=message):
        filled.read(**arguments)


def test_tables_and_catalogs_that_are_not_there(warehouse, rows):
    with pytest.raises(ms.UserCodeError, match=r"read_iceberg\('n.q'\): NoSuchTableError: Table does not exist: n\.q"):
        warehouse.read("n.q")
    with pytest.raises(ms.UserCodeError, match="NoSuchTableError"):
        warehouse.write(rows, "n.q")
    with pytest.raises(TypeError, match="table_identifier must be a text"):
        warehouse.read(3)
    secret = "pa55word"
    for uri in (f"postgresql+psycopg2://me:{secret}@127.0.0.1:1/x", f"postgresql+psycopg2://me:a/{secret}@127.0.0.1/x"):
        with pytest.raises(ms.UserCodeError, match=r"read_iceberg\('n.t'\)") as caught:
            ms.read_iceberg("n.t", catalog_kwargs={"type": "sql", "uri": uri})
        error = caught.value
        while error is not None:
            assert secret not in str(error)
            error = error.__cause__ or error.__context__


def test_a_file_that_is_gone_is_named(filled):
    rows = filled.read()
    os.remove(filled.data_files()[0])
    with pytest.raises(FileNotFoundError, match=r"ReadIceberg: .*\.parquet"):
        rows.to_arrow()


# ---- writing ----
def test_rows_are_appended_in_one_snapshot(warehouse):
    warehouse.create()
    rows = ms.range(ROWS).map(lambda row: row_of(row["id"]))
    warehouse.write(rows, snapshot_properties={"job": "seven"})
    assert warehouse.table().scan().to_arrow().to_pylist() == [row_of(n) for n in range(ROWS)]
    (snapshot,) = warehouse.table().snapshots()
    assert (snapshot.summary.operation.value, snapshot.summary["job"]) == ("append", "seven")
    warehouse.write(rows.limit(5))
    assert (warehouse.read().count(), len(warehouse.table().snapshots())) == (ROWS + 5, 2)
    warehouse.write(rows.limit(0))
    assert len(warehouse.table().snapshots()) == 2


def test_large_data_is_written_in_parts(warehouse, monkeypatch):
    warehouse.create(schema=pa.schema([("id", pa.int64())]))
    monkeypatch.setattr("millstream.iceberg_tables._PART_BYTES", 400_000)
    warehouse.write(ms.range(200_000))
    files = list(warehouse.table().scan().plan_files())
    assert [file.file.record_count for file in files] == [65_536, 65_536, 65_536, 3_392]
    assert len(warehouse.table().snapshots()) == 1
    assert sorted(row["id"] for row in warehouse.read().iter_rows()) == list(range(200_000))


def test_rows_are_overwritten(filled):
    rows = ms.range(10).map(lambda row: row_of(row["id"] + 50_000))
    filled.write(rows, mode="overwrite", overwrite_filter="id >= 10")
    assert sorted(row["id"] for row in filled.read().iter_rows()) == [*range(10), *range(50_000, 50_010)]
    filled.write(rows, mode=ms.SaveMode.OVERWRITE)
    assert sorted(row["id"] for row in filled.read().iter_rows()) == list(range(50_000, 50_010))
    filled.write(rows.limit(0), mode="overwrite", overwrite_filter=GreaterThanOrEqual("id", 50_005))
    assert sorted(row["id"] for row in filled.read().iter_rows()) == list(range(50_000, 50_005))


def test_partitioned_tables_are_written_and_read(warehouse):
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "kind", StringType()))
    warehouse.create(schema=schema, partition_spec=PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "kind")))
    warehouse.write(ms.range(90).map(lambda row: {"id": row["id"], "kind": "abc"[row["id"] % 3]}))
    rows = warehouse.read(row_filter="kind = 'b'")
    assert rows.num_blocks() == 1
    assert rows.take_all() == [{"id": n, "kind": "b"} for n in range(1, 90, 3)]
    assert sorted(row["id"] for row in warehouse.read().iter_rows()) == list(range(90))


def test_columns_are_brought_to_the_tables_types(warehouse):
    schema = Schema(
        NestedField(1, "id", IntegerType(), required=True),
        NestedField(2, "name", StringType()),
        NestedField(3, "n", LongType()),
    )
    warehouse.create(schema=schema)
    warehouse.write(ms.from_items([{"name": "x", "id": 1}, {"name": None, "id": 2}]))
    assert warehouse.read().take_all() == [{"id": 1, "name": "x", "n": None}, {"id": 2, "name": None, "n": None}]
    for bad in ([{"id": 1 << 40}], [{"id": None}, {"id": 1}]):
        with pytest.raises(TypeError, match="WriteIceberg: the rows are not of the table's types"):
            warehouse.write(ms.from_items(bad))
    for bad in ([{"id": 1, "n": "x"}], [{"id": 1.5}], [{"id": True}]):
        with pytest.raises(TypeError, match=r"write_iceberg: column '\w+' is \w+, and \w+ in the table"):
            warehouse.write(ms.from_items(bad))
    with pytest.raises(ValueError, match="WriteIceberg: ValueError: Mismatch in fields"):
        warehouse.write(ms.from_items([{"n": 3}]))
    assert (len(warehouse.table().snapshots()), len(warehouse.data_files())) == (1, 1)


def test_columns_that_the_table_lacks_are_added(filled):
    filled.write(ms.from_items([{"id": 9_000, "late": "x"}]))
    rows = filled.read(selected_fields=["id", "late"]).take_all()
    assert rows[0] == {"id": 9_000, "late": "x"}
    assert rows[1] == {"id": 0, "late": None}


def test_a_failure_leaves_the_table_as_it_was(filled, monkeypatch):
    monkeypatch.setattr("millstream.iceberg_tables._PART_BYTES", 100_000)
    before, snapshot = filled.data_files(), filled.table().current_snapshot()

    def failing(row):
        if row["id"] == 39_000:
            raise KeyError("the last row")
        return {**row, "late": 1}

    for mode in ("append", "overwrite"):
        with pytest.raises(KeyError, match="the last row"):
            filled.write(ms.range(39_001).map(failing), mode=mode)
        assert (filled.data_files(), filled.table().current_snapshot()) == (before, snapshot)
        assert "late" not in filled.read().columns()


def test_a_commit_that_is_refused_leaves_no_files(filled, monkeypatch):
    from pyiceberg.exceptions import CommitFailedException
    from pyiceberg.table import Transaction

    before = filled.data_files()

    def refused(transaction):
        raise CommitFailedException("somebody was faster")

    monkeypatch.setattr(Transaction, "commit_transaction", refused)
    with pytest.raises(CommitFailedException, match="WriteIceberg: CommitFailedException: somebody was faster"):
        filled.write(ms.from_items([row_of(1)]))
    assert filled.data_files() == before

    def broken(transaction):
        raise OSError("the answer was lost")

    monkeypatch.setattr(Transaction, "commit_transaction", broken)
    with pytest.raises(OSError, match="the answer was lost"):
        filled.write(ms.from_items([row_of(1)]))
    assert len(filled.data_files()) == len(before) + 1, "which may be the table's"


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"mode": "upsert"}, ValueError, "mode must be one of 'append', 'overwrite', got 'upsert'"),
        ({"overwrite_filter": "id > 3"}, ValueError, "overwrite_filter is for mode='overwrite'"),
        ({"mode": "overwrite", "overwrite_filter": "nmae > 3"}, ValueError, "Could not find field with name nmae"),
        ({"upsert_kwargs": {}}, NotImplementedError, "upsert_kwargs"),
        ({"rows": 3}, TypeError, "rows"),
        ({"ray_remote_args": {"num_cpus": 1}}, NotImplementedError, "write_iceberg"),
    ],
)
def test_mistakes_of_writing_are_named(filled, options, kind, message):
    before = filled.data_files()
    with pytest.raises(kind, match=message):
        filled.write(ms.from_items([row_of(1)]), **options)
    assert filled.data_files() == before
