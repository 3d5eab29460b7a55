"""Generated columns of every type that has an order, with nulls and with values that come again."""

import datetime
import decimal
import math
import random

import pyarrow as pa

EPOCH = datetime.datetime(2020, 1, 1)
WORDS = ["", "a", "a\0", "ab", "b", "Z", "é", "zebra crossing", "zebra crossings", "\U0001f993"]

# Of each type: the Arrow type, and one value by a random number generator.
TYPES = {
    "bool": (pa.bool_(), lambda draw: draw.random() < 0.5),
    "int8": (pa.int8(), lambda draw: draw.randrange(-128, 128)),
    "int16": (pa.int16(), lambda draw: draw.randrange(-300, 300)),
    "int32": (pa.int32(), lambda draw: draw.choice([-(2**31), -1, 0, 1, 2**31 - 1])),
    "int64": (pa.int64(), lambda draw: draw.choice([-(2**63), -(2**62), -1, 0, 1, 2**62, 2**63 - 1])),
    "uint8": (pa.uint8(), lambda draw: draw.randrange(256)),
    "uint16": (pa.uint16(), lambda draw: draw.randrange(2**16)),
    "uint32": (pa.uint32(), lambda draw: draw.choice([0, 1, 2**31, 2**32 - 1])),
    "uint64": (pa.uint64(), lambda draw: draw.choice([0, 1, 2**63 - 1, 2**63, 2**64 - 1])),
    "half": (pa.float16(), lambda draw: draw.choice([-2.0, -0.5, 0.0, 1.5, math.inf, math.nan])),
    "float": (pa.float32(), lambda draw: draw.choice([-1e30, -1.5, -0.0, 0.0, 1.5, math.inf, -math.inf, math.nan])),
    "double": (pa.float64(), lambda draw: draw.choice([-1e300, -5e-324, -0.0, 0.0, 5e-324, math.inf, math.nan])),
    "decimal": (pa.decimal128(20, 3), lambda draw: decimal.Decimal(draw.randrange(-50, 50)) / 8 * 125),
    "wide decimal": (pa.decimal256(60, 2), lambda draw: decimal.Decimal(draw.choice([-(10**50), -1, 0, 10**50]))),
    "string": (pa.string(), lambda draw: draw.choice(WORDS)),
    "large string": (pa.large_string(), lambda draw: draw.choice(WORDS)),
    "string view": (pa.string_view(), lambda draw: draw.choice(WORDS)),
    "binary": (pa.binary(), lambda draw: draw.choice([b"", b"\0", b"\0\0", b"\1", b"a", b"\xff", b"\xff\0"])),
    "bytes of a width": (pa.binary(2), lambda draw: draw.choice([b"\0\0", b"\0\1", b"ab", b"\xff\xff"])),
    "date": (pa.date32(), lambda draw: EPOCH.date() + datetime.timedelta(days=draw.randrange(-30, 30))),
    "date64": (pa.date64(), lambda draw: EPOCH.date() + datetime.timedelta(days=draw.randrange(-30, 30))),
    "time": (pa.time32("s"), lambda draw: datetime.time(draw.randrange(24), 0, draw.randrange(2))),
    "fine time": (pa.time64("us"), lambda draw: datetime.time(1, 2, 3, draw.randrange(9))),
    "timestamp": (pa.timestamp("us"), lambda draw: EPOCH + datetime.timedelta(microseconds=draw.randrange(-9, 9))),
    "timestamp in a zone": (
        pa.timestamp("s", "Europe/Berlin"),
        lambda draw: (EPOCH + datetime.timedelta(hours=draw.randrange(-9, 9))).replace(tzinfo=datetime.UTC),
    ),
    "duration": (pa.duration("ms"), lambda draw: datetime.timedelta(seconds=draw.randrange(-9, 9))),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), lambda draw: draw.choice(WORDS)),
    "struct": (
        pa.struct([("x", pa.int32()), ("y", pa.string())]),
        lambda draw: {"x": draw.randrange(3), "y": draw.choice([None, "a", "b"])},
    ),
    "list": (pa.list_(pa.int16()), lambda draw: [draw.randrange(3) for _ in range(draw.randrange(4))]),
    "list of a length": (pa.list_(pa.float32(), 2), lambda draw: [draw.randrange(2), draw.randrange(2)]),
}


def column(name, draw, rows):
    """`rows` values of the type TYPES[name], one in eight null."""
    kind, value = TYPES[name]
    return pa.array([None if draw.random() < 0.125 else value(draw) for _ in range(rows)], kind)


def table_of(names, seed, rows):
    """A table of such columns, and of "row", the number of each row."""
    draw = random.Random(seed)
    columns = {name: column(name, draw, rows) for name in names}
    return pa.table({**columns, "row": pa.array(range(rows), pa.int64())})


def rank(value):
    """What Python sorts `value` by so that it comes where Millstream has it: NaN after the numbers, None last."""
    if value is None:
        return (2,)
    if isinstance(value, float):
        return (1, 0.0) if math.isnan(value) else (0, value + 0.0)
    if isinstance(value, str):
        return (0, value.encode())
    if isinstance(value, dict):
        return (0, tuple(rank(inner) for inner in value.values()))
    if isinstance(value, list):
        return (0, tuple(rank(inner) for inner in value))
    return (0, value)


def sorted_rows(rows, keys):
    """Rows, dicts, as `sort` has them; `keys`: (column, descending, nulls first) of each, the first one counts most."""
    for name, descending, nulls_first in reversed(keys):
        nulls = [row for row in rows if row[name] is None]
        values = [row for row in rows if row[name] is not None]
        # Reversed twice, for rows that are equal stay in their order when it descends, too.
        values = values[::-1] if descending else values
        values.sort(key=lambda row: rank(row[name]))
        values = values[::-1] if descending else values
        rows = nulls + values if nulls_first else values + nulls
    return rows


def plain(value):
    """`value` with NaN as a text, so that results with NaNs compare."""
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value
