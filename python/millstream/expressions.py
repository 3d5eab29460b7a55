"""Expressions on columns: `col("price") * 2 > lit(10)`.

They are descriptions: nothing is computed until a data set runs. They pickle, and never hold data but their literals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NoReturn

from millstream import _core
from millstream.expression_calls import call_text, lower_call
from millstream.expression_numbers import NumberFunctions
from millstream.expression_operations import ENGINE_NAMES, Operation

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.compute

    from millstream.expression_functions import (
        DownloadExpr,
        MonotonicallyIncreasingIdExpr,
        RandomExpr,
        UDFExpr,
        UUIDExpr,
        download,
        monotonically_increasing_id,
        pyarrow_udf,
        random,
        udf,
        uuid,
    )
    from millstream.expression_namespaces import (
        ArrayExpressions,
        ListExpressions,
        MapExpressions,
        StructExpressions,
        TimeExpressions,
    )
    from millstream.expression_texts import StringExpressions

__all__ = [
    "AliasExpr",
    "BinaryExpr",
    "ColumnExpr",
    "DownloadExpr",
    "Expr",
    "LiteralExpr",
    "MonotonicallyIncreasingIdExpr",
    "Operation",
    "RandomExpr",
    "StarExpr",
    "UDFExpr",
    "UUIDExpr",
    "UnaryExpr",
    "UnnestExpr",
    "col",
    "download",
    "lit",
    "monotonically_increasing_id",
    "pyarrow_udf",
    "random",
    "star",
    "udf",
    "unnest",
    "uuid",
]


class Expr(NumberFunctions):
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
        return type(self) is type(other) and all(
            _same(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)  # type: ignore[arg-type]
        )

    # ---- what it gives ----
    def get_type(self, input_schema: pyarrow.Schema) -> pyarrow.DataType | None:
        """The Arrow type over columns of that schema; None where it cannot be computed over them."""
        from millstream.expression_types import type_of

        return type_of(self, input_schema)

    def nullable(self, input_schema: pyarrow.Schema) -> bool:
        """Whether it may be null over columns of that schema."""
        return True

    def to_field(self, input_schema: pyarrow.Schema) -> pyarrow.Field | None:
        """Name, type and nullability over columns of that schema; None where it has no name or no type."""
        from millstream.expression_types import field_of

        return field_of(self, input_schema)

    def is_idempotent(self) -> bool:
        """Whether it gives the same however often, and wherever in a plan, it is computed."""
        from millstream.expression_tree import children

        return all(child.is_idempotent() for child in children(self))

    def expand_projection(self, input_schema: pyarrow.Schema | None) -> list[Expr]:
        """The expressions of one column each that it stands for: itself, but for `unnest`."""
        return [self]

    def to_pyarrow(self) -> pyarrow.compute.Expression:
        """The same computation for pyarrow, as filters of its datasets take it. TypeError for what pyarrow lacks."""
        from millstream.expression_to_pyarrow import to_pyarrow

        return to_pyarrow(self)

    def _call(self, op: str, *args: Any, **options: Any) -> Expr:
        return CallExpr(op, (self, *map(as_expression, args)), tuple(options.items()))

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
        return _binary(Operation.ADD, self, other)

    def __radd__(self, other: Any) -> Expr:
        return _binary(Operation.ADD, other, self)

    def __sub__(self, other: Any) -> Expr:
        return _binary(Operation.SUB, self, other)

    def __rsub__(self, other: Any) -> Expr:
        return _binary(Operation.SUB, other, self)

    def __mul__(self, other: Any) -> Expr:
        return _binary(Operation.MUL, self, other)

    def __rmul__(self, other: Any) -> Expr:
        return _binary(Operation.MUL, other, self)

    def __truediv__(self, other: Any) -> Expr:
        return _binary(Operation.DIV, self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return _binary(Operation.DIV, other, self)

    def __floordiv__(self, other: Any) -> Expr:
        return _binary(Operation.FLOORDIV, self, other)

    def __rfloordiv__(self, other: Any) -> Expr:
        return _binary(Operation.FLOORDIV, other, self)

    def __mod__(self, other: Any) -> Expr:
        return _binary(Operation.MOD, self, other)

    def __rmod__(self, other: Any) -> Expr:
        return _binary(Operation.MOD, other, self)

    def __pow__(self, other: Any) -> Expr:
        return self._call("power", other)

    def __rpow__(self, other: Any) -> Expr:
        return as_expression(other)._call("power", self)

    def __neg__(self) -> Expr:
        return self._call("negate")

    def __abs__(self) -> Expr:
        return self._call("abs")

    # ---- comparison and logic ----
    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return _binary(Operation.EQ, self, other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return _binary(Operation.NE, self, other)

    def __lt__(self, other: Any) -> Expr:
        return _binary(Operation.LT, self, other)

    def __le__(self, other: Any) -> Expr:
        return _binary(Operation.LE, self, other)

    def __gt__(self, other: Any) -> Expr:
        return _binary(Operation.GT, self, other)

    def __ge__(self, other: Any) -> Expr:
        return _binary(Operation.GE, self, other)

    def __and__(self, other: Any) -> Expr:
        return _binary(Operation.AND, self, other)

    def __rand__(self, other: Any) -> Expr:
        return _binary(Operation.AND, other, self)

    def __or__(self, other: Any) -> Expr:
        return _binary(Operation.OR, self, other)

    def __ror__(self, other: Any) -> Expr:
        return _binary(Operation.OR, other, self)

    def __invert__(self) -> Expr:
        return UnaryExpr(Operation.NOT, self)

    def is_null(self) -> Expr:
        """True where the value is null."""
        return UnaryExpr(Operation.IS_NULL, self)

    def is_not_null(self) -> Expr:
        """True where the value is not null."""
        return UnaryExpr(Operation.IS_NOT_NULL, self)

    def is_in(self, values: Sequence[Any] | Expr) -> Expr:
        """True where the value is one of `values`: a list, or an Arrow array."""
        return BinaryExpr(Operation.IN, self, LiteralExpr(_value_set(values)))

    def not_in(self, values: Sequence[Any] | Expr) -> Expr:
        """True where the value is none of `values`."""
        return BinaryExpr(Operation.NOT_IN, self, LiteralExpr(_value_set(values)))

    # ---- other ----
    def fill_null(self, value: Any) -> Expr:
        """The value, or `value` where it is null."""
        return self._call("fill_null", value)

    def cast(self, target_type: Any, *, safe: bool = True) -> Expr:
        """The value as another Arrow type.

        `target_type` is a `millstream.datatype.DataType`, a pyarrow type, or its name such as "int32" or "float64".
        With safe=False overflow and lost fractions are let through.
        """
        return self._call("cast", type=target_type, safe=safe)

    # ---- functions of one kind of column ----
    @property
    def str(self) -> StringExpressions:
        """Functions of texts."""
        from millstream.expression_texts import StringExpressions

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

    @property
    def map(self) -> MapExpressions:
        """Functions of maps."""
        from millstream.expression_namespaces import MapExpressions

        return MapExpressions(self)

    @property
    def arr(self) -> ArrayExpressions:
        """Functions of lists of a fixed size."""
        from millstream.expression_namespaces import ArrayExpressions

        return ArrayExpressions(self)


@dataclass(frozen=True, eq=False, repr=False)
class ColumnExpr(Expr):
    """A column."""

    column: str

    @property
    def name(self) -> str:
        return self.column

    def to_core(self) -> _core.Expression:
        return _core.column(self.column)

    def nullable(self, input_schema: pyarrow.Schema) -> bool:
        return self.column not in input_schema.names or input_schema.field(self.column).nullable

    def __repr__(self) -> str:
        return f"col({self.column!r})"


@dataclass(frozen=True, eq=False, repr=False)
class LiteralExpr(Expr):
    """The same value in every row."""

    value: Any

    def to_core(self) -> _core.Expression:
        return _core.literal(_arrow_literal(self.value) if _is_nested(self.value) else _plain_literal(self.value))

    def nullable(self, input_schema: pyarrow.Schema) -> bool:
        return self.value is None

    def __repr__(self) -> str:
        return f"lit({self.value!r})"


@dataclass(frozen=True, eq=False, repr=False)
class BinaryExpr(Expr):
    """An operation of two operands. The right one of IN and NOT_IN is a literal of all values to look for."""

    op: Operation
    left: Expr
    right: Expr

    def to_core(self) -> _core.Expression:
        name = ENGINE_NAMES[self.op]
        if self.op in (Operation.IN, Operation.NOT_IN):
            return lower_call(name, [self.left.to_core()], {"value_set": self._values()})
        return lower_call(name, [self.left.to_core(), self.right.to_core()], {})

    def nullable(self, input_schema: pyarrow.Schema) -> bool:
        return self.left.nullable(input_schema) or self.right.nullable(input_schema)

    def __repr__(self) -> str:
        if self.op in (Operation.IN, Operation.NOT_IN):
            return call_text(ENGINE_NAMES[self.op], (self.left,), (("value_set", self._values()),))
        return call_text(ENGINE_NAMES[self.op], (self.left, self.right), ())

    def _values(self) -> Any:
        return _value_set(self.right)


@dataclass(frozen=True, eq=False, repr=False)
class UnaryExpr(Expr):
    """An operation of one operand."""

    op: Operation
    operand: Expr

    def to_core(self) -> _core.Expression:
        return lower_call(ENGINE_NAMES[self.op], [self.operand.to_core()], {})

    def nullable(self, input_schema: pyarrow.Schema) -> bool:
        return self.op is Operation.NOT and self.operand.nullable(input_schema)

    def __repr__(self) -> str:
        return call_text(ENGINE_NAMES[self.op], (self.operand,), ())


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

    def alias(self, name: str) -> AliasExpr:
        return self.expr.alias(name)

    def nullable(self, input_schema: pyarrow.Schema) -> bool:
        return self.expr.nullable(input_schema)

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


@dataclass(frozen=True, eq=False, repr=False)
class StarExpr(Expr):
    """All columns. It says so in descriptions; no method of a data set takes it."""

    def to_core(self) -> _core.Expression:
        raise TypeError("star() stands for all columns and has no single value; with_column() keeps all columns anyway")

    def __repr__(self) -> str:
        return "star()"


@dataclass(frozen=True, eq=False, repr=False)
class UnnestExpr(Expr):
    """The fields of a struct as columns of their own."""

    expr: Expr

    def to_core(self) -> _core.Expression:
        raise TypeError(
            f"{self!r} stands for several columns; give it to with_columns() as it is: with_columns({self!r})"
        )

    def alias(self, name: str) -> NoReturn:
        raise TypeError(f"{self!r} has no alias: its columns are named after the fields of the struct")

    def expand_projection(self, input_schema: pyarrow.Schema | None) -> list[Expr]:
        """One expression a field, named after it.

        ValueError without a schema, TypeError for what is not a struct.
        """
        from millstream.expression_types import fields_of_struct

        return fields_of_struct(self.expr, input_schema)

    def __repr__(self) -> str:
        return f"unnest({self.expr!r})"


def col(name: str) -> ColumnExpr:
    """The column called `name`."""
    if not isinstance(name, str):
        raise TypeError(f"col takes a column's name, not {type(name).__name__}")
    return ColumnExpr(name)


def lit(value: Any) -> LiteralExpr:
    """A constant: None, bool, int, float, str, bytes, a date, time, timedelta or Decimal, a numpy scalar, a list, dict
    or array of them, or an Arrow array of one value.
    """
    if isinstance(value, Expr):
        raise TypeError(f"lit takes a plain value; {value!r} is an expression already")
    if _is_nested(value):
        _arrow_literal(value)
        return LiteralExpr(value)
    return as_literal(value)


def star() -> StarExpr:
    """All columns."""
    return StarExpr()


def unnest(expr: Expr) -> UnnestExpr:
    """The fields of a struct as columns of their own, named after them: `with_columns(unnest(col("user")))`.

    One level deep: a field that is a struct stays one.
    """
    if isinstance(expr, UnnestExpr):
        raise TypeError("unnest() of unnest() has no single struct to take apart; apply it to one of its columns")
    if not isinstance(expr, Expr):
        raise TypeError(f"unnest takes an expression, not {type(expr).__name__}")
    return UnnestExpr(expr)


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

    times = datetime.date | datetime.time | datetime.timedelta
    if isinstance(value, times | decimal.Decimal) or (getattr(value, "ndim", None) == 0 and hasattr(value, "dtype")):
        return _arrow_literal(value)
    hint = "; is_in() takes a list" if isinstance(value, list | tuple | set) else ""
    raise TypeError(
        "a literal must be None, bool, int, float, str, bytes, a date, time, timedelta or Decimal, or an Arrow array "
        f"of one value, not {type(value).__name__}{hint}"
    )


def _is_nested(value: Any) -> bool:
    """A list, dict or array, which lit() takes as a value and operators do not: it may be meant as several."""
    return isinstance(value, list | dict) or getattr(value, "ndim", 0) > 0


def _arrow_literal(value: Any) -> Any:
    """An Arrow array of the one value, of the type that a column of it has."""
    from millstream.result_columns import result_column

    return result_column("literal", [value], where="lit")[1]


def _same(left: Any, right: Any) -> bool:
    """Equality of what expressions hold, of which some compare to more than True or False."""
    if isinstance(left, Expr):
        return left.structurally_equals(right)
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)
    if hasattr(left, "equals"):
        return bool(left.equals(right))
    return left is right or repr(left) == repr(right) if hasattr(left, "ndim") else left is right or bool(left == right)


def _binary(op: Operation, left: Any, right: Any) -> Expr:
    return BinaryExpr(op, as_expression(left), as_expression(right))


def _value_set(values: Any) -> Any:
    if isinstance(values, LiteralExpr):
        values = values.value
    if isinstance(values, str | bytes | Expr):
        raise TypeError(f"is_in takes a list of values or an Arrow array, not {type(values).__name__}")
    return values if hasattr(values, "__arrow_c_array__") else tuple(values)


_FUNCTIONS = (
    *("DownloadExpr", "MonotonicallyIncreasingIdExpr", "RandomExpr", "UDFExpr", "UUIDExpr"),
    *("download", "monotonically_increasing_id", "pyarrow_udf", "random", "udf", "uuid"),
)
_ELSEWHERE = {
    **{name: ("expression_functions", name) for name in _FUNCTIONS},
    "_ArrayNamespace": ("expression_namespaces", "ArrayExpressions"),
    "_DatetimeNamespace": ("expression_namespaces", "TimeExpressions"),
    "_ListNamespace": ("expression_namespaces", "ListExpressions"),
    "_MapNamespace": ("expression_namespaces", "MapExpressions"),
    "_StringNamespace": ("expression_texts", "StringExpressions"),
    "_StructNamespace": ("expression_namespaces", "StructExpressions"),
}


def __getattr__(name: str) -> Any:
    """What ray.data has here: functions in stages of their own, and the classes that `str`, `dt` and the like give."""
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    import importlib

    module, known = _ELSEWHERE[name]
    return getattr(importlib.import_module(f"millstream.{module}"), known)
