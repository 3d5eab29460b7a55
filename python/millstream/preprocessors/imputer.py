"""Missing values filled in."""

from __future__ import annotations

from typing import Any

from millstream.aggregate import ApproximateTopK, Mean
from millstream.dataset import Dataset
from millstream.expressions import Expr, col, lit
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.columns import (
    checked_names,
    checked_outputs,
    column_types,
    if_else,
    is_float,
    is_number,
    nan_as_null,
    number,
    without_nan,
)
from millstream.preprocessors.expression_preprocessor import ExpressionPreprocessor

_STRATEGIES = ("mean", "most_frequent", "constant")


class SimpleImputer(ExpressionPreprocessor):
    """Nulls and NaN replaced by a value. A column that the data set lacks is made, of that value alone.

    Args:
        columns: Those to fill.
        strategy: "mean" of the values that are there, of numbers, which become double where they are whole; their
            "most_frequent" one, the least of several; or "constant".
        fill_value: The value of "constant".
        output_columns: Names of the results; None writes over the columns.

    `stats_` has "mean(x)" or "most_frequent(x)". ValueError in `transform` where `fit` found no value in a column.
    """

    def __init__(
        self,
        columns: list[str],
        strategy: str = "mean",
        fill_value: Any = None,
        *,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        if strategy not in _STRATEGIES:
            raise ValueError(f"strategy must be {', '.join(map(repr, _STRATEGIES))}, got {strategy!r}")
        if strategy == "constant":
            self._is_fittable = False
            if fill_value is None:
                raise ValueError("strategy='constant' needs a fill_value, for instance fill_value=0")
            lit(fill_value)
        self.strategy = strategy
        self.fill_value = fill_value
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _fit(self, ds: Dataset) -> Preprocessor:
        if not self.columns:
            return self
        if self.strategy == "mean":
            self.stats_ = without_nan(ds, self.columns, self).aggregate(*map(Mean, self.columns)) or {}
        else:
            self.stats_ = {f"most_frequent({column})": value for column, value in _most_frequent(ds, self.columns)}
        return self

    def _expressions(self, ds: Dataset) -> dict[str, Expr]:
        types = column_types(ds, fetch=True)
        return {
            output: self._filled(column, types.get(column))
            for column, output in zip(self.columns, self.output_columns, strict=True)
        }

    def _filled(self, column: str, kind: str | None) -> Expr:
        value = self._value(column)
        if kind is None:
            return lit(value)
        present = nan_as_null(column) if is_float(kind) else col(column)
        if is_number(kind) and isinstance(value, float) and not is_float(kind):
            present = number(column)
        elif is_number(kind) and isinstance(value, str | bytes) and kind != "null":
            raise TypeError(
                f"SimpleImputer: {value!r} cannot fill the gaps of column {column!r}, which holds numbers ({kind}); "
                "give a number, or cast the column"
            )
        elif kind == "float":  # a literal is double, and would make the column so
            return if_else(present.is_null(), lit(value).cast("float32"), present)
        return present.fill_null(value)

    def _value(self, column: str) -> Any:
        if self.strategy == "constant":
            return self.fill_value
        value = self.stats_[f"{self.strategy}({column})"]
        if value is None:
            raise ValueError(
                f"SimpleImputer: column {column!r} had no value in the data set that fit() saw, so there is none to "
                "fill its gaps with; leave it out, or use strategy='constant'"
            )
        return value


def _most_frequent(ds: Dataset, columns: list[str]) -> list[tuple[str, Any]]:
    """Of several that are equally frequent, the least."""
    types = column_types(ds, fetch=True)
    rows = ds.select_columns(columns)
    rows = rows.with_columns({name: nan_as_null(name) for name in columns if is_float(types.get(name, ""))})
    found = rows.aggregate(*(ApproximateTopK(column, 1) for column in columns)) or {}
    tops = {column: found[f"approx_topk({column})"] for column in columns}
    return [(column, top[0][column] if top else None) for column, top in tops.items()]
