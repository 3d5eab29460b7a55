"""read_ipc and read_orc."""

import datetime
import decimal
import pickle
import random

import pyarrow
import pytest
from pyarrow import feather, ipc, orc

import millstream as ms


def table(rows=5_000, first=0):
    draw = random.Random(first)
    numbers = range(first, first + rows)
    return pyarrow.table(
        {
            "id": pyarrow.array(numbers, pyarrow.int64()),
            "text": [None if n % 11 == 0 else f"töxt {n % 97}" for n in numbers],
            "float": [draw.random() for _ in numbers],
            "flag": [n % 3 == 0 for n in numbers],
            "when": [datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=n) for n in numbers],
            "price": [decimal.Decimal(n).scaleb(-2) for n in numbers],
            "list": [[n] * (n % 4) for n in numbers],
            "pair": [{"a": n, "b": str(n)} for n in numbers],
        },
        schema=pyarrow.schema(
            [
                ("id", pyarrow.int64()),
                ("text", pyarrow.string()),
                ("float", pyarrow.float64()),
                ("flag", pyarrow.bool_()),
                ("when", pyarrow.timestamp("ns")),
                ("price", pyarrow.decimal128(12, 2)),
                ("list", pyarrow.list_(pyarrow.int64())),
                ("pair", pyarrow.struct([("a", pyarrow.int64()), ("b", pyarrow.string())])),
            ]
        ),
    )


def write_file(rows, path, **options):
    with ipc.new_file(path, rows.schema, options=ipc.IpcWriteOptions(**options)) as out:
        out.write_table(rows, max_chunksize=500)


def write_stream(rows, path, **options):
    with ipc.new_stream(path, rows.schema, options=ipc.IpcWriteOptions(**options)) as out:
        out.write_table(rows, max_chunksize=500)


def write_orc(rows, path):
    orc.write_table(rows, path, stripe_size=50_000, compression="zstd")


FORMS = {
    "ipc": (ms.read_ipc, write_file, "arrow"),
    "stream": (ms.read_ipc, write_stream, "arrows"),
    "orc": (ms.read_orc, write_orc, "orc"),
}


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


def test_rows_come_as_they_were_written(each_engine, form, tmp_path):
    read, write, extension = form
    parts = [table(5_000), table(700, first=5_000)]
    for number, part in enumerate(parts):
        write(part, str(tmp_path / f"{number}.{extension}"))
    wanted = pyarrow.concat_tables(parts)
    rows = read(tmp_path)
    assert rows.to_arrow().equals(wanted)
    assert rows.count() == len(wanted)
    assert pickle.loads(pickle.dumps(rows)).to_arrow().equals(wanted)
    assert rows.select_columns(["pair", "id"]).to_arrow().equals(wanted.select(["pair", "id"]))


def test_a_shuffle_is_one_order(use_engine, form, tmp_path):
    read, write, extension = form
    write(table(40_000).select(["id"]), str(tmp_path / f"a.{extension}"))
    orders = set()
    for options in ({"num_cpus": 1}, {"num_cpus": 4}, {"always_spill": True}):
        use_engine(**options)
        orders.add(tuple(row["id"] for row in read(tmp_path).random_shuffle(seed=8).iter_rows()))
    (order,) = orders
    assert sorted(order) == list(range(40_000))


def test_files_that_differ_have_one_schema(form, tmp_path):
    read, write, extension = form
    write(
        pyarrow.table({"a": pyarrow.array([1, 2], pyarrow.int32()), "b": ["x", "y"]}), str(tmp_path / f"1.{extension}")
    )
    write(pyarrow.table({"c": [0.5], "a": pyarrow.array([3], pyarrow.int64())}), str(tmp_path / f"2.{extension}"))
    rows = read(tmp_path)
    assert rows.schema().names == ["a", "b", "c"]
    assert rows.take_all() == [
        {"a": 1, "b": "x", "c": None},
        {"a": 2, "b": "y", "c": None},
        {"a": 3, "b": None, "c": 0.5},
    ]
    # The second file has nothing of it but its rows.
    assert [row["b"] for row in rows.select_columns(["b"]).iter_rows()] == ["x", "y", None]
    write(pyarrow.table({"a": ["text"]}), str(tmp_path / f"3.{extension}"))
    with pytest.raises(TypeError, match=rf"'a'.*3\.{extension}"):
        read(tmp_path)


def test_partitions_and_paths(form, tmp_path):
    read, write, extension = form
    for year in (2025, 2026):
        (tmp_path / f"year={year}").mkdir()
        write(table(3, first=year), str(tmp_path / f"year={year}" / f"a.{extension}"))
    rows = read(tmp_path, include_paths=True).select_columns(["year", "id", "path"]).take_all()
    assert [(row["year"], row["id"]) for row in rows] == [(str(y), y + n) for y in (2025, 2026) for n in range(3)]
    assert rows[-1]["path"].endswith(f"year=2026/a.{extension}")


def test_empty_tables_have_a_schema_and_no_rows(form, tmp_path):
    read, write, extension = form
    write(table(0), str(tmp_path / f"none.{extension}"))
    rows = read(tmp_path)
    assert rows.schema().names == table(0).schema.names
    assert rows.take_all() == []


def test_what_is_no_such_file_is_named(form, tmp_path):
    read, _, extension = form
    path = tmp_path / f"bad.{extension}"
    for content in (b"", b"neither of them, and longer than any magic number", b"PAR1" * 100):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"bad\.{extension}"):
            read(path).take_all()


def test_bent_bytes_are_errors_or_rows(form, tmp_path):
    read, write, extension = form
    write(table(300), str(tmp_path / f"whole.{extension}"))
    whole = (tmp_path / f"whole.{extension}").read_bytes()
    path = tmp_path / f"bent.{extension}"
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    for _ in range(100):
        bent = bytearray(whole[: draw.randint(1, len(whole))] if draw.random() < 0.3 else whole)
        for _ in range(draw.randint(0, 4)):
            bent[draw.randrange(len(bent))] = draw.randrange(256)
        path.write_bytes(bent)
        try:
            read(path).take_all()
        except (ValueError, TypeError, NotImplementedError, MemoryError):
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("write", [write_file, write_stream])
def test_compressed_bodies_and_dictionaries(tmp_path, write, compression):
    rows = table(2_000)
    rows = rows.set_column(1, "text", rows["text"].dictionary_encode())
    write(rows, str(tmp_path / "d.arrow"), compression=compression)
    read = ms.read_ipc(tmp_path)
    assert read.to_arrow()["text"].cast(pyarrow.string()).equals(rows["text"].cast(pyarrow.string()))


def test_feather(tmp_path):
    feather.write_feather(table(100), tmp_path / "two.feather")
    assert ms.read_ipc(tmp_path).to_arrow().equals(table(100))
    (tmp_path / "one.feather").write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(ValueError, match=r"one\.feather.*Feather's first version.*read_table"):
        ms.read_ipc(tmp_path)


@pytest.mark.parametrize("compression", ["uncompressed", "zlib", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_orc_of_texts_and_lists_of_all_sizes(tmp_path, compression, threshold):
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)

    def size():
        return draw.choice([0, 1, 2, 3, 3, 3, 7, draw.randrange(50), draw.choice([0, 300])])

    count = draw.choice([1, 600, 9_000])
    columns = {
        "texts": [None if draw.random() < 0.1 else draw.choice("abc") * size() for _ in range(count)],
        "lists": [None if draw.random() < 0.1 else [n] * size() for n in range(count)],
        "nested": [
            [["x" * draw.randrange(9)] * draw.randrange(3) for _ in range(draw.randrange(4))] for _ in range(count)
        ],
        "pairs": [{"key": n, "text": "y" * size()} for n in range(count)],
        "map": [[(str(n), [n])] * draw.randrange(3) for n in range(count)],
        "prices": [decimal.Decimal(draw.randrange(-(10**9), 10**9)).scaleb(-3) for _ in range(count)],
    }
    types = {
        "texts": pyarrow.string(),
        "lists": pyarrow.list_(pyarrow.int64()),
        "nested": pyarrow.list_(pyarrow.list_(pyarrow.string())),
        "map": pyarrow.map_(pyarrow.string(), pyarrow.list_(pyarrow.int32())),
        "prices": pyarrow.decimal128(20, 3),
    }
    written = pyarrow.table({name: pyarrow.array(values, types.get(name)) for name, values in columns.items()})
    path = tmp_path / "all.orc"
    orc.write_table(
        written, str(path), compression=compression, dictionary_key_size_threshold=threshold, stripe_size=200_000
    )
    assert ms.read_orc(path).to_arrow().equals(orc.read_table(str(path))), f"seed {seed}"
    assert ms.read_orc(path).select_columns("map").count() == count, f"seed {seed}"


def test_a_row_of_orc_may_not_be_larger_than_allowed(tmp_path):
    path = tmp_path / "long.orc"
    orc.write_table(pyarrow.table({"a": [[1], list(range(100_000))]}), str(path))
    assert ms.read_orc(path).count() == 2
    with pytest.raises(ValueError, match=r"long\.orc: a row of the stripe at byte 3 may take.*record_bytes"):
        ms.read_orc(path, limits=ms.ReadLimits(record_bytes=500_000)).take_all()


@pytest.mark.parametrize(
    "columns",
    [
        {"bytes": [b"x" * (40 << 20)] * 2},
        {"floats": pyarrow.array([[0.5] * 1_200_000] * 2, pyarrow.list_(pyarrow.float32()))},
        {"same": ["x" * 200] * 200_000},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_rows_of_orc_that_are_large_and_allowed(tmp_path, columns):
    written = pyarrow.table(columns)
    orc.write_table(written, str(tmp_path / "a.orc"), compression="zstd")
    assert ms.read_orc(tmp_path).to_arrow().equals(written)
