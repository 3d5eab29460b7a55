"""The columns that `select_columns`, `drop_columns`, `rename_columns` and `with_columns` ask for."""

from collections.abc import Iterable, Mapping
from typing import Any

from millstream import _core
from millstream.expressions import Expr, UnnestExpr


def selected(plan: _core.Plan, cols: str | list[str]) -> _core.Plan:
    """The plan with the columns named."""
    return plan.project([(name, _core.column(name)) for name in _checked_names("select_columns", cols)])


def dropped(plan: _core.Plan, cols: str | list[str]) -> _core.Plan:
    """The plan without the columns named."""
    gone = _checked_names("drop_columns", cols)
    _check_known(plan, gone)
    return selected(plan, [name for name in plan.schema().names if name not in gone]) if gone else plan


def renamed(plan: _core.Plan, names: Mapping[str, str] | list[str]) -> _core.Plan:
    """The plan with columns under other names."""
    current = plan.schema().names
    new_names = _new_names(current, names)
    _check_known(plan, list(new_names))
    return plan.project([(new_names.get(name, name), _core.column(name)) for name in current])


def named_columns(plan: _core.Plan, arguments: Iterable[Any]) -> dict[str, Expr]:
    """The expressions that the arguments of `with_columns` name: mappings, and unnest() of structs of the plan."""
    columns: dict[str, Expr] = {}
    for argument in arguments:
        if isinstance(argument, UnnestExpr):
            import pyarrow

            parts = argument.expand_projection(pyarrow.schema(plan.schema()))
            columns.update({part.name: part for part in parts if part.name is not None})
        elif isinstance(argument, Mapping):
            columns.update(argument)
        else:
            raise TypeError(
                "with_columns takes mappings of names to expressions, such as {'b': col('a') * 2}, and unnest() of a "
                f"struct, not {type(argument).__name__}"
            )
    return columns


def replaced(plan: _core.Plan, columns: Mapping[str, Expr]) -> _core.Plan:
    """The plan with columns computed anew, in place or at the end."""
    projection = {name: _core.column(name) for name in plan.schema().names}
    for name, expr in columns.items():
        if not isinstance(name, str):
            raise TypeError(f"a column's name must be a text, not {type(name).__name__}")
        if not isinstance(expr, Expr):
            raise TypeError(
                f"column {name!r} must be an expression such as col('a') * 2 or lit(0), not {type(expr).__name__}"
            )
        projection[name] = expr.to_core()
    return plan.project(list(projection.items()))


def _new_names(current: list[str], names: Any) -> dict[str, str]:
    if isinstance(names, Mapping):
        new_names = dict(names)
        _checked_names("rename_columns", list(new_names))
    elif isinstance(names, list | tuple):
        if len(names) != len(current):
            raise ValueError(f"rename_columns got {len(names)} names for {len(current)} columns: {current}")
        new_names = dict(zip(current, names, strict=True))
    else:
        raise TypeError(f"rename_columns takes a dict of {{old: new}} or a list of names, not {type(names).__name__}")
    if not new_names:
        raise ValueError("rename_columns got no names")
    _checked_names("rename_columns", list(new_names.values()))
    return new_names


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


def _check_known(plan: _core.Plan, names: list[str]) -> None:
    """KeyError for a name that is no column, with the near ones."""
    plan.project([(name, _core.column(name)) for name in names])
