"""What readers and writers of other libraries' data share."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.datasource import Datasource, ReadTask
from millstream.whole_results import arrow_table, data_frame

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from millstream.context import DataContext

BLOCK_BYTES = 4 << 20  # of rows that are read as one block, about
BLOCK_ROWS_MAX = 1 << 14


class Pieces(Datasource):
    """The rows of a library's object, read by tasks that `tasks` makes: about as many as it is asked for.

    `size_bytes` is that of all rows in memory, None where nobody knows.
    """

    def __init__(self, name: str, tasks: Callable[[int], Sequence[ReadTask]], size_bytes: int | None = None) -> None:
        self._name = name
        self._tasks = tasks
        self._size_bytes = size_bytes

    def get_name(self) -> str:
        return self._name

    def estimate_inmemory_data_size(self) -> int | None:
        return self._size_bytes

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: DataContext | None = None
    ) -> list[ReadTask]:
        return list(self._tasks(parallelism))


def library(module: str, extra: str, function: str | None = None, package: str | None = None) -> Any:
    """The module, imported. ImportError that says how to install it, and which function needs what package for it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        needed = module if function is None else f"{function} needs {package or module}, which"
        raise ImportError(f"{needed} cannot be imported ({error}); pip install 'millstream[{extra}]'") from error


def row_ranges(rows: int, parts: int) -> list[range]:
    """The numbers of `rows` rows in at most `parts` runs of about the same length; for none an empty one."""
    parts = max(1, min(parts, rows))
    return [range(first, end) for first, end in itertools.pairwise(rows * part // parts for part in range(parts + 1))]


def block_ranges(rows: range, row_bytes: float) -> list[range]:
    """Runs of about BLOCK_BYTES within a run of rows."""
    most = max(1, min(BLOCK_ROWS_MAX, int(BLOCK_BYTES // max(row_bytes, 1))))
    return [rows[first : first + most] for first in range(0, len(rows), most)]


def without_views(schema: pyarrow.Schema) -> pyarrow.Schema:
    """Texts and bytes in the types that other libraries take."""
    import pyarrow

    types = {pyarrow.string_view(): pyarrow.large_string(), pyarrow.binary_view(): pyarrow.large_binary()}
    return pyarrow.schema([field.with_type(types.get(field.type, field.type)) for field in schema])


def without_dictionaries(schema: pyarrow.Schema) -> pyarrow.Schema:
    """The types of their values."""
    import pyarrow

    decoded = pyarrow.types.is_dictionary
    return pyarrow.schema(
        [field.with_type(field.type.value_type) if decoded(field.type) else field for field in schema]
    )


def pandas_frame(schema: Callable[[], _core.Schema | None], batches: Iterable[_core.Batch]) -> pandas.DataFrame:
    """The batches as one frame of the types of `Dataset.to_pandas`; `schema` is asked where there are none."""
    table = arrow_table(schema, batches)
    return data_frame(table.cast(without_views(table.schema)))
