"""Mistakes on purpose: the exception a Python person expects, and what to do."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import millstream as ms
from millstream import col


def test_a_missing_path_is_file_not_found():
    with pytest.raises(FileNotFoundError, match="no/such/file"):
        ms.read_parquet("no/such/file.parquet")
    with pytest.raises(FileNotFoundError, match="no/such"):
        ms.read_parquet("no/such/*.parquet")


def test_paths_of_the_wrong_kind_are_refused(tmp_path):
    with pytest.raises(ValueError, match="paths is empty"):
        ms.read_parquet([])
    with pytest.raises(TypeError, match="list of paths"):
        ms.read_parquet(3)
    with pytest.raises(TypeError, match="must be a text"):
        ms.read_parquet([b"x"])
    with pytest.raises(ValueError, match=str(tmp_path)):
        ms.read_parquet(tmp_path)


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(ValueError, match=r"bad\.parquet"):
        ms.read_parquet(tmp_path)


def test_files_whose_columns_do_not_fit_name_file_and_column(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    with pytest.raises(TypeError, match=r"2\.parquet.*'a'|'a'.*2\.parquet"):
        ms.read_parquet(tmp_path)


@pytest.mark.parametrize(
    "ask",
    [
        lambda rows: rows.select_columns(["nmae"]),
        lambda rows: rows.drop_columns(["nmae"]),
        lambda rows: rows.rename_columns({"nmae": "b"}),
        lambda rows: rows.filter(expr=col("nmae") == "x"),
        lambda rows: rows.with_column("b", col("nmae") + 1),
        lambda rows: ms.read_parquet(rows.input_files(), columns=["nmae"]),
        lambda rows: ms.read_parquet(rows.input_files(), filter=col("nmae") == "x"),
    ],
    ids=["select", "drop", "rename", "filter", "with_column", "read", "read filter"],
)
def test_an_unknown_column_is_a_key_error_with_the_near_name(rows, ask):
    with pytest.raises(KeyError, match="did you mean 'name'"):
        ask(rows)


def test_types_that_do_not_fit_are_told_when_the_plan_is_made(rows):
    with pytest.raises(TypeError):
        rows.filter(expr=col("name") > 3)
    with pytest.raises(TypeError, match="true or false"):
        rows.filter(expr=col("key") + 1)


def test_names_twice_and_of_the_wrong_kind_are_refused(rows):
    with pytest.raises(ValueError, match="'key' twice"):
        rows.select_columns(["key", "key"])
    with pytest.raises(ValueError, match="'half'"):
        rows.rename_columns({"key": "half"})
    with pytest.raises(ValueError, match="3 names for 4 columns"):
        rows.rename_columns(["a", "b", "c"])
    with pytest.raises(ValueError, match="no names"):
        rows.rename_columns({})
    with pytest.raises(TypeError, match="dict of"):
        rows.rename_columns("a")
    with pytest.raises(TypeError, match="list of names"):
        rows.select_columns({"key"})
    with pytest.raises(ValueError, match="not a text"):
        rows.select_columns([3])
    with pytest.raises(TypeError, match="must be an expression"):
        rows.with_column("a", 3)
    with pytest.raises(TypeError, match="must be a text"):
        rows.with_column(3, col("key"))


@pytest.mark.parametrize("call", ["limit", "take", "take_all", "to_pandas"])
def test_a_negative_limit_is_refused(rows, call):
    with pytest.raises(ValueError, match="limit must be at least 0, got -1"):
        getattr(rows, call)(-1)
    with pytest.raises(TypeError, match="whole number"):
        getattr(rows, call)(1.5)


def test_counts_of_blocks_and_rows_are_checked(data):
    with pytest.raises(ValueError, match="override_num_blocks must be at least 1"):
        ms.read_parquet(data, override_num_blocks=0)
    with pytest.raises(ValueError, match="parallelism must be at least 1"):
        ms.range(3, parallelism=0)
    with pytest.raises(ValueError, match="n must be at least 0"):
        ms.range(-1)


def test_a_batch_of_no_rows_is_refused(rows):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        rows.take_batch(0)


def test_a_filter_is_an_expression_or_its_text(rows):
    with pytest.raises(ValueError, match="filter takes expr="):
        rows.filter()
    with pytest.raises(ValueError, match="filter takes expr="):
        rows.filter(lambda row: True, expr="key > 1")
    with pytest.raises(NotImplementedError, match="as an expression"):
        rows.filter(lambda row: row["key"] > 1)
    with pytest.raises(TypeError, match="not bool"):
        rows.filter(expr=True)


@pytest.mark.parametrize("text", ["key >", "key = 3", "import os", "__import__('os')", "key.real() > 3", "", "(key"])
def test_text_that_is_no_filter_is_a_value_error(rows, text):
    with pytest.raises(ValueError):  # noqa: PT011
        rows.filter(expr=text)


def test_seeds_are_whole_numbers_of_64_bits(rows):
    with pytest.raises(ValueError, match=r"between 0 and 2\*\*64 - 1"):
        rows.random_shuffle(seed=-1)
    with pytest.raises(ValueError, match=r"between 0 and 2\*\*64 - 1"):
        ms.RandomSeedConfig(2**64)
    with pytest.raises(TypeError, match="RandomSeedConfig or None"):
        rows.random_shuffle(seed="a")
    with pytest.raises(ValueError, match="leave it out"):
        rows.random_shuffle(num_blocks=3)
    rows.random_shuffle(seed=2**64 - 1).take(1)


def test_a_set_is_not_a_sequence(rows):
    with pytest.raises(TypeError, match="iter_rows"):
        iter(rows)
    with pytest.raises(AttributeError, match=r"count\(\)"):
        len(rows)
    assert bool(rows.limit(0))
    assert not callable(rows)


def test_what_only_a_cluster_could_honour_is_refused_by_name(rows, data):
    with pytest.raises(NotImplementedError, match=r"num_cpus=2.*leave the argument out"):
        rows.filter(expr=col("key") > 1, num_cpus=2)
    with pytest.raises(NotImplementedError, match="concurrency=4"):
        ms.read_parquet(data, concurrency=4)
    with pytest.raises(NotImplementedError, match=r"partitioning.*not columns"):
        ms.read_parquet(data, partitioning="hive")
    with pytest.raises(NotImplementedError, match="random_shuffle"):
        ms.read_parquet(data, shuffle="files")
    with pytest.raises(TypeError, match="no argument 'colums'"):
        ms.read_parquet(data, colums=["a"])
    with pytest.raises(TypeError, match="no argument 'exp'"):
        rows.filter(exp="key > 1")
    rows.select_columns("key", num_cpus=None, concurrency=None)


def test_an_unknown_save_mode_is_refused(rows, tmp_path):
    with pytest.raises(ValueError, match="sideways"):
        rows.write_parquet(tmp_path, mode="sideways")
    with pytest.raises(ValueError, match="more than max_rows_per_file"):
        rows.write_parquet(tmp_path, min_rows_per_file=5, max_rows_per_file=4)
    with pytest.raises(FileNotFoundError, match="leave try_create_dir out"):
        rows.write_parquet(tmp_path / "new", try_create_dir=False)
    with pytest.raises(NotImplementedError, match="write each part"):
        rows.write_parquet(tmp_path, partition_cols=["key"])
    assert list(tmp_path.iterdir()) == []


def test_items_of_mixed_types_are_refused():
    with pytest.raises((TypeError, ValueError)):
        ms.from_items([1, "a"])


def test_from_arrow_wants_arrow_data():
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        ms.from_arrow(3)
