"""read_json: the rows that pyarrow and Python's json read, in each layout, and what is said of files that are wrong."""

import bz2
import datetime
import gzip
import json
import pickle
import random

import pyarrow as pa
import pyarrow.json as pajson
import pytest

import millstream as ms
from millstream.expressions import col


def rows_of(count, seed=3):
    draw = random.Random(seed)
    texts = ["", "plain", 'a "quoted" one', "back\\slash {[", "ünï ☃", "]}", "\\", 'ends with \\"']
    return [
        {
            "id": number,
            "share": draw.choice([None, draw.random()]),
            "yes": draw.random() < 0.5,
            "text": draw.choice(texts),
            "list": [draw.randrange(9) for _ in range(draw.randrange(4))],
            "inner": {"a": draw.randrange(5), "b": [{"c": draw.choice(texts)}]},
        }
        for number in range(count)
    ]


def lines_of(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_files_of_lines_are_read_in_ranges(each_engine, write):
    rows = rows_of(30_000)
    path = write("rows.jsonl", lines_of(rows))
    read = ms.read_json(path)
    assert read.schema().base_schema.equals(pajson.read_json(path).schema)
    assert read.take_all() == rows
    assert read.count() == 30_000


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("layout", ["an array", "one behind the other", "one object"])
def test_files_of_other_layouts_are_known_by_their_beginning(write, layout, indent):
    rows = rows_of(5_000 if layout != "one object" else 1)
    if layout == "an array":
        text = json.dumps(rows, indent=indent)
    else:
        text = ("\n" if indent else " ").join(json.dumps(row, indent=indent) for row in rows)
    for mark in (b"", b"\xef\xbb\xbf"):
        path = write("rows.json", mark + text.encode())
        assert ms.read_json(path).take_all() == rows


def test_compressed_files_are_decompressed(write):
    rows = rows_of(20_000)
    text = lines_of(rows).encode()
    write("d/a.jsonl.gz", gzip.compress(text))
    write("d/b.json.bz2", bz2.compress(json.dumps(rows).encode()))
    write("d/c.jsonl.zst", pa.compress(text, codec="zstd", asbytes=True))
    path = write("d/notes.txt", "no JSON")
    read = ms.read_json(path.rsplit("/", 1)[0])
    assert read.take_all() == rows * 3


def test_columns_and_types_are_those_of_all_rows(write):
    write("d/a.json", '{"x": 1, "s": {"p": 1}}\n{"x": null}\n')
    write("d/b.json", '{"x": 2.5, "y": "2020-01-01 00:00:00", "l": []}\n')
    path = write("d/c.json", '{"y": "text", "s": {"q": [true]}, "l": [1]}\n\n')
    read = ms.read_json(path.rsplit("/", 1)[0])
    assert read.take_all() == [
        {"x": 1.0, "s": {"p": 1, "q": None}, "y": None, "l": None},
        {"x": None, "s": None, "y": None, "l": None},
        {"x": 2.5, "s": None, "y": "2020-01-01 00:00:00", "l": []},
        {"x": None, "s": {"p": None, "q": [True]}, "y": "text", "l": [1]},
    ]


def test_times_are_told_and_types_can_be_given(write):
    path = write("t.jsonl", '{"at": "2020-01-02 03:04:05", "n": 7}\n')
    assert ms.read_json(path).take_all() == [{"at": datetime.datetime(2020, 1, 2, 3, 4, 5), "n": 7}]
    schema = pa.schema([("n", pa.float32()), ("at", pa.string()), ("none", pa.int8())])
    read = ms.read_json(path, parse_options=pajson.ParseOptions(explicit_schema=schema))
    assert read.take_all() == [{"at": "2020-01-02 03:04:05", "n": 7.0, "none": None}]


def test_everything_above_a_reader_works(each_engine, write):
    path = write("rows.jsonl", lines_of({"id": n, "group": n % 3, "text": "x" * 40} for n in range(60_000)))
    rows = ms.read_json(path, lines=True)
    assert rows.filter(expr=col("group") == 1).count() == 20_000
    assert rows.sum("id") == sum(range(60_000))
    shuffled = [row["id"] for row in rows.random_shuffle(seed=4).select_columns("id").iter_rows()]
    assert sorted(shuffled) == list(range(60_000)) != shuffled
    assert rows.sort("id", descending=True).take(1)[0]["id"] == 59_999
    assert pickle.loads(pickle.dumps(rows)).count() == 60_000


# ---- bad input ----
def test_what_is_not_json_is_named(write):
    with pytest.raises(ValueError, match=r"bad\.jsonl: JSON parse error: .*row 2"):
        ms.read_json(write("bad.jsonl", '{"a": 1}\n{"a": 2}\n{"a": 3,,}\n')).take_all()
    with pytest.raises(ValueError, match=r"open\.json: its array has no end; the file may be cut short"):
        ms.read_json(write("open.json", '[{"a": 1}, {"a": 2}')).take_all()
    with pytest.raises(ValueError, match=r"cut\.json: its last object has no end"):
        ms.read_json(write("cut.json", '[{"a": 1}, {"a": 2')).take_all()
    with pytest.raises(ValueError, match=r"numbers\.json: there is '1' where an object"):
        ms.read_json(write("numbers.json", "[1, 2]"))
    with pytest.raises(ValueError, match=r"mixed\.json: there is '7' where an object"):
        ms.read_json(write("mixed.json", '[{"a": 1}, 7]')).take_all()
    with pytest.raises(ValueError, match=r"after\.json: there is text behind the end of the array"):
        ms.read_json(write("after.json", '[{"a": 1}] x')).take_all()
    with pytest.raises(ValueError, match="no file has an object"):
        ms.read_json(write("empty.json", ""))


def test_a_column_of_two_types_is_named(write):
    with pytest.raises(TypeError, match=r"column 'a' is string in some rows and int64 in others.*explicit_schema"):
        ms.read_json([write("a.json", '{"a": "x"}\n'), write("b.json", '{"a": 1}\n')])


def test_a_column_that_no_sample_had_is_named(write):
    text = '{"a": 1}\n' * 2_175_000
    path = write("late.jsonl", text + '{"a": 2, "late": 3}\n' + text)
    with pytest.raises(ValueError, match=r"late\.jsonl, from byte \d+ on: .*late.*explicit_schema"):
        ms.read_json(path).materialize()
    assert ms.read_json(path).select_columns("a").count() == 4_350_001


def test_a_compressed_file_that_is_cut_short_is_named(write):
    text = lines_of(rows_of(20_000)).encode()
    path = write("cut.jsonl.gz", gzip.compress(text)[:-2000])
    with pytest.raises(ValueError, match=r"cut\.jsonl\.gz does not decompress"):
        ms.read_json(path).take_all()


def test_arguments_that_cannot_be_are_refused(write):
    path = write("x.json", '{"a": 1}')
    with pytest.raises(TypeError, match=r"parse_options must be a pyarrow\.json\.ParseOptions, not dict"):
        ms.read_json(path, parse_options={})
    with pytest.raises(
        TypeError, match=r"partitioning must be a millstream\.datasource\.Partitioning or None, not str"
    ):
        ms.read_json(path, partitioning="hive")
