"""partition_filter: files that are chosen by their paths."""

import pytest

import millstream as ms
from millstream.datasource import PathPartitionFilter, PathPartitionParser


@pytest.fixture
def years(write, tmp_path):
    for year in (2020, 2021, 2022):
        for name in ("a", "b"):
            write(f"t/year={year}/{name}.csv", f"id\n{year}{name}\n")
    return str(tmp_path / "t")


def ids(rows):
    return [row["id"] for row in rows.take_all()]


def test_files_are_chosen_by_their_values(each_engine, years):
    late = PathPartitionFilter.of(lambda values: values["year"] > "2020")
    assert ids(ms.read_csv(years, partition_filter=late)) == ["2021a", "2021b", "2022a", "2022b"]
    assert len(ms.read_binary_files(years, partition_filter=late).input_files()) == 4
    assert late.parser.scheme.style == "hive"


def test_a_function_of_paths_does_as_well(years):
    rows = ms.read_csv(years, partition_filter=lambda paths: [path for path in paths if path.endswith("b.csv")])
    assert ids(rows) == ["2020b", "2021b", "2022b"]


def test_what_a_filter_cannot_give_is_told(years):
    with pytest.raises(ValueError, match="the partition_filter keeps none of the files"):
        ms.read_csv(years, partition_filter=lambda paths: [])
    with pytest.raises(ValueError, match="gave a path that it was not given: other"):
        ms.read_csv(years, partition_filter=lambda paths: [*paths, "other"])
    with pytest.raises(TypeError, match="must be a PathPartitionFilter, or a function of paths"):
        ms.read_csv(years, partition_filter="year=2020")


def test_parsers_tell_the_values_of_a_path():
    hive = PathPartitionParser.of()
    assert hive("/data/year=2020/day=a%2Fb/x.csv") == {"year": "2020", "day": "a/b"}
    assert hive("x.csv") == {}
    named = PathPartitionParser.of(field_names=["year", "day"])
    with pytest.raises(ValueError, match=r"the fields \['day'\] are not \['year', 'day'\]"):
        named("day=1/x.csv")
    by_place = PathPartitionParser.of("dir", base_dir="/data", field_names=["country", "city"])
    assert by_place("/data/fr/paris/x.csv") == {"country": "fr", "city": "paris"}
    assert by_place("/data/x.csv") == {}
    with pytest.raises(ValueError, match="1 directories for the fields"):
        by_place("/data/fr/x.csv")
    with pytest.raises(TypeError, match="must be a Partitioning"):
        PathPartitionParser("hive")
