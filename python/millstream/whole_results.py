"""All rows at once, as one pyarrow table or one pandas frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from millstream import _core

if TYPE_CHECKING:
    import pandas
    import pyarrow


def arrow_table(schema: _core.Schema, batches: Iterable[_core.Batch]) -> pyarrow.Table:
    """The batches as one table; their memory is shared, not copied."""
    import pyarrow

    arrow_schema = pyarrow.schema(schema)
    return pyarrow.Table.from_batches([pyarrow.record_batch(batch) for batch in batches], schema=arrow_schema)


def data_frame(table: pyarrow.Table) -> pandas.DataFrame:
    """The table as a frame whose columns keep their Arrow types, so that integers with nulls stay integers."""
    import pandas

    return table.to_pandas(types_mapper=pandas.ArrowDtype)
