"""read_lance and write_lance, with pylance."""

import os
import pickle
import threading

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import millstream as ms

lance = pytest.importorskip("lance")

ROWS = 5_000


def row_of(n):
    return {"id": n, "half": n / 2 if n % 7 else None, "name": f"row {n}", "list": [n, n + 1]}


TABLE = pa.Table.from_pylist([row_of(n) for n in range(ROWS)])


@pytest.fixture
def path(tmp_path):
    """A table of fragments of 1,200 rows."""
    lance.write_dataset(TABLE, tmp_path / "t.lance", max_rows_per_file=1_200)
    return str(tmp_path / "t.lance")


def data_files(path):
    return sorted(os.listdir(os.path.join(path, "data")))


def test_fragments_are_read_in_order(each_engine, path):
    rows = ms.read_lance(path)
    assert list(rows.iter_rows()) == TABLE.to_pylist()
    assert (rows.columns(), rows.num_blocks(), rows.count()) == (TABLE.schema.names, 5, ROWS)
    shuffled = [row["id"] for row in rows.random_shuffle(seed=2).iter_rows()]
    assert sorted(shuffled) == list(range(ROWS)) != shuffled
    assert list(pickle.loads(pickle.dumps(rows)).iter_rows()) == TABLE.to_pylist()
    few = ms.read_lance(path, override_num_blocks=2, concurrency=2)
    assert (few.num_blocks(), few.to_arrow()["id"].to_pylist()) == (2, list(range(ROWS)))


def test_columns_filters_and_options(path):
    assert ms.read_lance(path, columns=["name", "id"]).take(1) == [{"name": "row 0", "id": 0}]
    by_text = ms.read_lance(path, filter="id % 1000 = 0 AND half IS NOT NULL", columns=["id"])
    assert [row["id"] for row in by_text.iter_rows()] == [1000, 2000, 3000, 4000]
    for expression in (pc.field("id") >= ROWS - 2, ms.col("id") >= ROWS - 2):
        assert ms.read_lance(path, filter=expression).take_all() == [row_of(ROWS - 2), row_of(ROWS - 1)]
    assert ms.read_lance(path, filter="id < 0").take_all() == []
    with_ids = ms.read_lance(path, scanner_options={"with_row_id": True, "batch_size": 100}, columns=["id"])
    assert with_ids.columns() == ["id", "_rowid"]
    sizes = {
        len(batch["id"]) for batch in with_ids.map_batches(lambda batch: {"id": [len(batch["id"])]}).iter_batches()
    }
    assert sizes


def test_a_version_stays_as_it_is(path):
    first = ms.read_lance(path)
    table = lance.dataset(path)
    table.delete("id >= 10")
    table.tags.create("small", table.version)
    second = ms.read_lance(path)
    table.delete("id >= 5")
    assert [row["id"] for row in second.iter_rows()] == list(range(10))
    assert first.count() == ROWS
    assert first.to_arrow()["id"].to_pylist() == list(range(ROWS))
    assert ms.read_lance(path).count() == 5
    assert ms.read_lance(path, version=1).count() == ROWS
    assert ms.read_lance(path, version="small").count() == 10


def test_large_rows_come_few_at_a_time(tmp_path):
    images = [{"id": n, "bytes": np.random.default_rng(n).bytes(1_000_000)} for n in range(40)]
    lance.write_dataset(pa.Table.from_pylist(images), tmp_path / "images.lance")
    seen = []

    def size(batch):
        seen.append(len(batch["id"]))
        return {"id": batch["id"], "size": [len(each) for each in batch["bytes"]]}

    rows = ms.read_lance(tmp_path / "images.lance").map_batches(size, batch_size=None)
    assert [row["size"] for row in rows.iter_rows()] == [1_000_000] * 40
    assert max(seen) <= 8


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    ms.range(0).write_lance(tmp_path / "empty.lance")
    read = ms.read_lance(tmp_path / "empty.lance")
    assert (read.columns(), read.take_all()) == (["id"], [])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"columns": ["nmae"]}, KeyError, "no column 'nmae'; did you mean 'name'"),
        ({"columns": ["id", "id"]}, ValueError, "a column twice"),
        ({"columns": 3}, TypeError, "list of names"),
        ({"version": 99}, ValueError, "version 99: ValueError: .*not found"),
        ({"filter": "nmae > 3"}, ValueError, "No field named nmae"),
        ({"filter": "id >"}, ValueError, "Error parsing statement"),
        ({"scanner_options": {"limit": 3}}, NotImplementedError, r"scanner_options\['limit'\].*use limit\(\)"),
        ({"scanner_options": {"limits": 3}}, TypeError, "limits"),
        ({"num_cpus": 2}, NotImplementedError, "num_cpus"),
        ({"rows": 2}, TypeError, "no argument 'rows'"),
        ({"override_num_blocks": 0}, ValueError, "override_num_blocks"),
    ],
)
def test_mistakes_of_reading_are_named(path, arguments, kind, message):
    with pytest.raises(kind, match=message):
        ms.read_lance(path, **arguments)


def test_what_is_no_table_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no Lance table at .*nowhere"):
        ms.read_lance(tmp_path / "nowhere")


def test_a_damaged_file_is_an_error(path):
    name = os.path.join(path, "data", data_files(path)[0])
    size = os.path.getsize(name)
    with open(name, "r+b") as file:
        file.truncate(size // 2)
    with pytest.raises((OSError, ValueError, RuntimeError), match="ReadLance: "):
        ms.read_lance(path).to_arrow()


# ---- writing ----
def test_rows_come_back_as_they_were_written(rows, expected, tmp_path):
    target = tmp_path / "made.lance"
    rows.write_lance(target)
    assert lance.dataset(target).to_table().to_pylist() == expected
    assert lance.dataset(target).version == 1
    rows.limit(10).write_lance(target, mode="append")
    assert ms.read_lance(target).take_all() == expected + expected[:10]
    assert lance.dataset(target).version == 2
    rows.limit(3).write_lance(target, mode=ms.SaveMode.OVERWRITE)
    assert ms.read_lance(target).take_all() == expected[:3]
    assert ms.read_lance(target, version=2).count() == 1010
    with pytest.raises(
        FileExistsError, match=r"a Lance table at .*made\.lance' already, of version 3; give mode='append'"
    ):
        rows.write_lance(target)


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_modes_make_a_table_where_there_is_none(rows, expected, tmp_path, mode):
    rows.write_lance(tmp_path / "new.lance", mode=mode)
    assert ms.read_lance(tmp_path / "new.lance").take_all() == expected


def test_files_have_as_many_rows_as_asked_for(rows, tmp_path):
    target = tmp_path / "made.lance"
    rows.write_lance(target, min_rows_per_file=300, max_rows_per_file=400, data_storage_version="2.0")
    assert [fragment.count_rows() for fragment in lance.dataset(target).get_fragments()] == [400, 400, 200]
    assert lance.dataset(target).data_storage_version == "2.0"


def test_rows_are_cast_to_a_schema(rows, tmp_path):
    schema = pa.schema([("key", pa.int16()), ("name", pa.large_string())])
    rows.select_columns(["key", "name"]).write_lance(tmp_path / "made.lance", schema=schema)
    assert lance.dataset(tmp_path / "made.lance").schema == schema
    for bad in ([("key", pa.int8()), ("name", pa.string())], [("kay", pa.int64()), ("name", pa.string())]):
        with pytest.raises(TypeError, match="the rows are not of the table's types"):
            rows.select_columns(["key", "name"]).write_lance(tmp_path / "bad.lance", schema=pa.schema(bad))
    assert not os.path.exists(tmp_path / "bad.lance") or data_files(tmp_path / "bad.lance") == []


def test_appended_rows_are_brought_to_the_tables_types(path):
    more = {"id": pa.array([7], pa.int8()), "half": [3], "name": pa.array(["x"], pa.large_string()), "list": [[None]]}
    ms.from_arrow(pa.table(more)).write_lance(path, mode="append")
    assert ms.read_lance(path).take_all()[-1] == {"id": 7, "half": 3.0, "name": "x", "list": [None]}
    with pytest.raises(TypeError, match="write_lance: column 'id' is double, and int64 in the table"):
        ms.from_items([{"id": 1.5}]).write_lance(path, mode="append")


def test_a_failure_leaves_nothing_written(path):
    before = data_files(path)

    def failing(row):
        if row["id"] == 39_000:
            raise KeyError("the last row")
        return row_of(row["id"])

    with pytest.raises(ms.UserCodeError, match="the last row") as caught:
        ms.range(39_001).map(failing).write_lance(path, mode="append", min_rows_per_file=1, max_rows_per_file=5_000)
    assert isinstance(caught.value, KeyError)
    assert (lance.dataset(path).version, data_files(path)) == (1, before)
    with pytest.raises(OSError, match=r"WriteLance: OSError: .*fields did not match"):
        ms.range(5).rename_columns({"id": "other"}).write_lance(path, mode="append")
    assert (lance.dataset(path).version, data_files(path)) == (1, before)


def test_writers_beside_each_other_lose_no_row(tmp_path):
    target = tmp_path / "made.lance"
    ms.range(0).write_lance(target)
    errors = []

    def write(part):
        try:
            ms.range(500).map_batches(lambda batch: {"id": batch["id"] + 500 * part}).write_lance(target, mode="append")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(row["id"] for row in ms.read_lance(target).iter_rows()) == list(range(2000))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"mode": "upsert"}, ValueError, "mode must be one of 'create', 'append', 'overwrite', got 'upsert'"),
        ({"min_rows_per_file": 9, "max_rows_per_file": 3}, ValueError, r"\(9\) is more than max_rows_per_file \(3\)"),
        ({"max_rows_per_file": 0}, ValueError, "max_rows_per_file"),
        ({"table_id": ["a"]}, NotImplementedError, "table_id"),
        ({"rows": 3}, TypeError, "no argument 'rows'"),
        ({"ray_remote_args": {"num_cpus": 1}}, NotImplementedError, "write_lance"),
    ],
)
def test_mistakes_of_writing_are_named(rows, tmp_path, options, kind, message):
    with pytest.raises(kind, match=message):
        rows.write_lance(tmp_path / "made.lance", **options)
    assert list(tmp_path.iterdir()) == []
