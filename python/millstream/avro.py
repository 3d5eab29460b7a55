"""read_avro: rows of Avro files, block by block."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.arguments import check_count
from millstream.avro_types import arrow_schema, texts_of_uuids
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.file_arguments import block_count, read_files
from millstream.libraries import library
from millstream.partitioning import Partitioning
from millstream.table_reading import dataset_of_tasks, grouped

if TYPE_CHECKING:
    import pyarrow

_BATCH_ROWS = 1 << 13
_BATCH_BYTES = 4 << 20  # as stored


def read_avro(
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
    file_extensions: Sequence[str] | None = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Rows of Avro files, in the order of the paths; within a directory in the order of the file names.

    Reads the files' schemas now and their blocks when rows are asked for. The columns are the fields of all files'
    records; one that a file lacks is null there. Decimals, dates, times, timestamps and uuids are such columns (uuids
    within lists, maps and records are texts), enums are texts, and a union is a column where all but null of it are
    one type, or numbers.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        file_extensions: Of the files of a directory those that end so, such as "avro"; by default all.
        partitioning: Columns of the values that directories name; by default none.
        include_paths: Whether there is a column "path" of the paths, behind all others.
        ignore_missing_paths: Whether paths that match nothing are left out, where some do.
        parallelism: As override_num_blocks; -1 makes a task of each file.
        concurrency: Files read at one time, as in `read_datasource`.
        override_num_blocks: Tasks, at most, that the files are shared out to.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: a path matches nothing.
        ImportError: without the package fastavro, or one that the files' codec needs.
        TypeError: a field whose type no column has, or has in another file.
        ValueError: what is not an Avro file of records; while rows are read, a damaged block, with its file and number.
    """
    _fastavro()
    listing = read_files(
        "read_avro",
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
        **ray_remote_args,
    )
    if concurrency is not None:
        check_count(concurrency, "concurrency", least=1)
    files = listing.input_files()
    schema = _common_schema(files)
    of_paths = listing.drop_columns("bytes").to_arrow() if include_paths or partitioning is not None else None
    if of_paths is not None and (both := set(of_paths.schema.names) & set(schema.names)):
        raise ValueError(f"read_avro: the files have a column {min(both)!r}, and their paths tell one of that name too")
    tasks = [
        _task([(files[at], None if of_paths is None else of_paths.slice(at, 1)) for at in group], schema)
        for group in grouped(list(range(len(files))), block_count(parallelism, override_num_blocks))
    ]
    return dataset_of_tasks("Avro", tasks, schema, concurrency)


def _task(files: list[tuple[str, pyarrow.Table | None]], schema: pyarrow.Schema) -> ReadTask:
    paths = [path for path, _ in files]
    size_bytes = sum(os.path.getsize(path) for path in paths)
    metadata = BlockMetadata(size_bytes=size_bytes, input_files=paths)
    return ReadTask(functools.partial(_read, files, schema), metadata)


def _common_schema(files: list[str]) -> pyarrow.Schema:
    import pyarrow

    common = pyarrow.schema([])
    for path in files:
        with open(path, "rb") as file:
            own = arrow_schema(_blocks_reader(path, file).writer_schema, f"read_avro: {path}")
        try:
            common = pyarrow.unify_schemas([common, own], promote_options="permissive")
        except (pyarrow.ArrowTypeError, pyarrow.ArrowInvalid) as error:
            raise TypeError(f"read_avro: {path} does not go with the files before it ({error})") from None
    return common


def _read(files: list[tuple[str, pyarrow.Table | None]], schema: pyarrow.Schema) -> Iterator[pyarrow.Table]:
    import pyarrow

    for path, of_path in files:
        for records in _record_lists(path):
            arrays = [_column(path, field, [record.get(field.name) for record in records]) for field in schema]
            table = pyarrow.Table.from_arrays(arrays, schema=schema)
            if of_path is not None:
                for name, value in zip(of_path.schema.names, of_path.columns, strict=True):
                    table = table.append_column(name, pyarrow.repeat(value[0], len(records)))
            yield table


def _column(path: str, field: pyarrow.Field, values: list[Any]) -> pyarrow.Array:
    import pyarrow

    if pyarrow.types.is_nested(field.type):
        with contextlib.suppress(pyarrow.ArrowException):
            return pyarrow.array(values, field.type)
        values = texts_of_uuids(values)
    try:
        return pyarrow.array(values, field.type)
    except (pyarrow.ArrowException, OverflowError) as error:
        text = f"read_avro: {path}: column {field.name!r} holds what is not of its type {field.type} ({error})"
    raise ValueError(text)


def _record_lists(path: str) -> Iterator[list[Any]]:
    """The file's records, in lists of about a batch."""
    records: list[Any] = []
    size_bytes = 0
    for block, block_bytes in _blocks(path):
        records += block
        size_bytes += block_bytes
        if len(records) >= _BATCH_ROWS or size_bytes >= _BATCH_BYTES:
            yield records
            records, size_bytes = [], 0
    if records:
        yield records


def _blocks(path: str) -> Iterator[tuple[list[Any], int]]:
    """The records of each block, and its bytes in the file."""
    with open(path, "rb") as file:
        blocks = _blocks_reader(path, file)
        number = 0
        while True:
            begin = file.tell()
            try:
                block = next(blocks, None)
                records = [] if block is None else list(block)
                if block is not None and (len(records) != block.num_records or block.bytes_.read(1)):
                    raise ValueError(f"it has other records than the {block.num_records} that it tells of")
            except Exception as error:
                text = f"{path}, block {number} at byte {begin}: {type(error).__name__}: {error}"
                raise ValueError(f"read_avro: the file is damaged: {text}") from error
            if block is None:
                break
            yield records, block.size
            number += 1
        if begin != os.fstat(file.fileno()).st_size:
            raise ValueError(f"read_avro: the file is damaged: {path} ends within block {number}, at byte {begin}")


def _blocks_reader(path: str, file: Any) -> Any:
    try:
        return _fastavro().block_reader(_Bounded(file))
    except Exception as error:
        raise ValueError(f"read_avro: {path} is not an Avro file ({type(error).__name__}: {error})") from None


def _fastavro() -> Any:
    return library("fastavro", "avro", "read_avro")


class _Bounded:
    """A file of which no more is read than there is: a damaged length would take that much memory."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self._size:
            raise EOFError(f"{size} bytes are said to follow")
        data: bytes = self._file.read(size)
        return data
