"""Functions of times, lists, structs and maps: `col("departed").dt.hour()`, `col("tags").list.len()`."""

from __future__ import annotations

from typing import Any, Literal

from millstream.expressions import CallExpr, Expr, lit

_UNITS = "nanosecond, microsecond, millisecond, second, minute, hour, day, week, month, quarter or year"

Slice = slice  # which a class below has a method of the name of


class Namespace:
    """The functions of one kind of column."""

    def __init__(self, expr: Expr) -> None:
        self._expr = expr

    def _call(self, op: str, **options: Any) -> Expr:
        return CallExpr(op, (self._expr,), tuple(options.items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._expr!r})"


class TimeExpressions(Namespace):
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
        check_text("strftime", fmt)
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


class ListExpressions(Namespace):
    """Functions of a list column. Null gives null."""

    def len(self) -> Expr:
        """Items in the list."""
        return self._call("list_length")

    def get(self, index: int) -> Expr:
        """The item at `index`, from 0, or from the end where it is negative; ValueError at execution where a list is
        shorter.
        """
        return CallExpr("list_element" if _whole(index) >= 0 else "element_from_end", (self._expr, lit(index)))

    def slice(self, start: int | None = None, stop: int | None = None, step: int | None = None) -> Expr:
        """The items from `start` up to `stop`, each `step`th. They count from 0; negative ones are refused."""
        given = {"start": start, "stop": stop, "step": step}
        for name, value in given.items():
            if value is not None and _whole(value) < (1 if name == "step" else 0):
                raise ValueError(f"list.slice({name}={value}): slices of lists count from the beginning, and forwards")
        return self._call("list_slice", **{name: value for name, value in given.items() if value is not None})

    def __getitem__(self, key: int | Slice) -> Expr:
        """`list[0]` is get(0), `list[1:3]` slice(1, 3)."""
        return self.slice(key.start, key.stop, key.step) if isinstance(key, slice) else self.get(key)

    def sort(
        self,
        order: Literal["ascending", "descending"] = "ascending",
        null_placement: Literal["at_start", "at_end"] = "at_end",
    ) -> Expr:
        """The items of each list in order."""
        _check_choice("order", order, ("ascending", "descending"))
        _check_choice("null_placement", null_placement, ("at_start", "at_end"))
        options = {"order": order, "null_placement": null_placement}
        usual = {"order": "ascending", "null_placement": "at_end"}
        return self._call("list_sort", **{name: value for name, value in options.items() if value != usual[name]})

    def flatten(self) -> Expr:
        """Of a list of lists, the items of the inner ones; a null one has none."""
        return self._call("list_flatten")


class StructExpressions(Namespace):
    """Fields of a struct column."""

    def field(self, field_name: str) -> Expr:
        """The field of that name."""
        check_text("field", field_name)
        return self._call("struct_field", name=field_name)

    def field_by_index(self, index: int) -> Expr:
        """The field at that place, from 0."""
        if _whole(index) < 0:
            raise ValueError(f"struct.field_by_index({index}): fields count from 0")
        return self._call("struct_field", index=index)

    def __getitem__(self, key: str | int) -> Expr:
        """`struct["x"]` is field("x"), `struct[0]` field_by_index(0)."""
        return self.field(key) if isinstance(key, str) else self.field_by_index(key)


class MapExpressions(Namespace):
    """Functions of a map column, or of a list of structs of key and value. Null gives null."""

    def keys(self) -> Expr:
        """The keys, as a list."""
        return self._call("map_keys")

    def values(self) -> Expr:
        """The values, as a list."""
        return self._call("map_values")


class ArrayExpressions(Namespace):
    """Functions of a column of lists of a fixed size."""

    def to_list(self) -> Expr:
        """The same as lists of any size."""
        return self._call("to_list")


def check_text(op: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{op} takes a text, not {type(value).__name__}")


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, got {value!r}")


def _whole(index: Any) -> int:
    if isinstance(index, bool) or not isinstance(index, int):
        raise TypeError(f"an item of a list, or a field of a struct, has a whole number, not {type(index).__name__}")
    return index
