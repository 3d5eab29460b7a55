"""Columns as categoricals of pandas, which are dictionaries in Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from millstream.dataset import Dataset
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.categories import fitted_categories
from millstream.preprocessors.columns import checked_names, checked_outputs
from millstream.preprocessors.table_preprocessor import TablePreprocessor

if TYPE_CHECKING:
    import pandas
    import pyarrow


class Categorizer(TablePreprocessor):
    """Each column with the same categories in every batch and every data set. A value that is none becomes null.

    Args:
        columns: Of texts, numbers or dates.
        dtypes: A pandas.CategoricalDtype for those columns whose categories are known; `fit` finds the others'.
        output_columns: Names of the results; None writes over the columns.

    `stats_` has the dtype of each column, by its name.
    """

    def __init__(
        self,
        columns: list[str],
        dtypes: Mapping[str, pandas.CategoricalDtype] | None = None,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.dtypes = _checked_dtypes(dtypes, self.columns)
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _fit(self, ds: Dataset) -> Preprocessor:
        import pandas

        ds.select_columns(self.columns)
        sought = [name for name in self.columns if name not in self.dtypes]
        found = fitted_categories(ds, sought, self, drop_missing=True)
        self.stats_ = {
            name: self.dtypes[name] if name in self.dtypes else pandas.CategoricalDtype(list(found[name]))
            for name in self.columns
        }
        return self

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        return {
            output: self._categorical(table.column(column), column)
            for column, output in zip(self.columns, self.output_columns, strict=True)
        }

    def _categorical(self, values: pyarrow.ChunkedArray, column: str) -> pyarrow.DictionaryArray:
        dtype = self.stats_[column]
        return dictionary(self._numbers_of(column).of(values), dtype.categories.tolist(), bool(dtype.ordered))

    def _numbered(self, categories: pandas.CategoricalDtype) -> dict[Any, int]:
        return {category: number for number, category in enumerate(categories.categories.tolist())}


def dictionary(numbers: pyarrow.Array, categories: list[Any], ordered: bool) -> pyarrow.DictionaryArray:
    """Of the narrowest whole numbers that number the categories, as pandas has them."""
    import pyarrow

    widths = (pyarrow.int8(), pyarrow.int16(), pyarrow.int32())
    width = next(kind for kind in widths if len(categories) < 2 ** (kind.bit_width - 1))
    return pyarrow.DictionaryArray.from_arrays(numbers.cast(width), pyarrow.array(categories), ordered=ordered)


def _checked_dtypes(dtypes: Any, columns: list[str]) -> dict[str, Any]:
    if not dtypes:
        return {}
    import pandas

    if not isinstance(dtypes, Mapping):
        raise TypeError(f"dtypes takes a dict of columns and pandas.CategoricalDtype, not {type(dtypes).__name__}")
    for column, dtype in dtypes.items():
        if column not in columns:
            raise ValueError(f"dtypes has column {column!r}, which is not one of {columns}")
        if not isinstance(dtype, pandas.CategoricalDtype) or dtype.categories is None:
            raise TypeError(f"dtypes[{column!r}] must be a pandas.CategoricalDtype with categories, not {dtype!r}")
    return dict(dtypes)
