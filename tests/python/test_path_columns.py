"""Columns that paths tell: include_paths and partitioning, for all readers of files."""

import pickle

import pytest

import millstream as ms
from millstream.datasource import Partitioning, PartitionStyle
from millstream.expressions import col


@pytest.fixture
def hive(write, tmp_path):
    for year, month, rows in ((2020, "05", (1, 2)), (2020, "__HIVE_DEFAULT_PARTITION__", (3,)), (2021, "a%2Fb", (4,))):
        write(f"t/year={year}/month={month}/x.csv", "id\n" + "".join(f"{row}\n" for row in rows))
    return tmp_path / "t"


def test_hive_directories_are_columns_by_default(hive):
    rows = ms.read_csv(hive)
    assert rows.take_all() == [
        {"id": 1, "year": "2020", "month": "05"},
        {"id": 2, "year": "2020", "month": "05"},
        {"id": 3, "year": "2020", "month": None},
        {"id": 4, "year": "2021", "month": "a/b"},
    ]
    assert ms.read_csv(hive, partitioning=None).columns() == ["id"]
    assert rows.filter(expr=col("year") == "2021").count() == 1
    assert pickle.loads(pickle.dumps(rows)).take_all() == rows.take_all()


def test_types_of_partitions_are_given(hive):
    typed = Partitioning("hive", field_types={"year": int}, base_dir=f"{hive}/", field_names=["year", "month"])
    rows = ms.read_csv(hive, partitioning=typed)
    assert rows.sum("year") == 2020 * 3 + 2021
    with pytest.raises(
        ValueError, match=r"month=a%2Fb/x\.csv does not fit the partitioning: 'a/b' of 'month' is no double"
    ):
        ms.read_csv(f"{hive}/year=2021", partitioning=Partitioning("hive", field_types={"month": float}))
    with pytest.raises(ValueError, match=r"'day=\.\.\.' is missing, or not in its place"):
        ms.read_csv(hive, partitioning=Partitioning("hive", base_dir=str(hive), field_names=["year", "day"]))


def test_directories_by_their_order(write, tmp_path):
    write("d/dog/1.txt", "a\nb\n")
    write("d/cat/2.txt", "c\n")
    write("d/top.txt", "d\n")
    style = Partitioning(PartitionStyle.DIRECTORY, base_dir=str(tmp_path / "d"), field_names=["kind"])
    rows = ms.read_text(tmp_path / "d", partitioning=style, include_paths=True)
    assert rows.columns() == ["text", "kind", "path"]
    found = [(row["text"], row["kind"], row["path"].rsplit("/d/")[1]) for row in rows.take_all()]
    assert found == [
        ("c", "cat", "cat/2.txt"),
        ("a", "dog", "dog/1.txt"),
        ("b", "dog", "dog/1.txt"),
        ("d", None, "top.txt"),
    ]
    two = Partitioning("dir", base_dir=str(tmp_path / "d"), field_names=["kind", "more"])
    with pytest.raises(
        ValueError, match=r"2\.txt does not fit the partitioning: it is in 1 directories, and there are 2 fields"
    ):
        ms.read_text(tmp_path / "d", partitioning=two)


def test_paths_are_a_column_of_every_reader(write, tmp_path):
    files = {"csv": ("id\n1\n", ms.read_csv), "json": ('{"id": 1}', ms.read_json), "txt": ("1\n", ms.read_text)}
    for extension, (content, reader) in files.items():
        path = write(f"x.{extension}", content)
        rows = reader(path, include_paths=True)
        assert [row["path"] for row in rows.take_all()] == [path]
        assert [row["path"] for row in rows.random_shuffle(seed=1).take_all()] == [path]
    binary = ms.read_binary_files(tmp_path, include_paths=True)
    assert [(row["bytes"], row["path"]) for row in binary.take_all()] == [
        (content.encode(), f"{tmp_path}/x.{extension}") for extension, (content, _) in sorted(files.items())
    ]


def test_a_column_that_files_and_paths_have_is_refused(write):
    path = write("year=2020/x.csv", "year,path\n2020,x\n")
    with pytest.raises(ValueError, match="column 'year' is in the files, and told by their paths too"):
        ms.read_csv(path)
    with pytest.raises(ValueError, match="column 'path' is in the files"):
        ms.read_csv(path, partitioning=None, include_paths=True)
    assert ms.read_csv(path, partitioning=None).count() == 1


def test_missing_paths_are_left_out_where_asked(write, tmp_path):
    path = write("x.csv", "id\n1\n")
    paths = [f"{tmp_path}/a.csv", path, f"{tmp_path}/*.tsv"]
    assert ms.read_csv(paths, ignore_missing_paths=True).count() == 1
    with pytest.raises(FileNotFoundError, match=r"a\.csv"):
        ms.read_csv(paths)
    with pytest.raises(FileNotFoundError, match="none of the paths is there"):
        ms.read_csv(paths[:1], ignore_missing_paths=True)


def test_partitionings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"style is one of \['hive', 'dir'\]"):
        Partitioning("spark")
    with pytest.raises(ValueError, match="needs field_names"):
        Partitioning("dir")
    with pytest.raises(TypeError, match=r"field_types\['x'\] must be int"):
        Partitioning("hive", field_types={"x": list})
