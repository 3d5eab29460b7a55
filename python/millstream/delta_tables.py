"""read_delta and Dataset.write_delta: tables of Delta Lake, by the package deltalake."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from millstream.arguments import check_columns, check_count, check_flag, check_text, refuse, refuse_placement
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.file_arguments import block_count
from millstream.libraries import library
from millstream.save_mode import FILE_MODES, SaveMode, checked_mode
from millstream.table_reading import arrow_filter, check_known, dataset_of_tasks, grouped, told_blocks
from millstream.table_writing import StreamDatasink, brought_schema
from millstream.user_code_error import library_error

if TYPE_CHECKING:
    import pyarrow

_REMEDIES = {
    "catalog": "give the table's path",
    "filesystem": "give storage_options, which the package deltalake takes",
    "shuffle": "use random_shuffle(), which shuffles rows over all files",
}
_BATCH_ROWS = 1 << 16
_BATCH_BYTES = 8 << 20  # as stored


def read_delta(
    path: str | os.PathLike[str],
    *,
    version: int | None = None,
    storage_options: Mapping[str, str] | None = None,
    filesystem: Any = None,
    catalog: Any = None,
    columns: Sequence[str] | None = None,
    filter: Any = None,
    parallelism: int = -1,
    shuffle: Any = None,
    include_paths: bool = False,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Rows of a Delta table, in the order in which its files were written.

    The version is found now and the same in each epoch; files are read when rows are asked for, batch by batch.

    Args:
        path: The table's directory, or its address where deltalake knows the store.
        version: By default the newest.
        storage_options: What the store needs, credentials and the like. They are pickled with the data set.
        columns: Names of the columns to read, in that order. All by default.
        filter: Keeps the rows for which it is true: an expression, or one of pyarrow. Files without such a row, by
            their partition or statistics, are not read.
        parallelism: As override_num_blocks.
        include_paths: Whether there is a column "path" of the files' paths, behind all others.
        concurrency: Files read at one time, as in `read_datasource`.
        override_num_blocks: Tasks, at most, that the files are shared out to; by default each is one.

    The other arguments are ray.data's; NotImplementedError says which are not supported, and what to do.

    Raises:
        FileNotFoundError: there is no such table.
        ImportError: without the package deltalake.
        KeyError: an unknown column, naming the near ones.
        NotImplementedError: a table with deletion vectors, mapped columns or another feature that cannot be read.
        UserCodeError: what deltalake raises otherwise, such as for an unknown version.
    """
    refuse_placement("read_delta", ray_remote_args)
    refuse("read_delta", {"filesystem": filesystem, "catalog": catalog, "shuffle": shuffle}, _REMEDIES)
    table = _DeltaTable(os.fspath(path), version, storage_options)
    names = table.schema.names if columns is None else check_columns(columns, "columns")
    check_known(names, table.schema.names, "read_delta")
    with_path = check_flag(include_paths, "include_paths")
    if with_path and "path" in names:
        raise ValueError("read_delta: the table has a column 'path' itself; leave include_paths out")
    if isinstance(filter, str):
        raise TypeError(f"read_delta: filter must be an expression, such as col('delay') > 15, not {filter!r}")
    read = _Read(table, names, arrow_filter(filter), with_path)
    tasks = [read.task(files) for files in grouped(table.files, block_count(parallelism, override_num_blocks))]
    return dataset_of_tasks("Delta", tasks, read.schema(), concurrency)


class _DeltaTable:
    """One version of a table. A copy in another process opens it anew at the first use."""

    def __init__(self, path: str, version: int | None, storage_options: Mapping[str, str] | None) -> None:
        self._path = path
        self._options = None if storage_options is None else dict(storage_options)
        self._lock = threading.Lock()
        self._fragments: dict[str, Any] = {}
        table = self._opened(version)
        self._version = int(table.version())
        self.root = str(table.table_uri).removeprefix("file://").rstrip("/")
        dataset = self._dataset(table)
        self.schema: pyarrow.Schema = dataset.schema
        self.files = _files(table, dataset)

    def fragment(self, path: str) -> Any:
        """The file as pyarrow reads it, its partition's values and columns of the table's types included."""
        with self._lock:
            if not self._fragments:
                dataset = self._dataset(self._opened(self._version))
                self._fragments = {each.path: each for each in dataset.get_fragments()}
        return self._fragments[path]

    def _opened(self, version: int | None) -> Any:
        deltalake = library("deltalake", "delta", "read_delta")
        if version is not None:
            check_count(version, "version")
        try:
            return deltalake.DeltaTable(self._path, version=version, storage_options=self._options)
        except Exception as error:
            if type(error).__name__ == "TableNotFoundError":
                raise FileNotFoundError(f"no Delta table at {self._path!r}; check the path") from None
            raise library_error(f"read_delta: {self._path!r}, version {version}", error) from error

    def _dataset(self, table: Any) -> Any:
        remedy = "deltalake.DeltaTable(path).scan() may read it, as a stream without order"
        # Of the second version of readers the library does not see that columns have other names in the files.
        if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
            raise NotImplementedError(f"read_delta: {self._path!r} has mapped columns (delta.columnMapping); {remedy}")
        try:
            return table.to_pyarrow_dataset()
        except Exception as error:
            if type(error).__name__ == "DeltaProtocolError":
                raise NotImplementedError(f"read_delta: {self._path!r}: {error} {remedy}") from error
            raise library_error(f"read_delta: {self._path!r}", error) from error

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_fragments": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


class _File:
    """A file, as the table's log tells of it."""

    def __init__(self, path: str, modified: int, size_bytes: int, rows: int | None) -> None:
        self.path = path
        self.modified = modified
        self.size_bytes = size_bytes
        self.rows = rows


def _files(table: Any, dataset: Any) -> list[_File]:
    """In the order in which they were written, whatever the log's: a checkpoint has another."""
    import pyarrow

    actions = pyarrow.table(table.get_add_actions(flatten=True))
    names = ("path", "modification_time", "size_bytes", "num_records")
    columns = [actions[name].to_pylist() if name in actions.column_names else [None] * len(actions) for name in names]
    known = {unquote(path): _File(unquote(path), *rest) for path, *rest in zip(*columns, strict=True)}
    files = [known.get(each.path) or _File(each.path, 0, 0, None) for each in dataset.get_fragments()]
    return sorted(files, key=lambda file: (file.modified, file.path))


class _Read:
    """Reads files of a table; it pickles."""

    def __init__(self, table: _DeltaTable, columns: list[str], row_filter: Any, with_path: bool) -> None:
        self._table = table
        self._columns = columns
        self._filter = row_filter
        self._with_path = with_path

    def schema(self) -> pyarrow.Schema:
        import pyarrow

        fields = [self._table.schema.field(name) for name in self._columns]
        return pyarrow.schema([*fields, pyarrow.field("path", pyarrow.string())] if self._with_path else fields)

    def task(self, files: list[_File]) -> ReadTask:
        known = self._filter is None and all(file.rows is not None for file in files)
        metadata = BlockMetadata(
            num_rows=sum(file.rows or 0 for file in files) if known else None,
            size_bytes=sum(file.size_bytes for file in files),
            input_files=[self._full(file.path) for file in files],
        )
        return ReadTask(functools.partial(self.read, files), metadata)

    def read(self, files: list[_File]) -> Iterator[Any]:
        for file in files:
            yield from told_blocks(f"ReadDelta: {self._full(file.path)}", functools.partial(self._batches, file))

    def _batches(self, file: _File) -> Iterator[Any]:
        import pyarrow

        batches = self._table.fragment(file.path).to_batches(
            schema=self._table.schema,
            columns=self._columns,
            filter=self._filter,
            batch_size=_batch_rows(file),
            batch_readahead=2,
        )
        for batch in batches:
            if self._with_path:
                path = pyarrow.repeat(pyarrow.scalar(self._full(file.path)), batch.num_rows)
                batch = batch.append_column("path", path)
            yield batch

    def _full(self, path: str) -> str:
        return f"{self._table.root}/{path}"


def _batch_rows(file: _File) -> int:
    """Fewer rows a batch where they are large."""
    row_bytes = file.size_bytes // file.rows if file.rows else 0
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, row_bytes)))


class DeltaDatasink(StreamDatasink):
    """Writes all rows by deltalake.write_deltalake, which commits one version."""

    name = "Delta"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        catalog: Any = None,
        mode: SaveMode | str = "append",
        partition_by: Sequence[str] | None = None,
        storage_options: Mapping[str, str] | None = None,
        schema_mode: str | None = "merge",
        filesystem: Any = None,
        name: str | None = None,
        description: str | None = None,
    ) -> None:
        refuse("write_delta", {"catalog": catalog, "filesystem": filesystem}, _REMEDIES)
        if schema_mode not in ("merge", "overwrite", None):
            raise ValueError(f"schema_mode must be 'merge', 'overwrite' or None, got {schema_mode!r}")
        self._delta = library("deltalake", "delta", "write_delta")
        self._path = os.fspath(path)
        self._mode = checked_mode(mode, FILE_MODES)
        self._options = {
            "partition_by": None if partition_by is None else check_columns(partition_by, "partition_by"),
            "schema_mode": schema_mode,
            "storage_options": None if storage_options is None else dict(storage_options),
            "name": None if name is None else check_text(name, "name"),
            "description": None if description is None else check_text(description, "description"),
        }

    def is_done(self) -> bool:
        """Whether there is nothing to write: a table is there, and is to be left as it is. FileExistsError where none
        may be there.
        """
        if self._mode not in (SaveMode.IGNORE, SaveMode.ERROR):
            return False
        options = self._options["storage_options"]
        is_there = bool(self._delta.DeltaTable.is_deltatable(self._path, storage_options=options))
        if is_there and self._mode is SaveMode.ERROR:
            raise FileExistsError(
                f"there is a Delta table at {self._path!r} already; give mode='append' or mode='overwrite'"
            )
        return is_there

    def write_schema(self, schema: pyarrow.Schema) -> pyarrow.Schema:
        """deltalake casts what it is given without asking whether that changes values."""
        import pyarrow

        options = self._options["storage_options"]
        replaced = self._mode is SaveMode.OVERWRITE and self._options["schema_mode"] == "overwrite"
        if not replaced and self._delta.DeltaTable.is_deltatable(self._path, storage_options=options):
            table = self._delta.DeltaTable(self._path, storage_options=options)
            schema = brought_schema(schema, pyarrow.schema(table.schema().to_arrow()), "write_delta")
        return pyarrow.schema([field.with_type(_signed(field.type)) for field in schema])

    def write_stream(self, rows: pyarrow.RecordBatchReader) -> None:
        self._delta.write_deltalake(self._path, rows, mode=self._mode.value, **self._options)


def _signed(kind: pyarrow.DataType) -> pyarrow.DataType:
    """The type of Delta that holds the values: there are no unsigned numbers, and no nanoseconds."""
    import pyarrow

    wider = {
        pyarrow.uint8(): pyarrow.int16(),
        pyarrow.uint16(): pyarrow.int32(),
        pyarrow.uint32(): pyarrow.int64(),
        pyarrow.uint64(): pyarrow.int64(),
        pyarrow.float16(): pyarrow.float32(),
    }
    if pyarrow.types.is_timestamp(kind):
        return pyarrow.timestamp("us", kind.tz)
    return wider.get(kind, kind)
