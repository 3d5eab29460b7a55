"""Many columns of counts as one short vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.arguments import check_count, check_text
from millstream.batch_format import numpy_of_array
from millstream.preprocessors.columns import checked_names
from millstream.preprocessors.table_preprocessor import TablePreprocessor
from millstream.preprocessors.tokens import simple_hash
from millstream.preprocessors.vectors import batch_rows
from millstream.result_columns import one_chunk

if TYPE_CHECKING:
    import pyarrow


class FeatureHasher(TablePreprocessor):
    """A column of tensors: at each place the sum of those columns whose names hash to it. The columns stay.

    Args:
        columns: Of numbers, for instance how often the token of the column's name is in the row's text.
        num_features: Length of the vectors; several columns may share a place.
        output_column: Of the vectors.

    A missing value makes its place NaN. The hash depends on the name alone, and is ray.data's.
    """

    _is_fittable = False

    def __init__(self, columns: list[str], num_features: int, output_column: str) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.num_features = check_count(num_features, "num_features", least=1)
        self.output_column = check_text(output_column, "output_column")

    def get_output_columns(self) -> list[str]:
        return [self.output_column]

    def _get_transform_config(self) -> dict[str, Any]:
        return batch_rows(self.num_features, 8)

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        import numpy

        values = [self._values(name, table.column(name)) for name in self.columns]
        dtype = numpy.result_type(numpy.int64, *{array.dtype for array in values})
        vectors = numpy.zeros((len(table), self.num_features), dtype)
        for name, array in zip(self.columns, values, strict=True):
            vectors[:, simple_hash(name, self.num_features)] += array
        return {self.output_column: vectors}

    def _values(self, name: str, column: pyarrow.ChunkedArray) -> Any:
        values = numpy_of_array(one_chunk(column), name, False)
        if values.dtype.kind not in "biuf":
            raise TypeError(f"FeatureHasher: column {name!r} of type {column.type} does not hold numbers; cast it")
        return values
