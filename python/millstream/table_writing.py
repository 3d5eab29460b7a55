"""What the writers of tables share: all rows as one stream, which a library writes and commits at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from millstream.datasink import Datasink, TaskContext, WriteResult
from millstream.type_fits import brought_field
from millstream.user_code_error import library_error

if TYPE_CHECKING:
    import pyarrow

_ALL_ROWS = 1 << 62


class StreamDatasink(Datasink[None]):
    """Gives a library all rows in one call, as a stream of batches; it commits them at the end, or nothing.

    An error of the rows is raised as it is, although it came through the library.
    """

    name = ""

    def write_stream(self, rows: pyarrow.RecordBatchReader) -> None:
        """Writes and commits them: to be overridden."""
        raise NotImplementedError

    def check_target(self) -> None:
        """Raises before anything is written: to be overridden."""

    def write_schema(self, schema: pyarrow.Schema) -> pyarrow.Schema:
        """What the rows are cast to: to be overridden."""
        return schema

    # ---- what is called ----
    def get_name(self) -> str:
        return self.name

    @property
    def min_rows_per_write(self) -> int | None:
        return _ALL_ROWS

    def on_write_start(self, schema: pyarrow.Schema | None = None) -> None:
        import pyarrow

        self.check_target()
        self._schema = self.write_schema(pyarrow.schema([]) if schema is None else schema)

    def write(self, blocks: Iterable[pyarrow.Table], ctx: TaskContext) -> None:
        self._write(blocks)

    def on_write_complete(self, write_result: WriteResult[None]) -> None:
        if not write_result.write_returns:  # there were no rows, and the table is to be there all the same
            self._write([])

    def _write(self, blocks: Iterable[pyarrow.Table]) -> None:
        import pyarrow

        batches = _Batches(blocks, self._schema, f"Write{self.name}")
        try:
            self.write_stream(pyarrow.RecordBatchReader.from_batches(self._schema, batches))
        except Exception as error:
            if batches.error is not None:
                raise batches.error from None
            raise library_error(f"Write{self.name}", error) from error


def brought_schema(schema: pyarrow.Schema, of_table: pyarrow.Schema, where: str) -> pyarrow.Schema:
    """The rows' columns with the table's types; those that it does not have as they are. TypeError where values would
    change: libraries do not all ask.
    """
    import pyarrow

    fields = []
    for field in schema:
        at = of_table.get_field_index(field.name)
        known = field if at < 0 else of_table.field(at)
        kept = brought_field(known, field)
        if kept is None:
            raise TypeError(
                f"{where}: column {field.name!r} is {field.type}, and {known.type} in the table; bring it to that type "
                "with with_column() and cast()"
            )
        fields.append(kept)
    return pyarrow.schema(fields)


class _Batches:
    """The blocks as record batches, and what they raised."""

    def __init__(self, blocks: Iterable[pyarrow.Table], schema: pyarrow.Schema, where: str) -> None:
        self._blocks = blocks
        self._schema = schema
        self._where = where
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[Any]:
        try:
            for block in self._blocks:
                yield from self._cast(block).to_batches()
        except GeneratorExit:  # the library wants no more, and will say why
            raise
        except BaseException as error:
            self.error = error
            raise

    def _cast(self, block: pyarrow.Table) -> pyarrow.Table:
        import pyarrow

        if block.schema == self._schema:
            return block
        try:
            return block.cast(self._schema)
        except (pyarrow.ArrowException, ValueError) as error:
            text = f"{self._where}: the rows are not of the table's types ({error})"
        raise TypeError(text)
