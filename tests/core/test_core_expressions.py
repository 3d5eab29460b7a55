"""Expressions and the text form of filters, against pyarrow and Python itself."""

import contextlib
import datetime
import math
import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from millstream import _core

ENGINE = _core.Engine(num_cpus=1, memory_limit=64 << 20)

TABLE = pa.table(
    {
        "i": pa.array([7, -7, 0, None, 12, -1], pa.int64()),
        "small": pa.array([3, -3, 1, 2, None, 5], pa.int32()),
        "x": pa.array([7.5, -7.5, 0.0, None, math.nan, 1e300], pa.float64()),
        "flag": pa.array([True, False, None, True, False, True]),
        "s": pa.array(["JFK", "lga ", "", None, "Ünïcode", "a,b"]),
        "t": pa.array([datetime.datetime(2013, 1, day, 5, 15, 30, 250_000) for day in range(1, 7)], pa.timestamp("us")),
        "tags": pa.array([[1, 2], [3, 4], [5, 6, 7], [0], [8], [9]], pa.list_(pa.int32())),
        "point": pa.array(
            [{"lat": 1.5, "name": "a"}, None, {"lat": None, "name": "b"}, {"lat": 2.5, "name": None}] + [None] * 2
        ),
        "user.age": pa.array([1, 2, 3, 4, 5, 6]),
    }
)
PLAN = _core.Plan.from_arrow(TABLE)


def column_of(plan):
    stream = _core.execute(
        ENGINE, plan, seed=1, epoch=0, batch_size=4, drop_last=False, prefetch_batches=1, preserve_order=True
    )
    values = []
    while (batch := stream.next()) is not None:
        values += batch.pylist(0)
    return values


def evaluate(expression):
    again = _core.Plan.deserialize(PLAN.project([("out", expression)]).serialize())
    return column_of(again)


def rows_of(text):
    """Row numbers that pass the filter."""
    numbered = _core.Plan.from_arrow(TABLE.append_column("row", pa.array(range(len(TABLE)))))
    plan = numbered.filter(_core.parse_filter(text)).project([("row", _core.column("row"))])
    return column_of(_core.Plan.deserialize(plan.serialize()))


def same(left, right):
    return left == right or (
        isinstance(left, float) and isinstance(right, float) and math.isnan(left) and math.isnan(right)
    )


N, SMALL, X, S, T = (_core.column(name) for name in ("i", "small", "x", "s", "t"))

ORACLES = [
    ("add", [N, SMALL], {}, pc.add(TABLE["i"], TABLE["small"])),
    ("divide", [X, SMALL], {}, pc.divide(TABLE["x"], TABLE["small"])),
    ("modulo", [N, SMALL], {}, pa.array([1, -1, 0, None, None, 4])),
    ("floor_divide", [N, SMALL], {}, pa.array([2, 2, 0, None, None, -1])),
    ("floor_divide", [X, _core.literal(2.0)], {}, pa.array([3.0, -4.0, 0.0, None, math.nan, 5e299])),
    ("abs", [X], {}, pc.abs(TABLE["x"])),
    ("round", [X], {"ndigits": -1}, pc.round(TABLE["x"], ndigits=-1)),
    ("negate", [N], {}, pc.negate(TABLE["i"])),
    ("sqrt", [_core.call("abs", [X])], {}, pc.sqrt(pc.abs(TABLE["x"]))),
    ("is_null", [X], {}, pc.is_null(TABLE["x"])),
    ("is_not_null", [X], {}, pc.is_valid(TABLE["x"])),
    ("is_nan", [X], {}, pc.is_nan(TABLE["x"])),
    ("is_in", [N], {"value_set": pa.array([7, None])}, pc.is_in(TABLE["i"], pa.array([7, None]))),
    ("not_in", [N], {"value_set": pa.array([7, 12])}, pc.invert(pc.is_in(TABLE["i"], pa.array([7, 12])))),
    ("fill_null", [N, _core.literal(5)], {}, pc.fill_null(TABLE["i"], 5)),
    ("coalesce", [N, SMALL, _core.literal(1)], {}, pc.coalesce(TABLE["i"], TABLE["small"], pa.scalar(1))),
    ("if_else", [_core.column("flag"), N, _core.literal(0)], {}, pc.if_else(TABLE["flag"], TABLE["i"], 0)),
    ("cast", [N], {"type": pa.field("", pa.float32())}, pc.cast(TABLE["i"], pa.float32())),
    ("cast", [X], {"type": pa.field("", pa.int8()), "safe": False}, pc.cast(TABLE["x"], pa.int8(), safe=False)),
    ("upper", [S], {}, pc.utf8_upper(TABLE["s"])),
    ("lower", [S], {}, pc.utf8_lower(TABLE["s"])),
    ("strip", [S], {}, pc.utf8_trim_whitespace(TABLE["s"])),
    ("strip_characters", [S], {"characters": "J "}, pc.utf8_trim(TABLE["s"], "J ")),
    ("length", [S], {}, pc.utf8_length(TABLE["s"])),
    ("concat", [S, S], {}, pc.binary_join_element_wise(TABLE["s"], TABLE["s"], "")),
    ("add", [S, _core.literal("!")], {}, pc.binary_join_element_wise(TABLE["s"], "!", "")),
    ("contains", [S], {"pattern": "F"}, pc.match_substring(TABLE["s"], "F")),
    ("starts_with", [S], {"pattern": "jf", "ignore_case": True}, pc.starts_with(TABLE["s"], "jf", ignore_case=True)),
    ("ends_with", [S], {"pattern": "b"}, pc.ends_with(TABLE["s"], "b")),
    ("replace", [S], {"pattern": "a", "replacement": "A"}, pc.replace_substring(TABLE["s"], "a", "A")),
    ("match_regex", [S], {"pattern": "^[a-z]"}, pc.match_substring_regex(TABLE["s"], "^[a-z]")),
    ("pad_left", [S], {"width": 5, "padding": "*"}, pc.utf8_lpad(TABLE["s"], 5, "*")),
    ("slice", [S], {"start": 1, "stop": 3}, pc.utf8_slice_codeunits(TABLE["s"], 1, 3)),
    ("year", [T], {}, pc.year(TABLE["t"])),
    ("day_of_week", [T], {}, pc.day_of_week(TABLE["t"])),
    ("millisecond", [T], {}, pc.millisecond(TABLE["t"])),
    ("strftime", [T], {"format": "%Y-%m-%d"}, pc.strftime(TABLE["t"], "%Y-%m-%d")),
    ("floor_temporal", [T], {"unit": "hour"}, pc.floor_temporal(TABLE["t"], unit="hour")),
    ("struct_field", [_core.column("point")], {"name": "lat"}, pc.struct_field(TABLE["point"], "lat")),
    ("list_length", [_core.column("tags")], {}, pc.list_value_length(TABLE["tags"])),
    ("list_element", [_core.column("tags"), _core.literal(0)], {}, pc.list_element(TABLE["tags"], 0)),
]


@pytest.mark.parametrize(
    ("op", "arguments", "options", "expected"), ORACLES, ids=[f"{n}-{case[0]}" for n, case in enumerate(ORACLES)]
)
def test_an_operator_gives_what_arrow_or_python_gives_also_from_bytes(op, arguments, options, expected):
    found = evaluate(_core.call(op, arguments, options))
    expected = expected.to_pylist()
    assert len(found) == len(expected)
    assert all(map(same, found, expected)), (found, expected)


@pytest.mark.parametrize(
    ("op", "arguments", "options", "message"),
    [
        ("uper", [S], {}, "did you mean 'upper'"),
        ("upper", [], {}, "takes 1"),
        ("upper", [S], {"pattern": "a"}, "no option pattern"),
        ("replace", [S], {"pattern": "a"}, "needs the option replacement"),
        ("pad_left", [S], {"width": 1 << 40}, "must be from 0"),
        ("floor_temporal", [T], {"unit": "fortnight"}, "unknown unit"),
        ("slice", [S], {"step": 0}, "must not be 0"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(op, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        _core.call(op, arguments, options)


def test_an_expression_too_deep_is_refused_where_it_is_made():
    expression = N
    for _ in range(400):
        expression = _core.call("add", [expression, N])

    def grow(expression):
        for _ in range(200):
            expression = _core.call("add", [expression, N])

    with pytest.raises(ValueError, match="too large"):
        grow(expression)


def test_projections_that_double_each_other_are_refused_rather_than_grown():
    plan = PLAN.project([("i", N)])
    for _ in range(40):
        plan = plan.project([("i", _core.call("add", [N, N]))])
    with pytest.raises(ValueError, match="too large"):
        column_of(plan)


@pytest.mark.parametrize(
    "value",
    [None, True, -(2**63), 2**64 - 1, 1.5, math.inf, "text", b"\x00\xff", pa.array([datetime.date(2020, 2, 29)])],
)
def test_a_literal_survives_its_bytes(value):
    expected = value[0].as_py() if isinstance(value, pa.Array) else value
    assert evaluate(_core.literal(value)) == [expected] * len(TABLE)


FILTERS = [
    ("i > 0", [0, 4]),
    ("i >= 0 and i < 12", [0, 2]),
    ("0 <= i < 12", [0, 2]),
    ("not i > 0", [1, 2, 5]),
    ("i == 7 or i == -7", [0, 1]),
    ("(i > 0) & (small > 2) | (i == -7)", [0, 1]),
    ("~(i > 0)", [1, 2, 5]),
    ("i in [7, -1, None]", [0, 3, 5]),
    ("i in [7, -1,]", [0, 5]),
    ("i not in [7, -1]", [1, 2, 3, 4]),
    ("i in []", []),
    ("i in [7.0, 12]", [0, 4]),
    ("s in ('JFK', 'a,b')", [0, 5]),
    ("is_in(s, ['JFK'])", [0]),
    ("i is None", [3]),
    ("i is not None and x is None", []),
    ("is_null(i)", [3]),
    ("is_valid(i) and is_not_null(x)", [0, 1, 2, 4, 5]),
    ("is_nan(x)", [4]),
    ("s == 'JF' 'K'", [0]),
    ('s == "\\u00dcn\\u00efcode"', [4]),
    ("s == 'Ünïcode'", [4]),
    ("s == r'a,b'", [5]),
    ("flag", [0, 3, 5]),
    ("flag == False", [1, 4]),
    ("i % 3 == 1 or i // 2 == -4", [0, 1]),
    ("i + small * 2 == 13", [0]),
    ("-i == 7 and i ** 2 == 49", [1]),
    ("-2 ** 2 == i - 11", [0]),
    ("2 ** -1.0 * 15 == x", [0]),
    ("x > 1e299 or x == .0", [2, 5]),
    ("i == 0x7 or i == 1_2", [0, 4]),
    ("user.age >= 5", [4, 5]),
    ("i == small + 4", [0]),
    ("True and not False and i == 7", [0]),
    ("not not i == 7", [0]),
    ("s + '!' == 'JFK!'", [0]),
    ("t >= '2013-01-05'", [4, 5]),
    ("'2013-01-02 05:15:30' > t", [0]),
    ("i >= -9223372036854775808", [0, 1, 2, 4, 5]),
]


@pytest.mark.parametrize(("text", "expected"), FILTERS)
def test_a_filter_keeps_the_rows_that_python_would(text, expected):
    assert rows_of(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 1, "ends where a value"),
        ("i >", 4, "ends where a value"),
        ("i = 7", 3, "written =="),
        ("i <> 7", 3, "written !="),
        ("i == None", 3, "is None"),
        ("i is 7", 6, "None only"),
        ("(i == 7", 8, "expected )"),
        ("i == 7)", 7, "expected an operator"),
        ("i in 7", 6, "list in brackets"),
        ("i in [small]", 7, "constants only"),
        ("i in [1, 'a']", 6, "different types"),
        ("s == 'open", 6, "no end"),
        ("s == f'x'", 6, "plain one"),
        ("s == '\\q'", 7, "no meaning"),
        ("i == 1e999", 6, "does not fit"),
        ("i == 99999999999999999999", 6, "does not fit 64 bits"),
        ("i == 12abc", 6, "not a number"),
        ("Ü == 7 $", 8, "no meaning"),
        ("exec(i)", 1, "unknown function exec"),
        ("s.upper() == 'A'", 8, "no methods"),
        ("[1] == i", 1, "after `in`"),
        ("i == and", 6, "the word 'and'"),
        ("a.7", 2, "expected an operator"),
    ],
)
def test_a_wrong_filter_points_at_the_place(text, position, message):
    with pytest.raises(ValueError, match="filter expression") as caught:
        _core.parse_filter(text)
    lines = str(caught.value).split("\n")
    assert f"character {position}:" in lines[0]
    assert message in lines[0]
    assert lines[2].index("^") == 2 + position - 1


def test_a_text_that_is_no_time_is_a_type_error():
    with pytest.raises(TypeError, match="cannot be read as timestamp"):
        rows_of("t > 'yesterday'")


def test_nesting_without_end_is_an_error_not_a_crash():
    for text in (
        "(" * 100_000,
        "-" * 100_000,
        "~" * 100_000 + "i",
        "not " * 100_000 + "flag",
        "i ** " * 100_000 + "i",
        "is_null(" * 100_000,
    ):
        if text.startswith("not"):
            assert column_of(PLAN.filter(_core.parse_filter(text)).limit(1)) == [7]
            continue
        with pytest.raises(ValueError, match=r"nested too deep|too large"):
            _core.parse_filter(text)


def test_a_thousand_alternatives_are_one_flat_filter():
    text = " or ".join(f"i == {number}" for number in range(1000))
    assert rows_of(text) == [0, 2, 4]


def test_random_text_is_a_filter_or_a_value_error():
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    words = (
        [word for text, _ in FILTERS for word in text.split()]
        + list("()[],.+-*/%<>=!&|~'\"\\x0")
        + ["Ü", "\x00", "9" * 30, "1e", "0x"]
    )
    for _ in range(5000):
        text = rng.choice([" ", ""]).join(rng.choice(words) for _ in range(rng.randrange(1, 12)))
        with contextlib.suppress(ValueError, KeyError, TypeError):
            PLAN.filter(_core.parse_filter(text))


def test_damaged_expressions_are_an_error_not_a_crash():
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    goods = [
        PLAN.filter(_core.parse_filter(text)).serialize()
        for text in ("i in [7, 8] and s == 'JFK'", "x // 2 > 1.5 or flag")
    ]
    tiny = _core.Plan.range(3, 1)
    goods += [
        tiny.project([("out", _core.call(op, [_core.literal("a")], options))]).serialize()
        for op, _, options, _ in ORACLES
        if "pattern" in options
    ]
    goods += [tiny.filter(_core.call("is_in", [_core.column("id")], {"value_set": pa.array([1, 2])})).serialize()]
    for good in goods:
        for _ in range(300):
            bad = bytearray(good)
            for _ in range(rng.randrange(1, 5)):
                bad[rng.randrange(len(bad))] = rng.choice([0, 1, 2, 127, 255, rng.randrange(256)])
            with contextlib.suppress(ValueError, KeyError, TypeError, OSError, RuntimeError, MemoryError):
                _core.Plan.deserialize(bytes(bad))
