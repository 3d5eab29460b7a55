"""All rows at once, as one pyarrow table or one pandas frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from millstream import _core

if TYPE_CHECKING:
    import pandas
    import pyarrow


def arrow_table(schema: Callable[[], _core.Schema | None], batches: Iterable[_core.Batch]) -> pyarrow.Table:
    """The batches as one table; their memory is shared, not copied. `schema` is asked where there are none."""
    import pyarrow

    parts = [pyarrow.record_batch(batch) for batch in batches]
    arrow_schema = parts[0].schema if parts else pyarrow.schema(schema())
    return pyarrow.Table.from_batches(parts, schema=arrow_schema)


def data_frame(table: pyarrow.Table) -> pandas.DataFrame:
    """The table as a frame whose columns keep their Arrow types, so that integers with nulls stay integers.

    Dictionaries become categoricals, as in ray.data.
    """
    import pandas
    import pyarrow

    def mapped(kind: Any) -> Any:
        return None if pyarrow.types.is_dictionary(kind) else pandas.ArrowDtype(kind)

    return table.to_pandas(types_mapper=mapped)
