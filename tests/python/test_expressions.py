"""Expressions give what Python gives, row by row, nulls apart."""

import math
import operator
import pickle
import random
import re

import pyarrow as pa
import pytest

import millstream as ms
from millstream import col, lit


def evaluate(expression, **columns):
    table = pa.table(columns)
    return [row["out"] for row in ms.from_arrow(table).with_column("out", expression).take_all()]


def by_python(function, *columns):
    return [None if None in values else function(*values) for values in zip(*columns, strict=True)]


ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("function", ARITHMETIC + COMPARISONS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("kind", ["int", "float", "mixed"])
def test_binary_operators_agree_with_python(function, kind):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)

    def number(fraction):
        if rng.random() < 0.1:
            return None
        # Eighths are exact in binary, so that every way of computing gives the same.
        return rng.randrange(-800, 800) / 8 if fraction else rng.randrange(-100, 100)

    left = [number(kind == "float") for _ in range(200)]
    right = [number(kind != "int") or 3 for _ in range(200)]
    got = evaluate(function(col("a"), col("b")), a=left, b=right)
    assert got == by_python(function, left, right)
    assert evaluate(function(col("a"), 5), a=left) == by_python(lambda a: function(a, 5), left)
    assert evaluate(function(7.5, col("b")), b=right) == by_python(lambda b: function(7.5, b), right)


def test_whole_numbers_stay_whole_and_wide():
    big = 2**53 + 1
    numbers = pa.array([big], pa.int64())
    assert evaluate(col("a") // 1, a=numbers) == [big]
    assert evaluate(col("a") % 2, a=numbers) == [1]
    assert evaluate(col("a") - 5.0, a=pa.array([2**25 + 1])) == [2**25 - 4.0]
    assert evaluate(col("a") == 16777216.0, a=pa.array([16777217])) == [False]
    assert evaluate(col("a") * 2, a=pa.array([2**31 - 1], pa.int32())) == [2**32 - 2]


def test_division_of_whole_numbers_truncates_and_of_fractions_does_not():
    assert evaluate(col("a") / 2, a=[7, -7]) == [3, -3]
    assert evaluate(col("a") / 2.0, a=[7, -7]) == [3.5, -3.5]
    zero = evaluate(col("a") / 0, a=[1.0, -1.0, 0.0])
    assert zero[:2] == [math.inf, -math.inf]
    assert math.isnan(zero[2])


def test_whole_numbers_by_zero_are_an_error():
    with pytest.raises(ValueError, match="zero"):
        evaluate(col("a") / 0, a=[1])


def test_powers_negation_and_magnitude():
    assert evaluate(col("a") ** 2, a=[3, -4]) == [9, 16]
    assert evaluate(2 ** col("a"), a=[3, 4]) == [8, 16]
    assert evaluate(-col("a"), a=[3, -4]) == [-3, 4]
    assert evaluate(col("a").negate(), a=[3, -4]) == [-3, 4]
    assert evaluate(abs(col("a")), a=[3, -4]) == [3, 4]
    assert evaluate(col("a").power(2), a=[3.0]) == [9.0]
    assert evaluate(1 - col("a"), a=[3]) == [-2]
    assert evaluate(col("a").floor(), a=[1.5]) == [1.0]
    assert evaluate(col("a").ceil(), a=[1.5]) == [2.0]
    assert evaluate(col("a").round(), a=[2.5, 3.5]) == [2.0, 4.0]


def test_logic_follows_sql_where_values_are_null():
    a, b = [True, True, True, False, False, None], [True, False, None, False, None, None]
    assert evaluate(col("a") & col("b"), a=a, b=b) == [True, False, None, False, False, None]
    assert evaluate(col("a") | col("b"), a=a, b=b) == [True, True, True, False, None, None]
    assert evaluate(~col("a"), a=a) == [False, False, False, True, True, None]
    assert evaluate(col("a").is_null(), a=a) == [False] * 5 + [True]
    assert evaluate(col("a").is_not_null(), a=a) == [True] * 5 + [False]
    assert evaluate(col("a") == None, a=a) == [None] * 6  # noqa: E711


def test_is_in_takes_lists_and_arrow_arrays():
    assert evaluate(col("a").is_in([1, 2]), a=[1, 3, None]) == [True, False, False]
    assert evaluate(col("a").not_in([1, 2]), a=[1, 3]) == [False, True]
    assert evaluate(col("a").is_in([1, None]), a=[1, 3, None]) == [True, False, True]
    assert evaluate(col("a").is_in(["x"]), a=["x", "y"]) == [True, False]
    assert evaluate(col("a").is_in(pa.array([1, 2])), a=[1, 3]) == [True, False]
    assert evaluate(col("a").is_in([1, 2.5]), a=[1.0, 2.5, 3.0]) == [True, True, False]
    assert evaluate(col("a").is_in([]), a=[1]) == [False]


def test_texts_join_and_have_functions():
    texts = ["ab", None, "Ça"]
    assert evaluate(col("s") + "!", s=texts) == ["ab!", None, "Ça!"]
    assert evaluate("<" + col("s") + col("s"), s=texts) == ["<abab", None, "<ÇaÇa"]
    assert evaluate(col("s").str.upper(), s=texts) == ["AB", None, "ÇA"]
    assert evaluate(col("s").str.lower(), s=texts) == ["ab", None, "ça"]
    assert evaluate(col("s").str.len(), s=texts) == [2, None, 2]
    assert evaluate(col("s").str.starts_with("a"), s=texts) == [True, None, False]
    assert evaluate(col("s").str.ends_with("a"), s=texts) == [False, None, True]
    assert evaluate(col("s").str.contains("b"), s=texts) == [True, None, False]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str)
def test_texts_join_whatever_they_are_stored_as(kind):
    texts = pa.array(["ab", None, "c"], kind)
    assert evaluate(col("s") + "!", s=texts) == ["ab!", None, "c!"]
    assert evaluate("<" + col("s") + col("t"), s=texts, t=["x", "y", None]) == ["<abx", None, None]
    assert evaluate(col("s") + col("s"), s=texts) == ["abab", None, "cc"]


STRINGS = ["Ab c", None, "  7x7 ", ""]


@pytest.mark.parametrize(
    ("ours", "python"),
    [
        (lambda s: s.byte_len(), lambda t: len(t.encode())),
        (lambda s: s.capitalize(), str.capitalize),
        (lambda s: s.title(), str.title),
        (lambda s: s.swapcase(), str.swapcase),
        (lambda s: s.reverse(), lambda t: t[::-1]),
        (lambda s: s.is_ascii(), str.isascii),
        (lambda s: s.starts_with("ab", ignore_case=True), lambda t: t.lower().startswith("ab")),
        (lambda s: s.match("%b%"), lambda t: "b" in t),
        (lambda s: s.match_regex("^A"), lambda t: t.startswith("A")),
        (lambda s: s.find("7"), lambda t: t.find("7")),
        (lambda s: s.count("7"), lambda t: t.count("7")),
        (lambda s: s.replace("7", "eight", max_replacements=1), lambda t: t.replace("7", "eight", 1)),
        (lambda s: s.replace_regex("[0-9]", "#"), lambda t: t.replace("7", "#")),
        (lambda s: s.strip(), str.strip),
        (lambda s: s.lstrip(" 7"), lambda t: t.lstrip(" 7")),
        (lambda s: s.rstrip(), str.rstrip),
        (lambda s: s.lpad(6, "."), lambda t: t.rjust(6, ".")),
        (lambda s: s.rpad(6), lambda t: t.ljust(6)),
        (lambda s: s.slice(1, 3), lambda t: t[1:3]),
        (lambda s: s.slice(1), lambda t: t[1:]),
        (lambda s: s.replace_slice(1, 2, "é"), lambda t: t[:1] + "é" + t[2:]),
        (lambda s: s.split("7"), lambda t: t.split("7")),
        (lambda s: s.split(" ", max_splits=1, reverse=True), lambda t: t.rsplit(" ", 1)),
        (lambda s: s.split_regex("[bx]"), lambda t: re.split("[bx]", t)),
        (lambda s: s.split_whitespace(), lambda t: re.split(r"\s+", t)),
        (lambda s: s.repeat(3), lambda t: t * 3),
        (lambda s: s.repeat(col("s").str.len()), lambda t: t * len(t)),
        (lambda s: s.pad(6, "."), lambda t: t.ljust(6, ".")),
        (lambda s: s.pad(6, ".", side="left"), lambda t: t.rjust(6, ".")),
        (lambda s: s.pad(6, side="both"), lambda t: t if len(t) > 5 else f" {t} " if len(t) == 4 else t.center(6)),
    ],
)
def test_functions_of_texts_agree_with_python(ours, python):
    expression = ours(col("s").str)
    assert evaluate(expression, s=STRINGS) == by_python(python, STRINGS)
    assert eval(repr(expression), {"col": col}).structurally_equals(expression)


@pytest.mark.parametrize(
    "name",
    [
        *("is_alpha", "is_alnum", "is_digit", "is_decimal", "is_numeric"),
        *("is_space", "is_lower", "is_upper", "is_title", "is_printable"),
    ],
)
def test_questions_about_texts_are_answered_as_by_python(name):
    texts = ["abc", "Ab Cd", "AB", "a1", "42", "٣", " \t", "é", "", None, "a\n"]
    python = getattr(str, name.replace("_", ""))
    assert evaluate(getattr(col("s").str, name)(), s=texts) == by_python(python, texts)


def test_regular_expressions_are_found_and_counted():
    texts = ["a1b22", "é7", "", None]
    assert evaluate(col("s").str.find_regex("[0-9]+"), s=texts) == [1, 2, -1, None]
    assert evaluate(col("s").str.count_regex("[0-9]+"), s=texts) == [2, 1, 0, None]


def test_characters_not_bytes_are_replaced():
    assert evaluate(col("s").str.replace_slice(1, 2, ""), s=["aéb"]) == ["ab"]


def test_an_odd_place_of_padding_goes_to_the_side_asked_for():
    assert evaluate(col("s").str.center(4, "-"), s=["a"]) == ["-a--"]
    assert evaluate(col("s").str.center(4, "-", lean_left_on_odd_padding=False), s=["a"]) == ["--a-"]


def test_named_groups_of_a_regular_expression_become_a_struct():
    found = evaluate(col("s").str.extract("(?P<word>[a-z]+)-(?P<digits>[0-9]+)"), s=["ab-12", "-", None])
    assert found == [{"word": "ab", "digits": "12"}, None, None]
    with pytest.raises(TypeError, match="unnamed groups"):
        evaluate(col("s").str.extract("([a-z])"), s=["a"])


def test_wrong_arguments_of_functions_of_texts_are_told_where_they_are_written():
    with pytest.raises(ValueError, match="only looked for from the beginning"):
        col("s").str.split_regex("x", reverse=True)
    with pytest.raises(ValueError, match="side must be 'left', 'right' or 'both', got 'up'"):
        col("s").str.pad(3, side="up")
    with pytest.raises(TypeError, match="split takes a text, not int"):
        col("s").str.split(3)
    with pytest.raises(ValueError, match="non-negative"):
        evaluate(col("s").str.repeat(-1), s=["a"])


def test_functions_of_times_agree_with_python():
    import datetime

    times = [datetime.datetime(2013, 1, 31, 23, 59, 30), None, datetime.datetime(1969, 12, 31, 1, 2, 3)]
    for part in ("year", "month", "day", "hour", "minute", "second"):
        assert evaluate(getattr(col("t").dt, part)(), t=times) == by_python(
            lambda t, part=part: getattr(t, part), times
        )
    assert evaluate(col("t").dt.floor("hour"), t=times)[0] == datetime.datetime(2013, 1, 31, 23)
    assert evaluate(col("t").dt.ceil("day"), t=times)[0] == datetime.datetime(2013, 2, 1)
    assert evaluate(col("t").dt.round("minute"), t=times)[2] == datetime.datetime(1969, 12, 31, 1, 2)
    assert evaluate(col("t").dt.strftime("%Y-%m"), t=times)[0] == "2013-01"


def test_lists_and_structs_give_their_parts():
    assert evaluate(col("a").list.len(), a=[[1, 2], None, []]) == [2, None, 0]
    assert evaluate(col("a").list.get(1), a=[[1, 2], [3, 4]]) == [2, 4]
    assert evaluate(col("a").list[0], a=[[1, 2], [3, 4]]) == [1, 3]
    assert evaluate(col("a").struct.field("x"), a=[{"x": 1}, {"x": None}]) == [1, None]
    assert evaluate(col("a").struct["x"] + 1, a=[{"x": 1}]) == [2]


@pytest.mark.parametrize("name", ["exp", "ln", "log10", "log2", "sin", "cos", "tan", "asin", "acos", "atan"])
def test_functions_of_numbers_agree_with_python(name):
    values = [0.25, 0.5, 1.0, None]
    python = getattr(math, {"ln": "log"}.get(name, name))
    assert evaluate(getattr(col("a"), name)(), a=values)[:3] == pytest.approx([python(a) for a in values[:3]])
    assert evaluate(col("a").trunc(), a=[1.5, -1.5]) == [1.0, -1.0]
    assert evaluate(col("a").sign(), a=[1.5, -1.5]) == [1.0, -1.0]
    assert evaluate(col("a").is_nan(), a=[math.nan, 1.0, None]) == [True, False, None]


def test_casts_take_arrow_types_and_their_names():
    assert evaluate(col("a").cast(pa.float32()), a=[1]) == [1.0]
    assert evaluate(col("a").cast("string"), a=[1]) == ["1"]
    assert evaluate(col("a").cast("int64", safe=False), a=[1.5]) == [1]
    with pytest.raises(ValueError, match="truncated"):
        evaluate(col("a").cast("int64"), a=[1.5])


def test_constants_fill_columns_and_nulls():
    assert evaluate(lit(5), a=[1, 2]) == [5, 5]
    assert evaluate(lit("x"), a=[1]) == ["x"]
    assert evaluate(col("a").fill_null(0), a=[1, None]) == [1, 0]


def test_an_alias_names_a_value():
    assert (col("a") + 1).alias("b").name == "b"
    assert col("a").name == "a"
    assert (col("a") + 1).name is None
    assert evaluate((col("a") + 1).alias("b"), a=[1]) == [2]


def test_the_text_of_an_expression_makes_it_again():
    for expression in (
        (col("a") + 1) * -col("b") > lit(2.5),
        ~(col("s").str.contains("x") & col("a").is_in([1, 2])) | col("b").is_null(),
        (col("a") // 2 % 3).alias("c"),
        col("a").cast("int32", safe=False).fill_null(None),
    ):
        again = eval(repr(expression), {"col": col, "lit": lit})
        assert again.structurally_equals(expression)
        assert repr(again) == repr(expression)


def test_expressions_pickle():
    expression = (col("a") + 1).str.upper().is_in(["x"]) & (col("b") > 2)
    assert pickle.loads(pickle.dumps(expression)).structurally_equals(expression)


def test_an_expression_has_no_truth_value():
    with pytest.raises(TypeError, match="use is_in"):
        bool(col("a") > 1)
    with pytest.raises(TypeError, match=r"\(col\('a'\) > lit\(1\)\)"):
        _ = col("a") > 1 and col("b") > 2
    with pytest.raises(TypeError, match="in parentheses"):
        _ = 0 < col("a") < 5


def test_what_is_no_expression_is_refused():
    with pytest.raises(TypeError, match="column's name"):
        col(3)
    with pytest.raises(TypeError, match="expression already"):
        lit(col("a"))
    with pytest.raises(TypeError, match="list of values"):
        col("a").is_in("abc")
    with pytest.raises(TypeError, match="values of one type"):
        col("a").is_in([1, "x"]).to_core()
    with pytest.raises(TypeError, match="literal must be"):
        lit(object()).to_core()
    with pytest.raises(TypeError, match="takes a text"):
        col("a").str.contains(3)
    with pytest.raises(TypeError, match="pyarrow type or its name"):
        col("a").cast(3).to_core()
