"""Readers of files of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from millstream import _core
from millstream.arguments import check_count, check_flag, refuse
from millstream.dataset import Dataset
from millstream.file_arguments import Paths, ReadOptions, read_files
from millstream.read_limits import with_pixels

IMAGE_FILE_EXTENSIONS = ("png", "jpg", "jpeg", "tif", "tiff", "bmp", "gif", "webp")


def read_numpy(
    paths: Paths,
    *,
    allow_pickle: bool = False,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Arrays of numbers or bools in .npy files: a row for each place on an array's first axis, in the column "data".

    Arrays with one axis give numbers, with more tensors; where rows of files differ in shape, tensors of several
    shapes. In the order of the paths; within a directory in the order of the file names.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        allow_pickle: False: data carries no code.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        TypeError: files whose numbers or axes have nothing in common.
        ValueError: a file that is no .npy file, is shorter than its array, or has other values.
    """
    if check_flag(allow_pickle, "allow_pickle"):
        raise ValueError("read_numpy: files with pickled objects run code when they are read, and are not read")
    load_args = {name: value for name, value in options.items() if name not in ReadOptions.__annotations__}
    refuse("read_numpy", load_args, dict.fromkeys(load_args, "numpy.load is not what reads files"))
    return read_files(
        "read_numpy",
        paths,
        _core.read_numpy,
        options,
        file_extensions=("npy",),
    )


def read_images(
    paths: Paths,
    *,
    arrow_open_file_args: Any = None,
    size: tuple[int, int] | None = None,
    mode: str | None = None,
    max_pixels: int | None = None,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Pictures, one a row, as the column "image": uint8 of (height, width, channels), or (height, width) if gray.

    In the order of the paths; within a directory in the order of the file names. JPEG and PNG, and through Pillow
    (`pip install 'millstream[images]'`) TIFF, WebP, GIF, BMP and PPM, PGM and PBM, told by their first bytes; of
    several pictures in a file the first one. Where all pictures have one shape a batch is one array; else each has an
    array of its own.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        size: (height, width) that pictures are scaled to, by the mean of the pixels that a new one covers. JPEG is
            scaled down by eighths while it is decoded, as far as it stays larger: values may differ by a few from those
            of a picture that was decoded whole.
        mode: "L" (gray), "RGB" or "RGBA"; by default as each is stored: gray, or "RGB", or "RGBA" where there is
            transparency. Palettes are colours, and 16 bits become 8. Alpha is dropped for "RGB", not blended. Other
            numbers (TIFF's of 32 bits, signed or floating-point) are an error, for nobody knows which is white.
        max_pixels: The same as limits=ReadLimits(pixels=max_pixels): a picture with more is an error before it is
            decoded; through Pillow also one with more than `PIL.Image.MAX_IMAGE_PIXELS`, which is 89 million unless it
            is set.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        ImportError: a picture that Pillow reads, without Pillow.
        ValueError: a size or mode that is none; gray and coloured pictures without a mode; while rows are read, a file
            that is no picture, is damaged or too large.
    """
    refuse("read_images", {"arrow_open_file_args": arrow_open_file_args})
    height, width = (0, 0) if size is None else _checked_size(size)
    if mode is not None and not isinstance(mode, str):
        raise TypeError(f"mode must be a text such as 'RGB', not {type(mode).__name__}")
    if max_pixels is not None:
        options["limits"] = with_pixels(options.get("limits"), max_pixels)
    return read_files(
        "read_images",
        paths,
        lambda engine, files: _core.read_images(engine, files, height, width, mode or ""),
        options,
        file_extensions=IMAGE_FILE_EXTENSIONS,
    )


def _checked_size(size: Any) -> tuple[int, int]:
    if not isinstance(size, Sequence) or isinstance(size, str) or len(size) != 2:
        raise ValueError(f"size must be (height, width), not {size!r}")
    return check_count(size[0], "size[0]", least=1), check_count(size[1], "size[1]", least=1)
