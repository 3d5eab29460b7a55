"""What `sort` and `groupby` are given, one entry a column."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from millstream.arguments import check_flag
from millstream.old_habits import names_not_functions


def group_keys(key: str | Sequence[str] | None) -> list[str]:
    """The columns to group by; none for None. TypeError, ValueError for what does not name columns."""
    if key is None:
        return []
    keys = [key] if isinstance(key, str) else list(key) if isinstance(key, list | tuple) else None
    if keys is None or not all(isinstance(column, str) for column in keys):
        remedy = names_not_functions("groupby", "group", key)
        raise TypeError(f"groupby takes the name of a column, a list of names or None, not {_shown(key)}{remedy}")
    if len(set(keys)) < len(keys):
        raise ValueError(f"groupby got a column twice: {keys}")
    return keys


def sort_keys(
    key: str | Sequence[str], descending: bool | Sequence[bool], nulls_first: bool | Sequence[bool]
) -> list[tuple[str, bool, bool]]:
    """(column, descending, nulls first) of each key. TypeError, ValueError for arguments that do not go together."""
    columns = [key] if isinstance(key, str) else list(key) if isinstance(key, list | tuple) else None
    if columns is None or not all(isinstance(column, str) for column in columns):
        remedy = names_not_functions("sort", "sort", key)
        raise TypeError(f"sort takes the name of a column, or a list of names, not {_shown(key)}{remedy}")
    if not columns:
        raise ValueError("sort needs the name of at least one column")
    if len(set(columns)) < len(columns):
        raise ValueError(f"sort got a column twice: {columns}")
    down = _one_a_column("descending", descending, columns)
    first = _one_a_column("nulls_first", nulls_first, columns)
    return list(zip(columns, down, first, strict=True))


def _one_a_column(name: str, value: bool | Sequence[bool], columns: list[str]) -> list[bool]:
    if not isinstance(value, list | tuple):
        return [check_flag(value, name)] * len(columns)
    if len(value) != len(columns):
        raise ValueError(f"sort got {len(value)} values of {name} for {len(columns)} columns: {columns}")
    return [check_flag(item, name) for item in value]


def _shown(key: Any) -> str:
    return "a function" if inspect.isroutine(key) else repr(key)
