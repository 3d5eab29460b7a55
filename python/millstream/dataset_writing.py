"""The methods of a data set that write its rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Unpack

from millstream import _core
from millstream.arguments import check_count, check_flag, check_text, refuse, refuse_placement
from millstream.dead_letters import ExecutionLetters
from millstream.execution import fetched_schema
from millstream.file_writing import FileJob, FileOptions, codec, refuse_stream_codec, stream_codec

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.csv

    from millstream.context import DataContext
    from millstream.datasink import Datasink
    from millstream.dead_letters import HasLetters
    from millstream.save_mode import SaveMode

Path = str | os.PathLike[str]


class DatasetWriting:
    """Writers of files share the arguments of `millstream.file_writing.FileOptions`: `mode`, `min_rows_per_file`,
    `filename_provider` and so on.

    They write, in the order of the rows, one file or more in a directory, which is made where it is missing. Files are
    written under temporary names and published all at once at the end: a failure leaves nothing behind.
    """

    _plan: _core.Plan
    _context: DataContext
    _ran_last: HasLetters | None

    def map(self, fn: Any) -> Any:
        raise NotImplementedError

    def _engine(self) -> _core.Engine:
        raise NotImplementedError

    def _arrow_schema(self) -> pyarrow.Schema:
        import pyarrow

        return pyarrow.schema(self._plan.schema() or fetched_schema(self._engine(), self._plan))

    def _file_job(self, function: str) -> FileJob:
        self._ran_last = letters = ExecutionLetters()
        return FileJob(function, self._engine(), self._plan, letters.kept)

    def write_parquet(
        self,
        path: Path,
        *,
        partition_cols: list[str] | None = None,
        compression: str | None = "snappy",
        row_group_size: int | None = None,
        catalog: Any = None,
        arrow_parquet_args_fn: Any = None,
        **options: Unpack[FileOptions],
    ) -> None:
        """Writes the rows as Parquet files.

        Args:
            path: A directory.
            partition_cols: Columns whose values become folders, "year=2024/city=Bern", and are not in the files. The
                rows are sorted by them first, others keep their order.
            compression: A codec: "snappy", "zstd", "gzip", "lz4", "brotli"; "none" or None stores rows as they are.
            row_group_size: Rows of a row group, at most; about 32 MiB of them by default.
            options: See `millstream.file_writing.FileOptions`.
        """
        refuse_stream_codec("write_parquet", options)
        unsupported = {"catalog": catalog, "arrow_parquet_args_fn": arrow_parquet_args_fn}
        refuse("write_parquet", unsupported, {"catalog": "give the path of a directory"})
        rows = 0 if row_group_size is None else check_count(row_group_size, "row_group_size", least=1)
        files = _core.parquet_files(codec("write_parquet", compression), rows)
        self._file_job("write_parquet").run(path, files, options, partition_cols=partition_cols)

    def write_csv(
        self,
        path: Path,
        *,
        compression: str | None = None,
        write_options: pyarrow.csv.WriteOptions | None = None,
        arrow_csv_args_fn: Any = None,
        **options: Unpack[FileOptions],
    ) -> None:
        """Writes the rows as CSV files, each with a line of names.

        Args:
            path: A directory.
            compression: Of each file as a whole: "gzip", "bz2", "zstd", "lz4", "brotli" or None.
            write_options: A `pyarrow.csv.WriteOptions`: `include_header`, `delimiter`, `quoting_style`.
            options: See `millstream.file_writing.FileOptions`.

        A null is an empty cell, an empty text is "" in quotes. TypeError for lists, structs and other nested columns.
        """
        from millstream.csv_writing import csv_files

        refuse("write_csv", {"arrow_csv_args_fn": arrow_csv_args_fn}, {"arrow_csv_args_fn": "give write_options="})
        files = csv_files(write_options, stream_codec("write_csv", options, compression))
        self._file_job("write_csv").run(path, files, options)

    def write_json(
        self,
        path: Path,
        *,
        lines: bool = True,
        orient: str = "records",
        compression: str | None = None,
        pandas_json_args_fn: Any = None,
        **options: Unpack[FileOptions],
    ) -> None:
        """Writes the rows as JSON files, an object a row.

        Args:
            path: A directory.
            lines: An object a line; else each file is an array of objects.
            orient: "records", as in pandas; there is no other.
            compression: Of each file as a whole: "gzip", "bz2", "zstd", "lz4", "brotli" or None.
            options: See `millstream.file_writing.FileOptions`.

        Dates and times are texts of ISO 8601, timestamps with a time zone in UTC; NaN and infinities are null; tensors
        are lists in lists. TypeError for columns of bytes, durations and unions.
        """
        refuse("write_json", {"pandas_json_args_fn": pandas_json_args_fn})
        if orient != "records":
            raise NotImplementedError(f"write_json(orient={orient!r}): files hold records; leave orient out")
        compressed = stream_codec("write_json", options, compression)
        files = _core.json_files(lines=check_flag(lines, "lines"), compression=compressed)
        self._file_job("write_json").run(path, files, options)

    def write_ipc(self, path: Path, *, compression: str | None = None, **options: Unpack[FileOptions]) -> None:
        """Writes the rows as files of Arrow's own format (.arrow, also known as Feather 2).

        Args:
            path: A directory.
            compression: Of each buffer: "lz4", "zstd" or None.
            options: See `millstream.file_writing.FileOptions`.

        Columns of dictionaries are written as their values.
        """
        refuse_stream_codec("write_ipc", options)
        self._file_job("write_ipc").run(path, _core.ipc_files(codec("write_ipc", compression)), options)

    def write_orc(
        self,
        path: Path,
        *,
        compression: str | None = None,
        arrow_orc_args_fn: Any = None,
        **options: Unpack[FileOptions],
    ) -> None:
        """Writes the rows as ORC files.

        Args:
            path: A directory.
            compression: "snappy", "zstd", "gzip" (ORC's zlib), "lz4" or None.
            options: See `millstream.file_writing.FileOptions`.

        TypeError for types that ORC does not have: whole numbers without a sign, times of day, durations.
        """
        refuse_stream_codec("write_orc", options)
        refuse("write_orc", {"arrow_orc_args_fn": arrow_orc_args_fn}, {"arrow_orc_args_fn": "give compression="})
        self._file_job("write_orc").run(path, _core.orc_files(codec("write_orc", compression)), options)

    def write_numpy(self, path: Path, *, column: str, **options: Unpack[FileOptions]) -> None:
        """Writes one column as .npy files: arrays whose first axis is the rows'.

        Args:
            path: A directory.
            column: Of numbers, or of lists or tensors of numbers that all have one shape.
            options: See `millstream.file_writing.FileOptions`.

        ValueError for a row of another shape, and for a null among whole numbers; floating-point nulls become NaN.
        """
        refuse_stream_codec("write_numpy", options)
        self._file_job("write_numpy").run(path, _core.numpy_files(check_text(column, "column")), options)

    def write_tfrecords(
        self, path: Path, *, tf_schema: Any = None, compression: str | None = None, **options: Unpack[FileOptions]
    ) -> None:
        """Writes the rows as TFRecord files of tf.train.Example, a feature a column.

        Args:
            path: A directory.
            tf_schema: A `tensorflow_metadata` Schema; the rows' types must be of its kinds.
            compression: Of each file as a whole: "gzip" and the like, or None.
            options: See `millstream.file_writing.FileOptions`.

        Whole numbers and booleans become int64 lists, floating-point numbers float lists of 32 bits, texts and bytes
        byte lists; lists and tensors give all their values, and a null no value.
        """
        if tf_schema is not None:
            from millstream.tfrecord_writing import check_kinds

            check_kinds(self._arrow_schema(), tf_schema)
        files = _core.tfrecord_files(stream_codec("write_tfrecords", options, compression))
        self._file_job("write_tfrecords").run(path, files, options)

    def write_webdataset(
        self, path: Path, *, encoder: Any = True, compression: str | None = None, **options: Unpack[FileOptions]
    ) -> None:
        """Writes the rows as tar files for WebDataset: a member "<key>.<column>" a value.

        The key is the column "__key__", else made of the file's name and the row's number in it; other columns that
        begin with "__" are left out, and a null has no member.

        Args:
            path: A directory.
            encoder: True; or a function that `map` is given before, so that it gives rows of bytes and texts. By the
                ends of their columns' names tensors of uint8 become pictures (jpg, png), numbers arrays (npy) and
                anything JSON has a form for such (json); other numbers become texts.
            compression: Of each file as a whole: "gzip" and the like, or None.
            options: See `millstream.file_writing.FileOptions`.

        TypeError for columns that have no form under their name; ValueError for a key that leads out of a directory.
        """
        if callable(encoder):
            encoded = self.map(encoder)
            try:
                encoded.write_webdataset(path, compression=compression, **options)
            finally:
                self._ran_last = encoded._ran_last
            return
        if encoder is not True:
            raise NotImplementedError(f"write_webdataset(encoder={encoder!r}): give True, or a function of a row")
        files = _core.tar_files(stream_codec("write_webdataset", options, compression))
        self._file_job("write_webdataset").run(path, files, options)

    def write_images(
        self, path: Path, column: str, *, file_format: str = "png", **options: Unpack[FileOptions]
    ) -> None:
        """Writes one column as pictures, a file a row.

        Args:
            path: A directory.
            column: Of uint8 tensors: (height, width), or (height, width, channels) with 1, 3 or, in PNG, 4 channels.
            file_format: "png", "jpg" or "jpeg", the latter two with a quality of 75.
            options: See `millstream.file_writing.FileOptions`; a file holds one row.

        ValueError for a null, and for a tensor that is no picture.
        """
        refuse_stream_codec("write_images", options)
        for name in ("min_rows_per_file", "max_rows_per_file", "num_rows_per_file", "min_bytes_per_file"):
            if options.get(name) is not None:
                raise TypeError(f"write_images() has no argument {name!r}: a picture is a file")
        form = check_text(file_format, "file_format").lower().removeprefix(".")
        if form not in ("png", "jpg", "jpeg"):
            raise NotImplementedError(f"write_images(file_format={file_format!r}): give 'png' or 'jpeg'")
        files = _core.image_files(check_text(column, "column"), form)
        self._file_job("write_images").run(path, files, options, one_row_a_file=True)

    def write_datasink(
        self, datasink: Datasink[Any], *, ray_remote_args: Any = None, concurrency: int | None = None
    ) -> None:
        """Writes the rows into a sink of the user's own, a `millstream.datasource.Datasink`, as a stream.

        Its `write` is called on this thread, one call after the other; `concurrency` is the most at one time, so any
        number will do. What it raises is raised, after its `on_write_failed` was called.
        """
        from millstream.datasink import write_datasink

        refuse_placement("write_datasink", {"ray_remote_args": ray_remote_args})
        if concurrency is not None:
            check_count(concurrency, "concurrency", least=1)
        order = self._context.execution_options.preserve_order
        self._ran_last = letters = ExecutionLetters()
        write_datasink(self._engine(), self._plan, datasink, preserve_order=order, letters=letters)

    def write_sql(
        self,
        sql: str,
        connection_factory: Callable[[], Any],
        *,
        ray_remote_args: Any = None,
        concurrency: int | None = None,
    ) -> None:
        """Runs a statement of a database, such as "INSERT INTO flights VALUES (?, ?)", with the values of each row.

        Args:
            sql: Its placeholders, as the driver writes those, take the columns in their order.
            connection_factory: Makes a connection of DB-API 2 or ADBC, such as `lambda: sqlite3.connect("flights.db")`.

        All rows go through one connection, in their order, and are committed once, at the end: a failure leaves nothing
        written, where the database has transactions. Rows are given to `executemany` a thousand at a time, or as Arrow
        batches where the connection is ADBC's; there "INSERT INTO table (columns) VALUES (?, ...)" of nothing but
        columns and placeholders, into columns of just the rows' types, becomes `adbc_ingest`, which is faster.

        What the driver raises is raised as a UserCodeError; no message repeats what a failing connection says in
        quotes.
        """
        from millstream.sql_writing import SQLDatasink

        refuse_placement("write_sql", {"ray_remote_args": ray_remote_args})
        self.write_datasink(SQLDatasink(sql, connection_factory), concurrency=concurrency)

    def write_lance(
        self,
        path: str | os.PathLike[str],
        *,
        mode: SaveMode | str = "create",
        ray_remote_args: Any = None,
        concurrency: int | None = None,
        **options: Any,
    ) -> None:
        """Writes the rows as a table of Lance: one new version of it, which is there once all rows are.

        Args:
            path: The table's directory, or its address where Lance knows the store.
            mode: "create" raises FileExistsError where there is a table, "append" adds rows, "overwrite" makes a
                version of these rows alone; both make a table where there is none.
            options: `schema`, a pyarrow.Schema that the rows are cast to; `max_rows_per_file` (2²⁶) and
                `min_rows_per_file` (2²⁰), which files but the last have anyway; `data_storage_version`;
                `storage_options`, of the store.

        Appended rows are brought to the table's types where no value changes; TypeError where one does, and for rows
        that are not of `schema`. What Lance raises is raised as a UserCodeError.
        """
        from millstream.lance_tables import LanceDatasink

        refuse_placement("write_lance", {"ray_remote_args": ray_remote_args})
        self.write_datasink(LanceDatasink(path, mode=mode, **options), concurrency=concurrency)

    def write_iceberg(
        self,
        table_identifier: str,
        *,
        mode: SaveMode | str = "append",
        ray_remote_args: Any = None,
        concurrency: int | None = None,
        **options: Any,
    ) -> None:
        """Writes the rows into a table of Apache Iceberg that is there already, in one commit at the end.

        Args:
            table_identifier: Its name in its catalog, such as "weather.daily".
            mode: "append" adds rows; "overwrite" deletes those for which `overwrite_filter` is true, all by default,
                and adds these.
            options: `catalog_kwargs` as in `read_iceberg`; `overwrite_filter`, a text or an expression of pyiceberg;
                `overwrite_kwargs` ("case_sensitive", "branch"); `snapshot_properties`, texts that the snapshot keeps.

        Columns are brought to the table's types where no value changes, TypeError where one does; columns that the
        table does not have are added to it, and those that the rows lack are null. What pyiceberg raises is raised as a
        UserCodeError. Where the rows fail no snapshot is made, and the files written until then are deleted.
        """
        from millstream.iceberg_tables import IcebergDatasink

        refuse_placement("write_iceberg", {"ray_remote_args": ray_remote_args})
        self.write_datasink(IcebergDatasink(table_identifier, mode=mode, **options), concurrency=concurrency)

    def write_delta(
        self,
        path: str | os.PathLike[str],
        *,
        mode: SaveMode | str = "append",
        ray_remote_args: Any = None,
        concurrency: int | None = None,
        **options: Any,
    ) -> None:
        """Writes the rows as a Delta table: one new version of it, which is there once all rows are.

        Args:
            path: The table's directory, or its address where deltalake knows the store. Made where there is no table.
            mode: "append" adds rows, "overwrite" replaces all, "ignore" leaves a table as it is, "error" raises
                FileExistsError where there is one.
            options: `partition_by`, names of columns; `schema_mode`, "merge" (the default) adds columns that the table
                does not have, "overwrite" with that mode replaces its columns, None refuses others; `storage_options`,
                of the store; `name` and `description` of a new table.

        Columns are brought to the table's types where no value changes, TypeError where one does. What deltalake raises
        is raised as a UserCodeError. Where the rows fail there is no new version; files that were written until then
        stay, unseen by readers, until the table is vacuumed.
        """
        from millstream.delta_tables import DeltaDatasink

        refuse_placement("write_delta", {"ray_remote_args": ray_remote_args})
        sink = DeltaDatasink(path, mode=mode, **options)
        if not sink.is_done():
            self.write_datasink(sink, concurrency=concurrency)
