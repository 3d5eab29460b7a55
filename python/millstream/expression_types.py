"""Types and names that an expression gives over columns of a schema of pyarrow: the engine's own answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millstream import _core
from millstream.expressions import AliasExpr, ColumnExpr, Expr, LiteralExpr

if TYPE_CHECKING:
    import pyarrow


def type_of(expr: Expr, schema: pyarrow.Schema) -> pyarrow.DataType | None:
    """None where the expression cannot be computed over such columns."""
    try:
        return checked_type(expr, schema)
    except (KeyError, TypeError, ValueError):
        return None


def checked_type(expr: Expr, schema: pyarrow.Schema) -> pyarrow.DataType:
    """KeyError, TypeError or ValueError where the expression cannot be computed over such columns."""
    import pyarrow

    plain, schema = _without_stages(expr, schema)
    plan = _core.Plan.from_arrow(schema.empty_table()).project([("value", plain.to_core())])
    return pyarrow.schema(plan.schema()).field(0).type


def check_condition(expr: Expr, schema: pyarrow.Schema) -> None:
    """The same errors, and TypeError where the expression is neither true nor false."""
    plain, schema = _without_stages(expr, schema)
    _core.Plan.from_arrow(schema.empty_table()).filter(plain.to_core())


def _without_stages(expr: Expr, schema: pyarrow.Schema) -> tuple[Expr, pyarrow.Schema]:
    """What is computed in stages of its own as columns of its type, behind those of the schema."""
    import pyarrow

    from millstream.expression_functions import StagedExpr
    from millstream.expression_tree import Substitution, outermost

    columns: dict[int, Expr] = {}
    for part in outermost(expr, lambda inner: isinstance(inner, StagedExpr)):
        assert isinstance(part, StagedExpr)
        args, kwargs = part.arguments()
        for argument in (*args, *kwargs.values()):
            if not isinstance(argument, LiteralExpr):
                checked_type(argument, schema)
        column = f"__stage_{len(columns)}__"
        columns[id(part)] = ColumnExpr(column)
        schema = schema.append(pyarrow.field(column, part.data_type.to_arrow_dtype(), part.nullable(schema)))
    return Substitution(columns)(expr), schema


def field_of(expr: Expr, schema: pyarrow.Schema) -> pyarrow.Field | None:
    """Of a column its own field, metadata and all; None where the expression has no name or no type."""
    import pyarrow

    inner = expr.expr if isinstance(expr, AliasExpr) else expr
    if isinstance(inner, ColumnExpr) and inner.column in schema.names:
        return schema.field(inner.column).with_name(expr.name)
    kind = type_of(expr, schema)
    return None if kind is None or expr.name is None else pyarrow.field(expr.name, kind, expr.nullable(schema))


def fields_of_struct(expr: Expr, schema: pyarrow.Schema | None) -> list[Expr]:
    """One expression a field of the struct, named after it.

    ValueError without a schema and for two fields of one name, TypeError for what is not a struct.
    """
    import pyarrow

    if schema is None:
        raise ValueError(f"unnest({expr!r}) needs the columns' types to know the fields of the struct")
    kind = type_of(expr, schema)
    if kind is None:
        expr_columns = ", ".join(schema.names)
        raise TypeError(f"unnest({expr!r}) cannot be computed over the columns {expr_columns}")
    if not pyarrow.types.is_struct(kind):
        raise TypeError(f"unnest takes a struct; {expr!r} is of type {kind}")
    names = [kind.field(index).name for index in range(kind.num_fields)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"unnest({expr!r}): the struct has two fields of the name {twice!r}, and columns need their own"
        )
    return [expr.struct.field_by_index(index).alias(name) for index, name in enumerate(names)]
