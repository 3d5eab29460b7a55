"""Values that the names of directories tell."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

_TYPES = {int: "int64", float: "float64", bool: "bool_", str: "string"}


class PartitionStyle(enum.StrEnum):
    """How directories name the values of partitions."""

    HIVE = "hive"  # "year=2020/month=5/"
    DIRECTORY = "dir"  # "2020/5/", by their order


@dataclass(frozen=True)
class Partitioning:
    """Columns of the values that the directories of a file name; "%2F" and the like stand for the characters they mean.

    Args:
        style: PartitionStyle.HIVE ("hive") or PartitionStyle.DIRECTORY ("dir").
        base_dir: What is before the partitions in each path; by default directories count from its beginning.
        field_names: Of "dir" the columns, one a directory; of "hive" those that there must be, in their order.
        field_types: int, float, bool or str of some columns; others are texts. Of a "hive" value
            "__HIVE_DEFAULT_PARTITION__" is null.
        filesystem: Paths are local files in this version: None.
    """

    style: PartitionStyle | str
    base_dir: str | None = None
    field_names: list[str] | None = None
    field_types: dict[str, type] | None = None
    filesystem: Any = None

    def __post_init__(self) -> None:
        styles = [style.value for style in PartitionStyle]
        if self.style not in styles:
            raise ValueError(f"a partitioning's style is one of {styles}, not {self.style!r}")
        if self.style == PartitionStyle.DIRECTORY and not self.field_names:
            raise ValueError('Partitioning("dir") needs field_names, one a directory')
        if self.filesystem is not None:
            raise NotImplementedError("Partitioning(filesystem=...): paths are local files in this version")
        for name, kind in (self.field_types or {}).items():
            if kind not in _TYPES:
                raise TypeError(f"field_types[{name!r}] must be int, float, bool or str, not {kind!r}")


def partitioning_values(partitioning: Partitioning) -> dict[str, Any]:
    """As the engine takes it."""
    base = (partitioning.base_dir or "").rstrip("/")
    values: dict[str, Any] = {
        "hive": partitioning.style == PartitionStyle.HIVE,
        "base_dir": base and f"{base}/",
        "field_names": list(partitioning.field_names or []),
    }
    if partitioning.field_types:
        import pyarrow

        values["field_types"] = {n: getattr(pyarrow, _TYPES[kind])() for n, kind in partitioning.field_types.items()}
    return values
