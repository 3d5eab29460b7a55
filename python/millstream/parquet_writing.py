"""Writing a data set as Parquet files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.arguments import check_count, check_local_path, check_text, refuse, refuse_placement
from millstream.save_mode import FILE_MODES, SaveMode, checked_mode
from millstream.seeds import run_seed

if TYPE_CHECKING:
    from millstream.dead_letters import LetterTuple

_REMEDIES = {
    "arrow_open_stream_args": "paths are local files in this version",
    "arrow_parquet_args_fn": "give compression= or row_group_size= themselves",
    "catalog": "give the path of a directory",
    "filename_provider": "names are part-N with a unique part",
    "filesystem": "paths are local files in this version",
    "min_bytes_per_file": "use min_rows_per_file",
    "partition_cols": "filter and write each part by itself",
}


def write_parquet(
    engine: _core.Engine,
    plan: _core.Plan,
    path: str | os.PathLike[str],
    *,
    mode: SaveMode | str = "append",
    partition_cols: list[str] | None = None,
    filesystem: Any = None,
    catalog: Any = None,
    try_create_dir: bool = True,
    arrow_open_stream_args: Any = None,
    filename_provider: Any = None,
    arrow_parquet_args_fn: Any = None,
    min_rows_per_file: int | None = None,
    max_rows_per_file: int | None = None,
    min_bytes_per_file: int | None = None,
    num_rows_per_file: int | None = None,
    compression: str | None = "snappy",
    row_group_size: int | None = None,
    dead_letters: list[LetterTuple] | None = None,
    **ray_remote_args: Any,
) -> None:
    """Writes the plan's rows as Parquet files in the directory `path`.

    Files are written under temporary names and published all at once at the end: a failure leaves nothing behind.

    Args:
        path: A directory, made where missing.
        mode: "append" adds files, "overwrite" replaces what is there, "ignore" writes nothing where there is something,
            "error" raises then.
        min_rows_per_file: Rows of a file, at least, where there are as many.
        max_rows_per_file: Rows of a file, at most.
        compression: A codec's name, such as "snappy" or "zstd"; "none" or None stores the rows as they are.
        row_group_size: Rows of a row group, at most.

    The other arguments are ray.data's; NotImplementedError says which are not supported.
    """
    refuse_placement("write_parquet", ray_remote_args)
    refuse(
        "write_parquet",
        {
            "partition_cols": partition_cols,
            "filesystem": filesystem,
            "catalog": catalog,
            "arrow_open_stream_args": arrow_open_stream_args,
            "filename_provider": filename_provider,
            "arrow_parquet_args_fn": arrow_parquet_args_fn,
            "min_bytes_per_file": min_bytes_per_file,
        },
        _REMEDIES,
    )
    directory = check_local_path(path, "path")
    if not try_create_dir and not os.path.isdir(directory):
        raise FileNotFoundError(f"no directory {directory!r}; make it, or leave try_create_dir out")
    rows_min, rows_max = _rows_per_file(min_rows_per_file, max_rows_per_file, num_rows_per_file)
    _core.write_parquet(
        engine,
        plan,
        directory,
        seed=run_seed(plan),
        epoch=0,
        compression="none" if compression is None else check_text(compression, "compression"),
        row_group_rows=0 if row_group_size is None else check_count(row_group_size, "row_group_size", least=1),
        file_rows_min=rows_min,
        file_rows_max=rows_max,
        mode=checked_mode(mode, FILE_MODES).value,
        dead_letters=dead_letters,
    )


def _rows_per_file(least: int | None, most: int | None, number: int | None) -> tuple[int, int]:
    if number is not None:
        if least is not None:
            raise ValueError("num_rows_per_file is min_rows_per_file by its older name; give one of them")
        least = number
    rows_min = 0 if least is None else check_count(least, "min_rows_per_file", least=1)
    rows_max = 0 if most is None else check_count(most, "max_rows_per_file", least=1)
    if rows_max and rows_min > rows_max:
        raise ValueError(f"min_rows_per_file ({rows_min}) is more than max_rows_per_file ({rows_max})")
    return rows_min, rows_max
