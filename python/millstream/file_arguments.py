"""Checks of the arguments that all readers of files share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from millstream import _core
from millstream.arguments import check_count, check_flag, refuse, refuse_placement
from millstream.dataset import Dataset
from millstream.file_shuffle import shuffle_seed
from millstream.partitioning import Partitioning, PartitionStyle, partitioning_values
from millstream.process_engine import PROCESS_ENGINE
from millstream.read_limits import ReadLimits, limit_values
from millstream.stores import is_of_store, located, path_text, shown

HIVE = Partitioning(PartitionStyle.HIVE)

_SUPPORTED = frozenset(
    {
        "file_extensions",
        "filesystem",
        "ignore_missing_paths",
        "include_paths",
        "limits",
        "max_errors",
        "on_bad_file",
        "on_bad_row",
        "override_num_blocks",
        "parallelism",
        "partitioning",
        "shuffle",
    }
)
_REMEDIES = {
    "arrow_open_stream_args": "files are decompressed as their names end: .gz, .bz2, .zst, .lz4, .br",
}


Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class ReadOptions(TypedDict, total=False):
    """Arguments that all readers of files take.

    filesystem: A file system of pyarrow.fs or fsspec that the paths are of, with its own credentials and options. By
        default paths are of this machine, or URLs: s3://, gs://, abfs://, hdfs://, http:// and what fsspec knows.
    file_extensions: Of the files of a directory those that end so, such as ["csv"]; None: all. By default those of the
        format where it has some (parquet, json and jsonl, arrow and so on), else all.
    partitioning: A `millstream.datasource.Partitioning`: columns of the values that directories name. By default of all
        that are called "name=value" for formats that tables are kept in, and none for others.
    partition_filter: A `millstream.datasource.PathPartitionFilter`, or a function of paths that gives those to read.
    include_paths: Whether there is a column "path" of the paths, behind all others.
    ignore_missing_paths: Whether paths that match nothing are left out, where some do.
    parallelism, override_num_blocks: Blocks that num_blocks() tells; -1 and None let the files decide.
    shuffle: "files", or a `millstream.datasource.FileShuffleConfig`: the files come in a random order, the same each
        time. Much weaker than `Dataset.random_shuffle`, which shuffles rows over all files, and free.
    on_bad_file: "raise" (the default) ends a job with the first file that cannot be read. "skip" goes on: a file that
        is found bad at once is left out, of one that turns out bad while it is read the rest of it, or of the mebibyte
        of it that is read as one. "record" also tells of it in `Dataset.dead_letters()`: path, offset and error.
    on_bad_row: The same of rows, of formats whose rows are told from one another: CSV, JSON, text and TFRecords.
    max_errors: How many of these may be passed over in an epoch; one more ends the job. None: any number.
    limits: A `millstream.ReadLimits`: how long lines and records may be, how deep and wide rows, and more. None: those
        that it has by default.

    The others are ray.data's; NotImplementedError says which are not supported, and what to do.
    """

    file_extensions: str | Sequence[str] | None
    partitioning: Partitioning | None
    partition_filter: Any
    include_paths: bool
    ignore_missing_paths: bool
    parallelism: int
    override_num_blocks: int | None
    on_bad_file: str
    on_bad_row: str
    max_errors: int | None
    limits: ReadLimits | None
    filesystem: Any
    arrow_open_stream_args: Any
    shuffle: Any
    concurrency: Any
    ray_remote_args: Any


def read_files(
    reader: str,
    paths: Any,
    read: Callable[[_core.Engine, dict[str, Any]], _core.Plan],
    options: ReadOptions,
    *,
    file_extensions: Sequence[str] | None = None,
    partitioning: Partitioning | None = None,
    bad_rows: bool = False,
) -> Dataset:
    """The data set of a reader of files; `read` makes its plan of the files as the engine takes them.

    `file_extensions` and `partitioning`: where the options have none. `bad_rows`: whether rows that cannot be read can
    be passed over.
    """
    chosen = {"file_extensions": file_extensions, "partitioning": partitioning, **options}
    partition_filter = chosen.pop("partition_filter", None)
    engine = PROCESS_ENGINE.get()
    files = _file_values(reader, engine, paths, chosen)
    files |= _bad_data(reader, options, bad_rows)
    if (shuffle := options.get("shuffle")) is not None:
        files["shuffle_seed"] = shuffle_seed(shuffle)
    try:
        if partition_filter is not None:
            listed = {shown(path): path for path in _core.list_files(engine, files)}
            files["kept"] = [listed[path] for path in _kept(partition_filter, list(listed))]
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


def _file_values(reader: str, engine: _core.Engine, paths: Any, chosen: dict[str, Any]) -> dict[str, Any]:
    """What the engine takes of the options."""
    filesystem = chosen.get("filesystem")
    others = {name: value for name, value in chosen.items() if name not in _SUPPORTED}
    refuse_placement(reader, {name: value for name, value in others.items() if name not in _REMEDIES})
    refuse(reader, {name: others.get(name) for name in _REMEDIES}, _REMEDIES)
    files: dict[str, Any] = {
        "paths": [located(engine, path, filesystem) for path in path_list(paths)],
        "extensions": extension_list(chosen["file_extensions"]),
        "ignore_missing_paths": check_flag(chosen.get("ignore_missing_paths", False), "ignore_missing_paths"),
        "include_paths": check_flag(chosen.get("include_paths", False), "include_paths"),
        "blocks": block_count(chosen.get("parallelism", -1), chosen.get("override_num_blocks")),
        "limits": limit_values(chosen.get("limits")),
    }
    partitioning = chosen["partitioning"]
    if partitioning is not None:
        if not isinstance(partitioning, Partitioning):
            raise TypeError(
                f"partitioning must be a millstream.datasource.Partitioning or None, not {type(partitioning).__name__}"
            )
        files["partitioning"] = partitioning_values(partitioning)
        if filesystem is not None and (base := files["partitioning"].get("base_dir")):
            files["partitioning"]["base_dir"] = located(engine, base, filesystem)
    return files


def _bad_data(reader: str, options: ReadOptions, bad_rows: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in ("on_bad_file", "on_bad_row"):
        values[name] = options.get(name, "raise")
        if not isinstance(values[name], str):
            raise TypeError(f"{name} must be 'raise', 'skip' or 'record', not {type(values[name]).__name__}")
    if values["on_bad_row"] != "raise" and not bad_rows:
        raise NotImplementedError(
            f"{reader}(on_bad_row={values['on_bad_row']!r}): where a row of such a file ends is not known once one is "
            "damaged; use on_bad_file"
        )
    limit = options.get("max_errors")
    values["max_errors"] = -1 if limit is None else check_count(limit, "max_errors")
    return values


def path_list(paths: Any) -> list[str]:
    """The paths as texts. TypeError, ValueError where there is none."""
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    if isinstance(given, bytes) or not isinstance(given, Sequence):
        raise TypeError(f"paths must be a path or a list of paths, not {type(paths).__name__}")
    if not given:
        raise ValueError("paths is empty: name at least one file, directory or glob")
    return [path_text(path, "a path") for path in given]


def path_remedy(paths: Sequence[str]) -> str:
    """What to do about a path that is not there."""
    if any(path.startswith("~") for path in paths):
        return "~ is not expanded in paths: use os.path.expanduser()"
    if not all(os.path.isabs(path) or is_of_store(path) for path in paths):
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
