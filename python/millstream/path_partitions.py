"""What paths tell, and files that are chosen by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from millstream.partitioning import Partitioning, PartitionStyle


class PathPartitionParser:
    """The values of partitions that a path names, as texts: {"year": "2020", "month": "5"}.

    Args:
        partitioning: How directories name them. Of "hive" style a path without such directories has none.
    """

    @staticmethod
    def of(
        style: PartitionStyle | str = PartitionStyle.HIVE,
        base_dir: str | None = None,
        field_names: list[str] | None = None,
        field_types: dict[str, type] | None = None,
        filesystem: Any = None,
    ) -> PathPartitionParser:
        """A parser of Partitioning(style, base_dir, field_names, field_types, filesystem)."""
        return PathPartitionParser(Partitioning(style, base_dir, field_names, field_types, filesystem))

    def __init__(self, partitioning: Partitioning) -> None:
        if not isinstance(partitioning, Partitioning):
            raise TypeError(f"partitioning must be a Partitioning, not {type(partitioning).__name__}")
        self._partitioning = partitioning

    @property
    def scheme(self) -> Partitioning:
        """The partitioning."""
        return self._partitioning

    def __call__(self, path: str) -> dict[str, str]:
        """ValueError for a path that does not fit the field names."""
        scheme = self._partitioning
        directories = [name for name in path.removeprefix(_with_slash(scheme.base_dir)).split("/")[:-1] if name]
        if scheme.style == PartitionStyle.DIRECTORY:
            names = scheme.field_names or []
            if directories and len(directories) != len(names):
                raise ValueError(f"{path}: {len(directories)} directories for the fields {names}")
            return dict(zip(names, map(unquote, directories), strict=False))
        pairs = [name.split("=", 1) for name in directories if "=" in name[1:]]
        values = {unquote(name): unquote(value) for name, value in pairs}
        if scheme.field_names and list(values) != scheme.field_names:
            raise ValueError(f"{path}: the fields {list(values)} are not {scheme.field_names}")
        return values


class PathPartitionFilter:
    """Chooses files by the values that their directories name: `partition_filter` of the readers of files.

    Args:
        path_partition_parser: Finds the values.
        filter_fn: Is given them as a dict of texts, empty for a path without any, and tells whether the file is read.
    """

    @staticmethod
    def of(
        filter_fn: Callable[[dict[str, str]], bool],
        style: PartitionStyle | str = PartitionStyle.HIVE,
        base_dir: str | None = None,
        field_names: list[str] | None = None,
        field_types: dict[str, type] | None = None,
        filesystem: Any = None,
    ) -> PathPartitionFilter:
        """A filter whose parser is PathPartitionParser.of(style, …)."""
        parser = PathPartitionParser.of(style, base_dir, field_names, field_types, filesystem)
        return PathPartitionFilter(parser, filter_fn)

    def __init__(self, path_partition_parser: PathPartitionParser, filter_fn: Callable[[dict[str, str]], bool]) -> None:
        self._parser = path_partition_parser
        self._filter_fn = filter_fn

    @property
    def parser(self) -> PathPartitionParser:
        """What finds the values."""
        return self._parser

    def __call__(self, paths: Sequence[str]) -> list[str]:
        """Those of the paths that are kept, in their order."""
        return [path for path in paths if self._filter_fn(self._parser(path))]


def _with_slash(base: str | None) -> str:
    return f"{base.rstrip('/')}/" if base else ""
