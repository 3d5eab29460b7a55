"""Limits of what a file may make its reader hold: what is just within passes, what is beyond is told or passed over."""

import bz2
import dataclasses
import gzip
import io
import json
import pickle
import struct
import tarfile

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

import millstream as ms
from millstream import ReadLimits

RECORD = {"on_bad_row": "record"}
MIB = 1 << 20


def letters(dataset):
    return dataset.dead_letters().take_all()


def compress(name, data):
    if name == "":
        return data
    if name == ".gz":
        return gzip.compress(data)
    if name == ".bz2":
        return bz2.compress(data)
    codec = {".zst": "zstd", ".lz4": "lz4", ".br": "brotli"}[name]
    return pa.Codec(codec).compress(data, asbytes=True)


def raise_it(name):
    return rf"raise it with limits=ReadLimits\({name}=\.\.\.\)"


# ---- the limits themselves ----
def test_limits_are_whole_numbers_of_at_least_one(write):
    assert ReadLimits() == ReadLimits(None, None, None, None, None, None)
    assert ReadLimits(line_bytes=np.int64(7)).line_bytes == 7
    with pytest.raises(ValueError, match="line_bytes must be at least 1, got 0"):
        ReadLimits(line_bytes=0)
    with pytest.raises(TypeError, match="columns must be a whole number, not str"):
        ReadLimits(columns="many")
    with pytest.raises(TypeError, match="nesting must be a whole number, not bool"):
        ReadLimits(nesting=True)
    with pytest.raises(ValueError, match=r"pixels must be less than 2\*\*63"):
        ReadLimits(pixels=1 << 63)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ReadLimits().pixels = 1
    path = write("a.txt", "text\n")
    with pytest.raises(TypeError, match=r"limits must be a millstream\.ReadLimits or None, not dict"):
        ms.read_text(path, limits={"line_bytes": 7})
    with pytest.raises(ValueError, match="the limit line_bytes must be from 1 to 1073741824, not 1073741825"):
        ms.read_text(path, limits=ReadLimits(line_bytes=(1 << 30) + 1))
    with pytest.raises(ValueError, match="the limit nesting must be from 1 to 120, not 121"):
        ms.read_parquet(path, limits=ReadLimits(nesting=121))
    assert ms.read_text(path, limits=None).count() == 1


@pytest.mark.parametrize("form", ["csv", "json", "text", "ipc", "orc", "numpy", "parquet", "binary_files"])
def test_all_readers_take_them(form, tmp_path):
    table = pa.table({"data": [1, 2]})
    path = tmp_path / "a"
    if form == "ipc":
        with ipc.new_file(path, table.schema) as out:
            out.write_table(table)
    elif form == "orc":
        pyarrow.orc.write_table(table, path)
    elif form == "parquet":
        pq.write_table(table, path)
    elif form == "numpy":
        with open(path, "wb") as out:
            np.save(out, np.arange(2))
    else:
        path.write_text('{"data": 1}\n{"data": 2}\n' if form == "json" else "data\n1\n2\n")
    limits = ReadLimits(10_000, 1, 1, 1, 1, 1)
    assert getattr(ms, f"read_{form}")(path, limits=limits, file_extensions=None).count() >= 1


# ---- lines ----
def rows_of_length(form, length, marks="ab"):
    """Two rows of that many bytes, and short ones around them; the place of the first."""
    short = {"csv": "s,1", "json": '{"s": "s", "n": 1}', "text": "short"}[form]
    frame = {"csv": "{},1", "json": '{{"s": "{}", "n": 1}}', "text": "{}"}[form]
    fill = length - len(frame.format(""))
    long = [frame.format(mark * fill) for mark in marks]
    head = ["s,n"] if form == "csv" else []
    lines = [*head, short, long[0], short, *long[1:], short]
    return "\n".join(lines) + "\n", [len("\n".join(lines[: lines.index(line)])) + 1 for line in long]


def read(form, path, **options):
    if form == "csv":
        convert = pyarrow.csv.ConvertOptions(column_types={"s": pa.string(), "n": pa.int64()})
        return ms.read_csv(path, convert_options=convert, **options)
    return getattr(ms, f"read_{form}")(path, file_extensions=None, **options)


@pytest.mark.parametrize("compression", ["", ".gz"])
@pytest.mark.parametrize("form", ["csv", "json", "text"])
@pytest.mark.parametrize("length", [60, 5_000, 3 * MIB])
def test_lines_are_as_long_as_they_may_be_and_no_longer(form, length, compression, write):
    text, begins = rows_of_length(form, length)
    path = write(f"a.{form}{compression}", compress(compression, text.encode()))
    limits = ReadLimits(line_bytes=length, decompressed_ratio=10_000)
    assert read(form, path, limits=limits).count() == 5
    less = dataclasses.replace(limits, line_bytes=length - 1)
    match = rf"a\.{form}{compression} has no end of a line or value within {length - 1} bytes.*{raise_it('line_bytes')}"
    with pytest.raises(ValueError, match=match):
        read(form, path, limits=less).count()
    dataset = read(form, path, limits=less, **RECORD)
    assert dataset.count() == 3
    assert sorted(letter["offset"] for letter in letters(dataset)) == begins
    assert read(form, path, limits=less, on_bad_row="skip", max_errors=2).count() == 3
    with pytest.raises(ValueError, match="max_errors"):
        read(form, path, limits=less, on_bad_row="skip", max_errors=1).count()
    assert read(form, path, limits=less, on_bad_file="skip").count() <= 3


@pytest.mark.parametrize("form", ["csv", "json", "text"])
def test_a_line_that_goes_over_many_ranges_is_one_bad_row(form, write):
    text, begins = rows_of_length(form, 5 * MIB, marks="abc")
    path = write(f"a.{form}", text)
    dataset = read(form, path, limits=ReadLimits(line_bytes=1000), **RECORD)
    assert dataset.count() == 3
    assert sorted(letter["offset"] for letter in letters(dataset)) == begins


def test_lines_of_any_end_and_the_last_one_have_limits(write):
    limits = ReadLimits(line_bytes=6)
    for end in ("\n", "\r\n", "\r"):
        for last in ("", end):
            text = end.join(["s,n", "abcd,1", "abcde,2", "", "ab,3", "abcdef,4"]) + last
            path = write("a.csv", text)
            dataset = read("csv", path, limits=limits, **RECORD)
            assert [row["n"] for row in dataset.take_all()] == [1, 3]
            assert sorted(letter["offset"] for letter in letters(dataset)) == [
                text.index("abcde,"),
                text.index("abcdef"),
            ]


@pytest.mark.parametrize("compression", ["", ".gz"])
def test_rows_of_csv_over_several_lines_have_limits(compression, write):
    rows = [f'"{letter}\n{letter * 20}",{row}' for row, letter in enumerate("abc")]
    rows.insert(1, '"' + "x\n" * 30 + '",9')
    path = write(f"a.csv{compression}", compress(compression, ("s,n\n" + "\n".join(rows)).encode()))
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    assert read("csv", path, parse_options=parse, limits=ReadLimits(line_bytes=62)).count() == 4
    with pytest.raises(ValueError, match=rf"row 1 has 62 bytes, more than the 61 of a row; {raise_it('line_bytes')}"):
        read("csv", path, parse_options=parse, limits=ReadLimits(line_bytes=61)).count()
    dataset = read("csv", path, parse_options=parse, limits=ReadLimits(line_bytes=61), **RECORD)
    assert [row["n"] for row in dataset.take_all()] == [0, 1, 2]
    assert [letter["offset"] for letter in letters(dataset)] == [4 + len(rows[0]) + 1]


def test_a_quote_that_is_not_closed_is_not_held_to_the_end(write):
    path = write("a.csv", "s,n\na,1\n" + '"' + "x,\n" * MIB)
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    limits = ReadLimits(line_bytes=MIB)
    match = rf"within {MIB} bytes from byte 8 on.*a quote is not closed"
    with pytest.raises(ValueError, match=match):
        read("csv", path, parse_options=parse, limits=limits).count()
    assert read("csv", path, parse_options=parse, limits=limits, on_bad_file="skip").count() <= 1


def test_names_of_columns_have_the_limit_of_lines(write):
    path = write("a.csv", "s,n" + "n" * 97 + "\na,1\n")
    assert ms.read_csv(path, limits=ReadLimits(line_bytes=100)).count() == 1
    with pytest.raises(ValueError, match=r"a\.csv has no end of a line or value within 99 bytes from byte 0 on"):
        ms.read_csv(path, limits=ReadLimits(line_bytes=99))
    skipped = pyarrow.csv.ReadOptions(skip_rows=300)
    lines = write("b.csv", "x" * 99 + "\n" + "skipped, with commas\n" * 299 + "s,n\na,1\nb,2\n")
    assert ms.read_csv(lines, read_options=skipped, limits=ReadLimits(line_bytes=99)).count() == 2


@pytest.mark.parametrize("layout", ["array", "values"])
def test_objects_that_are_not_lines_have_limits(layout, write):
    rows = [{"s": "a", "n": 1}, {"s": "b" * 100, "n": 2}, {"s": "c", "n": 3}]
    texts = [json.dumps(row, indent=1) for row in rows]
    path = write("a.json", "[" + ",\n".join(texts) + "]" if layout == "array" else "\n".join(texts))
    length = len(texts[1])
    assert ms.read_json(path, limits=ReadLimits(line_bytes=length)).take_all() == rows
    with pytest.raises(ValueError, match=rf"a\.json has no end .* within {length - 1} bytes"):
        ms.read_json(path, limits=ReadLimits(line_bytes=length - 1)).count()
    dataset = ms.read_json(path, limits=ReadLimits(line_bytes=length - 1), **RECORD)
    assert [row["n"] for row in dataset.take_all()] == [1, 3]
    assert [letter["offset"] for letter in letters(dataset)] == [None]


# ---- nesting ----
def deep(levels):
    """A value of so many lists and objects."""
    value = "1"
    for level in range(levels):
        value = f"[{value}]" if level % 2 else f'{{"x": {value}}}'
    return value


@pytest.mark.parametrize("layout", ["lines", "array"])
def test_json_is_as_deep_as_it_may_be(layout, write):
    def rows(levels):
        objects = ['{"a": 1}', f'{{"d": {deep(levels)}}}', '{"a": 3}']
        return "\n".join(objects) if layout == "lines" else "[" + ",".join(objects) + "]"

    assert ms.read_json(write("a.json", rows(5)), limits=ReadLimits(nesting=5)).count() == 3
    with pytest.raises(ValueError, match=rf"a\.json.*more than 4 lists and objects within.*{raise_it('nesting')}"):
        ms.read_json(write("a.json", rows(5)), limits=ReadLimits(nesting=4)).count()
    dataset = ms.read_json(write("a.json", rows(5)), limits=ReadLimits(nesting=4), **RECORD)
    assert [row["a"] for row in dataset.take_all()] == [1, 3]
    assert "nesting" in letters(dataset)[0]["error"]
    assert ms.read_json(write("a.json", rows(62))).count() == 3
    with pytest.raises(ValueError, match="more than 62"):
        ms.read_json(write("a.json", rows(63))).count()
    with pytest.raises(ValueError, match="more than 62"):
        ms.read_json(write("a.json", rows(20_000))).count()


def test_limits_of_nesting_may_be_raised(write):
    path = write("a.json", f'{{"d": {deep(120)}}}\n' * 3)
    rows = ms.read_json(path, limits=ReadLimits(nesting=120))
    assert rows.count() == 3
    assert rows.random_shuffle(seed=1).count() == 3
    assert pickle.loads(pickle.dumps(rows)).take(1) == rows.take(1)
    assert ms.read_json(write("b.json", f'{{"d": {deep(62)}}}\n')).to_arrow().num_rows == 1


def nested_type(levels):
    kind = pa.int8()
    for _ in range(levels):
        kind = pa.list_(kind)
    return kind


def write_table(form, table, path):
    if form == "parquet":
        pq.write_table(table, path)
    elif form == "orc":
        pyarrow.orc.write_table(table, path)
    else:
        with ipc.new_file(path, table.schema) as out:
            out.write_table(table)
    return path


@pytest.mark.parametrize("form", ["ipc", "orc", "parquet"])
def test_files_of_columns_are_as_deep_and_wide_as_they_may_be(form, tmp_path):
    kind = pa.struct([("x", nested_type(3)), ("y", pa.int8())])
    table = pa.table({"s": pa.array([None, {"x": [[[1]]], "y": 2}], kind), "n": [1, 2]})
    path = write_table(form, table, tmp_path / "a")
    reader = getattr(ms, f"read_{form}")
    assert reader(path, limits=ReadLimits(nesting=4, columns=4)).count() == 2
    with pytest.raises(ValueError, match=rf"a: there are more than 3 lists and structs within.*{raise_it('nesting')}"):
        reader(path, limits=ReadLimits(nesting=3))
    with pytest.raises(ValueError, match=rf"a: there are more than 3 columns.*{raise_it('columns')}"):
        reader(path, limits=ReadLimits(columns=3))
    write_table(form, pa.table({"n": [3]}), tmp_path / "b")
    dataset = reader([path, tmp_path / "b"], limits=ReadLimits(columns=3), on_bad_file="record")
    assert dataset.take_all() == [{"n": 3}]
    assert [letter["source"] for letter in letters(dataset)] == [str(path)]
    write_table(form, pa.table({"m": [3]}), tmp_path / "b")
    with pytest.raises(ValueError, match=rf"read_{form}: there are more than 4 columns"):
        reader([path, tmp_path / "b"], limits=ReadLimits(columns=4))


def test_limits_travel_with_plans(tmp_path, write):
    for form in ("ipc", "orc", "parquet"):
        path = write_table(form, pa.table({"n": [1]}), tmp_path / form)
        plans = [pickle.dumps(getattr(ms, f"read_{form}")(path, limits=ReadLimits(columns=most))) for most in (7, 8)]
        assert plans[0] != plans[1]
        assert pickle.loads(plans[0]).count() == 1
    for form in ("csv", "json", "text"):
        text, _ = rows_of_length(form, 5000)
        path = write(f"a.{form}", text)
        rows = read(form, path, limits=ReadLimits(line_bytes=4999), **RECORD)
        assert pickle.loads(pickle.dumps(rows)).count() == 3
    rows = read("text", write("a.txt", "x" * 100_000), limits=ReadLimits(line_bytes=100_000))
    assert pickle.loads(pickle.dumps(rows)).count() == 1


def test_avro_files_are_as_deep_and_wide_as_they_may_be(tmp_path):
    fastavro = pytest.importorskip("fastavro")
    kind = "int"
    for _ in range(3):
        kind = {"type": "array", "items": kind}
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": kind}, {"name": "b", "type": "int"}]}
    with open(tmp_path / "a.avro", "wb") as out:
        fastavro.writer(out, schema, [{"a": [[[1]]], "b": 2}])
    assert ms.read_avro(tmp_path / "a.avro", limits=ReadLimits(nesting=3, columns=2)).count() == 1
    for name, value in (("nesting", 2), ("columns", 1)):
        with pytest.raises(ValueError, match=rf"read_avro: .*a\.avro: there are more than {value} .*{raise_it(name)}"):
            ms.read_avro(tmp_path / "a.avro", limits=ReadLimits(**{name: value}))


# ---- columns ----
@pytest.mark.parametrize("names", ["a,b,c", '"a,x","b""c",c', '\n\n"a\n",b,c'])
def test_csv_is_as_wide_as_it_may_be(names, write):
    path = write("a.csv", names + "\n1,2,3\n")
    assert ms.read_csv(path, limits=ReadLimits(columns=3)).count() == 1
    with pytest.raises(ValueError, match=rf"a\.csv has more than 2 columns; {raise_it('columns')}"):
        ms.read_csv(path, limits=ReadLimits(columns=2))
    write("b.csv", "d\n4\n")
    dataset = ms.read_csv([path, path[:-5] + "b.csv"], limits=ReadLimits(columns=2), on_bad_file="record")
    assert dataset.take_all() == [{"d": 4}]
    with pytest.raises(ValueError, match="read_csv: the files have 4 columns together, more than 3"):
        ms.read_csv([path, path[:-5] + "b.csv"], limits=ReadLimits(columns=3))


def test_names_without_end_make_no_columns(write, tmp_path):
    path = write("a.csv", "," * (20 * MIB))
    with pytest.raises(ValueError, match="has more than 100000 columns"):
        ms.read_csv(path)
    generated = pyarrow.csv.ReadOptions(autogenerate_column_names=True)
    with pytest.raises(ValueError, match="has more than 100000 columns"):
        ms.read_csv(path, read_options=generated)
    line = ",".join(f'"k{key}":0' for key in range(200_000))
    with pytest.raises(ValueError, match=r"a\.json: there are more than 100000 columns.*bytes on"):
        ms.read_json(write("a.json", f"{{{line}}}"))


def test_json_is_as_wide_as_it_may_be(write):
    rows = ['{"a": 1, "o": {"x": 1, "y": 2}}', '{"a": 1, "o": {"x": 5}, "l": [{"z": 1}, {"z": 2}]}', '{"a": 3}']
    path = write("a.json", "\n".join(rows * 50))
    assert ms.read_json(path, limits=ReadLimits(columns=6)).count() == 150
    with pytest.raises(ValueError, match=rf"there are more than 5 columns.*{raise_it('columns')}"):
        ms.read_json(path, limits=ReadLimits(columns=5))


def test_rows_of_json_that_are_too_wide_are_bad_rows(write):
    wide = json.dumps({f"k{key}": 0 for key in range(20)})
    path = write("a.json", f'{{"a": 1}}\n{wide}\n{{"a": 3}}\n')
    schema = pyarrow.json.ParseOptions(explicit_schema=pa.schema([("a", pa.int64())]))
    dataset = ms.read_json(path, parse_options=schema, limits=ReadLimits(columns=10), **RECORD)
    assert [row["a"] for row in dataset.take_all()] == [1, 3]
    assert "more than 10 columns" in letters(dataset)[0]["error"]


# ---- TFRecords ----
def tfrecords(tmp_path, rows, name="a"):
    ms.from_items(rows).write_tfrecords(tmp_path / name)
    (path,) = (tmp_path / name).iterdir()
    return path


@pytest.mark.parametrize("compression", ["", ".gz"])
@pytest.mark.parametrize("size", [50, 3 * MIB])
def test_records_are_as_long_as_they_may_be(size, compression, tmp_path):
    path = tfrecords(tmp_path, [{"s": b"short"}, {"s": b"x" * size}, {"s": b"short"}, {"s": b"y" * size}])
    data = path.read_bytes()
    short = 16 + struct.unpack("<Q", data[:8])[0]
    (length,) = struct.unpack("<Q", data[short : short + 8])
    path = path.with_name(f"b.tfrecords{compression}")
    path.write_bytes(compress(compression, data))
    limits = ReadLimits(record_bytes=length, decompressed_ratio=10_000)
    assert ms.read_tfrecords(path, limits=limits).count() == 4
    less = dataclasses.replace(limits, record_bytes=length - 1)
    place = rf"b\.tfrecords{compression}, record 1, at byte {short}"
    match = rf"{place}: it has {length} bytes, more than the {length - 1} that are read; {raise_it('record_bytes')}$"
    with pytest.raises(ValueError, match=match):
        ms.read_tfrecords(path, limits=less).count()
    dataset = ms.read_tfrecords(path, limits=less, **RECORD)
    assert [row["s"] for row in dataset.take_all()] == [b"short"] * 2
    assert [letter["offset"] for letter in letters(dataset)] == [short, 2 * short + length + 16]
    assert ms.read_tfrecords(path, limits=less, on_bad_file="skip").count() <= 1


def test_a_record_that_is_too_long_and_cut_short_ends_its_file(tmp_path):
    path = tfrecords(tmp_path, [{"s": b"short"}, {"s": b"x" * 5000}])
    path.write_bytes(path.read_bytes()[:-100])
    limits = ReadLimits(record_bytes=100)
    with pytest.raises(ValueError, match=r"record 1, at byte \d+: the file ends within it"):
        ms.read_tfrecords(path, limits=limits, on_bad_row="skip").count()
    assert ms.read_tfrecords(path, limits=limits, on_bad_row="skip", on_bad_file="skip").count() <= 1


def test_records_have_as_many_features_as_they_may(tmp_path):
    many = tfrecords(tmp_path, [{"a": 1, "b": 2, "c": 3}], "many").read_bytes()
    few = tfrecords(tmp_path, [{"a": 5, "b": 6}], "few").read_bytes()
    path = tmp_path / "a.tfrecords"
    path.write_bytes(few + many + few)
    assert ms.read_tfrecords(path, limits=ReadLimits(columns=3)).count() == 3
    with pytest.raises(
        ValueError, match=rf"record 1, at byte {len(few)}: it has more than 2 features; {raise_it('columns')}$"
    ):
        ms.read_tfrecords(path, limits=ReadLimits(columns=2))
    dataset = ms.read_tfrecords(path, limits=ReadLimits(columns=2), **RECORD)
    assert dataset.take_all() == [{"a": 5, "b": 6}] * 2
    assert [letter["offset"] for letter in letters(dataset)] == [len(few)]
    rows = ms.read_tfrecords(path, limits=ReadLimits(columns=2, record_bytes=1000), on_bad_row="skip")
    assert pickle.loads(pickle.dumps(rows)).count() == 2


# ---- compression ----
@pytest.mark.parametrize("compression", [".gz", ".zst", ".bz2", ".br"])
@pytest.mark.parametrize("form", ["csv", "json", "text"])
def test_files_decompress_to_as_much_as_they_may(form, compression, write):
    row = {"csv": "s,1\n", "json": '{"s": "s", "n": 1}\n', "text": "short\n"}[form]
    text = ("s,n\n" if form == "csv" else "") + row * (3 * MIB // len(row))
    data = compress(compression, text.encode())
    path = write(f"a.{form}{compression}", data)
    least = -(-len(text) // len(data))  # rounded up
    assert least > 10
    rows = 3 * MIB // len(row)
    assert read(form, path, limits=ReadLimits(decompressed_ratio=least)).count() == rows
    less = ReadLimits(decompressed_ratio=least // 2)
    match = rf"{compression} has {len(data)} bytes and decompresses to \d+ or more.*{raise_it('decompressed_ratio')}"
    with pytest.raises(ValueError, match=match):
        read(form, path, limits=less).count()
    dataset = read(form, path, limits=less, on_bad_file="record")
    assert 0 < dataset.count() < rows
    assert len(letters(dataset)) == 1
    assert pickle.loads(pickle.dumps(read(form, path, limits=ReadLimits(decompressed_ratio=least)))).count() == rows


@pytest.mark.parametrize("compression", [".gz", ".zst"])
@pytest.mark.parametrize("form", ["csv", "json", "text", "blank", "tfrecords"])
def test_bombs_end_early(form, compression, tmp_path, write):
    part = {"csv": b"0,1\n", "json": b'{"a": 0}\n', "text": b"0\n", "blank": b"\n"}
    part["tfrecords"] = tfrecords(tmp_path, [{"a": 0}]).read_bytes()
    count = 64 * MIB // len(part[form])
    path = write(f"a.{form}{compression}", compress(compression, part[form] * count))
    reader = getattr(ms, f"read_{'csv' if form == 'blank' else form}")
    with pytest.raises(
        ValueError,
        match=rf"a\.{form}{compression} has \d+ bytes and decompresses to \d+ or more, above the ratio of 100",
    ):
        reader(path, file_extensions=None, limits=ReadLimits(decompressed_ratio=100)).count()
    if compression == ".zst" and form != "blank":
        with pytest.raises(ValueError, match="above the ratio of 1000"):
            reader(path, file_extensions=None).count()


def test_small_files_may_decompress_to_a_mebibyte(write):
    path = write("a.txt.zst", compress(".zst", b"text\n" * (MIB // 5)))
    assert ms.read_text(path, limits=ReadLimits(decompressed_ratio=1)).count() == MIB // 5
    more = write("b.txt.zst", compress(".zst", b"text\n" * (MIB // 5 + 1)))
    with pytest.raises(ValueError, match="ratio of 1 that is allowed"):
        ms.read_text(more, limits=ReadLimits(decompressed_ratio=1)).count()


# ---- pictures ----
def test_pictures_have_as_many_pixels_as_they_may(tmp_path):
    PIL.Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    PIL.Image.new("RGB", (10, 20)).save(tmp_path / "b.png")
    assert ms.read_images(tmp_path, limits=ReadLimits(pixels=600)).count() == 2
    assert ms.read_images(tmp_path, max_pixels=600).count() == 2
    match = rf"a\.png: it has 30 x 20 pixels, more than the 599 that are allowed; {raise_it('pixels')}"
    for options in ({"limits": ReadLimits(pixels=599)}, {"max_pixels": 599}):
        with pytest.raises(ValueError, match=match):
            ms.read_images(tmp_path, **options).take_all()
        dataset = ms.read_images(tmp_path, on_bad_file="record", **options)
        assert pickle.loads(pickle.dumps(dataset)).count() == dataset.count() == 1
    with pytest.raises(ValueError, match="max_pixels is the same as the pixels of limits; leave one of them out"):
        ms.read_images(tmp_path, limits=ReadLimits(pixels=600), max_pixels=600)


# ---- tar files ----
def tar_file(path, members):
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as out:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return path


def test_members_of_tar_files_have_limits(tmp_path):
    out = io.BytesIO()
    PIL.Image.new("RGB", (30, 20)).save(out, "png")
    path = tar_file(tmp_path / "a.tar", {"0.bin": b"x" * 100, "0.png": out.getvalue()})
    length = max(100, len(out.getvalue()))
    assert ms.read_webdataset(path, limits=ReadLimits(record_bytes=length, pixels=600)).count() == 1
    match = rf"a\.tar, at or behind the member '0\.bin': it has 100 bytes, more than the 99.*{raise_it('record_bytes')}"
    with pytest.raises(ValueError, match=match):
        ms.read_webdataset(path, limits=ReadLimits(record_bytes=99)).count()
    with pytest.raises(ValueError, match=rf"a\.tar, the member '0\.png': it has 30 x 20 pixels.*{raise_it('pixels')}"):
        ms.read_webdataset(path, limits=ReadLimits(pixels=599)).count()


def test_tar_files_decompress_to_as_much_as_they_may(tmp_path):
    path = tar_file(tmp_path / "a.tar.gz", {f"{row}.bin": bytes(100_000) for row in range(30)})
    assert ms.read_webdataset(path).count() == 30
    match = rf"a\.tar\.gz.*decompresses to \d+ bytes or more, above the ratio of 20.*{raise_it('decompressed_ratio')}"
    with pytest.raises(ValueError, match=match):
        ms.read_webdataset(path, limits=ReadLimits(decompressed_ratio=20)).count()
