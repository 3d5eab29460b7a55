"""Readers of files of columns other than Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from millstream import _core
from millstream.dataset import Dataset
from millstream.file_arguments import HIVE, read_files
from millstream.partitioning import Partitioning


def read_ipc(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    filesystem: Any = None,
    parallelism: int = -1,
    partition_filter: Any = None,
    partitioning: Partitioning | None = HIVE,
    include_paths: bool = False,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = ("arrow", "arrows", "feather", "ipc"),
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Rows of files of Arrow's own format: with a footer (also called Feather), or streams.

    In the order of the paths; within a directory in the order of the file names. The columns are those of all files, in
    order of first appearance; one that a file lacks is null there, and numbers and times are widened to what all fit.
    Columns that are not selected are not read.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        file_extensions: Of the files of a directory those that end so; None: all.
        partitioning: Columns of the values that directories name; by default of all that are called
            "name=value".
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: a column has no type that all its files fit.
        ValueError: a file that is none or damaged, or has two columns of one name.
    """
    return read_files(
        "read_ipc",
        paths,
        _core.read_ipc,
        file_extensions=file_extensions,
        ignore_missing_paths=ignore_missing_paths,
        include_paths=include_paths,
        partitioning=partitioning,
        parallelism=parallelism,
        override_num_blocks=override_num_blocks,
        filesystem=filesystem,
        partition_filter=partition_filter,
        shuffle=shuffle,
        concurrency=concurrency,
        **ray_remote_args,
    )


def read_orc(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    filesystem: Any = None,
    parallelism: int = -1,
    partition_filter: Any = None,
    partitioning: Partitioning | None = HIVE,
    include_paths: bool = False,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = ("orc",),
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Rows of ORC files, in the order of the paths; within a directory in the order of the file names.

    The columns are those of all files, in order of first appearance; one that a file lacks is null there, and numbers
    and times are widened to what all fit. Columns that are not selected are not read.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        file_extensions: Of the files of a directory those that end so; None: all.
        partitioning: Columns of the values that directories name; by default of all that are called
            "name=value".
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: a column has no type that all its files fit.
        ValueError: a file that is none or damaged, or has two columns of one name.
    """
    return read_files(
        "read_orc",
        paths,
        _core.read_orc,
        file_extensions=file_extensions,
        ignore_missing_paths=ignore_missing_paths,
        include_paths=include_paths,
        partitioning=partitioning,
        parallelism=parallelism,
        override_num_blocks=override_num_blocks,
        filesystem=filesystem,
        partition_filter=partition_filter,
        shuffle=shuffle,
        concurrency=concurrency,
        **ray_remote_args,
    )
