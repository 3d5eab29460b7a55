"""Input that cannot be read, however its rows are asked for: the exception that a Python person expects, with file, row
group, column and remedy; and afterwards nothing works, nothing is held, no file lies about, and the engine reads on.
"""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aftermath import assert_nothing_left

import millstream as ms
from millstream import col

ROWS = 600
GROUP = 200


def write(path, begin=0, rows=ROWS, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = range(begin, begin + rows)
    table = pa.table(
        {
            "number": pa.array(numbers, pa.int64()),
            "half": pa.array([number / 2 for number in numbers], pa.float64()),
            "name": pa.array([f"row {number}" for number in numbers]),
        }
    )
    pq.write_table(table, path, **{"row_group_size": GROUP, "compression": "snappy", **options})
    return path


@pytest.fixture
def engine(use_engine):
    return use_engine()


@pytest.fixture
def good(tmp_path):
    """Three files that can be read."""
    for index in range(3):
        write(tmp_path / "data" / f"{index}.parquet", begin=index * ROWS)
    return tmp_path / "data"


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def assert_reads(paths, rows):
    assert ms.read_parquet(paths).random_shuffle(seed=1).count() == rows
    assert len(ms.read_parquet(paths).random_shuffle(seed=1).take_all()) == rows


# What the listing and the footers tell


def test_a_missing_path_is_file_not_found_with_the_path_and_where_it_was_looked_for(engine, good, monkeypatch):
    monkeypatch.chdir(good)
    with pytest.raises(FileNotFoundError, match=rf"'{good}/9\.parquet'.*check the path"):
        ms.read_parquet([good / "0.parquet", good / "9.parquet"])
    with pytest.raises(FileNotFoundError, match=rf"'9\.parquet'.*relative paths begin at {good}"):
        ms.read_parquet("9.parquet")
    with pytest.raises(FileNotFoundError, match=rf"no file matches {good}/9\*"):
        ms.read_parquet(good / "9*")
    with pytest.raises(FileNotFoundError, match=r"'~/nowhere'.*expanduser"):
        ms.read_parquet("~/nowhere")
    with pytest.raises(FileNotFoundError, match=r"0\.parquet/inside'.*Not a directory"):
        ms.read_parquet(good / "0.parquet" / "inside")
    assert_nothing_left()
    assert_reads(good, 3 * ROWS)


def test_a_directory_without_parquet_files_is_named_with_a_remedy(engine, tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "hidden" / "_temporary" / "0.parquet")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "table.csv").write_text("a,b\n")
    for name in ("empty", "hidden", "other"):
        expected = rf"directory {tmp_path}/{name} has no file ending in \.parquet; name the files"
        with pytest.raises(ValueError, match=expected):
            ms.read_parquet(tmp_path / name)
    assert_nothing_left()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("number,half,name\n1,0.5,row 1\n" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:-4] + b"PARE"),
        lambda path: cut(path, 0.1),
        lambda path: cut(path, 0.5),
        lambda path: cut(path, 0.99),
    ],
    ids=["empty", "text", "encrypted", "a tenth", "a half", "nearly all"],
)
def test_a_file_that_is_not_parquet_or_cut_short_is_named_with_a_remedy(engine, good, spoil):
    spoil(good / "1.parquet")
    expected = r"1\.parquet is not a readable Parquet file: .*may be cut short or .*; write it again or leave it out"
    for paths in (good, good / "*.parquet", sorted(good.iterdir()), good / "1.parquet"):
        with pytest.raises(ValueError, match=expected):
            ms.read_parquet(paths)
    assert_nothing_left()
    assert_reads([good / "0.parquet", good / "2.parquet"], 2 * ROWS)


def test_schemas_that_differ_a_little_are_unified_as_ray_data_does(engine, tmp_path):
    pq.write_table(pa.table({"a": pa.array([1, 2], pa.int32()), "b": ["x", "y"]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": pa.array([3], pa.int64()), "c": [1.5]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": pa.array([None], pa.null())}), tmp_path / "2.parquet")
    expected = [
        {"a": 1, "b": "x", "c": None},
        {"a": 2, "b": "y", "c": None},
        {"a": 3, "b": None, "c": 1.5},
        {"a": None, "b": None, "c": None},
    ]
    rows = ms.read_parquet(tmp_path)
    assert rows.schema().names == ["a", "b", "c"]
    assert rows.schema().type_names == ["int64", "string", "double"]
    assert rows.take_all() == expected
    assert sorted(map(repr, rows.random_shuffle(seed=1).take_all())) == sorted(map(repr, expected))


def test_schemas_that_do_not_go_together_name_column_types_files_and_remedy(engine, tmp_path):
    pq.write_table(pa.table({"a": [1], "when": pa.array([0], pa.timestamp("us"))}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": [1], "when": ["2013-01-01"]}), tmp_path / "1.parquet")
    expected = (
        rf"column 'when': string in {tmp_path}/1\.parquet, timestamp\[us\] in {tmp_path}/0\.parquet; read them apart"
    )
    with pytest.raises(TypeError, match=expected):
        ms.read_parquet(tmp_path)
    assert_nothing_left()
    assert ms.read_parquet(tmp_path / "0.parquet").count() == 1


def test_an_unknown_column_names_the_near_ones(engine, good):
    rows = ms.read_parquet(good)
    for ask in (
        lambda: ms.read_parquet(good, columns=["nmber"]),
        lambda: rows.select_columns(["half", "nmber"]),
        lambda: rows.drop_columns("nmber"),
        lambda: rows.filter(expr="nmber > 3"),
        lambda: rows.random_shuffle(seed=1).with_column("x", col("nmber") + 1),
    ):
        with pytest.raises(KeyError, match=r"no column 'nmber'; did you mean 'number'\? \(columns: number, half,"):
            ask()
    assert_nothing_left()


# What shows only when rows are read


WAYS = {
    "iter_batches": lambda rows, out: list(rows.iter_batches(batch_size=50)),
    "iter_batches far ahead": lambda rows, out: list(rows.iter_batches(batch_size=50, prefetch_batches=8)),
    "iter_rows": lambda rows, out: list(rows.iter_rows()),
    "iter_torch_batches": lambda rows, out: list(
        rows.iter_torch_batches(collate_fn=lambda batch: len(batch["name"]), batch_size=50)
    ),
    "take_all": lambda rows, out: rows.take_all(),
    "to_arrow": lambda rows, out: rows.to_arrow(),
    "materialize": lambda rows, out: rows.materialize(),
    "count": lambda rows, out: rows.filter(expr="name != 'x' and half >= 0").count(),
    "filter": lambda rows, out: rows.filter(expr="name != 'x' and half >= 0").take_all(),
    "write_parquet": lambda rows, out: rows.write_parquet(out, max_rows_per_file=100),
    "shuffle": lambda rows, out: list(rows.random_shuffle(seed=1).iter_batches(batch_size=50)),
    "shuffle and filter": lambda rows, out: rows.random_shuffle(seed=1).filter(expr="name > '' and half >= 0").count(),
    "shuffle and write": lambda rows, out: rows.random_shuffle(seed=1).write_parquet(out, max_rows_per_file=100),
    "local shuffle": lambda rows, out: list(rows.iter_batches(batch_size=50, local_shuffle_buffer_size=1000)),
}


def chunk_of(path, row_group, column):
    """Where the pages of a column chunk are: (begin, end)."""
    metadata = pq.ParquetFile(path).metadata
    chunk = metadata.row_group(row_group).column(metadata.schema.names.index(column))
    begin = min(offset for offset in (chunk.dictionary_page_offset, chunk.data_page_offset) if offset)
    return begin, begin + chunk.total_compressed_size


def flip_a_bit(path, row_group, column):
    """In a value, where only a checksum can tell."""
    content = bytearray(path.read_bytes())
    content[chunk_of(path, row_group, column)[1] - 3] ^= 4
    path.write_bytes(content)


def overwrite_pages(path, row_group, column):
    content = bytearray(path.read_bytes())
    begin, end = chunk_of(path, row_group, column)
    content[begin + 30 : end] = b"\xff" * (end - begin - 30)
    path.write_bytes(content)


DAMAGES = {
    "checksum": (flip_a_bit, {"write_page_checksum": True, "compression": "none", "use_dictionary": False}, "CRC"),
    "no checksum": (overwrite_pages, {}, ""),
}


@pytest.mark.parametrize("always_spill", [False, True], ids=["in memory", "spilled"])
@pytest.mark.parametrize("column", ["half", "name"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_corrupt_page_names_file_row_group_column_and_remedy(use_engine, tmp_path, damage, column, always_spill):
    spoil, options, reason = DAMAGES[damage]
    use_engine(always_spill=always_spill)
    data, out = tmp_path / "data", tmp_path / "out"
    for index in range(3):
        write(data / f"{index}.parquet", begin=index * ROWS, **options)
    spoil(data / "1.parquet", 2, column)
    rows = ms.read_parquet(data)
    place = rf"^file {data}/1\.parquet, row group 2, column {column}"
    expected = place + rf" cannot be decoded: .*{reason}.*write it again or leave it out"
    for way, use in WAYS.items():
        with pytest.raises(ValueError, match=expected) as raised:
            use(rows, out)
        # The traceback, with all its frames, is still there.
        assert raised.tb is not None
        assert_nothing_left(tmp_path / "spill", out)
        assert not out.exists(), way
    others = [name for name in ("number", "half", "name") if name != column]
    assert rows.select_columns(others).random_shuffle(seed=1).count() == 3 * ROWS
    assert len(rows.select_columns(others).take_all()) == 3 * ROWS


def test_a_file_that_vanishes_or_changes_after_it_was_listed_is_named(engine, good, tmp_path):
    rows, out = ms.read_parquet(good), tmp_path / "out"
    write(good / "2.parquet", rows=10)
    for way in WAYS.values():
        with pytest.raises(ValueError, match=r"2\.parquet changed after it was listed: .*call read_parquet\(\) again"):
            way(rows, out)
        assert_nothing_left(tmp_path / "spill", out)
    (good / "2.parquet").unlink()
    for way in WAYS.values():
        with pytest.raises(FileNotFoundError, match=r"2\.parquet"):
            way(rows, out)
        assert_nothing_left(tmp_path / "spill", out)
    assert_reads(good, 2 * ROWS)


def test_an_expression_that_fails_on_a_row_ends_every_way_of_asking(engine, good, tmp_path):
    rows, out = ms.read_parquet(good).with_column("bad", 1 // (col("number") - 1000)), tmp_path / "out"
    for name, way in WAYS.items():
        if name in ("count", "shuffle and filter"):  # these need no such column
            continue
        with pytest.raises(ValueError, match=re.compile("divide by zero|division by zero", re.IGNORECASE)):
            way(rows, out)
        assert_nothing_left(tmp_path / "spill", out)


def test_an_epoch_that_failed_can_be_run_again_once_the_file_is_whole(engine, good):
    whole = (good / "1.parquet").read_bytes()
    iterator = ms.read_parquet(good).random_shuffle(seed=ms.RandomSeedConfig(3)).iterator()
    expected = [row["number"] for row in ms.read_parquet(good).random_shuffle(seed=3).take_all()]
    state = iterator.state_dict()
    overwrite_pages(good / "1.parquet", 0, "name")
    with pytest.raises(ValueError, match=r"1\.parquet, row group 0, column name"):
        list(iterator.iter_batches())
    (good / "1.parquet").write_bytes(whole)
    iterator.load_state_dict(state)
    assert [row["number"] for row in iterator.iter_rows()] == expected
