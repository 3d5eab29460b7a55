"""read_tfrecords. Files are written here byte by byte, as TensorFlow does."""

import gzip
import pickle
import random
import struct
from types import SimpleNamespace

import pytest

import millstream as ms

TABLE = []
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    TABLE.append(crc)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def framed(record):
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", masked(length)) + record + struct.pack("<I", masked(record))


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def message(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def example(packed=True, **features):
    """Of lists of bytes, floats or ints; None: a feature without a kind."""
    entries = b""
    for name, values in features.items():
        if values is None:
            feature = b""
        elif values and isinstance(values[0], bytes):
            feature = message(1, b"".join(message(1, value) for value in values))
        elif values and isinstance(values[0], float):
            floats = [struct.pack("<f", value) for value in values]
            items = message(1, b"".join(floats)) if packed else b"".join(varint(1 << 3 | 5) + f for f in floats)
            feature = message(2, items)
        else:
            ints = [varint(value) for value in values]
            items = message(1, b"".join(ints)) if packed else b"".join(varint(1 << 3) + i for i in ints)
            feature = message(3, items)
        entries += message(1, message(1, name.encode()) + message(2, feature))
    return message(1, entries)


def file_of(*examples):
    return b"".join(framed(record) for record in examples)


def test_the_checksum_is_the_one_of_its_definition():
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("packed", [True, False])
def test_features_are_columns(write, packed):
    records = [
        example(packed, label=[n - 5], text=[f"row {n}".encode()], x=[n / 2], vector=[float(n), 1.5], ids=[1] * n)
        for n in range(10)
    ]
    rows = ms.read_tfrecords(write("a.tfrecord", file_of(*records)))
    assert [(field.name, str(field.type)) for field in rows.schema().base_schema] == [
        ("ids", "list<item: int64>"),
        ("label", "int64"),
        ("text", "binary"),
        ("vector", "list<item: float>"),
        ("x", "float"),
    ]
    assert rows.take_all() == [
        {"ids": [1] * n, "label": n - 5, "text": f"row {n}".encode(), "vector": [float(n), 1.5], "x": n / 2}
        for n in range(10)
    ]
    assert rows.select_columns(["x", "label"]).take(1) == [{"x": 0.0, "label": -5}]


def test_many_records_of_many_files_in_any_engine(use_engine, write):
    for number in range(3):
        records = [example(id=[number * 4_000 + n], blob=[bytes(n % 300)]) for n in range(4_000)]
        content = file_of(*records)
        path = write(
            f"d/{number}.tfrecord" + (".gz" if number == 1 else ""), gzip.compress(content) if number == 1 else content
        )
    directory = path.rsplit("/", 1)[0]
    orders = set()
    for options in ({"num_cpus": 1}, {"num_cpus": 4}, {"always_spill": True}):
        use_engine(**options)
        rows = ms.read_tfrecords(directory)
        assert [row["id"] for row in rows.iter_rows()] == list(range(12_000))
        assert rows.count() == 12_000
        shuffled = pickle.loads(pickle.dumps(rows.random_shuffle(seed=2)))
        orders.add(tuple(row["id"] for row in shuffled.iter_rows()))
    (order,) = orders
    assert sorted(order) == list(range(12_000)) != list(order)


def test_what_is_missing_is_null(write):
    records = [example(a=[1], b=[2.5]), example(a=None), example(b=[]), example(a=[7], c=None)]
    assert ms.read_tfrecords(write("a.tfrecord", file_of(*records))).take_all() == [
        {"a": 1, "b": 2.5, "c": None},
        {"a": None, "b": None, "c": None},
        {"a": None, "b": None, "c": None},
        {"a": 7, "b": None, "c": None},
    ]
    assert ms.read_tfrecords(write("d/a.tfrecord", file_of(example(a=[1])) + b"")).count() == 1


def test_a_schema_tells_what_there_is(write):
    def feature(name, kind, sizes=(), most=0):
        shape = SimpleNamespace(dim=[SimpleNamespace(size=size) for size in sizes])
        return SimpleNamespace(name=name, type=kind, shape=shape, value_count=SimpleNamespace(max=most))

    schema = SimpleNamespace(feature=[feature("a", 2, [3]), feature("b", 3), feature("c", 1, most=9)])
    rows = ms.read_tfrecords(write("a.tfrecord", file_of(example(a=[1]))), tf_schema=schema)
    assert rows.take_all() == [{"a": [1], "b": None, "c": None}]
    assert str(rows.schema().base_schema.field("c").type) == "list<item: binary>"
    with pytest.raises(TypeError, match="tf_schema must be a tensorflow_metadata Schema, not dict"):
        ms.read_tfrecords(write("a.tfrecord", file_of(example(a=[1]))), tf_schema={})


def test_what_came_too_late_is_named(write):
    many = [example(a=[1], pad=[bytes(10_000)])] * 200
    path = write("late.tfrecord", file_of(*many, example(a=[1, 2])))
    with pytest.raises(ValueError, match=r"late\.tfrecord, record 200, at byte \d+: its feature 'a' has 2 values"):
        ms.read_tfrecords(path).take_all()
    path = write("late.tfrecord", file_of(*many, example(new=[1])))
    with pytest.raises(ValueError, match=r"a feature 'new', which none of the records looked at has; tf_schema"):
        ms.read_tfrecords(path).take_all()
    assert ms.read_tfrecords(path).select_columns(["a"]).count() == 201
    write("d/1.tfrecord", file_of(example(a=[1])))
    directory = write("d/2.tfrecord", file_of(example(a=[b"x"]))).rsplit("/", 1)[0]
    with pytest.raises(TypeError, match="its feature 'a' has bytes, where others have integers"):
        ms.read_tfrecords(directory)


def test_damaged_files_are_named(write):
    whole = file_of(*(example(a=[n]) for n in range(5)))
    size = len(whole) // 5

    def read(content):
        return ms.read_tfrecords(write("bad.tfrecord", content)).take_all()

    for cut in (size + 5, size + 13, 2 * size - 1):
        with pytest.raises(ValueError, match=rf"bad\.tfrecord, record 1, at byte {size}: the file ends within it"):
            read(whole[:cut])
    for place, what in ((2 * size, "its length does not have"), (3 * size - 6, "it does not have its checksum")):
        bent = bytearray(whole)
        bent[place] ^= 1
        with pytest.raises(ValueError, match=rf"record 2, at byte {2 * size}: {what}"):
            read(bytes(bent))
    with pytest.raises(ValueError, match=r"record 0, at byte 0: .*is no TFRecord file"):
        read(b"PAR1" * 100)
    with pytest.raises(ValueError, match=r"it is no tf\.train\.Example"):
        read(framed(b"\xff\xff\xff"))
    length = struct.pack("<Q", 1 << 40)
    with pytest.raises(ValueError, match="more than the 67108864 that are read"):
        read(length + struct.pack("<I", masked(length)) + bytes(100))
    with pytest.raises(ValueError, match="have no features"):
        read(framed(b""))


def test_bent_examples_are_errors_or_rows(write):
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    whole = example(a=[1, 2, 3], b=[b"text", b"more"], c=[0.5, 1.5])
    for _ in range(300):
        bent = bytearray(whole[: draw.randint(0, len(whole))] if draw.random() < 0.3 else whole)
        for _ in range(draw.randint(0, 4)):
            if bent:
                bent[draw.randrange(len(bent))] = draw.randrange(256)
        try:
            ms.read_tfrecords(write("bent.tfrecord", framed(whole) + framed(bytes(bent)))).take_all()
        except (ValueError, TypeError):
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
