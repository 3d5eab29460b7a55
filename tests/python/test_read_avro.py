"""read_avro: types, codecs, files that differ, damaged files."""

import datetime
import decimal
import os
import pickle
import random
import uuid

import fastavro
import pyarrow as pa
import pytest

import millstream as ms

CODECS = ["null", "deflate", "snappy", "zstandard", "bzip2", "xz"]


def record(*fields, name="Row"):
    return {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields]}


PLAIN = record(("id", "long"), ("half", ["null", "double"]), ("name", "string"))


def plain_row(n):
    return {"id": n, "half": n / 2 if n % 7 else None, "name": f"row {n}"}


@pytest.fixture
def write(tmp_path):
    """Writes an Avro file of that name into the test's own directory; its path."""

    def write(name, schema, records, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            fastavro.writer(file, schema, records, **options)
        return str(path)

    return write


@pytest.mark.parametrize("codec", CODECS)
def test_blocks_of_each_codec_are_read(each_engine, write, codec):
    rows = [plain_row(n) for n in range(20_000)]
    write("d/a.avro", PLAIN, rows[:12_000], codec=codec, sync_interval=9_000)
    path = write("d/b.avro", PLAIN, rows[12_000:], codec=codec)
    read = ms.read_avro(os.path.dirname(path))
    assert list(read.iter_rows()) == rows
    assert (read.columns(), read.num_blocks(), read.count()) == (["id", "half", "name"], 2, 20_000)
    shuffled = [row["id"] for row in read.random_shuffle(seed=5).iter_rows()]
    assert sorted(shuffled) == list(range(20_000)) != shuffled
    assert list(pickle.loads(pickle.dumps(read)).iter_rows()) == rows


INSTANT = datetime.datetime(2020, 1, 2, 3, 4, 5, 678_000)
IDENTITY = uuid.UUID("12345678-1234-5678-1234-567812345678")


def logical(kind, logical_type, **more):
    return {"type": kind, "logicalType": logical_type, **more}


TYPES = [
    ("int", "int", -3, pa.int32()),
    ("long", "long", 1 << 40, pa.int64()),
    ("float", "float", 0.5, pa.float32()),
    ("double", "double", 0.1, pa.float64()),
    ("boolean", "boolean", True, pa.bool_()),
    ("bytes", "bytes", b"\x00\xff", pa.binary()),
    ("string", "string", "ünïcode ☃", pa.string()),
    ("null", "null", None, pa.null()),
    ("decimal", logical("bytes", "decimal", precision=9, scale=2), decimal.Decimal("-12.34"), pa.decimal128(9, 2)),
    (
        "fixed_decimal",
        logical("fixed", "decimal", precision=50, scale=3, size=24, name="D24"),
        decimal.Decimal("12345678901234567890123456789012345678901234567.890"),
        pa.decimal256(50, 3),
    ),
    ("date", logical("int", "date"), INSTANT.date(), pa.date32()),
    ("time_millis", logical("int", "time-millis"), INSTANT.time(), pa.time32("ms")),
    ("time_micros", logical("long", "time-micros"), datetime.time(1, 2, 3, 4), pa.time64("us")),
    ("millis", logical("long", "timestamp-millis"), INSTANT.replace(tzinfo=datetime.UTC), pa.timestamp("ms", "UTC")),
    ("micros", logical("long", "timestamp-micros"), INSTANT.replace(tzinfo=datetime.UTC), pa.timestamp("us", "UTC")),
    ("local_millis", logical("long", "local-timestamp-millis"), INSTANT, pa.timestamp("ms")),
    ("local_micros", logical("long", "local-timestamp-micros"), INSTANT, pa.timestamp("us")),
    ("unknown", logical("long", "parsecs"), 7, pa.int64()),
    ("enum", {"type": "enum", "name": "Suit", "symbols": ["SPADES", "HEARTS"]}, "HEARTS", pa.string()),
    ("enum_again", "Suit", "SPADES", pa.string()),
    ("fixed", {"type": "fixed", "name": "F4", "size": 4}, b"abcd", pa.binary(4)),
    ("list", {"type": "array", "items": ["null", "string"]}, ["x", None], pa.list_(pa.string())),
    ("map", {"type": "map", "values": "long"}, [("k", 1), ("l", 2)], pa.map_(pa.string(), pa.int64())),
    (
        "nested",
        record(("x", ["null", "int"]), ("at", {"type": "array", "items": logical("int", "date")}), name="Inner"),
        {"x": None, "at": [INSTANT.date()]},
        pa.struct([("x", pa.int32()), ("at", pa.list_(pa.date32()))]),
    ),
    ("nullable", ["null", "Suit"], "HEARTS", pa.string()),
    ("numbers", ["int", "long", "null"], 1 << 40, pa.int64()),
    ("fractions", ["null", "int", "float"], 0.5, pa.float64()),
    ("wrapped", {"type": "string"}, "x", pa.string()),
    (
        "uuids_within",
        {"type": "array", "items": record(("u", ["null", logical("string", "uuid")]), name="WithUuid")},
        [{"u": str(IDENTITY)}, {"u": None}],
        pa.list_(pa.struct([("u", pa.string())])),
    ),
]


def test_types_are_those_of_the_schema(write):
    schema = record(*((name, kind) for name, kind, _, _ in TYPES), ("uuid", ["null", logical("string", "uuid")]))
    row = {name: dict(value) if name == "map" else value for name, _, value, _ in TYPES}
    path = write("types.avro", schema, [{**row, "uuid": IDENTITY}, {**row, "uuid": None}])
    read = ms.read_avro(path)
    expected = {name: value for name, _, value, _ in TYPES}
    assert read.take_all() == [{**expected, "uuid": IDENTITY.bytes}, {**expected, "uuid": None}]
    assert read.to_arrow().schema.remove_metadata() == pa.schema(
        [*((name, kind) for name, _, _, kind in TYPES), ("uuid", pa.uuid())]
    )


def test_timestamps_of_nanoseconds(write):
    schema = record(("at", logical("long", "timestamp-nanos")), ("local", logical("long", "local-timestamp-nanos")))
    table = ms.read_avro(write("n.avro", schema, [{"at": 1_577_934_245_678_901_234, "local": 1}])).to_arrow()
    assert [str(kind) for kind in table.schema.types] == ["timestamp[ns, tz=UTC]", "timestamp[ns]"]
    assert table["at"].cast(pa.int64()).to_pylist() == [1_577_934_245_678_901_234]


def test_files_whose_columns_differ(write):
    write("d/1.avro", record(("a", "int"), ("b", "string")), [{"a": 1, "b": "x"}])
    write("d/2.avro", record(("c", "boolean"), ("a", "long")), [{"c": True, "a": 1 << 40}])
    path = write("d/3.avro", record(("a", "double"), ("b", "null")), [{"a": 0.5, "b": None}])
    read = ms.read_avro(os.path.dirname(path))
    assert read.take_all() == [
        {"a": 1.0, "b": "x", "c": None},
        {"a": float(1 << 40), "b": None, "c": True},
        {"a": 0.5, "b": None, "c": None},
    ]
    bad = write("e/4.avro", record(("a", "string")), [{"a": "x"}])
    with pytest.raises(TypeError, match=r"4\.avro does not go with the files before it .*\ba\b"):
        ms.read_avro([path, bad])


def test_no_rows_keep_their_columns(write):
    path = write("empty.avro", PLAIN, [])
    assert ms.read_avro(path).take_all() == []
    assert ms.read_avro([path, write("one.avro", PLAIN, [plain_row(1)])]).take_all() == [plain_row(1)]


def test_directories_globs_and_what_paths_tell(write, tmp_path):
    for year in (2019, 2020):
        for part in range(2):
            write(f"d/year={year}/{part}.avro", PLAIN, [plain_row(year + part)])
    write("d/_hidden.avro", PLAIN, [plain_row(1)])
    (tmp_path / "d" / "notes.txt").write_text("not avro")
    with pytest.raises(ValueError, match=r"notes\.txt is not an Avro file"):
        ms.read_avro(tmp_path / "d")
    read = ms.read_avro(tmp_path / "d", file_extensions=["avro"], include_paths=True)
    assert [(row["id"], os.path.relpath(row["path"], tmp_path)) for row in read.take_all()] == [
        (2019, "d/year=2019/0.avro"),
        (2020, "d/year=2019/1.avro"),
        (2020, "d/year=2020/0.avro"),
        (2021, "d/year=2020/1.avro"),
    ]
    hive = ms.datasource.Partitioning(ms.datasource.PartitionStyle.HIVE, field_types={"year": int})
    assert [
        (row["id"], row["year"]) for row in ms.read_avro(f"{tmp_path}/d/*/1.avro", partitioning=hive).take_all()
    ] == [
        (2020, 2019),
        (2021, 2020),
    ]
    few = ms.read_avro(tmp_path / "d", file_extensions=["avro"], override_num_blocks=3, concurrency=2)
    assert (few.num_blocks(), [row["id"] for row in few.take_all()]) == (3, [2019, 2020, 2020, 2021])
    write("e/id=3/0.avro", PLAIN, [plain_row(1)])
    with pytest.raises(ValueError, match="have a column 'id', and their paths tell one"):
        ms.read_avro(tmp_path / "e", partitioning=hive)


@pytest.mark.parametrize(
    ("schema", "kind", "message"),
    [
        (record(("a", ["int", "string"])), TypeError, "column 'a' is a union of int, string"),
        (record(("a", ["null", "Row"])), TypeError, "column 'a' holds records within themselves"),
        ("string", ValueError, "holds values of type string, and rows are records"),
        ({"type": "array", "items": PLAIN}, ValueError, "holds values of type array"),
    ],
)
def test_what_has_no_columns_is_refused(write, schema, kind, message):
    with pytest.raises(kind, match=rf"bad\.avro.*{message}|{message}"):
        ms.read_avro(write("bad.avro", schema, []))


def test_wrong_arguments_are_refused(write):
    path = write("a.avro", PLAIN, [plain_row(1)])
    with pytest.raises(FileNotFoundError, match="no/such"):
        ms.read_avro("no/such.avro")
    with pytest.raises(TypeError, match="filesystem"):
        ms.read_avro(path, filesystem=object())
    with pytest.raises(NotImplementedError, match="num_cpus"):
        ms.read_avro(path, num_cpus=1)
    with pytest.raises(TypeError, match="no argument 'schema'"):
        ms.read_avro(path, schema=PLAIN)


# ---- damaged files ----
def content(codec, rows=2_000):
    import io

    file = io.BytesIO()
    fastavro.writer(
        file, PLAIN, [plain_row(n) for n in range(rows)], codec=codec, sync_interval=5_000, sync_marker=b"s" * 16
    )
    data = file.getvalue()
    return data, [block.offset for block in fastavro.block_reader(io.BytesIO(data))]


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_that_ends_early_is_named_with_the_block(tmp_path, codec):
    data, begins = content(codec)
    path = tmp_path / "cut.avro"
    for end in (begins[1] + 1, begins[1] + 30, begins[2] - 1, len(data) - 1):
        path.write_bytes(data[:end])
        block = 1 if end < begins[2] else len(begins) - 1
        with pytest.raises(ValueError, match=rf"damaged: .*cut\.avro.* block {block}\b.* byte {begins[block]}\b"):
            ms.read_avro(path).take_all()
    path.write_bytes(data[: begins[2]])  # whole blocks, which no file can tell from all of them
    assert ms.read_avro(path).take_all() == [plain_row(n) for n in range(ms.read_avro(path).count())]


@pytest.mark.parametrize("data", [b"", b"Obj", b"not avro at all", b"Obj\x01", b"Obj\x01" + b"\xff" * 40])
def test_what_is_not_avro_is_named(tmp_path, data):
    (tmp_path / "bad.avro").write_bytes(data)
    with pytest.raises(ValueError, match=r"bad\.avro is not an Avro file"):
        ms.read_avro(tmp_path / "bad.avro")


@pytest.mark.parametrize("codec", CODECS)
def test_a_length_that_is_damaged_takes_no_memory(tmp_path, codec):
    data, begins = content(codec)
    for first in (b"\xfe", b"\xff"):  # one record in 2^62 bytes, and in less than none
        block = b"\x02" + first + b"\xff" * 7 + b"\x7f"
        (tmp_path / "long.avro").write_bytes(data[: begins[1]] + block + data[begins[1] :])
        with pytest.raises(ValueError, match=r"long\.avro, block 1 at byte \d+: EOFError: -?\d+ bytes are said to"):
            ms.read_avro(tmp_path / "long.avro").take_all()


def test_a_count_of_records_that_is_damaged_loses_no_row(tmp_path):
    data, begins = content("null", rows=40)
    assert data[begins[0]] == 2 * 40
    for count in (39, 41, 1):
        (tmp_path / "count.avro").write_bytes(data[: begins[0]] + bytes([2 * count]) + data[begins[0] + 1 :])
        with pytest.raises(ValueError, match=r"count\.avro, block 0 at byte"):
            ms.read_avro(tmp_path / "count.avro").take_all()


@pytest.mark.parametrize("codec", CODECS)
def test_flipped_bits_give_rows_or_an_error_that_names_the_file(tmp_path, codec):
    seed = int(os.environ.get("MILLSTREAM_TEST_SEED", random.randrange(1 << 30)))
    print("MILLSTREAM_TEST_SEED", seed)
    draw = random.Random(seed)
    data, _ = content(codec, rows=300)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        (tmp_path / "bits.avro").write_bytes(damaged)
        try:
            rows = ms.read_avro(tmp_path / "bits.avro").take_all()
        except (ValueError, TypeError) as error:
            assert "bits.avro" in str(error)  # noqa: PT017
        else:
            assert len(rows) in range(1000)


@pytest.fixture
def damaged(tmp_path):
    """A directory of a good file, one that is damaged in its third block, one that is none, and a good one."""
    data, begins = content("deflate")
    (tmp_path / "a.avro").write_bytes(data)
    (tmp_path / "b.avro").write_bytes(data[: begins[2] + 30])
    (tmp_path / "c.avro").write_bytes(b"none")
    (tmp_path / "d.avro").write_bytes(data)
    return tmp_path, [plain_row(n) for n in range(2_000)]


@pytest.mark.parametrize("blocks", [None, 1, 2])
def test_bad_files_are_passed_over(damaged, blocks):
    directory, rows = damaged
    with pytest.raises(ValueError, match=r"c\.avro is not an Avro file"):
        ms.read_avro(directory)
    whole_blocks = ms.read_avro(directory / "a.avro").count()
    assert whole_blocks == len(rows)
    recorded = ms.read_avro(directory, on_bad_file="record", override_num_blocks=blocks)
    read = recorded.take_all()
    of_b = len(read) - 2 * len(rows)
    assert 0 < of_b < len(rows)
    assert read == rows + rows[:of_b] + rows
    letters = recorded.dead_letters().take_all()
    assert [letter["source"] for letter in letters] == [str(directory / name) for name in ("b.avro", "c.avro")]
    assert "block 2" in letters[0]["error"]
    assert "not an Avro file" in letters[1]["error"]
    skipped = ms.read_avro(directory, on_bad_file="skip", override_num_blocks=blocks)
    assert skipped.take_all() == read
    assert skipped.dead_letters().count() == 0


def test_so_many_bad_files_and_no_more(damaged):
    directory, _ = damaged
    assert ms.read_avro(directory, on_bad_file="skip", max_errors=2).count() > 4_000
    with pytest.raises(ValueError, match=r"c\.avro"):
        ms.read_avro(directory, on_bad_file="skip", max_errors=1).take_all()
    with pytest.raises(ValueError, match=r"c\.avro is not"):
        ms.read_avro(directory / "c.avro", on_bad_file="skip")
    with pytest.raises(ValueError, match="on_bad_file must be"):
        ms.read_avro(directory, on_bad_file="ignore")
    with pytest.raises(NotImplementedError, match="on_bad_file"):
        ms.read_avro(directory, on_bad_row="skip")


def test_a_file_of_other_types_is_bad(write, tmp_path):
    write("a.avro", PLAIN, [plain_row(1)])
    write("b.avro", record(("id", "string")), [{"id": "text"}])
    with pytest.raises(TypeError, match=r"b\.avro does not go"):
        ms.read_avro(tmp_path)
    dataset = ms.read_avro(tmp_path, on_bad_file="record")
    assert dataset.take_all() == [plain_row(1)]
    assert [letter["source"] for letter in dataset.dead_letters().take_all()] == [str(tmp_path / "b.avro")]


def test_a_file_that_is_left_out_of_the_schema_is_not_read(write, tmp_path):
    write("a.avro", record(("x", "long")), [{"x": 1}])
    write("b.avro", record(("x", ["null", "string"]), ("y", "long")), [{"x": None, "y": 2}])
    dataset = ms.read_avro(tmp_path, on_bad_file="record")
    assert dataset.take_all() == [{"x": 1}]
    assert [letter["source"] for letter in dataset.dead_letters().take_all()] == [str(tmp_path / "b.avro")]


def test_what_a_store_fails_with_is_no_fault_of_the_file(write, tmp_path, monkeypatch):
    path = write("a.avro", PLAIN, [plain_row(1)])
    dataset = ms.read_avro(path, on_bad_file="skip")

    def reset(*_):
        raise ConnectionResetError("by the store")

    monkeypatch.setattr(fastavro, "block_reader", reset)
    with pytest.raises(Exception, match="by the store"):
        dataset.take_all()
    with pytest.raises(ConnectionResetError, match="by the store"):
        ms.read_avro(path, on_bad_file="skip")
