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


# ---- the quick way and pyarrow's ----
def random_value(draw, depth):
    kind = draw.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return None
    if kind == 1:
        return draw.choice([0, 1, -1, 2**53, 2**62, -(2**63), draw.randrange(-1000, 1000)])
    if kind == 2:
        return draw.choice([0.0, -0.0, 1e300, 5e-324, 0.1, draw.uniform(-5, 5), 1e22, 123456789012345680.0])
    if kind == 3:
        return draw.random() < 0.5
    if kind == 4:
        return draw.choice(
            ["", "a", 'q"uote\\', "é\n\t", "\U0001f993", "2020-01-01", "2020-01-01T02:03:04Z", "x" * 300]
        )
    if kind == 5:
        return draw.choice(["2024-05-06 07:08:09", "1969-12-31T23:59:59", None])
    if kind in (6, 7):
        return [random_value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {name: random_value(draw, depth + 1) for name in draw.sample(["x", "y", "z"], draw.randrange(4))}


SCHEMAS = [
    pa.schema(
        [("a", pa.int64()), ("b", pa.float64()), ("c", pa.string()), ("d", pa.bool_()), ("e", pa.timestamp("s"))]
    ),
    pa.schema([("a", pa.list_(pa.int64())), ("b", pa.struct([("x", pa.float64()), ("y", pa.string())]))]),
    pa.schema(
        [("a", pa.list_(pa.struct([("x", pa.list_(pa.float64())), ("z", pa.timestamp("s"))]))), ("b", pa.null())]
    ),
]


def fitting(draw, kind):
    if kind == pa.null() or draw.random() < 0.15:
        return None
    if kind == pa.int64():
        return draw.choice([0, -0, 7, 2**62, -(2**63), draw.randrange(10**6)])
    if kind == pa.float64():
        return draw.choice([0, 3, 0.5, -0.0, 1e300, 2**60, draw.uniform(-9, 9)])
    if kind == pa.string():
        return draw.choice(["", "text", 'q"\\', "é\n", "\U0001f993", "y" * 200])
    if kind == pa.bool_():
        return draw.random() < 0.5
    if kind == pa.timestamp("s"):
        return draw.choice(["2024-05-06 07:08:09", "1969-12-31T23:59:59Z", "2020-02-29"])
    if pa.types.is_list(kind):
        return [fitting(draw, kind.value_type) for _ in range(draw.randrange(4))]
    fields = [field for field in kind if draw.random() < 0.8]
    draw.shuffle(fields)
    return {field.name: fitting(draw, field.type) for field in fields}


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("misfit", [0, 0.02])
def test_rows_are_those_that_pyarrow_reads_or_both_refuse(schema, misfit, tmp_path):
    for seed in range(12):
        draw = random.Random(seed)
        lines = []
        for _ in range(draw.randrange(1, 60)):
            row = fitting(draw, pa.struct(list(schema))) or {}
            if draw.random() < misfit:
                row[draw.choice(["a", "b"])] = random_value(draw, 0)
            text = json.dumps(row, ensure_ascii=draw.random() < 0.5)
            if draw.random() < misfit:
                text = text[:-1] + ', "a": null, "a": null}' if row else text
            lines.append(text.replace(" ", "") if draw.random() < 0.3 and '" ' not in text else text)
        path = tmp_path / f"{seed}.json"
        path.write_text("\n".join(lines) + "\n" * draw.randrange(2))
        options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
        try:
            expected = pajson.read_json(path, parse_options=options)
        except pa.ArrowInvalid:
            expected = None
        if expected is None:
            with pytest.raises(ValueError, match=rf"{seed}\.json"):
                ms.read_json(path, parse_options=options).to_arrow()
            continue
        found = ms.read_json(path, parse_options=options).to_arrow().select(schema.names)
        assert repr(found.to_pylist()) == repr(expected.to_pylist()), f"seed {seed}"


def test_a_minus_zero_stays_one(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 0.5}\n{"a": -0}\n{"a": 0}\n')
    values = [row["a"] for row in ms.read_json(tmp_path / "a.json").take_all()]
    assert [str(value) for value in values] == ["0.5", "-0.0", "0.0"]


def test_a_line_end_in_a_text_is_no_json(write):
    path = write("a.json", '[{"a": "x"}, {"a": "x\ny"}]')
    with pytest.raises(ValueError, match="JSON parse error"):
        ms.read_json(path).count()
