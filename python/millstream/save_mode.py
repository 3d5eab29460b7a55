"""What a writer does where its directory or table holds something already."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any


class SaveMode(StrEnum):
    """append adds rows, overwrite replaces what is there, ignore leaves it and writes nothing, error and create raise,
    upsert replaces rows of the same keys. Each writer takes some of them.
    """

    APPEND = "append"
    OVERWRITE = "overwrite"
    IGNORE = "ignore"
    ERROR = "error"
    CREATE = "create"
    UPSERT = "upsert"


FILE_MODES = (SaveMode.APPEND, SaveMode.OVERWRITE, SaveMode.IGNORE, SaveMode.ERROR)


def checked_mode(mode: Any, known: Sequence[SaveMode]) -> SaveMode:
    """The mode, of those that a writer knows. ValueError for another."""
    if mode in known:
        return SaveMode(mode)
    raise ValueError(f"mode must be one of {', '.join(repr(each.value) for each in known)}, got {mode!r}")
