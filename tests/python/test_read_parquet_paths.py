"""Columns that the paths of Parquet files tell: they are scans, so that filters on them leave files unread."""

import pickle

import pyarrow
import pytest
from pyarrow import parquet

import millstream as ms
from millstream.datasource import Partitioning
from millstream.expressions import col

ROWS = 3_000


@pytest.fixture
def hive(tmp_path):
    root = tmp_path / "t"
    for place, year in enumerate((2020, 2021, 2022)):
        directory = root / f"year={year}" / ("month=a%2Fb" if year == 2022 else "month=5")
        directory.mkdir(parents=True)
        ids = range(place * ROWS, (place + 1) * ROWS)
        rows = pyarrow.table({"id": ids, "text": [f"row {i}" for i in ids]})
        parquet.write_table(rows, directory / "x.parquet", row_group_size=700)
    return root


def expected(**kept):
    rows = [
        {"id": i, "text": f"row {i}", "year": str(2020 + i // ROWS), "month": "a/b" if i >= 2 * ROWS else "5"}
        for i in range(3 * ROWS)
    ]
    return [row for row in rows if all(row[name] == value for name, value in kept.items())]


def test_hive_directories_are_columns_by_default(each_engine, hive):
    rows = ms.read_parquet(hive)
    assert rows.columns() == ["id", "text", "year", "month"]
    assert rows.take_all() == expected()
    assert rows.count() == 3 * ROWS
    assert pickle.loads(pickle.dumps(rows)).take_all() == expected()
    assert ms.read_parquet(hive, partitioning=None).columns() == ["id", "text"]


def test_columns_are_read_alone_and_in_any_order(hive):
    for columns in (["year"], ["month", "id"], ["text", "year", "id"], ["id"]):
        rows = ms.read_parquet(hive, columns=columns)
        assert rows.columns() == columns
        assert rows.take_all() == [{name: row[name] for name in columns} for row in expected()]
    with pytest.raises(KeyError, match="'year'"):
        ms.read_parquet(hive, columns=["yeer"])


def test_a_shuffle_and_groups_have_them(use_engine, hive):
    orders = set()
    for options in ({"num_cpus": 1}, {"num_cpus": 4}, {"always_spill": True}):
        use_engine(**options)
        rows = ms.read_parquet(hive)
        shuffled = rows.random_shuffle(seed=5).take_all()
        assert sorted(shuffled, key=lambda row: row["id"]) == expected()
        orders.add(tuple(row["id"] for row in shuffled))
        counts = rows.groupby("year").count().take_all()
        assert [(row["year"], row["count()"]) for row in counts] == [(str(y), ROWS) for y in (2020, 2021, 2022)]
        assert rows.sort("year", descending=True).take(1)[0]["year"] == "2022"
    assert len(orders) == 1


def test_filters_on_them_leave_files_unread(hive):
    # A file that was read would be found to be damaged.
    (damaged,) = (hive / "year=2021").rglob("*.parquet")
    rows = ms.read_parquet(hive, partitioning=Partitioning("hive", field_types={"year": int}))
    content = bytearray(damaged.read_bytes())
    content[4:2000] = bytes(1996)
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match="year=2021"):
        rows.take_all()
    for kept in (
        col("year") == 2022,
        col("year").is_in([2020, 2022]) & (col("id") >= 2 * ROWS),
        (col("year") > 2021) | (col("month") == "6"),
    ):
        assert [row["id"] for row in rows.filter(expr=kept).take_all()] == list(range(2 * ROWS, 3 * ROWS))
    assert rows.filter(expr=col("year") == 1999).take_all() == []
    assert rows.filter(expr=col("year").is_null()).count() == 0
    with pytest.raises(ValueError, match="year=2021"):
        rows.filter(expr=(col("year") == 2022) | (col("id") == ROWS)).take_all()


def test_paths_are_a_column(hive):
    rows = ms.read_parquet(hive, include_paths=True, partitioning=None)
    assert rows.columns() == ["id", "text", "path"]
    first = rows.take(1)[0]
    assert first["path"] == f"{hive}/year=2020/month=5/x.parquet"
    assert rows.unique("path") == sorted(rows.input_files())


def test_a_column_that_files_and_paths_have_is_refused(tmp_path):
    (tmp_path / "id=3").mkdir()
    parquet.write_table(pyarrow.table({"id": [1]}), tmp_path / "id=3" / "x.parquet")
    with pytest.raises(ValueError, match="column 'id' is in the files, and told by their paths too"):
        ms.read_parquet(tmp_path)
    assert ms.read_parquet(tmp_path, partitioning=None).take_all() == [{"id": 1}]


def test_extensions_and_missing_paths(tmp_path):
    for name in ("a.parquet", "b.pq", "c.txt"):
        parquet.write_table(pyarrow.table({"id": [name]}), tmp_path / name)
    assert [row["id"] for row in ms.read_parquet(tmp_path).take_all()] == ["a.parquet"]
    assert [row["id"] for row in ms.read_parquet(tmp_path, file_extensions=["parquet", "pq"]).take_all()] == [
        "a.parquet",
        "b.pq",
    ]
    assert ms.read_parquet(tmp_path, file_extensions=None).count() == 3
    paths = [str(tmp_path / "none.parquet"), str(tmp_path / "a.parquet")]
    assert ms.read_parquet(paths, ignore_missing_paths=True).count() == 1
    with pytest.raises(FileNotFoundError, match=r"none\.parquet"):
        ms.read_parquet(paths)
