"""Categories as whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.arguments import check_flag, check_text
from millstream.dataset import Dataset
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.categories import CategoryNumbers, fitted_categories, flat_lists, is_list, refuse_missing
from millstream.preprocessors.columns import checked_names, checked_outputs
from millstream.preprocessors.table_preprocessor import TablePreprocessor

if TYPE_CHECKING:
    import pyarrow


class OrdinalEncoder(TablePreprocessor):
    """Each value as its number among the distinct values of its column in their order, from 0; null for one not seen.

    Args:
        columns: Of categories: texts, numbers, dates, or lists of them.
        encode_lists: Whether the items of a list are the categories, or the lists.
        output_columns: Names of the results; None writes over the columns.

    `stats_` has "unique_values(x)", a dict. ValueError where a column has missing values.
    """

    def __init__(
        self, columns: list[str], *, encode_lists: bool = True, output_columns: list[str] | None = None
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.encode_lists = check_flag(encode_lists, "encode_lists")
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _fit(self, ds: Dataset) -> Preprocessor:
        found = fitted_categories(ds, self.columns, self, items=self.encode_lists)
        self.stats_ = {f"unique_values({column})": values for column, values in found.items()}
        return self

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        refuse_missing(table, self.columns, self)
        return {
            output: self._encoded(table.column(column), self._numbers_of(f"unique_values({column})"))
            for column, output in zip(self.columns, self.output_columns, strict=True)
        }

    def _encoded(self, values: pyarrow.ChunkedArray, numbers: CategoryNumbers) -> pyarrow.Array:
        import pyarrow
        import pyarrow.compute

        if not (self.encode_lists and is_list(str(values.type))):
            return numbers.of(values)
        lengths = pyarrow.compute.list_value_length(values).to_numpy()
        items, _ = flat_lists(values)
        offsets = pyarrow.array([0, *lengths.cumsum()], pyarrow.int32())
        return pyarrow.ListArray.from_arrays(offsets, numbers.of(items))


class LabelEncoder(TablePreprocessor):
    """The labels of a column as numbers, as OrdinalEncoder makes them; `inverse_transform` makes labels of numbers.

    Args:
        label_column: Of the labels.
        output_column: Name of the result; None writes over the labels.

    `stats_` has "unique_values(x)", a dict. ValueError where the column has missing values.
    """

    def __init__(self, label_column: str, *, output_column: str | None = None) -> None:
        super().__init__()
        self.label_column = check_text(label_column, "label_column")
        self.output_column = check_text(output_column or label_column, "output_column")

    def get_input_columns(self) -> list[str]:
        return [self.label_column]

    def get_output_columns(self) -> list[str]:
        return [self.output_column]

    def inverse_transform(self, ds: Dataset) -> Dataset:
        """The labels of the numbers in the output column, written to the label column; null for another number.

        PreprocessorNotFittedException before `fit`.
        """
        self._check_fitted("inverse_transform")
        ds.select_columns([self.output_column])
        return ds.map_batches(_LabelsOf(self), batch_format="pyarrow")

    def _fit(self, ds: Dataset) -> Preprocessor:
        found = fitted_categories(ds, [self.label_column], self, items=True)
        self.stats_ = {f"unique_values({self.label_column})": found[self.label_column]}
        return self

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        refuse_missing(table, [self.label_column], self)
        numbers = self._numbers_of(f"unique_values({self.label_column})")
        return {self.output_column: numbers.of(table.column(self.label_column))}

    def _labels(self) -> dict[Any, int]:
        labels: dict[Any, int] = self.stats_[f"unique_values({self.label_column})"]
        return labels


class _LabelsOf:
    """The labels of a LabelEncoder's numbers."""

    def __init__(self, encoder: LabelEncoder) -> None:
        self.__name__ = type(encoder).__name__
        self._encoder = encoder

    def __call__(self, table: pyarrow.Table) -> dict[str, Any]:
        import pyarrow
        import pyarrow.compute

        labels = self._encoder._labels()
        numbers = pyarrow.array(list(labels.values()), pyarrow.int64())
        given = table.column(self._encoder.output_column).cast(pyarrow.int64())
        places = pyarrow.compute.index_in(given, numbers)
        found = pyarrow.chunked_array([pyarrow.array(list(labels))]).take(places)
        columns = dict(zip(table.column_names, table.columns, strict=True))
        return columns | {self._encoder.label_column: found}
