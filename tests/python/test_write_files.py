"""Writing a data set as files of other formats than Parquet, and reading them back."""

import datetime
import decimal
import gzip
import json
import random
import signal
import struct
import subprocess
import sys
import textwrap

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.json
import pyarrow.orc
import pytest
from mixed_rows import TYPES, column

import millstream as ms
from millstream import col
from millstream.datasource import FilenameProvider, Partitioning

FORMATS = ["csv", "ipc", "json", "orc", "tfrecords"]


def files(directory):
    return sorted(path for path in directory.rglob("*") if path.is_file())


def write(dataset, form, path, **options):
    getattr(dataset, f"write_{form}")(path, **options)


def read(form, path, **options):
    return getattr(ms, f"read_{form}")(path, **options)


# ---- values ----
# What a type comes back as, where it is another; None where it is refused. What is not listed comes back as it is.
COMES_BACK = {
    "csv": {
        **dict.fromkeys(["int8", "int16", "int32", "uint8", "uint16", "uint32", "duration"], pa.int64()),
        **dict.fromkeys(["half", "float", "decimal", "wide decimal", "uint64"], pa.float64()),
        **dict.fromkeys(["large string", "string view", "dictionary", "fine time"], pa.string()),
        **dict.fromkeys(["binary", "bytes of a width", "struct", "list", "list of a length"]),
        "date64": pa.date32(),
        "timestamp": pa.timestamp("ns"),
        "timestamp in a zone": pa.timestamp("s", "UTC"),
    },
    "ipc": {"dictionary": pa.string()},
    "json": {
        **dict.fromkeys(["int8", "int16", "int32", "uint8", "uint16", "uint32"], pa.int64()),
        **dict.fromkeys(["half", "float", "decimal", "wide decimal", "uint64"], pa.float64()),
        **dict.fromkeys(["large string", "string view", "dictionary", "time", "fine time", "timestamp"], pa.string()),
        **dict.fromkeys(["date", "date64", "timestamp in a zone"], pa.timestamp("s")),
        **dict.fromkeys(["binary", "bytes of a width", "duration"]),
        "struct": pa.struct([("x", pa.int64()), ("y", pa.string())]),
        "list": pa.list_(pa.int64()),
        "list of a length": pa.list_(pa.float64()),
    },
    "orc": {
        **dict.fromkeys(
            ["uint8", "uint16", "uint32", "uint64", "half", "wide decimal", "time", "fine time", "duration"]
        ),
        "large string": pa.string(),
        "string view": pa.string(),
        "dictionary": pa.string(),
        "bytes of a width": pa.binary(),
        "date64": pa.timestamp("ns"),
        "timestamp": pa.timestamp("ns"),
        "timestamp in a zone": pa.timestamp("ns", "UTC"),
        "list of a length": pa.list_(pa.float32()),
    },
    "tfrecords": {
        **dict.fromkeys(["bool", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"], pa.int64()),
        **dict.fromkeys(["half", "double"], pa.float32()),
        **dict.fromkeys(["string", "large string", "string view", "bytes of a width", "dictionary"], pa.binary()),
        **dict.fromkeys(["decimal", "wide decimal", "date", "date64", "time", "fine time", "timestamp", "duration"]),
        **dict.fromkeys(["timestamp in a zone", "struct"]),
        "list": pa.list_(pa.int64()),
        "list of a length": pa.list_(pa.float32()),
    },
}


SINGLE = {"half", "float", "list of a length"}  # of 32 bits or less


def plain(value, single=False):
    """Values that are equal where only the type is another."""
    if isinstance(value, dict):
        return {name: plain(inside, single) for name, inside in value.items()}
    if isinstance(value, list):
        return [plain(inside, single) for inside in value]
    if isinstance(value, float | np.floating | decimal.Decimal) or (isinstance(value, int) and abs(value) > 2**53):
        number = float(value)
        return None if np.isnan(number) else struct.unpack("f", struct.pack("f", number))[0] if single else number
    if isinstance(value, datetime.datetime):
        moment = value if value.tzinfo is None else value.astimezone(datetime.UTC).replace(tzinfo=None)
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, datetime.date):
        return value.strftime("%Y-%m-%d 00:00:00.000000")
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value // datetime.timedelta(milliseconds=1)
    return value


def is_single(form, name):
    return name in SINGLE or (form == "tfrecords" and name == "double")


def lost(form, name, values):
    """What is documented to be lost."""
    values = [plain(value, is_single(form, name)) for value in values]
    if form == "csv" and pa.types.is_string(COMES_BACK["csv"].get(name, TYPES[name][0])):
        values = ["" if value is None else value for value in values]
    if form == "json":
        values = [None if isinstance(value, float) and np.isinf(value) else value for value in values]
    if form == "tfrecords" and name == "bool":
        values = [None if value is None else int(value) for value in values]
    if form == "tfrecords" and COMES_BACK[form].get(name) == pa.binary():
        values = [value.encode() if isinstance(value, str) else value for value in values]
    return values


def came_back(form, name, values):
    values = [plain(value, is_single(form, name)) for value in values]
    if name in ("time", "fine time"):
        return [value if value in (None, "") else datetime.time.fromisoformat(value).isoformat() for value in values]
    if name == "timestamp":
        return [value if value is None else value.replace("T", " ") for value in values]
    return values


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", TYPES)
def test_each_type_comes_back_or_as_what_is_documented_or_is_refused_by_name(name, form, tmp_path):
    seed = 11
    draw = random.Random(seed)
    values = column(name, draw, 400)
    if form == "tfrecords" and name == "uint64":
        values = pa.array([None if value is None else value % 2**63 for value in values.to_pylist()], pa.uint64())
    if form in ("csv", "json") and name in ("timestamp", "fine time", "time"):
        values = values.drop_null()
    table = pa.table({"the column": values, "n": pa.array(range(len(values)))})
    dataset = ms.from_arrow(table)
    expected = COMES_BACK[form].get(name, TYPES[name][0])
    if expected is None:
        with pytest.raises(TypeError, match="'the column'"):
            write(dataset, form, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []
        return
    write(dataset, form, tmp_path / "out", max_rows_per_file=150)
    back = read(form, tmp_path / "out").to_arrow()
    assert back.num_rows == len(values)
    assert back.column("n").to_pylist() == list(range(len(values)))
    assert back.schema.field("the column").type == expected
    assert came_back(form, name, back.column("the column").to_pylist()) == lost(form, name, values.to_pylist())


def test_other_libraries_read_what_is_written(tmp_path):
    table = pa.table({"a": [1, None, 3], "s": ['x,"y"\n', "", None], "f": [0.5, 1e300, None]})
    dataset = ms.from_arrow(table)
    for form in ("csv", "ipc", "json", "orc"):
        write(dataset, form, tmp_path / form)
    convert = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    assert pyarrow.csv.read_csv(files(tmp_path / "csv")[0], convert_options=convert, parse_options=parse) == table
    assert pyarrow.feather.read_table(files(tmp_path / "ipc")[0]) == table
    assert pyarrow.json.read_json(files(tmp_path / "json")[0]) == table
    assert pyarrow.orc.read_table(files(tmp_path / "orc")[0]) == table


def test_json_has_nested_values_tensors_and_escapes(tmp_path):
    rows = [
        {
            "text": 'a"b\\c\n\t\x01é\U0001f993',
            "nested": {"x": [1, 2], "y": {"z": None}},
            "t": np.arange(6).reshape(2, 3),
        },
        {"text": "", "nested": {"x": [], "y": {"z": 1.0}}, "t": np.arange(6, 12).reshape(2, 3)},
    ]
    ms.from_items(rows).write_json(tmp_path)
    (path,) = files(tmp_path)
    read_back = [json.loads(line) for line in path.read_text().splitlines()]
    assert read_back == [{**row, "t": row["t"].tolist()} for row in rows]
    ms.from_items(rows).write_json(tmp_path / "array", lines=False)
    assert json.loads(files(tmp_path / "array")[0].read_text()) == read_back


def test_json_tells_numbers_apart_and_writes_long_texts_in_pieces(tmp_path):
    long = "é" * (3 << 20) + '"'
    table = pa.table({"f": [1.0, 2.5, float("nan")], "s": [long, "x", long], "v": pa.array([[1, 2], None, []])})
    ms.from_arrow(table).write_json(tmp_path)
    assert ms.read_json(tmp_path).schema().type_names == ["double", "string", "list<item: int64>"]
    assert ms.read_json(tmp_path).take_all() == [
        {"f": 1.0, "s": long, "v": [1, 2]},
        {"f": 2.5, "s": "x", "v": None},
        {"f": None, "s": long, "v": []},
    ]


@pytest.mark.parametrize(("form", "suffix"), [("csv", ".csv"), ("json", ".json"), ("tfrecords", ".tfrecords")])
@pytest.mark.parametrize(("codec", "ending"), [("gzip", ".gz"), ("zstd", ".zst"), ("bz2", ".bz2"), ("lz4", ".lz4")])
def test_files_are_compressed_as_a_whole(form, suffix, codec, ending, tmp_path):
    dataset = ms.range(1000)
    write(dataset, form, tmp_path / "a", compression=codec)
    write(dataset, form, tmp_path / "b", arrow_open_stream_args={"compression": codec})
    for directory in (tmp_path / "a", tmp_path / "b"):
        assert all(path.name.endswith(suffix + ending) for path in files(directory))
        assert read(form, directory).take_all() == dataset.take_all()
    if codec == "gzip":
        assert gzip.decompress(files(tmp_path / "a")[0].read_bytes())
    with pytest.raises(ValueError, match="one of them"):
        write(dataset, form, tmp_path / "c", compression=codec, arrow_open_stream_args={"compression": codec})


def test_csv_options_are_pyarrows(tmp_path):
    options = pyarrow.csv.WriteOptions(include_header=False, delimiter=";", quoting_style="all_valid")
    ms.from_items([{"a": 1, "b": "x"}]).write_csv(tmp_path, write_options=options)
    assert files(tmp_path)[0].read_text() == '"1";"x"\n'
    none = pyarrow.csv.WriteOptions(quoting_style="none")
    with pytest.raises(ValueError, match=r"quot|delimiter|CSV"):
        ms.from_items([{"a": 'x"y,'}]).write_csv(tmp_path / "none", write_options=none)
    assert not (tmp_path / "none").exists()
    with pytest.raises(TypeError, match="write_options"):
        ms.range(3).write_csv(tmp_path, write_options={"delimiter": ";"})


# ---- arrays and pictures ----
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_numpy_arrays_come_back(dtype, shape, tmp_path):
    array = np.random.default_rng(3).integers(0, 2, (500, *shape)).astype(dtype)
    ms.from_numpy(array).write_numpy(tmp_path, column="data", max_rows_per_file=120)
    written = [np.load(path, allow_pickle=False) for path in files(tmp_path)]
    assert [len(part) for part in written] == [120, 120, 120, 120, 20]
    assert written[0].dtype == array.dtype
    assert np.array_equal(np.concatenate(written), array)
    assert np.array_equal(np.stack([row["data"] for row in ms.read_numpy(tmp_path).take_all()]), array)


def test_numpy_takes_lists_of_one_length_and_floating_nulls_and_no_other_nulls(tmp_path):
    lists = pa.table({"x": pa.array([[1, 2], [3, 4]]), "f": pa.array([1.5, None]), "i": pa.array([1, None])})
    dataset = ms.from_arrow(lists)
    dataset.write_numpy(tmp_path / "x", column="x")
    assert np.load(files(tmp_path / "x")[0]).tolist() == [[1, 2], [3, 4]]
    dataset.write_numpy(tmp_path / "f", column="f")
    assert np.array_equal(np.load(files(tmp_path / "f")[0]), [1.5, np.nan], equal_nan=True)
    with pytest.raises(ValueError, match=r"row 1 .*null.*int64"):
        dataset.write_numpy(tmp_path / "i", column="i")
    ragged = ms.from_arrow(pa.table({"x": pa.array([[1, 2], [3]])}))
    with pytest.raises(ValueError, match=r"row 1 .*shape \(1\).*\(2\)"):
        ragged.write_numpy(tmp_path / "r", column="x")
    with pytest.raises(KeyError, match="'y'"):
        ragged.write_numpy(tmp_path / "r", column="y")
    with pytest.raises(TypeError, match="'s'"):
        ms.from_items([{"s": "text"}]).write_numpy(tmp_path / "r", column="s")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "x"]


@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_png_pictures_come_back_and_are_files_in_the_order_of_the_rows(channels, tmp_path):
    shape = (7, 5) if channels is None else (7, 5, channels)
    pictures = np.random.default_rng(1).integers(0, 256, (30, *shape), dtype=np.uint8)
    ms.from_numpy(pictures).write_images(tmp_path, "data")
    assert len(files(tmp_path)) == 30
    for path, picture in zip(files(tmp_path), pictures, strict=True):
        assert path.suffix == ".png"
        assert np.array_equal(np.asarray(PIL.Image.open(path)), picture.squeeze())


def test_jpeg_pictures_are_close_and_pictures_of_several_shapes_are_written(tmp_path):
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    pictures = [np.stack([np.tile(ramp, (height, 1))] * 3, axis=-1) for height in (16, 24, 40)]
    dataset = ms.from_items([{"image": picture} for picture in pictures])
    for form in ("jpg", "jpeg"):
        dataset.write_images(tmp_path / form, "image", file_format=form)
        for path, picture in zip(files(tmp_path / form), pictures, strict=True):
            assert path.suffix == f".{form}"
            read_back = PIL.Image.open(path)
            assert read_back.format == "JPEG"
            assert np.abs(np.asarray(read_back).astype(int) - picture).mean() < 3


def test_what_is_no_picture_is_refused(tmp_path):
    def column_of(array):
        return ms.from_items([{"image": array}])

    for array, error, match in [
        (np.zeros((2, 2, 2), np.uint8), ValueError, r"\(2, 2, 2\) is no picture"),
        (np.zeros((2, 2), np.float32), TypeError, "uint8"),
        (np.zeros(4, np.uint8), ValueError, "is no picture"),
    ]:
        with pytest.raises(error, match=match):
            column_of(array).write_images(tmp_path / "out", "image")
        assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="1 or 3 channels"):
        column_of(np.zeros((2, 2, 4), np.uint8)).write_images(tmp_path / "out", "image", file_format="jpeg")
    with pytest.raises(NotImplementedError, match="bmp"):
        column_of(np.zeros((2, 2), np.uint8)).write_images(tmp_path / "out", "image", file_format="bmp")
    with pytest.raises(TypeError, match="max_rows_per_file"):
        column_of(np.zeros((2, 2), np.uint8)).write_images(tmp_path / "out", "image", max_rows_per_file=3)
    ms.from_numpy(np.zeros((3, 2, 2), np.uint8)).limit(0).write_images(tmp_path / "none", "data")
    assert files(tmp_path) == []


# ---- files ----
@pytest.mark.parametrize("form", FORMATS)
def test_order_modes_and_rows_of_a_file_are_those_of_parquet(form, rows, expected, tmp_path):
    plain_rows = rows.select_columns(["key"])
    write(plain_rows, form, tmp_path, min_rows_per_file=300)
    assert read(form, tmp_path).take_all() == [{"key": row["key"]} for row in expected]
    write(plain_rows.limit(10), form, tmp_path, mode="append")
    assert read(form, tmp_path).count() == 1010
    write(plain_rows.limit(10), form, tmp_path, mode="overwrite")
    assert read(form, tmp_path).count() == 10
    write(plain_rows, form, tmp_path, mode="ignore")
    assert read(form, tmp_path).count() == 10
    with pytest.raises((FileExistsError, ValueError), match=str(tmp_path)):
        write(plain_rows, form, tmp_path, mode="error")


@pytest.mark.parametrize("form", ["parquet", *FORMATS])
def test_bytes_of_files_do_not_depend_on_threads_or_memory(form, tmp_path):
    script = textwrap.dedent("""
        import sys, millstream as ms
        ms.init(num_cpus=int(sys.argv[2]), memory_limit=sys.argv[3], spill_directory=sys.argv[4])
        rows = ms.range(200_000).with_column("x", ms.col("id") * 0.5).random_shuffle(seed=4)
        getattr(rows, "write_" + sys.argv[1])(sys.argv[5], max_rows_per_file=30_000)
    """)
    contents = []
    for cpus, limit in (("1", "64MB"), ("3", "1GB")):
        out = tmp_path / cpus
        arguments = [form, cpus, limit, str(tmp_path / "spill"), str(out)]
        subprocess.run([sys.executable, "-c", script, *arguments], check=True, timeout=120)
        contents.append([path.read_bytes() for path in files(out)])
    assert len(contents[0]) == 7
    assert contents[0] == contents[1]


@pytest.mark.parametrize("form", FORMATS)
def test_no_rows_are_one_file_or_none_and_a_failure_leaves_nothing(form, tmp_path):
    write(ms.range(10).limit(0), form, tmp_path / "none")
    assert len(files(tmp_path / "none")) == 1
    broken = ms.range(1000).with_column("bad", 1 // (col("id") - 999))
    with pytest.raises(ValueError, match="zero"):
        write(broken, form, tmp_path / "broken")
    assert not (tmp_path / "broken").exists()


def test_bytes_of_a_file_are_bounded_from_below(tmp_path):
    dataset = ms.range(1_000_000)
    dataset.write_parquet(tmp_path, min_bytes_per_file=1 << 20)
    counts = [ms.read_parquet(path).count() for path in files(tmp_path)]
    assert sum(counts) == 1_000_000
    assert all(8 * count >= 1 << 20 for count in counts[:-1])
    assert len(counts) >= 4
    with pytest.raises(ValueError, match="one of them"):
        dataset.write_parquet(tmp_path, min_bytes_per_file=1, min_rows_per_file=1)


class Names(FilenameProvider):
    def __init__(self, form):
        super().__init__()
        self.form = form

    def get_filename_for_task(self, write_uuid, task_index):
        return self.form.format(uuid=write_uuid, index=task_index)


def test_names_of_files_are_the_providers(tmp_path):
    dataset = ms.range(100)
    dataset.write_csv(tmp_path / "a", filename_provider=Names("part-{index:03}.csv"), max_rows_per_file=30)
    assert [path.name for path in files(tmp_path / "a")] == [f"part-00{index}.csv" for index in range(4)]
    dataset.write_json(tmp_path / "b", filename_provider=FilenameProvider(dataset_uuid="mine", file_format="json"))
    assert [path.name.split("_")[0] for path in files(tmp_path / "b")] == ["mine"]
    pictures = ms.from_numpy(np.zeros((3, 2, 2), np.uint8))
    pictures.write_images(tmp_path / "c", "data", filename_provider=Names("image-{index}.png"))
    assert [path.name for path in files(tmp_path / "c")] == [f"image-0_00000000{row}.png" for row in range(3)]
    for form, match in [("a/{index}", "'a/0'"), ("../x", "'../x'"), (".x", r"'\.x'"), ("", "''"), ("same", "twice")]:
        with pytest.raises(ValueError, match=match):
            dataset.write_csv(tmp_path / "bad", filename_provider=Names(form), max_rows_per_file=50)
        assert not (tmp_path / "bad").exists()
    with pytest.raises(KeyError):
        dataset.write_csv(tmp_path / "bad", filename_provider=Names("{unknown}"))
    with pytest.raises(TypeError, match="filename_provider"):
        dataset.write_csv(tmp_path / "bad", filename_provider="part")
    assert not (tmp_path / "bad").exists()


# ---- partitions ----
def test_partition_columns_become_folders_and_come_back(tmp_path):
    names = ["a/b", "..", "x=y", "é", "", "per%cent", None]
    values = [{"name": names[row % 7], "n": row, "year": 2000 + row % 2} for row in range(700)]
    ms.from_items(values).write_parquet(tmp_path / "out", partition_cols=["year", "name"])
    assert all(path.is_relative_to(tmp_path / "out") for path in files(tmp_path))
    folders = {str(path.parent.relative_to(tmp_path / "out")) for path in files(tmp_path)}
    assert "year=2000/name=.." in folders
    assert "year=2001/name=a%2Fb" in folders
    assert "year=2000/name=__HIVE_DEFAULT_PARTITION__" in folders
    assert len(folders) == 14
    back = ms.read_parquet(tmp_path / "out", partitioning=Partitioning("hive", field_types={"year": int}))
    by_partition = sorted(values, key=lambda row: (row["year"], row["name"] is None, (row["name"] or "").encode()))
    found = sorted(back.take_all(), key=lambda row: (row["year"], row["name"] is None, (row["name"] or "").encode()))
    assert found == by_partition


def test_a_shuffled_set_is_shuffled_in_its_partitions_and_partitions_may_be_many(tmp_path):
    dataset = ms.range(3000).with_column("p", col("id") % 500).random_shuffle(seed=3)
    dataset.write_parquet(tmp_path, partition_cols=["p"])
    assert len(files(tmp_path)) == 500
    order = [row["id"] for row in dataset.take_all()]
    for part in (0, 123, 499):
        found = [row["id"] for row in ms.read_parquet(tmp_path / f"p={part}").take_all()]
        assert found == [number for number in order if number % 500 == part]


def test_partitions_are_appended_and_replaced_and_bad_ones_refused(tmp_path):
    dataset = ms.from_items([{"p": p, "n": n} for n in range(10) for p in "ab"])
    for _ in range(2):
        dataset.write_parquet(tmp_path, partition_cols=["p"])
    assert len(files(tmp_path)) == 4
    dataset.filter(expr=col("p") == "a").write_parquet(tmp_path, partition_cols=["p"], mode="overwrite")
    assert [path.parent.name for path in files(tmp_path)] == ["p=a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p=a"]
    for columns, error, match in [
        (["q"], KeyError, "'q'"),
        (["p", "n"], ValueError, "none is left"),
        (["p", "p"], ValueError, "twice"),
        ("p", None, ""),
    ]:
        if error is None:
            dataset.write_parquet(tmp_path / "one", partition_cols=columns)
            continue
        with pytest.raises(error, match=match):
            dataset.write_parquet(tmp_path / "bad", partition_cols=columns)
    with pytest.raises(TypeError, match="'v'"):
        ms.from_items([{"v": [1], "n": 1}]).write_parquet(tmp_path / "bad", partition_cols=["v"])
    hive_null = ms.from_items([{"v": "__HIVE_DEFAULT_PARTITION__", "n": 1}])
    with pytest.raises(ValueError, match="stands for null"):
        hive_null.write_parquet(tmp_path / "bad", partition_cols=["v"])
    assert not (tmp_path / "bad").exists()


def test_a_failed_write_leaves_what_was_in_its_way(tmp_path):
    dataset = ms.from_items([{"p": p, "n": p} for p in range(3)])
    (tmp_path / "p=1").write_text("a file of the user's")
    (tmp_path / "empty").mkdir()
    (tmp_path / "p=2").symlink_to(tmp_path / "empty")
    (tmp_path / "p=0").mkdir()
    with pytest.raises(OSError, match=r"p=1.*is a file"):
        dataset.write_parquet(tmp_path, partition_cols=["p"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "p=0", "p=1", "p=2"]
    assert (tmp_path / "p=1").read_text() == "a file of the user's"
    assert (tmp_path / "p=2").is_symlink()
    assert files(tmp_path) == [tmp_path / "p=1"]
    dataset.filter(expr=col("n") != 1).write_parquet(tmp_path, partition_cols=["p"])
    assert len(list((tmp_path / "empty").iterdir())) == 1


def test_a_column_whose_name_readers_would_skip_comes_back(tmp_path):
    ms.from_items([{"_p": "x", "n": 1}]).write_parquet(tmp_path, partition_cols=["_p"])
    assert [path.parent.name for path in files(tmp_path)] == ["%5Fp=x"]
    assert ms.read_parquet(tmp_path).take_all() == [{"n": 1, "_p": "x"}]


# ---- records ----
def test_tfrecords_take_a_schema_of_the_rows_kinds(tmp_path):
    class Feature:
        def __init__(self, name, kind):
            self.name, self.type = name, kind
            self.shape = type("Shape", (), {"dim": []})
            self.value_count = type("Count", (), {"max": 0})

    def schema_of(**kinds):
        return type("Schema", (), {"feature": [Feature(name, kind) for name, kind in kinds.items()]})

    dataset = ms.from_items([{"i": 1, "f": 0.5, "b": "x"}])
    dataset.write_tfrecords(tmp_path / "ok", tf_schema=schema_of(i=2, f=3, b=1))
    assert ms.read_tfrecords(tmp_path / "ok").take_all() == [{"b": b"x", "f": 0.5, "i": 1}]
    with pytest.raises(TypeError, match="'i' is float"):
        dataset.write_tfrecords(tmp_path / "bad", tf_schema=schema_of(i=3))
    with pytest.raises(KeyError, match="'z'"):
        dataset.write_tfrecords(tmp_path / "bad", tf_schema=schema_of(z=3))
    with pytest.raises(ValueError, match=r"row 1 of the file.*'v'.*null in it"):
        ms.from_items([{"v": [1]}, {"v": [1, None]}]).write_tfrecords(tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_tensors_of_an_example_are_their_values(tmp_path):
    ms.from_numpy(np.arange(12.0).reshape(2, 2, 3)).write_tfrecords(tmp_path)
    assert [list(row["data"]) for row in ms.read_tfrecords(tmp_path).take_all()] == [
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10, 11],
    ]


# ---- mistakes ----
def test_mistakes_are_told_before_anything_is_written(tmp_path):
    dataset = ms.range(10)
    out = tmp_path / "out"
    for call, error, match in [
        (lambda: dataset.write_csv(out, compression="zippy"), ValueError, "zippy.*'gzip'"),
        (lambda: dataset.write_ipc(out, compression="gzip"), ValueError, "gzip.*'lz4'"),
        (lambda: dataset.write_orc(out, compression=3), TypeError, "compression"),
        (lambda: dataset.write_json(out, orient="split"), NotImplementedError, "orient"),
        (lambda: dataset.write_json(out, nonsense=3), TypeError, "'nonsense'"),
        (lambda: dataset.write_csv(out, num_cpus=3), NotImplementedError, "num_cpus"),
        (lambda: dataset.write_csv(out, filesystem=object()), TypeError, "filesystem"),
        (lambda: dataset.write_csv(out, mode="replace"), ValueError, "'append'"),
        (lambda: dataset.write_csv("nonsense://x"), ValueError, "nonsense://"),
        (lambda: dataset.write_csv(out, try_create_dir=False), FileNotFoundError, "out"),
        (lambda: dataset.write_csv(out, min_rows_per_file=5, max_rows_per_file=3), ValueError, "more than"),
        (lambda: dataset.write_orc(out, arrow_open_stream_args={"compression": "gzip"}), NotImplementedError, "whole"),
        (lambda: dataset.write_csv(out, arrow_open_stream_args={"x": 1}), NotImplementedError, "'x'"),
        (lambda: dataset.select_columns([]).write_json(out), ValueError, "columns"),
    ]:
        with pytest.raises(error, match=match):
            call()
        assert not out.exists()


def test_ctrl_c_ends_a_write_and_leaves_nothing(tmp_path):
    script = textwrap.dedent("""
        import sys, millstream as ms
        rows = ms.range(300_000_000).with_column("x", ms.col("id") * 0.5)
        print("begin", flush=True)
        rows.write_json(sys.argv[1])
    """)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begin\n"
    while not any(entry.stat().st_size for entry in out.rglob("*.json")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert process.returncode != 0
    assert not out.exists()
