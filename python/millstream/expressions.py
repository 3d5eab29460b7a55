"""Expressions on columns: `col("price") * 2 > lit(10)`.

They are descriptions: nothing is computed until a data set runs. They pickle, and never hold data but their literals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from millstream import _core
from millstream.expression_calls import call_text, lower_call

if TYPE_CHECKING:
    from millstream.expression_namespaces import (
        ListExpressions,
        StringExpressions,
        StructExpressions,
        TimeExpressions,
    )


class Expr:
    """A value of every row. Made by `col` and `lit` and combined by operators.

    Use & | ~ for and, or, not; a comparison in parentheses on each side. Nulls follow SQL: a comparison with a null is
    null, and `filter` keeps only the rows whose value is true.
    """

    @property
    def name(self) -> str | None:
        """The name given by `alias`, or the column's own."""
        return None

    def to_core(self) -> _core.Expression:
        """The engine's form."""
        raise NotImplementedError

    def structurally_equals(self, other: Any) -> bool:
        """Whether both describe the same computation. (`==` makes a comparison instead.)"""
        return isinstance(other, Expr) and repr(self) == repr(other)

    def alias(self, name: str) -> AliasExpr:
        """The same value under another name."""
        if not isinstance(name, str):
            raise TypeError(f"alias takes a column name, not {type(name).__name__}")
        return AliasExpr(self, name)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} has no truth value before it meets data; combine expressions with & | ~ (each side in "
            "parentheses) in place of and, or, not, and use is_in() in place of `in`"
        )

    __hash__ = object.__hash__

    # ---- arithmetic ----
    def __add__(self, other: Any) -> Expr:
        return _binary("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return _binary("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return _binary("subtract", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return _binary("subtract", other, self)

    def __mul__(self, other: Any) -> Expr:
        return _binary("multiply", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return _binary("multiply", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return _binary("divide", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return _binary("divide", other, self)

    def __floordiv__(self, other: Any) -> Expr:
        return _binary("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Expr:
        return _binary("floor_divide", other, self)

    def __mod__(self, other: Any) -> Expr:
        return _binary("modulo", self, other)

    def __rmod__(self, other: Any) -> Expr:
        return _binary("modulo", other, self)

    def __pow__(self, other: Any) -> Expr:
        return _binary("power", self, other)

    def __rpow__(self, other: Any) -> Expr:
        return _binary("power", other, self)

    def __neg__(self) -> Expr:
        return CallExpr("negate", (self,))

    def __abs__(self) -> Expr:
        return CallExpr("abs", (self,))

    # ---- comparison and logic ----
    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return _binary("equal", self, other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return _binary("not_equal", self, other)

    def __lt__(self, other: Any) -> Expr:
        return _binary("less", self, other)

    def __le__(self, other: Any) -> Expr:
        return _binary("less_equal", self, other)

    def __gt__(self, other: Any) -> Expr:
        return _binary("greater", self, other)

    def __ge__(self, other: Any) -> Expr:
        return _binary("greater_equal", self, other)

    def __and__(self, other: Any) -> Expr:
        return _binary("and", self, other)

    def __rand__(self, other: Any) -> Expr:
        return _binary("and", other, self)

    def __or__(self, other: Any) -> Expr:
        return _binary("or", self, other)

    def __ror__(self, other: Any) -> Expr:
        return _binary("or", other, self)

    def __invert__(self) -> Expr:
        return CallExpr("not", (self,))

    def is_null(self) -> Expr:
        """True where the value is null."""
        return CallExpr("is_null", (self,))

    def is_not_null(self) -> Expr:
        """True where the value is not null."""
        return CallExpr("is_not_null", (self,))

    def is_in(self, values: Sequence[Any] | Expr) -> Expr:
        """True where the value is one of `values`: a list, or an Arrow array."""
        return CallExpr("is_in", (self,), (("value_set", _value_set(values)),))

    def not_in(self, values: Sequence[Any] | Expr) -> Expr:
        """True where the value is none of `values`."""
        return ~self.is_in(values)

    # ---- numbers ----
    def abs(self) -> Expr:
        """The distance from zero."""
        return CallExpr("abs", (self,))

    def negate(self) -> Expr:
        """The value with its sign changed."""
        return CallExpr("negate", (self,))

    def power(self, exponent: Any) -> Expr:
        """The value to the power of `exponent`."""
        return _binary("power", self, exponent)

    def floor(self) -> Expr:
        """Rounded down to a whole number."""
        return CallExpr("floor", (self,))

    def ceil(self) -> Expr:
        """Rounded up to a whole number."""
        return CallExpr("ceil", (self,))

    def round(self) -> Expr:
        """Rounded to the nearest whole number, halves to the even one."""
        return CallExpr("round", (self,))

    def trunc(self) -> Expr:
        """Without its fraction."""
        return CallExpr("trunc", (self,))

    def sign(self) -> Expr:
        """-1, 0 or 1, as the value's sign."""
        return CallExpr("sign", (self,))

    def exp(self) -> Expr:
        """e to the power of the value."""
        return CallExpr("exp", (self,))

    def ln(self) -> Expr:
        """The natural logarithm."""
        return CallExpr("ln", (self,))

    def log10(self) -> Expr:
        """The logarithm to base 10."""
        return CallExpr("log10", (self,))

    def log2(self) -> Expr:
        """The logarithm to base 2."""
        return CallExpr("log2", (self,))

    def sin(self) -> Expr:
        """The sine of radians."""
        return CallExpr("sin", (self,))

    def cos(self) -> Expr:
        """The cosine of radians."""
        return CallExpr("cos", (self,))

    def tan(self) -> Expr:
        """The tangent of radians."""
        return CallExpr("tan", (self,))

    def asin(self) -> Expr:
        """The inverse sine, in radians."""
        return CallExpr("asin", (self,))

    def acos(self) -> Expr:
        """The inverse cosine, in radians."""
        return CallExpr("acos", (self,))

    def atan(self) -> Expr:
        """The inverse tangent, in radians."""
        return CallExpr("atan", (self,))

    def is_nan(self) -> Expr:
        """True where the value is not a number; null stays null."""
        return CallExpr("is_nan", (self,))

    # ---- other ----
    def fill_null(self, value: Any) -> Expr:
        """The value, or `value` where it is null."""
        return _binary("fill_null", self, value)

    def cast(self, target_type: Any, *, safe: bool = True) -> Expr:
        """The value as another Arrow type.

        `target_type` is a pyarrow type, or its name such as "int32" or "float64". With safe=False overflow and lost
        fractions are let through.
        """
        return CallExpr("cast", (self,), (("type", target_type), ("safe", safe)))

    # ---- functions of one kind of column ----
    @property
    def str(self) -> StringExpressions:
        """Functions of texts."""
        from millstream.expression_namespaces import StringExpressions

        return StringExpressions(self)

    @property
    def dt(self) -> TimeExpressions:
        """Functions of dates and times."""
        from millstream.expression_namespaces import TimeExpressions

        return TimeExpressions(self)

    @property
    def list(self) -> ListExpressions:
        """Functions of lists."""
        from millstream.expression_namespaces import ListExpressions

        return ListExpressions(self)

    @property
    def struct(self) -> StructExpressions:
        """Fields of structs."""
        from millstream.expression_namespaces import StructExpressions

        return StructExpressions(self)


@dataclass(frozen=True, eq=False, repr=False)
class ColumnExpr(Expr):
    """A column."""

    column: str

    @property
    def name(self) -> str:
        return self.column

    def to_core(self) -> _core.Expression:
        return _core.column(self.column)

    def __repr__(self) -> str:
        return f"col({self.column!r})"


@dataclass(frozen=True, eq=False, repr=False)
class LiteralExpr(Expr):
    """The same value in every row."""

    value: Any

    def to_core(self) -> _core.Expression:
        return _core.literal(_plain_literal(self.value))

    def __repr__(self) -> str:
        return f"lit({self.value!r})"


@dataclass(frozen=True, eq=False, repr=False)
class AliasExpr(Expr):
    """A value under another name."""

    expr: Expr
    alias_name: str

    @property
    def name(self) -> str:
        return self.alias_name

    def to_core(self) -> _core.Expression:
        return self.expr.to_core()

    def __repr__(self) -> str:
        return f"{self.expr!r}.alias({self.alias_name!r})"


@dataclass(frozen=True, eq=False, repr=False)
class CallExpr(Expr):
    """A function of other expressions, by the engine's name of it."""

    op: str
    args: tuple[Expr, ...]
    options: tuple[tuple[str, Any], ...] = ()

    def to_core(self) -> _core.Expression:
        return lower_call(self.op, [arg.to_core() for arg in self.args], dict(self.options))

    def __repr__(self) -> str:
        return call_text(self.op, self.args, self.options)


def col(name: str) -> ColumnExpr:
    """The column called `name`."""
    if not isinstance(name, str):
        raise TypeError(f"col takes a column's name, not {type(name).__name__}")
    return ColumnExpr(name)


def lit(value: Any) -> LiteralExpr:
    """A constant: None, bool, int, float, str, bytes, a date, time, timedelta or Decimal, a numpy scalar, or an Arrow
    array of one value.
    """
    if isinstance(value, Expr):
        raise TypeError(f"lit takes a plain value; {value!r} is an expression already")
    return as_literal(value)


def as_expression(value: Any) -> Expr:
    """`value` where it is an expression, else a literal."""
    return value if isinstance(value, Expr) else as_literal(value)


def as_literal(value: Any) -> LiteralExpr:
    """TypeError for what cannot be a literal, here where it is written and not where it is first used."""
    _plain_literal(value)
    return LiteralExpr(value)


def _plain_literal(value: Any) -> Any:
    """What the engine takes for `value`."""
    if value is None or isinstance(value, bool | int | float | str | bytes) or hasattr(value, "__arrow_c_array__"):
        return value
    import datetime
    import decimal

    if isinstance(value, datetime.date | datetime.time | datetime.timedelta | decimal.Decimal):
        import pyarrow

        return pyarrow.array([value])
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # of numpy
        return _plain_literal(value.item())
    hint = "; is_in() takes a list" if isinstance(value, list | tuple | set) else ""
    raise TypeError(
        "a literal must be None, bool, int, float, str, bytes, a date, time, timedelta or Decimal, or an Arrow array "
        f"of one value, not {type(value).__name__}{hint}"
    )


def _binary(op: str, left: Any, right: Any) -> Expr:
    return CallExpr(op, (as_expression(left), as_expression(right)))


def _value_set(values: Any) -> Any:
    if isinstance(values, LiteralExpr):
        values = values.value
    if isinstance(values, str | bytes | Expr):
        raise TypeError(f"is_in takes a list of values or an Arrow array, not {type(values).__name__}")
    return values if hasattr(values, "__arrow_c_array__") else tuple(values)
