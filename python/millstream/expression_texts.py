"""Functions of texts: `col("name").str.upper()`."""

from __future__ import annotations

from typing import Any, Literal

from millstream.expression_namespaces import Namespace, check_text
from millstream.expressions import CallExpr, Expr, as_expression


class StringExpressions(Namespace):
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

    def replace_slice(self, start: int, stop: int, replacement: str) -> Expr:
        """With the characters from `start` up to `stop` replaced. (ray.data counts bytes, which tears characters.)"""
        check_text("replace_slice", replacement)
        return self._call("replace_slice", start=start, stop=stop, replacement=replacement)

    def split(self, pattern: str, *, max_splits: int | None = None, reverse: bool = False) -> Expr:
        """The parts between the places of `pattern`, as a list; with `reverse` the splits begin at the end."""
        check_text("split", pattern)
        return self._call("split", pattern=pattern, **_splits(max_splits, reverse))

    def split_regex(self, pattern: str, *, max_splits: int | None = None, reverse: bool = False) -> Expr:
        """As `split`, for a regular expression (RE2), which cannot begin at the end."""
        check_text("split_regex", pattern)
        if reverse:
            raise ValueError("split_regex(reverse=True): a regular expression is only looked for from the beginning")
        return self._call("split_regex", pattern=pattern, **_splits(max_splits, reverse))

    def split_whitespace(self, *, max_splits: int | None = None, reverse: bool = False) -> Expr:
        """The parts between white space, as a list."""
        return self._call("split_whitespace", **_splits(max_splits, reverse))

    def extract(self, pattern: str) -> Expr:
        """A struct of the named groups of a regular expression (RE2), such as (?P<year>[0-9]+); null where it is not
        found.
        """
        check_text("extract", pattern)
        return self._call("extract", pattern=pattern)

    def repeat(self, n: int | Expr) -> Expr:
        """The text `n` times, one after the other."""
        return CallExpr("repeat", (self._expr, as_expression(n)))

    def pad(self, width: int, fillchar: str = " ", side: Literal["left", "right", "both"] = "right") -> Expr:
        """At least `width` characters, filled at that side."""
        ops = {"left": "pad_left", "right": "pad_right", "both": "center"}
        if side not in ops:
            raise ValueError(f"side must be 'left', 'right' or 'both', got {side!r}")
        return self._call(ops[side], width=width, padding=fillchar)

    def lpad(self, width: int, padding: str = " ") -> Expr:
        """At least `width` characters, filled at the beginning."""
        return self._call("pad_left", width=width, padding=padding)

    def rpad(self, width: int, padding: str = " ") -> Expr:
        """At least `width` characters, filled at the end."""
        return self._call("pad_right", width=width, padding=padding)

    def center(self, width: int, padding: str = " ", lean_left_on_odd_padding: bool = True) -> Expr:
        """At least `width` characters, filled at both ends; an odd one goes to the right of a text that leans left."""
        leaning = {} if lean_left_on_odd_padding else {"lean_left_on_odd_padding": False}
        return self._call("center", width=width, padding=padding, **leaning)

    def slice(self, start: int, stop: int | None = None, step: int = 1) -> Expr:
        """The characters from `start` up to `stop`."""
        options = {"start": start} if stop is None else {"start": start, "stop": stop}
        return self._call("slice", **options, **({} if step == 1 else {"step": step}))

    def _match(self, op: str, pattern: str, ignore_case: bool) -> Expr:
        check_text(op, pattern)
        return self._call(op, pattern=pattern, **({"ignore_case": True} if ignore_case else {}))

    def _replace(self, op: str, pattern: str, replacement: str, most: int | None) -> Expr:
        check_text(op, pattern)
        check_text(op, replacement)
        return self._call(
            op, pattern=pattern, replacement=replacement, **({} if most is None else {"max_replacements": most})
        )

    def _strip(self, op: str, characters: str | None) -> Expr:
        return self._call(op) if characters is None else self._call(f"{op}_characters", characters=characters)


def _splits(most: int | None, reverse: bool) -> dict[str, Any]:
    return {**({} if most is None else {"max_splits": most}), **({"reverse": True} if reverse else {})}
