"""Expressions as pyarrow's own, for filters of its datasets and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.expression_calls import arrow_type
from millstream.expression_operations import ENGINE_NAMES, Operation
from millstream.expressions import AliasExpr, BinaryExpr, CallExpr, ColumnExpr, Expr, LiteralExpr, UnaryExpr

if TYPE_CHECKING:
    import pyarrow.compute

# Functions of the engine's own, by their names there.
_OURS = frozenset({"sort_each", "flatten_each", "element_from_end", "map_keys", "map_values", "to_list"})


def to_pyarrow(expr: Expr) -> pyarrow.compute.Expression:
    """The same computation. TypeError for a function that pyarrow lacks, or the installed one does."""
    import pyarrow
    import pyarrow.compute

    if isinstance(expr, AliasExpr):
        return to_pyarrow(expr.expr)
    if isinstance(expr, ColumnExpr):
        return pyarrow.compute.field(expr.column)
    if isinstance(expr, LiteralExpr):
        value = expr.value
        one = pyarrow.array(value)[0] if hasattr(value, "__arrow_c_array__") else pyarrow.scalar(value)
        return pyarrow.compute.scalar(one)
    if isinstance(expr, BinaryExpr) and expr.op in (Operation.IN, Operation.NOT_IN):
        found = pyarrow.compute.is_in(to_pyarrow(expr.left), value_set=pyarrow.array(expr.right.value))  # type: ignore[attr-defined]
        return found if expr.op is Operation.IN else pyarrow.compute.invert(found)
    if isinstance(expr, BinaryExpr):
        return _call(ENGINE_NAMES[expr.op], [to_pyarrow(expr.left), to_pyarrow(expr.right)], {}, expr)
    if isinstance(expr, UnaryExpr):
        return _call(ENGINE_NAMES[expr.op], [to_pyarrow(expr.operand)], {}, expr)
    if isinstance(expr, CallExpr):
        return _call(expr.op, [to_pyarrow(arg) for arg in expr.args], dict(expr.options), expr)
    raise TypeError(f"{expr!r} has no form of pyarrow")


def _call(op: str, args: list[Any], options: dict[str, Any], expr: Expr) -> Any:
    import pyarrow.compute as compute

    if op == "floor_divide":  # as resolve_calls.h makes it
        rest = _call("subtract", [args[0], _call("modulo", args, {}, expr)], {}, expr)
        return compute.round(_call("divide", [rest, args[1]], {}, expr))
    if op == "cast":
        return args[0].cast(arrow_type(options["type"]), options["safe"])
    if op == "struct_field":
        return compute.struct_field(args[0], options.get("name", options.get("index")))
    name = _core.arrow_function(op)
    if name in _OURS or not hasattr(compute, name):
        raise TypeError(f"{expr!r} has no form of pyarrow {pyarrow_version()}: it lacks {name}")
    if op == "list_slice":
        options = {"start": 0, **options}
    return getattr(compute, name)(*args, **options)


def pyarrow_version() -> str:
    import pyarrow

    return str(pyarrow.__version__)
