"""read_iceberg and Dataset.write_iceberg: tables of Apache Iceberg, by the package pyiceberg."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millstream.arguments import check_columns, check_text, refuse, refuse_placement
from millstream.block import BlockMetadata
from millstream.connection_error import connection_error
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.file_arguments import block_count
from millstream.libraries import library
from millstream.save_mode import SaveMode, checked_mode
from millstream.table_reading import check_known, dataset_of_tasks, grouped, told_blocks
from millstream.table_writing import StreamDatasink, brought_schema
from millstream.user_code_error import library_error

if TYPE_CHECKING:
    import pyarrow

_MODES = (SaveMode.APPEND, SaveMode.OVERWRITE)
_CATALOG = {"catalog": "give catalog_kwargs=, what pyiceberg.catalog.load_catalog takes"}
_PART_BYTES = 128 << 20  # of rows in memory that become files at once


def read_iceberg(
    table_identifier: str,
    *,
    row_filter: Any = None,
    parallelism: int = -1,
    selected_fields: Sequence[str] = ("*",),
    snapshot_id: int | None = None,
    scan_kwargs: Mapping[str, Any] | None = None,
    catalog_kwargs: Mapping[str, Any] | None = None,
    catalog: Any = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Rows of an Iceberg table, in the order in which its snapshot lists the files; deleted rows are left out.

    The snapshot is found now and the same in each epoch; files are read when rows are asked for, batch by batch.

    Args:
        table_identifier: The table's name in its catalog, such as "weather.daily".
        row_filter: Keeps the rows for which it is true: a text, such as "delay > 15", or an expression of pyiceberg.
            Files without such a row are not read.
        parallelism: As override_num_blocks.
        selected_fields: Names of the columns to read; all by default.
        snapshot_id: By default the newest.
        scan_kwargs: Further arguments of pyiceberg's `Table.scan`, such as {"case_sensitive": False}.
        catalog_kwargs: What pyiceberg's `load_catalog` takes: "name", "type", "uri" and so on; by default pyiceberg's
            own configuration tells. Credentials in it are pickled with the data set.
        concurrency: Files read at one time, as in `read_datasource`.
        override_num_blocks: Tasks, at most, that the files are shared out to; by default each is one.

    The other arguments are ray.data's; NotImplementedError says which are not supported.

    Raises:
        ImportError: without the package pyiceberg.
        KeyError: an unknown column, naming the near ones.
        ValueError: an unknown snapshot, or a filter that is not one.
        UserCodeError: what pyiceberg raises otherwise, such as NoSuchTableError; deletes that it cannot apply.
    """
    refuse_placement("read_iceberg", ray_remote_args)
    refuse("read_iceberg", {"catalog": catalog}, _CATALOG)
    options = dict(scan_kwargs or {})
    refuse("read_iceberg", {"scan_kwargs['limit']": options.get("limit")}, {"scan_kwargs['limit']": "use limit()"})
    table = _table("read_iceberg", table_identifier, catalog_kwargs)
    if snapshot_id is not None and table.snapshot_by_id(snapshot_id) is None:
        known = ", ".join(str(each.snapshot_id) for each in table.metadata.snapshots[-3:])
        raise ValueError(f"read_iceberg: {table_identifier} has no snapshot {snapshot_id}; its last ones are {known}")
    fields = check_columns(list(selected_fields), "selected_fields")
    if "*" not in fields and options.get("case_sensitive", True):
        check_known([field.partition(".")[0] for field in fields], table.schema().column_names, "read_iceberg")
    options |= {"selected_fields": tuple(fields), "snapshot_id": snapshot_id}
    if row_filter is not None:
        options["row_filter"] = row_filter
    scan, files = _planned(table, options)
    scanned = _Scan(scan)
    tasks = [scanned.task(group) for group in grouped(files, block_count(parallelism, override_num_blocks))]
    return dataset_of_tasks("Iceberg", tasks, scanned.schema(), concurrency)


class _Scan:
    """What reading a file takes, beside the file: a snapshot's metadata, the columns and the filter. It pickles."""

    def __init__(self, scan: Any) -> None:
        self._metadata = scan.table_metadata
        self._io = scan.io
        self._projection = scan.projection()
        self._row_filter = scan.row_filter
        self._case_sensitive = scan.case_sensitive

    def schema(self) -> pyarrow.Schema:
        schema: pyarrow.Schema = _pyarrow_io("read_iceberg").schema_to_pyarrow(
            self._projection, include_field_ids=False
        )
        return schema

    def task(self, files: list[Any]) -> ReadTask:
        whole = type(self._row_filter).__name__ == "AlwaysTrue" and not any(file.delete_files for file in files)
        metadata = BlockMetadata(
            num_rows=sum(file.file.record_count for file in files) if whole else None,
            size_bytes=sum(file.file.file_size_in_bytes for file in files),
            input_files=[file.file.file_path for file in files],
        )
        return ReadTask(functools.partial(self.read, files), metadata)

    def read(self, files: list[Any]) -> Iterator[Any]:
        return told_blocks("ReadIceberg", lambda: self._batches(files))

    def _batches(self, files: list[Any]) -> Iterator[Any]:
        pyarrow_io = _pyarrow_io("read_iceberg")
        schema = self.schema()
        scan = pyarrow_io.ArrowScan(self._metadata, self._io, self._projection, self._row_filter, self._case_sensitive)
        for file in files:
            for batch in _file_batches(pyarrow_io, scan, self._io, file):
                yield batch.cast(schema)


def _file_batches(pyarrow_io: Any, scan: Any, io: Any, file: Any) -> Iterable[Any]:
    """Those of one file. What pyiceberg shows to everybody holds all of a file's batches before it gives the first."""
    stream = getattr(scan, "_record_batches_from_scan_tasks_and_deletes", None)
    deletes = getattr(pyarrow_io, "_read_all_delete_files", None)
    if stream is None or deletes is None:
        batches: Iterable[Any] = scan.to_record_batches([file])
        return batches
    streamed: Iterable[Any] = stream([file], deletes(io, [file]))
    return streamed


class IcebergDatasink(StreamDatasink):
    """Writes data files of all rows, then commits one snapshot of them; what is not committed is deleted."""

    name = "Iceberg"

    def __init__(
        self,
        table_identifier: str,
        *,
        catalog_kwargs: Mapping[str, Any] | None = None,
        catalog: Any = None,
        snapshot_properties: Mapping[str, str] | None = None,
        mode: SaveMode | str = "append",
        overwrite_filter: Any = None,
        upsert_kwargs: Any = None,
        overwrite_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        refuse("write_iceberg", {"catalog": catalog, "upsert_kwargs": upsert_kwargs}, _CATALOG)
        self._overwrites = checked_mode(mode, _MODES) is SaveMode.OVERWRITE
        if overwrite_filter is not None and not self._overwrites:
            raise ValueError("write_iceberg: overwrite_filter is for mode='overwrite'")
        self._identifier = table_identifier
        self._catalog_kwargs = catalog_kwargs
        self._filter = overwrite_filter
        self._delete_options = dict(overwrite_kwargs or {})
        self._properties = dict(snapshot_properties or {})

    def check_target(self) -> None:
        self._table = _table("write_iceberg", self._identifier, self._catalog_kwargs)

    def write_schema(self, schema: pyarrow.Schema) -> pyarrow.Schema:
        of_table = _pyarrow_io("write_iceberg").schema_to_pyarrow(self._table.schema(), include_field_ids=False)
        return brought_schema(schema, of_table, "write_iceberg")

    def write_stream(self, rows: pyarrow.RecordBatchReader) -> None:
        transaction = self._table.transaction()
        if any(name not in self._table.schema().column_names for name in rows.schema.names):
            with transaction.update_schema() as update:
                update.union_by_name(rows.schema)
        pyarrow_io = _pyarrow_io("write_iceberg")
        pyarrow_io._check_pyarrow_schema_compatible(
            transaction.table_metadata.schema(),
            rows.schema,
            format_version=transaction.table_metadata.format_version,
        )
        written: list[Any] = []
        told_to_commit = False
        try:
            for part in _parts(rows):
                written += pyarrow_io._dataframe_to_data_files(transaction.table_metadata, part, self._table.io)
            self._stage(transaction, written)
            told_to_commit = True
            transaction.commit_transaction()
        except BaseException as error:
            # Of another failure of the catalog nobody knows whether the files are the table's by now.
            if not told_to_commit or type(error).__name__ == "CommitFailedException":
                self._delete(written)
            raise

    def _delete(self, files: list[Any]) -> None:
        for file in files:
            with contextlib.suppress(Exception):
                self._table.io.delete(file.file_path)

    def _stage(self, transaction: Any, files: list[Any]) -> None:
        branch = {"branch": self._delete_options["branch"]} if "branch" in self._delete_options else {}
        if self._overwrites:
            everything = library("pyiceberg.expressions", "iceberg", "write_iceberg", "pyiceberg").AlwaysTrue()
            transaction.delete(
                everything if self._filter is None else self._filter,
                snapshot_properties=self._properties,
                **self._delete_options,
            )
        if not files:
            return
        with transaction.update_snapshot(snapshot_properties=self._properties, **branch).fast_append() as append:
            for file in files:
                append.append_data_file(file)


def _parts(rows: pyarrow.RecordBatchReader) -> Iterator[pyarrow.Table]:
    import pyarrow

    batches: list[pyarrow.RecordBatch] = []
    size_bytes = 0
    for batch in rows:
        batches.append(batch)
        size_bytes += batch.nbytes
        if size_bytes >= _PART_BYTES:
            yield pyarrow.Table.from_batches(batches)
            batches, size_bytes = [], 0
    if batches:
        yield pyarrow.Table.from_batches(batches)


def _pyarrow_io(function: str) -> Any:
    return library("pyiceberg.io.pyarrow", "iceberg", function, "pyiceberg")


def _table(function: str, identifier: Any, catalog_kwargs: Mapping[str, Any] | None) -> Any:
    """The table. What a catalog that cannot be reached raises is told without what it quotes."""
    name = check_text(identifier, "table_identifier")
    options = dict(catalog_kwargs or {})
    catalogs = library("pyiceberg.catalog", "iceberg", function, "pyiceberg")
    failure: BaseException | None = None
    try:
        catalog = catalogs.load_catalog(options.pop("name", None), **options)
        return catalog.load_table(name)
    except Exception as error:
        if type(error).__module__ == "pyiceberg.exceptions":
            failure = library_error(f"{function}({name!r})", error)
        else:
            remedy = "call pyiceberg.catalog.load_catalog(**catalog_kwargs).load_table() by itself"
            failure = connection_error(f"{function}({name!r})", error, remedy)
    raise failure


def _planned(table: Any, options: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The scan, and its files."""
    try:
        scan = table.scan(**options)
        return scan, list(scan.plan_files())
    except Exception as error:
        if type(error).__name__ == "ParseException":
            text = f'read_iceberg: row_filter {options["row_filter"]!r} is not a filter, such as "delay > 15"'
            raise ValueError(text) from error
        raise library_error("read_iceberg", error) from error
