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
    with pytest.raises(TypeError, match=r"partitioning must be a millstream\.datasource\.Partitioning or None"):
        ms.read_parquet(data, partitioning="hive")
    with pytest.raises(TypeError, match="shuffle must be 'files', a FileShuffleConfig or None, not 'rows'"):
        ms.read_parquet(data, shuffle="rows")
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
    with pytest.raises(NotImplementedError, match="directory"):
        rows.write_parquet(tmp_path, catalog="main")
    assert list(tmp_path.iterdir()) == []


def test_items_of_mixed_types_are_refused():
    with pytest.raises((TypeError, ValueError)):
        ms.from_items([1, "a"])


def test_from_arrow_wants_arrow_data():
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        ms.from_arrow(3)


def test_urls_and_paths_of_other_types_are_told_apart_from_missing_files(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"'nonsense://x': nobody here knows nonsense://"):
        ms.read_parquet(["nonsense://x"])
    with pytest.raises(FileNotFoundError, match="/no such place/x"):
        ms.read_parquet("file:///no such place/x")
    with pytest.raises(ValueError, match=r"'nonsense://x'"):
        rows.write_parquet("nonsense://x")
    with pytest.raises(ValueError, match="a path is empty"):
        ms.read_parquet("")
    with pytest.raises(ValueError, match="path is empty"):
        rows.write_parquet("")
    with pytest.raises(TypeError, match=r"path must be a text or os\.PathLike, not int"):
        rows.write_parquet(3)
    with pytest.raises(TypeError, match=r"spill_directory must be a text or os\.PathLike, not bytes"):
        ms.init(spill_directory=b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("streaming_split", "in each process"),
        ("to_torch", r"iter_torch_batches\(\)"),
        ("repeat", "once an epoch"),
        ("write_bigquery", r"write_parquet\(\)"),
        ("state_dict", r"dataset\.iterator\(\)\.state_dict\(\)"),
    ],
)
def test_what_ray_data_has_and_this_has_not_says_what_to_do(rows, name, remedy):
    with pytest.raises(
        AttributeError, match=rf"'Dataset' object has no attribute '{name}' in this version; .*{remedy}"
    ):
        getattr(rows, name)
    assert not hasattr(rows, name)


def test_no_name_that_is_there_is_said_to_be_missing(rows):
    from millstream import missing_names

    assert [name for name in missing_names._DATASET if name in dir(rows)] == []
    assert [name for name in missing_names._ITERATOR if name in dir(rows.iterator())] == []


def test_other_names_are_missing_as_python_says_it(rows):
    with pytest.raises(AttributeError, match=r"^'Dataset' object has no attribute 'filtr'$") as raised:
        rows.filtr  # noqa: B018
    assert (raised.value.name, raised.value.obj) == ("filtr", rows)
    with pytest.raises(AttributeError, match=r"^'DataIterator' object has no attribute 'iter_bathces'$"):
        rows.iterator().iter_bathces  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'Datset'$"):
        ms.Datset  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'read_mongo' in this version; .*from_arrow\(\)"):
        ms.read_mongo  # noqa: B018


def test_an_iterator_and_a_set_say_what_to_loop_over(rows):
    with pytest.raises(TypeError, match=r"loop over its iter_batches\(\)"):
        iter(rows.iterator())
    with pytest.raises(TypeError, match=r"select_columns\(\)"):
        rows["key"]


def test_an_expression_in_the_place_of_a_function_is_told_its_name(rows):
    for expression in ("key > 3", col("key") > 3):
        with pytest.raises(TypeError, match=r"filter\(expr=\.\.\.\)"):
            rows.filter(expression)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("key > 3 AND key < 5", "small letters"), ("key > 3 && key < 5", "as words"), ("name is null", "written None")],
)
def test_sql_in_a_filter_is_told_how_it_is_written_here(rows, text, hint):
    with pytest.raises(ValueError, match=hint):
        rows.filter(expr=text)


def test_types_that_do_not_go_together_are_named_with_a_remedy(rows):
    with pytest.raises(TypeError, match=r"not for values of types \(int64, string\); cast one of them"):
        rows.filter(expr=col("key") > "a")
    with pytest.raises(TypeError, match=r"not for values of types \(string, int8\)"):
        rows.with_column("x", col("name") + 1)


def test_literals_are_checked_where_they_are_written():
    for value in ({}, object(), ms.range(3)):
        with pytest.raises(TypeError, match=f"a literal must be .* not {type(value).__name__}"):
            col("key") + value
    with pytest.raises(TypeError, match=r"is_in\(\) takes a list"):
        _ = col("key") == [1, 2]


def test_literals_may_be_of_numpy_and_of_the_standard_library():
    import datetime
    import decimal

    import numpy

    table = pa.table(
        {
            "key": [1, 2],
            "when": [datetime.datetime(2013, 1, 1), datetime.datetime(2013, 1, 3)],
            "cost": [decimal.Decimal("1.50"), decimal.Decimal("2.50")],
        }
    )
    rows = ms.from_arrow(table)
    for expression in (
        col("key") > numpy.int64(1),
        col("key") > numpy.float32(1.5),
        col("when") > datetime.datetime(2013, 1, 2),
        col("when") > numpy.datetime64("2013-01-02"),
        col("cost") > decimal.Decimal("2.00"),
    ):
        assert [row["key"] for row in rows.filter(expr=expression).take_all()] == [2]


def test_arguments_of_iterations_are_checked_at_the_call(rows):
    import torch

    with pytest.raises(TypeError, match="drop_last must be True or False, not 'no'"):
        rows.iter_batches(drop_last="no")
    with pytest.raises(TypeError, match="local_shuffle_seed must be a whole number, not str"):
        rows.iter_batches(local_shuffle_buffer_size=10, local_shuffle_seed="a")
    with pytest.raises(TypeError, match=r"dtypes takes torch dtypes .* got 'int32'"):
        rows.iter_torch_batches(dtypes="int32")
    with pytest.raises(TypeError, match=r"got <class 'int'>"):
        rows.iter_torch_batches(dtypes={"key": int})
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="device='cuda': torch finds no CUDA device"):
            rows.iter_torch_batches(device="cuda")


def test_sources_say_what_they_take():
    import numpy
    import pandas

    for items in (3, "abc", {"a": [1]}):
        with pytest.raises(TypeError, match=r"a list of rows.*from_arrow\(pyarrow\.table\(columns\)\)"):
            ms.from_items(items)
    with pytest.raises(TypeError, match="names of columns; 1 is not a text"):
        ms.from_items([{1: 2}])
    with pytest.raises((TypeError, ValueError), match=r"column 'a': .*must be of one type"):
        ms.from_items([{"a": 1}, {"a": "x"}])
    for table in (None, {"a": [1]}, [3]):
        with pytest.raises(TypeError, match="takes an Arrow table or record batch"):
            ms.from_arrow(table)
    for frame in ({"a": [1]}, [3]):
        with pytest.raises(TypeError, match="takes a DataFrame or a list of them"):
            ms.from_pandas(frame)
    assert ms.from_pandas(pandas.DataFrame({"a": [1]})).take() == [{"a": 1}]
    for array in ([1, 2], numpy.array(3)):
        with pytest.raises(TypeError, match="an array with an axis of rows"):
            ms.from_numpy(array)
    with pytest.raises(TypeError, match="complex128"):
        ms.from_numpy(numpy.array([1 + 2j]))
    with pytest.raises(ValueError, match=r"n must be below 2\*\*48"):
        ms.range(10**20)
    with pytest.raises(TypeError, match="columns must be a list of names, not 3"):
        ms.read_parquet("x", columns=3)


def test_options_of_the_writer_are_checked(rows, tmp_path):
    with pytest.raises(ValueError, match="mode must be one of 'append', 'overwrite', 'ignore', 'error', got 'w'"):
        rows.write_parquet(tmp_path, mode="w")
    with pytest.raises(TypeError, match="compression must be a text or None, not int"):
        rows.write_parquet(tmp_path, compression=3)
    assert list(tmp_path.iterdir()) == []
    rows.write_parquet(tmp_path, compression=None)
    written = pq.ParquetFile(next(tmp_path.iterdir())).metadata
    assert written.row_group(0).column(0).compression == "UNCOMPRESSED"


@pytest.mark.parametrize("take", ["rows", "sorted by it", "shuffled", "filtered", "grouped"])
def test_an_expression_that_fails_names_file_and_row(tmp_path, take):
    for part in range(2):
        values = [1] * 500 if part == 0 else [*([1] * 321), 0, *([1] * 178)]
        pq.write_table(pa.table({"x": values}), tmp_path / f"{part}.parquet", row_group_size=200)
    rows = ms.read_parquet(tmp_path)
    divided = rows.with_column("y", col("x") // col("x"))
    plans = {
        "rows": divided,
        "sorted by it": divided.sort("y"),
        "shuffled": divided.random_shuffle(seed=1),
        "filtered": rows.filter(expr=col("x") // col("x") == 1),
        "grouped": divided.groupby("y").count(),
    }
    with pytest.raises(ValueError, match=r"^row 321 of .*1\.parquet: evaluating .*divide by zero"):
        plans[take].take_all()
