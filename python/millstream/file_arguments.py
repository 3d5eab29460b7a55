"""Checks of the arguments that all readers of files share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from millstream import _core
from millstream.arguments import check_count, check_flag, check_local_path, refuse, refuse_placement
from millstream.dataset import Dataset
from millstream.partitioning import Partitioning, PartitionStyle, partitioning_values
from millstream.process_engine import PROCESS_ENGINE

HIVE = Partitioning(PartitionStyle.HIVE)

_REMEDIES = {
    "filesystem": "give paths of this machine, or s3:// paths",
    "arrow_open_stream_args": "files are decompressed as their names end: .gz, .bz2, .zst, .lz4, .br",
    "shuffle": "use random_shuffle(), which shuffles rows over all files",
}


def read_files(
    reader: str, paths: Any, read: Callable[[_core.Engine, dict[str, Any]], _core.Plan], **arguments: Any
) -> Dataset:
    """The data set of a reader of files; `read` makes its plan of the files as the engine takes them.

    `arguments`: as file_values.
    """
    partition_filter = arguments.pop("partition_filter", None)
    files = file_values(reader, paths, **arguments)
    engine = PROCESS_ENGINE.get()
    try:
        if partition_filter is not None:
            files["kept"] = _kept(partition_filter, _core.list_files(engine, files))
        return Dataset(read(engine, files))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; {path_remedy(files['paths'])}") from None


def _kept(partition_filter: Any, paths: list[str]) -> list[str]:
    if not callable(partition_filter):
        raise TypeError(
            "partition_filter must be a PathPartitionFilter, or a function of paths that gives those to read, not "
            f"{type(partition_filter).__name__}"
        )
    kept = list(partition_filter(paths))
    if unknown := set(kept).difference(paths):
        raise ValueError(f"partition_filter gave a path that it was not given: {min(unknown)}")
    return kept


def file_values(
    reader: str,
    paths: Any,
    *,
    file_extensions: Any,
    ignore_missing_paths: Any,
    include_paths: Any,
    partitioning: Any,
    parallelism: int,
    override_num_blocks: int | None,
    **others: Any,
) -> dict[str, Any]:
    """What the engine takes of the arguments that all readers of files share.

    `others`: arguments of ray.data that this version has not, and those that place work on a cluster.
    """
    refuse_placement(reader, {name: value for name, value in others.items() if name not in _REMEDIES})
    refuse(reader, {name: others.get(name) for name in _REMEDIES}, _REMEDIES)
    files: dict[str, Any] = {
        "paths": path_list(paths),
        "extensions": extension_list(file_extensions),
        "ignore_missing_paths": check_flag(ignore_missing_paths, "ignore_missing_paths"),
        "include_paths": check_flag(include_paths, "include_paths"),
        "blocks": block_count(parallelism, override_num_blocks),
    }
    if partitioning is not None:
        if not isinstance(partitioning, Partitioning):
            raise TypeError(
                f"partitioning must be a millstream.datasource.Partitioning or None, not {type(partitioning).__name__}"
            )
        files["partitioning"] = partitioning_values(partitioning)
    return files


def path_list(paths: Any) -> list[str]:
    """The paths as texts. TypeError, ValueError where there is none, NotImplementedError for a URL other than s3://."""
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    if isinstance(given, bytes) or not isinstance(given, Sequence):
        raise TypeError(f"paths must be a path or a list of paths, not {type(paths).__name__}")
    if not given:
        raise ValueError("paths is empty: name at least one file, directory or glob")
    return [_readable_path(path) for path in given]


def _readable_path(path: Any) -> str:
    if not isinstance(path, str) or not path.startswith("s3://"):
        return check_local_path(path, "a path")
    if path.removeprefix("s3://").split("/")[0] in ("", "*", "**"):
        raise ValueError(f"{path!r} names no bucket: write s3://bucket/key")
    return path


def path_remedy(paths: Sequence[str]) -> str:
    """What to do about a path that is not there."""
    if any(path.startswith("~") for path in paths):
        return "~ is not expanded in paths: use os.path.expanduser()"
    if not all(os.path.isabs(path) for path in paths):
        return f"check the path; relative paths begin at {os.getcwd()}"
    return "check the path"


def extension_list(extensions: Any) -> list[str]:
    """File extensions as the engine takes them, each with its dot; none: all files."""
    if extensions is None:
        return []
    given = [extensions] if isinstance(extensions, str) else extensions
    if not isinstance(given, Sequence) or not all(isinstance(each, str) and each.strip(".") for each in given):
        raise TypeError(f"file_extensions must be a list of texts such as 'csv', not {extensions!r}")
    return [f".{each.lstrip('.')}" for each in given]


def block_count(parallelism: int, override_num_blocks: int | None) -> int:
    """What the engine takes: 0 lets the source decide."""
    if override_num_blocks is not None:
        return check_count(override_num_blocks, "override_num_blocks", least=1)
    if parallelism == -1:
        return 0
    return check_count(parallelism, "parallelism", least=1)


def check_utf8(reader: str, encoding: Any) -> None:
    """NotImplementedError for the name of an encoding that is not UTF-8, which ASCII is."""
    if not isinstance(encoding, str):
        raise TypeError(f"encoding must be a text, not {type(encoding).__name__}")
    if encoding.lower().replace("-", "").replace("_", "") not in ("utf8", "utf8sig", "ascii"):
        raise NotImplementedError(f"{reader}: files in {encoding!r} are not read by this version; write them as UTF-8")
