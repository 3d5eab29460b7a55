"""Readers of files other than Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from millstream import _core
from millstream.arguments import check_flag
from millstream.dataset import Dataset
from millstream.file_arguments import HIVE, check_utf8, read_files
from millstream.partitioning import Partitioning

# With and without compression.
JSON_FILE_EXTENSIONS = tuple(
    form + compression for form in ("json", "jsonl") for compression in ("", ".gz", ".bz2", ".zst", ".lz4", ".br")
)
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
    partitioning: Partitioning | None = HIVE,
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
            of them. Files that end in .gz, .bz2, .zst, .lz4 or .br are decompressed.
        file_extensions: Of the files of a directory those that end so, such as "csv"; by default all.
        read_options: A pyarrow.csv.ReadOptions; column_names, autogenerate_column_names, skip_rows and
            skip_rows_after_names count.
        parse_options: A pyarrow.csv.ParseOptions. With newlines_in_values a file is read by one thread, so that line
            ends within quotes end no row.
        convert_options: A pyarrow.csv.ConvertOptions, such as ConvertOptions(column_types={"id": pyarrow.int64()}).
        partitioning: Columns of the values that directories name; by default of all that are called "name=value".
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: a file that is not CSV or has two columns of one name; while rows are read, a row with too many or
            too few values, or a value that is not of its column's type, with its file and row.
        KeyError: a column of include_columns that no file has.
    """
    options = _csv_options(read_options, parse_options, convert_options)
    return read_files(
        "read_csv",
        paths,
        lambda engine, files: _core.read_csv(engine, files, options),
        file_extensions=file_extensions,
        ignore_missing_paths=ignore_missing_paths,
        include_paths=include_paths,
        partitioning=partitioning,
        parallelism=parallelism,
        override_num_blocks=override_num_blocks,
        filesystem=filesystem,
        arrow_open_stream_args=arrow_open_stream_args,
        partition_filter=partition_filter,
        shuffle=shuffle,
        concurrency=concurrency,
        **ray_remote_args,
    )


def read_json(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    lines: bool = False,
    filesystem: Any = None,
    parallelism: int = -1,
    arrow_open_stream_args: Any = None,
    partition_filter: Any = None,
    partitioning: Partitioning | None = HIVE,
    include_paths: bool = False,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = JSON_FILE_EXTENSIONS,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    read_options: Any = None,
    parse_options: Any = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Rows of JSON files, in the order of the paths; within a directory in the order of the file names.

    A file has an object a line, an array of objects, or objects one behind the other: its beginning tells which. The
    columns are those of all objects; one that an object lacks is null there. Types that parse_options does not give are
    told from parts of the rows, spread over all files: whole numbers, floats, bools, times (ISO 8601), texts, lists and
    structs. Large files of lines are read by several threads at a time.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them. Files that end in .gz, .bz2, .zst, .lz4 or .br are decompressed.
        lines: Not needed: files of lines are known by their beginning.
        file_extensions: Of the files of a directory those that end so; None: all.
        read_options: A pyarrow.json.ReadOptions; nothing of it counts.
        parse_options: A pyarrow.json.ParseOptions; explicit_schema gives types of some or all columns.
        partitioning: Columns of the values that directories name; by default of all that are called "name=value".
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: a column has no type that all its values are of.
        ValueError: files without an object; while rows are read, what is not JSON, a value that is not of its column's
            type, or a column that was not there in any of the rows looked at, with its file.
    """
    check_flag(lines, "lines")
    _attributes(read_options, "read_options", "json.ReadOptions", ("block_size",))
    schema = _attributes(parse_options, "parse_options", "json.ParseOptions", ("explicit_schema",)).get(
        "explicit_schema"
    )
    return read_files(
        "read_json",
        paths,
        lambda engine, files: _core.read_json(engine, files, schema),
        file_extensions=file_extensions,
        ignore_missing_paths=ignore_missing_paths,
        include_paths=include_paths,
        partitioning=partitioning,
        parallelism=parallelism,
        override_num_blocks=override_num_blocks,
        filesystem=filesystem,
        arrow_open_stream_args=arrow_open_stream_args,
        partition_filter=partition_filter,
        shuffle=shuffle,
        concurrency=concurrency,
        **ray_remote_args,
    )


def read_text(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    encoding: str = "utf-8",
    drop_empty_lines: bool = True,
    filesystem: Any = None,
    parallelism: int = -1,
    arrow_open_stream_args: Any = None,
    partition_filter: Any = None,
    partitioning: Partitioning | None = None,
    include_paths: bool = False,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Lines of text files as the column "text", without their ends (line feed, or carriage return and line feed).

    In the order of the paths; within a directory in the order of the file names. Large files are read by several
    threads at a time.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them. Files that end in .gz, .bz2, .zst, .lz4 or .br are decompressed.
        encoding: UTF-8, in any of its spellings.
        drop_empty_lines: Whether lines of white space alone are left out.
        file_extensions: Of the files of a directory those that end so, such as "txt"; by default all.
        partitioning: Columns of the values that directories name; by default none.
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: while rows are read, a line that is not UTF-8 or longer than 64 MiB, with its file and byte.
    """
    check_utf8("read_text", encoding)
    drop = check_flag(drop_empty_lines, "drop_empty_lines")
    return read_files(
        "read_text",
        paths,
        lambda engine, files: _core.read_text(engine, files, drop),
        file_extensions=file_extensions,
        ignore_missing_paths=ignore_missing_paths,
        include_paths=include_paths,
        partitioning=partitioning,
        parallelism=parallelism,
        override_num_blocks=override_num_blocks,
        filesystem=filesystem,
        arrow_open_stream_args=arrow_open_stream_args,
        partition_filter=partition_filter,
        shuffle=shuffle,
        concurrency=concurrency,
        **ray_remote_args,
    )


def read_binary_files(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    include_paths: bool = False,
    filesystem: Any = None,
    parallelism: int = -1,
    arrow_open_stream_args: Any = None,
    partition_filter: Any = None,
    partitioning: Partitioning | None = None,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """The bytes of each file, as they are stored, as the column "bytes": one row a file, of at most 2 GB.

    In the order of the paths; within a directory in the order of the file names.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        file_extensions: Of the files of a directory those that end so, such as "bin"; by default all.
        partitioning: Columns of the values that directories name; by default none.
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are read does not depend on it.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: while rows are read, a file of more than 2 GB.
    """
    return read_files(
        "read_binary_files",
        paths,
        _core.read_binary,
        file_extensions=file_extensions,
        ignore_missing_paths=ignore_missing_paths,
        include_paths=include_paths,
        partitioning=partitioning,
        parallelism=parallelism,
        override_num_blocks=override_num_blocks,
        filesystem=filesystem,
        arrow_open_stream_args=arrow_open_stream_args,
        partition_filter=partition_filter,
        shuffle=shuffle,
        concurrency=concurrency,
        **ray_remote_args,
    )


def _csv_options(read_options: Any, parse_options: Any, convert_options: Any) -> dict[str, Any]:
    options = {
        **_attributes(read_options, "read_options", "csv.ReadOptions", _READ_OPTIONS),
        **_attributes(parse_options, "parse_options", "csv.ParseOptions", _PARSE_OPTIONS),
        **_attributes(convert_options, "convert_options", "csv.ConvertOptions", _CONVERT_OPTIONS),
    }
    check_utf8("read_csv", getattr(read_options, "encoding", "utf8"))
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
        raise TypeError(f"{argument} must be a pyarrow.{type_name}, not {type(options).__name__}")
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
