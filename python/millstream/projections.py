"""The columns that `select_columns`, `drop_columns`, `rename_columns` and `with_columns` ask for."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from millstream import _core
from millstream.expression_stages import FunctionSettings, is_staged, with_staged_columns
from millstream.expressions import Expr, UnnestExpr


def selected(plan: _core.Plan, cols: str | list[str]) -> _core.Plan:
    """The plan with the columns named."""
    return plan.change_columns("select", names=_checked_names("select_columns", cols))


def dropped(plan: _core.Plan, cols: str | list[str]) -> _core.Plan:
    """The plan without the columns named."""
    gone = _checked_names("drop_columns", cols)
    return plan.change_columns("drop", names=gone) if gone else plan


def renamed(plan: _core.Plan, names: Mapping[str, str] | list[str]) -> _core.Plan:
    """The plan with columns under other names."""
    if isinstance(names, Mapping):
        old, new = list(names), list(names.values())
        _checked_names("rename_columns", old)
        kind = "rename"
    elif isinstance(names, list | tuple):
        old, new = [], list(names)
        kind = "rename_all"
    else:
        raise TypeError(f"rename_columns takes a dict of {{old: new}} or a list of names, not {type(names).__name__}")
    if not new:
        raise ValueError("rename_columns got no names")
    return plan.change_columns(kind, names=old, new_names=_checked_names("rename_columns", new))


def named_columns(schema: Callable[[], _core.Schema | None], arguments: Iterable[Any]) -> dict[str, Expr]:
    """The expressions that the arguments of `with_columns` name: mappings, and unnest() of structs.

    `schema` is asked for the columns' types where there is a struct to take apart; it may have to run a function.
    """
    columns: dict[str, Expr] = {}
    for argument in arguments:
        if isinstance(argument, UnnestExpr):
            import pyarrow

            known = schema()
            parts = argument.expand_projection(None if known is None else pyarrow.schema(known))
            columns.update({part.name: part for part in parts if part.name is not None})
        elif isinstance(argument, Mapping):
            columns.update(argument)
        else:
            raise TypeError(
                "with_columns takes mappings of names to expressions, such as {'b': col('a') * 2}, and unnest() of a "
                f"struct, not {type(argument).__name__}"
            )
    return columns


def replaced(plan: _core.Plan, columns: Mapping[str, Expr], settings: FunctionSettings) -> _core.Plan:
    """The plan with columns computed anew, in place or at the end."""
    for name, expr in columns.items():
        if not isinstance(name, str):
            raise TypeError(f"a column's name must be a text, not {type(name).__name__}")
        if not isinstance(expr, Expr):
            raise TypeError(
                f"column {name!r} must be an expression such as col('a') * 2 or lit(0), not {type(expr).__name__}"
            )
    if any(map(is_staged, columns.values())):
        return with_staged_columns(plan, columns, settings)
    computed = [(name, expr.to_core()) for name, expr in columns.items()]
    return plan.change_columns("set", columns=computed)


def _checked_names(function: str, names: Any) -> list[str]:
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list | tuple):
        raise TypeError(f"{function} takes a column's name or a list of names, not {type(names).__name__}")
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{function} takes names of columns; {name!r} is not a text")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{function} got the name {twice!r} twice")
    return list(names)
