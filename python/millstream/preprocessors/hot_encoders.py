"""Categories as vectors with one place a category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.dataset import Dataset
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.categories import (
    checked_max_categories,
    fitted_categories,
    flat_lists,
    is_list,
    refuse_missing,
)
from millstream.preprocessors.columns import checked_names, checked_outputs
from millstream.preprocessors.table_preprocessor import TablePreprocessor
from millstream.preprocessors.vectors import batch_rows, counted, vector_column

if TYPE_CHECKING:
    import pyarrow


class _HotEncoder(TablePreprocessor):
    """A subclass says of which type vectors are, and whether the items of lists are categories."""

    _DTYPE: str
    _ITEMS: bool

    def __init__(
        self,
        columns: list[str],
        *,
        max_categories: dict[str, int] | None = None,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.max_categories = checked_max_categories(max_categories, self.columns)
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _fit(self, ds: Dataset) -> Preprocessor:
        found = fitted_categories(ds, self.columns, self, max_categories=self.max_categories, items=self._ITEMS)
        self.stats_ = {f"unique_values({column})": values for column, values in found.items()}
        return self

    def _get_transform_config(self) -> dict[str, Any]:
        import numpy

        return batch_rows(sum(map(len, self.stats_.values())), numpy.dtype(self._DTYPE).itemsize)

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        refuse_missing(table, self.columns, self)
        return {
            output: self._vectors(table.column(column), f"unique_values({column})")
            for column, output in zip(self.columns, self.output_columns, strict=True)
        }

    def _vectors(self, values: pyarrow.ChunkedArray, stat: str) -> pyarrow.Array:
        import numpy

        if self._ITEMS and is_list(str(values.type)):
            items, rows = flat_lists(values)
        else:
            items, rows = values, numpy.arange(len(values))
        places = self._numbers_of(stat).of(items)
        known = places.is_valid().to_numpy(zero_copy_only=False)
        matrix = counted(rows[known], places.drop_null().to_numpy(), len(values), len(self.stats_[stat]), self._DTYPE)
        return vector_column(matrix)


class OneHotEncoder(_HotEncoder):
    """Each value as a vector (a list of uint8 of a fixed size): 1 at the place of its category, else 0.

    Args:
        columns: Of categories: texts, numbers, dates, or lists, which are categories as a whole.
        max_categories: For some columns how many categories have a place: the most frequent ones.
        output_columns: Names of the results; None writes over the columns.

    A value that is no category is all zeros. Categories are in their order. `stats_` has "unique_values(x)", a dict.
    ValueError where a column has missing values.
    """

    _DTYPE = "uint8"
    _ITEMS = False


class MultiHotEncoder(_HotEncoder):
    """Each list as a vector (a list of int64 of a fixed size): how often the list has each category.

    Args:
        columns: Of lists of categories, or of categories.
        max_categories: For some columns how many categories have a place: the most frequent ones.
        output_columns: Names of the results; None writes over the columns.

    Categories are in their order. `stats_` has "unique_values(x)", a dict. ValueError where a column has missing
    values.
    """

    _DTYPE = "int64"
    _ITEMS = True
