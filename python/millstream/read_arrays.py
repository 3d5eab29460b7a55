"""Readers of files of arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from millstream import _core
from millstream.arguments import check_count, check_flag, refuse
from millstream.dataset import Dataset
from millstream.file_arguments import read_files
from millstream.partitioning import Partitioning

IMAGE_FILE_EXTENSIONS = ("png", "jpg", "jpeg")


def read_numpy(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    filesystem: Any = None,
    parallelism: int = -1,
    arrow_open_stream_args: Any = None,
    partition_filter: Any = None,
    partitioning: Partitioning | None = None,
    include_paths: bool = False,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = ("npy",),
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    allow_pickle: bool = False,
    **numpy_load_args: Any,
) -> Dataset:
    """Arrays of numbers or bools in .npy files: a row for each place on an array's first axis, in the column "data".

    Arrays with one axis give numbers, with more tensors; where rows of files differ in shape, tensors of several
    shapes. In the order of the paths; within a directory in the order of the file names.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        file_extensions: Of the files of a directory those that end so; None: all.
        partitioning: Columns of the values that directories name; by default none.
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.
        allow_pickle: False: data carries no code.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: files whose numbers or axes have nothing in common.
        ValueError: a file that is no .npy file, is shorter than its array, or has other values.
    """
    if check_flag(allow_pickle, "allow_pickle"):
        raise ValueError("read_numpy: files with pickled objects run code when they are read, and are not read")
    refuse("read_numpy", numpy_load_args, dict.fromkeys(numpy_load_args, "numpy.load is not what reads files"))
    return read_files(
        "read_numpy",
        paths,
        _core.read_numpy,
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
        arrow_open_stream_args=arrow_open_stream_args,
    )


def read_images(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    filesystem: Any = None,
    parallelism: int = -1,
    arrow_open_file_args: Any = None,
    partition_filter: Any = None,
    partitioning: Partitioning | None = None,
    include_paths: bool = False,
    ignore_missing_paths: bool = False,
    shuffle: Any = None,
    file_extensions: Sequence[str] | None = IMAGE_FILE_EXTENSIONS,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    size: tuple[int, int] | None = None,
    mode: str | None = None,
    max_pixels: int = 1 << 28,
    **ray_remote_args: Any,
) -> Dataset:
    """Pictures, one a row, as the column "image": uint8 of (height, width, channels), or (height, width) if gray.

    In the order of the paths; within a directory in the order of the file names. JPEG and PNG, told by their first
    bytes. Where all pictures have one shape a batch is one array; else each has an array of its own.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        file_extensions: Of the files of a directory those that end so; None: all.
        partitioning: Columns of the values that directories name; by default none.
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 lets the files decide.
        override_num_blocks: Blocks that num_blocks() tells; how files are cut does not depend on it.
        size: (height, width) that pictures are scaled to, by the mean of the pixels that a new one covers. JPEG is
            scaled down by eighths while it is decoded, as far as it stays larger: values may differ by a few from those
            of a picture that was decoded whole.
        mode: "L" (gray), "RGB" or "RGBA"; by default as each is stored: gray, or "RGB", or "RGBA" where there is
            transparency. Palettes are colours, and 16 bits become 8. Alpha is dropped for "RGB", not blended.
        max_pixels: A picture with more is an error before it is decoded.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        ValueError: a size or mode that is none; gray and coloured pictures without a mode; while rows are read, a file
            that is no picture, is damaged or too large.
    """
    refuse("read_images", {"arrow_open_file_args": arrow_open_file_args})
    height, width = (0, 0) if size is None else _checked_size(size)
    if mode is not None and not isinstance(mode, str):
        raise TypeError(f"mode must be a text such as 'RGB', not {type(mode).__name__}")
    pixels = check_count(max_pixels, "max_pixels", least=1)
    return read_files(
        "read_images",
        paths,
        lambda engine, files: _core.read_images(engine, files, height, width, mode or "", pixels),
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


def _checked_size(size: Any) -> tuple[int, int]:
    if not isinstance(size, Sequence) or isinstance(size, str) or len(size) != 2:
        raise ValueError(f"size must be (height, width), not {size!r}")
    return check_count(size[0], "size[0]", least=1), check_count(size[1], "size[1]", least=1)
