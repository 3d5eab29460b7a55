"""Writing a data set as files of a directory: what the formats have in common."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from millstream import _core
from millstream.arguments import check_columns, check_count, check_flag, refuse, refuse_placement
from millstream.filename_provider import FilenameProvider, name_of, name_of_row
from millstream.save_mode import FILE_MODES, SaveMode, checked_mode
from millstream.seeds import run_seed
from millstream.stores import is_of_store, located, path_text

if TYPE_CHECKING:
    from millstream.dead_letters import LetterTuple

_REMEDIES = {
    "catalog": "give the path of a directory",
    "arrow_parquet_args_fn": "give compression= or row_group_size= themselves",
    "arrow_csv_args_fn": "give write_options= itself",
    "arrow_orc_args_fn": "give compression= itself",
    "pandas_json_args_fn": "give lines= itself",
}
_CODECS = {None: "none", "uncompressed": "none", "bz2": "bz2", "bzip2": "bz2", "zstandard": "zstd"}


class FileOptions(TypedDict, total=False):
    """Arguments that all writers of files take.

    filesystem: A file system of pyarrow.fs or fsspec that the path is of; by default this machine's, or a URL's.
    mode: "append" adds files (the default), "overwrite" replaces what is in the directory, "ignore" writes nothing
        where there is something, "error" raises FileExistsError then.
    min_rows_per_file: Rows of a file, at least, where there are as many.
    max_rows_per_file: Rows of a file, at most.
    min_bytes_per_file: Bytes of a file's rows in memory, at least, where there are as many; max_rows_per_file stays.
    num_rows_per_file: min_rows_per_file by its older name.
    filename_provider: Names the files; by default they are an identity of this write and the number of the file.
    try_create_dir: Whether the directory is made where it is missing; else FileNotFoundError.
    arrow_open_stream_args: {"compression": "gzip"} and the like: how files are compressed as a whole, for formats that
        are not compressed inside.
    ray_remote_args, concurrency: None; files are written by this process, several at a time.
    """

    mode: SaveMode | str
    min_rows_per_file: int | None
    max_rows_per_file: int | None
    min_bytes_per_file: int | None
    num_rows_per_file: int | None
    filename_provider: FilenameProvider | None
    try_create_dir: bool
    arrow_open_stream_args: dict[str, Any] | None
    filesystem: Any
    ray_remote_args: Any
    concurrency: int | None


@dataclass(frozen=True)
class FileJob:
    """One call of a `write_` method: the plan, where its rows go, and where its dead letters are put."""

    function: str
    engine: _core.Engine
    plan: _core.Plan
    letters: list[LetterTuple]

    def run(
        self,
        path: str | os.PathLike[str],
        files: _core.WriteFormat,
        options: FileOptions,
        *,
        partition_cols: list[str] | None = None,
        one_row_a_file: bool = False,
    ) -> None:
        """Writes under temporary names and publishes all files at the end: a failure leaves nothing behind.

        TypeError and ValueError for options that cannot be; NotImplementedError for those that are not supported.
        """
        chosen = dict(options)
        directory = located(self.engine, path_text(path, "path"), chosen.pop("filesystem", None))
        _check_directory(directory, chosen.pop("try_create_dir", True))
        least, most, least_bytes = _bounds(chosen)
        provider = chosen.pop("filename_provider", None)
        mode = checked_mode(chosen.pop("mode", SaveMode.APPEND), FILE_MODES)
        chosen.pop("arrow_open_stream_args", None)
        refuse(self.function, {name: chosen.pop(name) for name in list(chosen) if name in _REMEDIES}, _REMEDIES)
        refuse_placement(self.function, chosen)
        _core.write_files(
            self.engine,
            self.plan,
            directory,
            files,
            seed=run_seed(self.plan),
            epoch=0,
            file_rows_min=least,
            file_rows_max=most,
            file_bytes_min=least_bytes,
            partition_columns=[] if partition_cols is None else check_columns(partition_cols, "partition_cols"),
            mode=mode.value,
            file_name=None if provider is None else _names(provider, one_row_a_file),
            dead_letters=self.letters,
        )


def codec(function: str, compression: str | None) -> str:
    """A codec's name as the core has it."""
    if compression is not None and not isinstance(compression, str):
        raise TypeError(f"{function}: compression must be a text or None, not {type(compression).__name__}")
    name = None if compression is None else compression.lower()
    return _CODECS.get(name, name or "none")


def stream_codec(function: str, options: FileOptions, compression: str | None) -> str:
    """The codec of files that are compressed as a whole: `compression`, or what `arrow_open_stream_args` has."""
    arguments = options.get("arrow_open_stream_args") or {}
    if unknown := set(arguments) - {"compression", "buffer_size"}:
        raise NotImplementedError(f"{function}(arrow_open_stream_args=...): {sorted(unknown)[0]!r} is not supported")
    if compression is not None and arguments.get("compression") is not None:
        raise ValueError(f"{function}: compression= and arrow_open_stream_args name a codec; give one of them")
    return codec(function, compression if compression is not None else arguments.get("compression"))


def refuse_stream_codec(function: str, options: FileOptions) -> None:
    """For formats that readers cannot read when they are compressed as a whole."""
    if options.get("arrow_open_stream_args"):
        raise NotImplementedError(
            f"{function}(arrow_open_stream_args=...) is not supported: such files are not compressed as a whole; "
            "leave it out"
        )


def _check_directory(directory: str, try_create_dir: Any) -> None:
    is_missing = not is_of_store(directory) and not os.path.isdir(directory)
    if not check_flag(try_create_dir, "try_create_dir") and is_missing:
        raise FileNotFoundError(f"no directory {directory!r}; make it, or leave try_create_dir out")


def _bounds(chosen: dict[str, Any]) -> tuple[int, int, int]:
    """Rows of a file, at least and at most, and bytes, at least; 0 where there is no bound."""
    least, number = chosen.pop("min_rows_per_file", None), chosen.pop("num_rows_per_file", None)
    if number is not None:
        if least is not None:
            raise ValueError("num_rows_per_file is min_rows_per_file by its older name; give one of them")
        least = number
    most, least_bytes = chosen.pop("max_rows_per_file", None), chosen.pop("min_bytes_per_file", None)
    rows_min = 0 if least is None else check_count(least, "min_rows_per_file", least=1)
    rows_max = 0 if most is None else check_count(most, "max_rows_per_file", least=1)
    if rows_max and rows_min > rows_max:
        raise ValueError(f"min_rows_per_file ({rows_min}) is more than max_rows_per_file ({rows_max})")
    if least is not None and least_bytes is not None:
        raise ValueError("min_rows_per_file and min_bytes_per_file are two ways to say one thing; give one of them")
    return rows_min, rows_max, 0 if least_bytes is None else check_count(least_bytes, "min_bytes_per_file", least=1)


def _names(provider: Any, one_row_a_file: bool) -> Any:
    if not callable(getattr(provider, "get_filename_for_task", None)):
        raise TypeError(
            "filename_provider must be a millstream.datasource.FilenameProvider with get_filename_for_task"
            f"(write_uuid, task_index), not {type(provider).__name__}"
        )
    return partial(name_of_row if one_row_a_file else name_of, provider)
