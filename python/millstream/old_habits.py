"""What to say to who takes a row, or a batch, for a value: code of plain lists, or of ray.data's first versions."""

from __future__ import annotations

import re
from typing import Any

# What Python and numpy say of an operation that a dict does not have.
_OF_DICT = re.compile(r"'dict'|\btype dict\b|, not dict\b")
_OF_BATCHES = ("MapBatches", "MapGroups")


def habit_remedy(stage: str, kind: type[BaseException], text: str) -> str:
    """Goes behind the message of an error that a stage's function raised; empty for other errors."""
    of_dict = issubclass(kind, TypeError | AttributeError) and _OF_DICT.search(text) is not None
    by_number = issubclass(kind, KeyError) and text.lstrip("-").isdecimal()
    if not of_dict and not by_number:
        return ""
    if stage.startswith(_OF_BATCHES):
        return "; batches are dicts of arrays: use batch['column']"
    return "; rows are dicts: use row['column'], or map_batches for a dict of arrays"


def names_not_functions(method: str, verb: str, value: Any) -> str:
    """Goes behind the message that `method` takes names of columns; empty where no function was given."""
    from millstream.expressions import Expr

    if isinstance(value, Expr):
        made = f"with_column('key', {value!r})"
    elif callable(value):
        made = "with_column('key', ...) or add_column('key', ...)"
    else:
        return ""
    return f"; to {verb} by what is computed, make it a column before: {made}, then {method}('key')"
