"""Columns of numbers as one column of vectors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from millstream.arguments import check_flag, check_text
from millstream.batch_format import is_variable_shape_type, numpy_of_array
from millstream.dataset import Dataset
from millstream.preprocessors.columns import checked_names
from millstream.preprocessors.table_preprocessor import TablePreprocessor
from millstream.result_columns import one_chunk

if TYPE_CHECKING:
    import numpy
    import pyarrow


class Concatenator(TablePreprocessor):
    """The columns side by side in one column of tensors, in their place at the end.

    Args:
        columns: Of numbers, in the order in which the vector is to have them.
        output_column_name: Of the vectors.
        dtype: numpy's, for their values; None takes one that holds all columns.
        raise_if_missing: Whether a column that is not there is a ValueError, rather than a KeyError.
        flatten: Whether columns may hold lists and tensors, whose values are put into the vector one after the other.

    Missing values become NaN; ValueError where `dtype` has none.
    """

    _is_fittable = False

    def __init__(
        self,
        columns: list[str],
        output_column_name: str = "concat_out",
        dtype: Any = None,
        raise_if_missing: bool = False,
        flatten: bool = False,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        if not self.columns:
            raise ValueError("Concatenator needs at least one column")
        self.output_column_name = check_text(output_column_name, "output_column_name")
        if dtype is not None:
            import numpy

            dtype = numpy.dtype(dtype)
            if dtype.kind not in "biuf":
                raise TypeError(f"dtype must be one of numbers, not {dtype}")
        self.dtype = dtype
        self.raise_if_missing = check_flag(raise_if_missing, "raise_if_missing")
        self.flatten = check_flag(flatten, "flatten")

    def get_output_columns(self) -> list[str]:
        return [self.output_column_name]

    def _gone_columns(self) -> list[str]:
        return self.columns

    def _transform(self, ds: Dataset, *args: Any, **options: Any) -> Dataset:
        try:
            return super()._transform(ds, *args, **options)
        except KeyError as error:
            raise (ValueError(*error.args) if self.raise_if_missing else error) from None

    def _transform_arrow(self, table: pyarrow.Table) -> dict[str, Any]:
        try:
            return super()._transform_arrow(table)
        except KeyError as error:
            raise (ValueError(*error.args) if self.raise_if_missing else error) from None

    def _new_columns(self, table: pyarrow.Table) -> dict[str, Any]:
        import numpy

        parts = [self._values(name, table.column(name)) for name in self.columns]
        if any(isinstance(part, list) for part in parts):  # lists of several lengths
            return {self.output_column_name: [numpy.concatenate(row) for row in zip(*map(_rows, parts), strict=True)]}
        return {self.output_column_name: numpy.concatenate([_rows(part) for part in parts], axis=1)}

    def _values(self, name: str, column: pyarrow.ChunkedArray) -> Any:
        """An array with the rows as its first axis, or a list of arrays of several lengths."""
        import numpy

        values: Any = numpy_of_array(one_chunk(column), name, is_variable_shape_type(column.type))
        if values.dtype == object and self.flatten:
            if column.null_count:
                raise ValueError(f"Concatenator: column {name!r} has rows without a list; fill them first")
            rows = [numpy.asarray(row).reshape(-1) for row in values]
            values = numpy.array(rows) if len({len(row) for row in rows}) == 1 else rows
        if isinstance(values, list):
            return [self._cast(name, row, column) for row in values]
        if values.ndim > 1 and not self.flatten:
            raise TypeError(f"Concatenator: column {name!r} holds {column.type}; flatten=True takes lists and tensors")
        return self._cast(name, values, column)

    def _cast(self, name: str, values: numpy.ndarray[Any, Any], column: pyarrow.ChunkedArray) -> Any:
        if values.dtype.kind not in "biuf":
            hint = "; flatten=True takes lists" if "list" in str(column.type) else "; cast it"
            raise TypeError(f"Concatenator: column {name!r} of type {column.type} does not hold numbers{hint}")
        if self.dtype is None:
            return values
        if self.dtype.kind != "f" and values.dtype.kind == "f" and (values != values).any():
            raise ValueError(
                f"Concatenator: column {name!r} has missing values, and dtype {self.dtype} none for them; "
                "fill them with SimpleImputer first, or take a dtype of floats"
            )
        return values.astype(self.dtype)


def _rows(part: Any) -> Any:
    return part if isinstance(part, list) else part.reshape(len(part), math.prod(part.shape[1:]))
