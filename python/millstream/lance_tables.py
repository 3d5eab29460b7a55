"""read_lance and Dataset.write_lance: tables of Lance, by the package pylance."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millstream.arguments import check_columns, check_count, refuse, refuse_placement
from millstream.block import BlockMetadata
from millstream.dataset import Dataset
from millstream.datasource import ReadTask
from millstream.file_arguments import block_count
from millstream.libraries import library
from millstream.save_mode import SaveMode, checked_mode
from millstream.table_reading import arrow_filter, check_known, dataset_of_tasks, grouped, told_blocks
from millstream.table_writing import StreamDatasink, brought_schema
from millstream.user_code_error import library_error

if TYPE_CHECKING:
    import pyarrow

_BATCH_ROWS = 1 << 13
_BATCH_BYTES = 8 << 20  # as stored
_MODES = (SaveMode.CREATE, SaveMode.APPEND, SaveMode.OVERWRITE)
# Scanner options of the whole table, which mean something else for each of its fragments.
_WHOLE_TABLE = {
    "fragments": "use filter=",
    "full_text_query": "read what Lance's own scanner finds with from_arrow()",
    "limit": "use limit()",
    "nearest": "read what Lance's own scanner finds with from_arrow()",
    "offset": "use filter=",
    "order_by": "use sort()",
}


def read_lance(
    uri: str | os.PathLike[str],
    *,
    version: int | str | None = None,
    columns: Sequence[str] | None = None,
    filter: Any = None,
    storage_options: Mapping[str, str] | None = None,
    scanner_options: Mapping[str, Any] | None = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **ray_remote_args: Any,
) -> Dataset:
    """Rows of a Lance table, in the order of its fragments; deleted rows are left out.

    The version is found now and the same in each epoch; rows are read when they are asked for, batch by batch.

    Args:
        uri: The table's directory, or its address where Lance knows the store.
        version: A number, or a tag's name; by default the newest.
        columns: Names of the columns to read, in that order. All by default.
        filter: Keeps the rows for which it is true: SQL, as Lance reads it, or an expression, pyarrow's too. Lance uses
            its indices for it.
        storage_options: What the store needs, credentials and the like. They are pickled with the data set.
        scanner_options: Further options of Lance's scanner, such as {"batch_size": 1024}.
        concurrency: Fragments read at one time, as in `read_datasource`.
        override_num_blocks: Tasks, at most, that the fragments are shared out to; by default each is one.

    The other arguments are ray.data's and place work on a cluster.

    Raises:
        FileNotFoundError: there is no such table.
        ImportError: without the package pylance.
        KeyError: an unknown column, naming the near ones.
        ValueError: an unknown version, or a filter that is not one; as a UserCodeError with Lance's own words.
    """
    refuse_placement("read_lance", ray_remote_args)
    options = dict(scanner_options or {})
    refuse("read_lance", {f"scanner_options[{name!r}]": options.get(name) for name in _WHOLE_TABLE}, _remedies())
    if columns is not None:
        options["columns"] = check_columns(columns, "columns")
    if filter is not None:
        options["filter"] = arrow_filter(filter)
    table = _opened(uri, version, storage_options)
    plain = [name for name in options.get("columns") or [] if "." not in name and not name.startswith("_")]
    check_known(plain, table.schema.names, "read_lance")
    schema = _asked(lambda: table.scanner(**options).projected_schema)
    tasks = [
        _task(table, fragments, options)
        for fragments in grouped(table.get_fragments(), block_count(-1, override_num_blocks))
    ]
    return dataset_of_tasks("Lance", tasks, schema, concurrency)


class LanceDatasink(StreamDatasink):
    """Writes all rows by lance.write_dataset, which commits one version."""

    name = "Lance"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        schema: pyarrow.Schema | None = None,
        mode: SaveMode | str = "create",
        min_rows_per_file: int = 1 << 20,
        max_rows_per_file: int = 1 << 26,
        data_storage_version: str | None = None,
        storage_options: Mapping[str, str] | None = None,
        **others: Any,
    ) -> None:
        refuse("write_lance", {name: others.pop(name, None) for name in _NAMESPACES}, _NAMESPACES)
        if others:
            raise TypeError(f"write_lance() has no argument {next(iter(others))!r}")
        least = check_count(min_rows_per_file, "min_rows_per_file", least=1)
        most = check_count(max_rows_per_file, "max_rows_per_file", least=1)
        if least > most:
            raise ValueError(f"min_rows_per_file ({least}) is more than max_rows_per_file ({most})")
        self._lance = _lance("write_lance")
        self._path = os.fspath(path)
        self._given_schema = schema
        self._appended_to: pyarrow.Schema | None = None
        self._options = {
            "mode": checked_mode(mode, _MODES).value,
            "max_rows_per_file": most,
            "data_storage_version": data_storage_version,
            "storage_options": None if storage_options is None else dict(storage_options),
        }

    def check_target(self) -> None:
        try:
            table = self._lance.dataset(self._path, storage_options=self._options["storage_options"])
        except Exception:  # there is none, or Lance will say why it cannot be written either
            self._options["mode"] = "create"
            return
        if self._options["mode"] == "create":
            raise FileExistsError(
                f"there is a Lance table at {self._path!r} already, of version {table.version}; give mode='append' or "
                "mode='overwrite'"
            )
        if self._options["mode"] == "append":
            self._appended_to = table.schema

    def write_schema(self, schema: pyarrow.Schema) -> pyarrow.Schema:
        if self._given_schema is not None:
            return self._given_schema
        return schema if self._appended_to is None else brought_schema(schema, self._appended_to, "write_lance")

    def write_stream(self, rows: pyarrow.RecordBatchReader) -> None:
        self._lance.write_dataset(rows, self._path, **self._options)


_NAMESPACES = {
    "table_id": "give the table's path",
    "namespace_impl": "give the table's path",
    "namespace_properties": "give the table's path",
}


def _remedies() -> dict[str, str]:
    return {f"scanner_options[{name!r}]": remedy for name, remedy in _WHOLE_TABLE.items()}


def _lance(function: str) -> Any:
    return library("lance", "lance", function, "pylance")


def _opened(uri: Any, version: int | str | None, storage_options: Mapping[str, str] | None) -> Any:
    lance = _lance("read_lance")
    path = os.fspath(uri)
    options = None if storage_options is None else dict(storage_options)
    try:
        return lance.dataset(path, version=version, storage_options=options)
    except Exception as error:
        if version is None and "not found" in str(error):
            raise FileNotFoundError(f"no Lance table at {path!r}; check the path") from None
        raise library_error(f"read_lance: {path!r}, version {version}", error) from error


def _asked(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception as error:
        raise library_error("read_lance", error) from error


def _task(table: Any, fragments: list[Any], options: Mapping[str, Any]) -> ReadTask:
    rows = None if options.get("filter") is not None else sum(fragment.count_rows() for fragment in fragments)
    files = [os.path.join(table.uri, "data", file.path) for fragment in fragments for file in fragment.data_files()]
    numbers = [fragment.fragment_id for fragment in fragments]
    options = {"batch_size": _batch_rows(fragments), **options}
    return ReadTask(functools.partial(_read, table, numbers, options), BlockMetadata(rows, input_files=files))


def _batch_rows(fragments: list[Any]) -> int:
    """Rows of a batch: Lance's own number, which for large rows would be too many."""
    sizes = [file.file_size_bytes or 0 for fragment in fragments for file in fragment.data_files()]
    row_bytes: int = sum(sizes) // max(1, sum(fragment.physical_rows for fragment in fragments))
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, row_bytes)))


def _read(table: Any, fragments: list[int], options: dict[str, Any]) -> Any:
    """Batches of the fragments, in their order."""
    scanned = {**options, "fragments": [table.get_fragment(number) for number in fragments], "scan_in_order": True}
    return told_blocks("ReadLance", lambda: table.scanner(**scanned).to_batches())
