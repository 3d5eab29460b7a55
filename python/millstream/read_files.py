"""Readers of files other than Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from millstream import _core
from millstream.arguments import check_flag
from millstream.dataset import Dataset
from millstream.file_arguments import HIVE, Paths, ReadOptions, check_utf8, read_files

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
    paths: Paths,
    *,
    read_options: Any = None,
    parse_options: Any = None,
    convert_options: Any = None,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Rows of CSV files, in the order of the paths; within a directory in the order of the file names.

    The columns are those of all files, in order of first appearance; one that a file lacks is null there. Types that
    convert_options does not give are told from parts of the rows, spread over all files: whole numbers, floats, bools,
    dates, times and texts. Large files are read by several threads at a time, cut at line ends.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them. Files that end in .gz, .bz2, .zst, .lz4 or .br are decompressed.
        read_options: A pyarrow.csv.ReadOptions; column_names, autogenerate_column_names, skip_rows and
            skip_rows_after_names count.
        parse_options: A pyarrow.csv.ParseOptions. With newlines_in_values a file is read by one thread, so that line
            ends within quotes end no row.
        convert_options: A pyarrow.csv.ConvertOptions, such as ConvertOptions(column_types={"id": pyarrow.int64()}).
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: a file that is not CSV, has two columns of one name, or is beyond one of the limits; while rows are
            read, a row with too many or too few values, or a value that is not of its column's type, with its file and
            row.
        KeyError: a column of include_columns that no file has.
    """
    csv_options = _csv_options(read_options, parse_options, convert_options)
    return read_files(
        "read_csv",
        paths,
        lambda engine, files: _core.read_csv(engine, files, csv_options),
        options,
        partitioning=HIVE,
        bad_rows=True,
    )


def read_json(
    paths: Paths,
    *,
    lines: bool = False,
    read_options: Any = None,
    parse_options: Any = None,
    **options: Unpack[ReadOptions],
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
        read_options: A pyarrow.json.ReadOptions; nothing of it counts.
        parse_options: A pyarrow.json.ParseOptions; explicit_schema gives types of some or all columns.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: a column has no type that all its values are of.
        ValueError: files without an object; while rows are read, what is not JSON or is beyond one of the limits, a
            value that is not of its column's type, or a column that was not there in any of the rows looked at, with
            its file.
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
        options,
        partitioning=HIVE,
        file_extensions=JSON_FILE_EXTENSIONS,
        bad_rows=True,
    )


def read_text(
    paths: Paths,
    *,
    encoding: str = "utf-8",
    drop_empty_lines: bool = True,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Lines of text files as the column "text", without their ends (line feed, or carriage return and line feed).

    In the order of the paths; within a directory in the order of the file names. Large files are read by several
    threads at a time.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them. Files that end in .gz, .bz2, .zst, .lz4 or .br are decompressed.
        encoding: UTF-8, in any of its spellings.
        drop_empty_lines: Whether lines of white space alone are left out.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: while rows are read, a line that is not UTF-8 or longer than limits let it be, with its file and
            byte.
    """
    check_utf8("read_text", encoding)
    drop = check_flag(drop_empty_lines, "drop_empty_lines")
    return read_files(
        "read_text",
        paths,
        lambda engine, files: _core.read_text(engine, files, drop),
        options,
        bad_rows=True,
    )


def read_binary_files(
    paths: Paths,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """The bytes of each file, as they are stored, as the column "bytes": one row a file, of at most 2 GB.

    In the order of the paths; within a directory in the order of the file names.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: while rows are read, a file of more than 2 GB.
    """
    return read_files(
        "read_binary_files",
        paths,
        _core.read_binary,
        options,
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
