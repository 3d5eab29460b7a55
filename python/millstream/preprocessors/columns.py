"""Names and types of the columns that preprocessors read and write."""

from __future__ import annotations

from typing import Any

from millstream.dataset import Dataset
from millstream.expressions import Expr, col, lit

_INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_FLOATS = frozenset(("halffloat", "float", "double"))


def checked_names(columns: Any, argument: str = "columns") -> list[str]:
    """`columns` as a list. TypeError for what is not a list of texts, ValueError for a name that comes twice."""
    if isinstance(columns, str):
        raise TypeError(f"{argument} takes a list of names: [{columns!r}]")
    if not isinstance(columns, list | tuple):
        raise TypeError(f"{argument} takes a list of names, not {type(columns).__name__}")
    for name in columns:
        if not isinstance(name, str):
            raise TypeError(f"{argument} takes a list of names; {name!r} is not a text")
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise ValueError(f"{argument} has the name {twice!r} twice")
    return list(columns)


def checked_outputs(columns: list[str], output_columns: Any) -> list[str]:
    """The names of the results, those of the columns where none are given.

    ValueError where there are not as many as columns.
    """
    if not output_columns:
        return list(columns)
    names = checked_names(output_columns, "output_columns")
    if len(names) != len(columns):
        raise ValueError(
            f"output_columns has {len(names)} names and columns has {len(columns)}: there must be one for each column"
        )
    return names


def column_types(ds: Dataset, fetch: bool = False) -> dict[str, str]:
    """Arrow's names of the types; empty where the plan does not know them and `fetch` is false."""
    schema = ds.schema(fetch_if_missing=fetch)
    return {} if schema is None else dict(zip(schema.names, schema.type_names, strict=True))


def check_numbers(ds: Dataset, columns: list[str], user: Any, fetch: bool = False) -> dict[str, str]:
    """The types of the data set's columns. TypeError for one of `columns` that is known not to hold numbers."""
    types = column_types(ds, fetch)
    for name in columns:
        if name in types and not is_number(types[name]):
            raise TypeError(
                f"{type(user).__name__}: column {name!r} of type {types[name]} does not hold numbers; cast it with "
                f"with_column({name!r}, col({name!r}).cast('float64')), or encode it"
            )
    return types


def is_number(kind: str) -> bool:
    return kind in _INTEGERS or is_float(kind) or kind in ("bool", "null") or kind.startswith("decimal")


def is_float(kind: str) -> bool:
    return kind in _FLOATS


def without_nan(ds: Dataset, columns: list[str], user: Any) -> Dataset:
    """The data set of these columns of numbers, NaN as null: aggregates pass over it.

    KeyError for an unknown column, TypeError for one that does not hold numbers.
    """
    types = check_numbers(ds, columns, user, fetch=True)
    rows = ds.select_columns(list(dict.fromkeys(columns))) if columns else ds
    return rows.with_columns({name: nan_as_null(name) for name in columns if is_float(types.get(name, ""))})


def nan_as_null(name: str) -> Expr:
    return if_else(col(name).is_nan(), lit(None), col(name))


def if_else(condition: Expr, then: Any, other: Any) -> Expr:
    """`then` where the condition is true, `other` where it is false, null where it is null."""
    return condition._call("if_else", then, other)


def number(name: str) -> Expr:
    """The column as double. Whole numbers beyond 2**53 are rounded, where arithmetic with a float would refuse them."""
    return col(name).cast("float64", safe=False)


def no_number() -> Expr:
    """A null of type double."""
    return lit(None).cast("float64")
