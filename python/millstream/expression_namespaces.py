"""Functions of texts, times, lists and structs: `col("name").str.upper()`, `col("departed").dt.hour()`."""

from __future__ import annotations

from typing import Any

from millstream.expressions import CallExpr, Expr

_UNITS = "nanosecond, microsecond, millisecond, second, minute, hour, day, week, month, quarter or year"


class _Namespace:
    def __init__(self, expr: Expr) -> None:
        self._expr = expr

    def _call(self, op: str, **options: Any) -> Expr:
        return CallExpr(op, (self._expr,), tuple(options.items()))


class StringExpressions(_Namespace):
    """Functions of a text column. Null gives null."""

    def len(self) -> Expr:
        """Characters in the text."""
        return self._call("length")

    def byte_len(self) -> Expr:
        """Bytes in the text's UTF-8 form."""
        return self._call("byte_length")

    def upper(self) -> Expr:
        """In capital letters."""
        return self._call("upper")

    def lower(self) -> Expr:
        """In small letters."""
        return self._call("lower")

    def capitalize(self) -> Expr:
        """The first letter capital, the others small."""
        return self._call("capitalize")

    def title(self) -> Expr:
        """Each word's first letter capital, the others small."""
        return self._call("title")

    def swapcase(self) -> Expr:
        """Small letters capital, and capital letters small."""
        return self._call("swapcase")

    def reverse(self) -> Expr:
        """The characters in reverse order."""
        return self._call("reverse")

    def is_alpha(self) -> Expr:
        """True where there are letters only."""
        return self._call("is_alpha")

    def is_alnum(self) -> Expr:
        """True where there are letters and digits only."""
        return self._call("is_alnum")

    def is_digit(self) -> Expr:
        """True where there are digits only."""
        return self._call("is_digit")

    def is_decimal(self) -> Expr:
        """True where there are decimal digits only."""
        return self._call("is_decimal")

    def is_numeric(self) -> Expr:
        """True where there are numerals only."""
        return self._call("is_numeric")

    def is_space(self) -> Expr:
        """True where there is white space only."""
        return self._call("is_space")

    def is_lower(self) -> Expr:
        """True where all letters are small."""
        return self._call("is_lower")

    def is_upper(self) -> Expr:
        """True where all letters are capital."""
        return self._call("is_upper")

    def is_title(self) -> Expr:
        """True where each word begins with a capital letter."""
        return self._call("is_title")

    def is_printable(self) -> Expr:
        """True where all characters can be printed."""
        return self._call("is_printable")

    def is_ascii(self) -> Expr:
        """True where all characters are ASCII."""
        return self._call("is_ascii")

    def starts_with(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """True where the text begins with `pattern`."""
        return self._match("starts_with", pattern, ignore_case)

    def ends_with(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """True where the text ends with `pattern`."""
        return self._match("ends_with", pattern, ignore_case)

    def contains(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """True where `pattern` is anywhere in the text."""
        return self._match("contains", pattern, ignore_case)

    def match(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """True where the text is like `pattern` as in SQL: % stands for any characters, _ for one."""
        return self._match("match_like", pattern, ignore_case)

    def match_regex(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """True where the regular expression (RE2) is found in the text."""
        return self._match("match_regex", pattern, ignore_case)

    def find(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """The byte at which `pattern` is first found, -1 where it is not."""
        return self._match("find", pattern, ignore_case)

    def find_regex(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """As `find`, for a regular expression (RE2)."""
        return self._match("find_regex", pattern, ignore_case)

    def count(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """How often `pattern` is in the text, without overlaps."""
        return self._match("count", pattern, ignore_case)

    def count_regex(self, pattern: str, *, ignore_case: bool = False) -> Expr:
        """As `count`, for a regular expression (RE2)."""
        return self._match("count_regex", pattern, ignore_case)

    def replace(self, pattern: str, replacement: str, *, max_replacements: int | None = None) -> Expr:
        """With `pattern` replaced, at most `max_replacements` times."""
        return self._replace("replace", pattern, replacement, max_replacements)

    def replace_regex(self, pattern: str, replacement: str, *, max_replacements: int | None = None) -> Expr:
        r"""As `replace`, for a regular expression (RE2); \1 in the replacement is its first group."""
        return self._replace("replace_regex", pattern, replacement, max_replacements)

    def strip(self, characters: str | None = None) -> Expr:
        """Without white space, or `characters`, at both ends."""
        return self._strip("strip", characters)

    def lstrip(self, characters: str | None = None) -> Expr:
        """Without white space, or `characters`, at the beginning."""
        return self._strip("lstrip", characters)

    def rstrip(self, characters: str | None = None) -> Expr:
        """Without white space, or `characters`, at the end."""
        return self._strip("rstrip", characters)

    def lpad(self, width: int, padding: str = " ") -> Expr:
        """At least `width` characters, filled at the beginning."""
        return self._call("pad_left", width=width, padding=padding)

    def rpad(self, width: int, padding: str = " ") -> Expr:
        """At least `width` characters, filled at the end."""
        return self._call("pad_right", width=width, padding=padding)

    def center(self, width: int, padding: str = " ") -> Expr:
        """At least `width` characters, filled at both ends."""
        return self._call("center", width=width, padding=padding)

    def slice(self, start: int, stop: int | None = None, step: int = 1) -> Expr:
        """The characters from `start` up to `stop`."""
        options = {"start": start} if stop is None else {"start": start, "stop": stop}
        return self._call("slice", **options, **({} if step == 1 else {"step": step}))

    def _match(self, op: str, pattern: str, ignore_case: bool) -> Expr:
        _check_text(op, pattern)
        return self._call(op, pattern=pattern, **({"ignore_case": True} if ignore_case else {}))

    def _replace(self, op: str, pattern: str, replacement: str, most: int | None) -> Expr:
        _check_text(op, pattern)
        _check_text(op, replacement)
        return self._call(
            op, pattern=pattern, replacement=replacement, **({} if most is None else {"max_replacements": most})
        )

    def _strip(self, op: str, characters: str | None) -> Expr:
        return self._call(op) if characters is None else self._call(f"{op}_characters", characters=characters)


class TimeExpressions(_Namespace):
    """Functions of a date or time column. Null gives null."""

    def year(self) -> Expr:
        """The year."""
        return self._call("year")

    def month(self) -> Expr:
        """The month, from 1 to 12."""
        return self._call("month")

    def day(self) -> Expr:
        """The day of the month, from 1 to 31."""
        return self._call("day")

    def hour(self) -> Expr:
        """The hour, from 0 to 23."""
        return self._call("hour")

    def minute(self) -> Expr:
        """The minute, from 0 to 59."""
        return self._call("minute")

    def second(self) -> Expr:
        """The second, from 0 to 59."""
        return self._call("second")

    def strftime(self, fmt: str) -> Expr:
        """The time as text: %Y-%m-%d and so on."""
        _check_text("strftime", fmt)
        return self._call("strftime", format=fmt)

    def ceil(self, unit: str) -> Expr:
        """Rounded up to a whole unit."""
        return self._round("ceil_temporal", unit)

    def floor(self, unit: str) -> Expr:
        """Rounded down to a whole unit."""
        return self._round("floor_temporal", unit)

    def round(self, unit: str) -> Expr:
        """Rounded to the nearest whole unit."""
        return self._round("round_temporal", unit)

    def _round(self, op: str, unit: str) -> Expr:
        if not isinstance(unit, str):
            raise TypeError(f"a unit is {_UNITS}, not {unit!r}")
        return self._call(op, unit=unit)


class ListExpressions(_Namespace):
    """Functions of a list column. Null gives null."""

    def len(self) -> Expr:
        """Items in the list."""
        return self._call("list_length")

    def get(self, index: int) -> Expr:
        """The item at `index`, from 0; ValueError at execution where a list is shorter."""
        return CallExpr("list_element", (self._expr, _whole(index)))

    __getitem__ = get


class StructExpressions(_Namespace):
    """Fields of a struct column."""

    def field(self, field_name: str) -> Expr:
        """The field of that name."""
        _check_text("field", field_name)
        return self._call("struct_field", name=field_name)

    __getitem__ = field


def _check_text(op: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{op} takes a text, not {type(value).__name__}")


def _whole(index: int) -> Expr:
    from millstream.expressions import lit

    if isinstance(index, bool) or not isinstance(index, int):
        raise TypeError(f"an item of a list has a whole number, not {type(index).__name__}")
    return lit(index)
