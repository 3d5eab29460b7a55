"""Readers of files other than Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from millstream import _core
from millstream.arguments import check_flag, refuse, refuse_placement
from millstream.dataset import Dataset
from millstream.file_arguments import block_count, extension_list, path_list, path_remedy
from millstream.process_engine import PROCESS_ENGINE

_REMEDIES = {
    "arrow_open_stream_args": "files are read as they are in this version: decompress them before",
    "filesystem": "paths are local files in this version",
    "ignore_missing_paths": "leave missing paths out of the list",
    "include_paths": "input_files() names the files",
    "partition_filter": "select files by their paths",
    "partitioning": "partition values in paths are not columns in this version",
    "shuffle": "use random_shuffle(), which shuffles rows over all files",
}
_READ_OPTIONS = ("column_names", "autogenerate_column_names", "skip_rows", "skip_rows_after_names")
_PARSE_OPTIONS = ("delimiter", "quote_char", "double_quote", "escape_char", "newlines_in_values", "ignore_empty_lines")
_CONVERT_OPTIONS = (
    "check_utf8",
    "column_types",
    "null_values",
    "true_values",
    "false_values",
    "decimal_point",
    "strings_can_be_null",
    "quoted_strings_can_be_null",
    "include_columns",
    "include_missing_columns",
)


def read_csv(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    filesystem: Any = None,
    parallelism: int = -1,
    arrow_open_stream_args: Any = None,
    partition_filter: Any = None,
    partitioning: Any = None,
    include_paths: bool = False,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    read_options: Any = None,
    parse_options: Any = None,
    convert_options: Any = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Rows of CSV files, in the order of the paths; within a directory in the order of the file names.

    The columns are those of all files, in order of first appearance; one that a file lacks is null there. Types that
    convert_options does not give are told from parts of the rows, spread over all files: whole numbers, floats, bools,
    dates, times and texts. Large files are read by several threads at a time, cut at line ends.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        file_extensions: Of the files of a directory those that end so, such as "csv"; by default all.
        read_options: A pyarrow.csv.ReadOptions; column_names, autogenerate_column_names, skip_rows and
            skip_rows_after_names count.
        parse_options: A pyarrow.csv.ParseOptions. With newlines_in_values a file is read by one thread, so that line
            ends within quotes end no row.
        convert_options: A pyarrow.csv.ConvertOptions, such as ConvertOptions(column_types={"id": pyarrow.int64()}).
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: a file that is not CSV or has two columns of one name; while rows are read, a row with too many or
            too few values, or a value that is not of its column's type, with its file and row.
        KeyError: a column of include_columns that no file has.
    """
    refuse_placement("read_csv", {"concurrency": concurrency, **ray_remote_args})
    refuse(
        "read_csv",
        {
            "filesystem": filesystem,
            "arrow_open_stream_args": arrow_open_stream_args,
            "partition_filter": partition_filter,
            "partitioning": partitioning,
            "include_paths": include_paths,
            "ignore_missing_paths": ignore_missing_paths,
            "shuffle": shuffle,
        },
        _REMEDIES,
    )
    options = _csv_options(read_options, parse_options, convert_options)
    blocks = block_count(parallelism, override_num_blocks)
    files = path_list(paths)
    try:
        plan = _core.read_csv(PROCESS_ENGINE.get(), files, extension_list(file_extensions), options, blocks)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; {path_remedy(files)}") from None
    return Dataset(plan)


def _csv_options(read_options: Any, parse_options: Any, convert_options: Any) -> dict[str, Any]:
    options = {
        **_attributes(read_options, "read_options", "ReadOptions", _READ_OPTIONS),
        **_attributes(parse_options, "parse_options", "ParseOptions", _PARSE_OPTIONS),
        **_attributes(convert_options, "convert_options", "ConvertOptions", _CONVERT_OPTIONS),
    }
    encoding = getattr(read_options, "encoding", "utf8")
    if encoding.lower().replace("-", "") not in ("utf8", "utf8sig", "ascii"):
        raise NotImplementedError(f"read_csv: files in {encoding!r} are not read by this version; write them as UTF-8")
    if getattr(parse_options, "invalid_row_handler", None) is not None:
        raise NotImplementedError("read_csv: invalid_row_handler is not supported by this version; leave it out")
    if getattr(convert_options, "auto_dict_encode", False):
        raise NotImplementedError("read_csv: auto_dict_encode is not supported by this version; give the column's type")
    for name in ("newlines_in_values", "ignore_empty_lines", "double_quote"):
        check_flag(options.get(name, False), name)
    # ISO 8601 is an object of pyarrow's own, and others are texts.
    parsers = getattr(convert_options, "timestamp_parsers", None) or []
    options["timestamp_formats"] = [parser if isinstance(parser, str) else "ISO8601" for parser in parsers]
    return options


def _attributes(options: Any, argument: str, type_name: str, names: Sequence[str]) -> dict[str, Any]:
    if options is None:
        return {}
    if not all(hasattr(options, name) for name in names):
        raise TypeError(f"{argument} must be a pyarrow.csv.{type_name}, not {type(options).__name__}")
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
