"""read_avro: rows of Avro files, block by block."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack, cast

from millstream import _core
from millstream.arguments import check_count
from millstream.avro_types import arrow_schema, texts_of_uuids
from millstream.bad_files import BadFiles, PassedOver, blocks_of_file
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.file_arguments import Paths, ReadOptions, block_count, read_files
from millstream.libraries import library
from millstream.read_limits import limit_values
from millstream.stores import file_systems_of, open_file, shown
from millstream.table_reading import dataset_of_tasks, grouped

if TYPE_CHECKING:
    import pyarrow

Open = Callable[[str], BinaryIO]

_BATCH_ROWS = 1 << 13
_BATCH_BYTES = 4 << 20  # as stored


def read_avro(
    paths: Paths,
    **options: Unpack[ReadOptions],
) -> Dataset:
    """Rows of Avro files, in the order of the paths; within a directory in the order of the file names.

    Reads the files' schemas now and their blocks when rows are asked for. The columns are the fields of all files'
    records; one that a file lacks is null there. Decimals, dates, times, timestamps and uuids are such columns (uuids
    within lists, maps and records are texts), enums are texts, and a union is a column where all but null of it are
    one type, or numbers.

    Args:
        paths: A file, a directory (read recursively; names that begin with "." or "_" are skipped) or a glob, or a list
            of them.
        options: See `millstream.file_arguments.ReadOptions`.

    Raises:
        FileNotFoundError: a path matches nothing.
        ImportError: without the package fastavro, or one that the files' codec needs.
        TypeError: a field whose type no column has, or has in another file.
        ValueError: what is not an Avro file of records; while rows are read, a damaged block, with its file and number.
    """
    _fastavro()
    listed = options.copy()
    concurrency = listed.pop("concurrency", None)
    bad_files = BadFiles.taken_from(cast(dict[str, Any], listed))
    listing = read_files(
        "read_avro",
        paths,
        _core.read_binary,
        listed,
    )
    if concurrency is not None:
        check_count(concurrency, "concurrency", least=1)
    files = listing._plan.input_files()
    open_one = functools.partial(open_file, file_systems=file_systems_of(files))
    schema, left_out = _common_schema(files, open_one, limit_values(options.get("limits")), bad_files)
    of_paths = listing.drop_columns("bytes").to_arrow() if len(listing.columns() or []) > 1 else None
    if of_paths is not None and (both := set(of_paths.schema.names) & set(schema.names)):
        raise ValueError(f"read_avro: the files have a column {min(both)!r}, and their paths tell one of that name too")
    blocks = block_count(options.get("parallelism", -1), options.get("override_num_blocks"))
    tasks = [
        _task(
            [(files[at], None if of_paths is None else of_paths.slice(at, 1)) for at in group],
            schema,
            open_one,
            bad_files,
            left_out,
        )
        for group in grouped(list(range(len(files))), blocks)
    ]
    return dataset_of_tasks("Avro", tasks, schema, concurrency, bad_files)


def _task(
    files: list[tuple[str, pyarrow.Table | None]],
    schema: pyarrow.Schema,
    open_one: Open,
    bad_files: BadFiles | None,
    left_out: dict[str, Exception],
) -> ReadTask:
    paths = [path for path, _ in files]
    size_bytes = sum(_size_of(path, open_one) for path in paths)
    metadata = BlockMetadata(size_bytes=size_bytes, input_files=[shown(path) for path in paths])
    own = {path: left_out[path] for path in paths if path in left_out}
    return ReadTask(functools.partial(_read, files, schema, open_one, bad_files, own), metadata)


def _size_of(path: str, open_one: Open) -> int:
    with open_one(path) as file:
        return file.seek(0, io.SEEK_END)


def _common_schema(
    files: list[str], open_one: Open, limits: dict[str, int], bad_files: BadFiles | None
) -> tuple[pyarrow.Schema, dict[str, Exception]]:
    """And the files that are passed over, which have no part in it and are told of when they would be read."""
    import pyarrow

    common = None
    left_out: dict[str, Exception] = {}
    for path in files:
        try:
            common = _schema_with(common, path, open_one, limits)
        except (ValueError, TypeError) as error:
            if bad_files is None:
                raise
            left_out[path] = error.with_traceback(None)
    if common is None and left_out:
        raise next(iter(left_out.values()))
    common = common or pyarrow.schema([])
    _core.check_schema(common, limits, "read_avro")
    return common, left_out


def _schema_with(common: pyarrow.Schema | None, path: str, open_one: Open, limits: dict[str, int]) -> pyarrow.Schema:
    import pyarrow

    with open_one(path) as file:
        own = arrow_schema(_blocks_reader(path, file).writer_schema, f"read_avro: {shown(path)}")
    _core.check_schema(own, limits, f"read_avro: {shown(path)}")
    try:
        return pyarrow.unify_schemas([common or pyarrow.schema([]), own], promote_options="permissive")
    except (pyarrow.ArrowTypeError, pyarrow.ArrowInvalid) as error:
        raise TypeError(f"read_avro: {shown(path)} does not go with the files before it ({error})") from None


def _read(
    files: list[tuple[str, pyarrow.Table | None]],
    schema: pyarrow.Schema,
    open_one: Open,
    bad_files: BadFiles | None,
    left_out: dict[str, Exception],
) -> Iterator[pyarrow.Table | PassedOver]:
    for path, of_path in files:
        if path in left_out:
            yield PassedOver(path, left_out[path])
            continue
        yield from blocks_of_file(path, _tables(path, of_path, schema, open_one), bad_files)


def _tables(
    path: str, of_path: pyarrow.Table | None, schema: pyarrow.Schema, open_one: Open
) -> Iterator[pyarrow.Table]:
    import pyarrow

    for records in _record_lists(path, open_one):
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
        text = f"read_avro: {shown(path)}: column {field.name!r} holds what is not of its type {field.type} ({error})"
    raise ValueError(text)


def _record_lists(path: str, open_one: Open) -> Iterator[list[Any]]:
    """The file's records, in lists of about a batch."""
    records: list[Any] = []
    size_bytes = 0
    try:
        for block, block_bytes in _blocks(path, open_one):
            records += block
            size_bytes += block_bytes
            if len(records) >= _BATCH_ROWS or size_bytes >= _BATCH_BYTES:
                yield records
                records, size_bytes = [], 0
    except ValueError:
        # What comes before the damage is there.
        if records:
            yield records
        raise
    if records:
        yield records


def _blocks(path: str, open_one: Open) -> Iterator[tuple[list[Any], int]]:
    """The records of each block, and its bytes in the file."""
    with open_one(path) as file:
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
                if not _is_of_file(error):
                    raise
                text = f"{shown(path)}, block {number} at byte {begin}: {type(error).__name__}: {error}"
                raise ValueError(f"read_avro: the file is damaged: {text}") from error
            if block is None:
                break
            yield records, block.size
            number += 1
        if begin != file.seek(0, io.SEEK_END):
            raise ValueError(
                f"read_avro: the file is damaged: {shown(path)} ends within block {number}, at byte {begin}"
            )


def _blocks_reader(path: str, file: Any) -> Any:
    try:
        return _fastavro().block_reader(_Bounded(file))
    except Exception as error:
        if not _is_of_file(error):
            raise
        raise ValueError(f"read_avro: {shown(path)} is not an Avro file ({type(error).__name__}: {error})") from None


def _is_of_file(error: BaseException) -> bool:
    """Whether what is in the file is the reason, and not a store, a disk or the memory."""
    reason: BaseException | None = error
    while reason is not None:
        # bzip2's words for bytes that are not its own.
        is_data = type(reason) is OSError and str(reason) == "Invalid data stream"
        if isinstance(reason, OSError | MemoryError | ImportError) and not is_data:
            return False
        reason = reason.__cause__
    return True


def _fastavro() -> Any:
    return library("fastavro", "avro", "read_avro")


class _Bounded:
    """A file of which no more is read than there is: a damaged length would take that much memory."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        file.seek(0)
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self._size:
            raise EOFError(f"{size} bytes are said to follow")
        data: bytes = self._file.read(size)
        return data
