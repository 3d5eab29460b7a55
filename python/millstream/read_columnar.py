"""Readers of files of columns other than Parquet."""

from __future__ import annotations

from typing import Unpack

from millstream import _core
from millstream.dataset import Dataset
from millstream.file_arguments import HIVE, Paths, ReadOptions, read_files


def read_ipc(
    paths: Paths,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Rows of files of Arrow's own format: with a footer (also called Feather), or streams.

    In the order of the paths; within a directory in the order of the file names. The columns are those of all files, in
    order of first appearance; one that a file lacks is null there, and numbers and times are widened to what all fit.
    Columns that are not selected are not read.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: a column has no type that all its files fit.
        ValueError: a file that is none or damaged, or has two columns of one name.
    """
    return read_files(
        "read_ipc",
        paths,
        _core.read_ipc,
        options,
        partitioning=HIVE,
        file_extensions=("arrow", "arrows", "feather", "ipc"),
    )


def read_orc(
    paths: Paths,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Rows of ORC files, in the order of the paths; within a directory in the order of the file names.

    The columns are those of all files, in order of first appearance; one that a file lacks is null there, and numbers
    and times are widened to what all fit. Columns that are not selected are not read.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: a column has no type that all its files fit.
        ValueError: a file that is none or damaged, or has two columns of one name.
    """
    return read_files(
        "read_orc",
        paths,
        _core.read_orc,
        options,
        partitioning=HIVE,
        file_extensions=("orc",),
    )
