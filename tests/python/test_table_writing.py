"""What the writers of tables share: a stream for a library, and the types that values keep their value in."""

import sys

import pyarrow as pa
import pytest

import millstream as ms
from millstream.table_writing import StreamDatasink, brought_schema
from millstream.type_fits import fits


class Taken(StreamDatasink):
    """Takes so many batches, then raises; all without a number."""

    name = "Taken"

    def __init__(self, batches=None):
        self.batches = batches
        self.rows = []

    def write_stream(self, rows):
        for number, batch in enumerate(rows):
            if number == self.batches:
                del rows
                raise OSError("the disk is full")
            self.rows += batch.to_pylist()


def test_all_rows_come_in_one_stream():
    sink = Taken()
    ms.range(50_000).write_datasink(sink)
    assert sink.rows == [{"id": n} for n in range(50_000)]


@pytest.mark.parametrize("batches", [0, 1])
def test_an_error_of_the_library_is_told_with_the_stage(batches):
    with pytest.raises(OSError, match="WriteTaken: OSError: the disk is full") as caught:
        ms.range(500_000).write_datasink(Taken(batches))
    assert isinstance(caught.value, ms.UserCodeError)


def test_an_error_of_the_rows_is_the_one_raised():
    def failing(row):
        if row["id"] == 40_000:
            raise LookupError("no such flight")
        return row

    with pytest.raises(LookupError, match=r"Map\(failing\): .*no such flight"):
        ms.range(50_000).map(failing).write_datasink(Taken())


NUMBERS = [pa.int8(), pa.uint8(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(9, 2)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        *((number, pa.int32()) for number in NUMBERS),
        (pa.float64(), pa.float32()),
        (pa.decimal128(5, 1), pa.decimal256(50, 9)),
        (pa.string(), pa.large_string()),
        (pa.large_binary(), pa.binary()),
        (pa.string(), pa.dictionary(pa.int32(), pa.large_string())),
        (pa.timestamp("s", "UTC"), pa.timestamp("ns", "Europe/Berlin")),
        (pa.list_(pa.float64()), pa.large_list(pa.int8())),
        (pa.struct([("x", pa.int64()), ("y", pa.string())]), pa.struct([("y", pa.null())])),
        (pa.date32(), pa.null()),
    ],
)
def test_types_that_may_hold_values(wanted, found):
    assert fits(wanted, found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (pa.int64(), pa.float64()),
        (pa.float32(), pa.float64()),
        (pa.bool_(), pa.int64()),
        (pa.int64(), pa.bool_()),
        (pa.string(), pa.int64()),
        (pa.string(), pa.binary()),
        (pa.date32(), pa.timestamp("us")),
        (pa.timestamp("us", "UTC"), pa.timestamp("us")),
        (pa.float64(), pa.decimal128(9, 2)),
        (pa.list_(pa.int64()), pa.list_(pa.float64())),
        (pa.struct([("x", pa.int64())]), pa.struct([("z", pa.int64())])),
    ],
)
def test_types_that_would_change_values(wanted, found):
    assert not fits(wanted, found)


def test_columns_are_brought_to_a_tables_types():
    table = pa.schema(
        [
            pa.field("a", pa.int32(), nullable=False),
            ("s", pa.struct([("x", pa.int64()), ("y", pa.int64())])),
            ("l", pa.list_(pa.field("element", pa.float64()))),
        ]
    )
    rows = pa.schema(
        [
            ("l", pa.list_(pa.int8())),
            ("s", pa.struct([("x", pa.int8()), ("new", pa.string())])),
            ("other", pa.bool_()),
            ("a", pa.int64()),
        ]
    )
    assert brought_schema(rows, table, "test") == pa.schema(
        [
            ("l", pa.list_(pa.field("element", pa.float64()))),
            ("s", pa.struct([("x", pa.int64()), ("new", pa.string())])),
            ("other", pa.bool_()),
            pa.field("a", pa.int32(), nullable=False),
        ]
    )
    with pytest.raises(TypeError, match="test: column 's' is struct<x: double>, and struct<x: int64, y: int64> in the"):
        brought_schema(pa.schema([("s", pa.struct([("x", pa.float64())]))]), table, "test")


@pytest.mark.parametrize(
    ("module", "extra", "ask"),
    [
        ("fastavro", "avro", lambda: ms.read_avro("a.avro")),
        ("lance", "lance", lambda: ms.read_lance("a.lance")),
        ("lance", "lance", lambda: ms.range(3).write_lance("a.lance")),
        ("pyiceberg.catalog", "iceberg", lambda: ms.read_iceberg("n.t")),
        ("pyiceberg.catalog", "iceberg", lambda: ms.range(3).write_iceberg("n.t")),
        ("deltalake", "delta", lambda: ms.read_delta("a")),
        ("deltalake", "delta", lambda: ms.range(3).write_delta("a")),
    ],
)
def test_a_package_that_is_not_installed_is_named(monkeypatch, module, extra, ask):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"(read|write)_{extra} needs \w+.*pip install 'millstream\[{extra}\]'"):
        ask()
