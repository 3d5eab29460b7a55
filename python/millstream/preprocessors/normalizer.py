"""Rows scaled to length one."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from millstream.dataset import Dataset
from millstream.expressions import Expr
from millstream.preprocessors.columns import check_numbers, checked_names, checked_outputs, if_else, number
from millstream.preprocessors.expression_preprocessor import ExpressionPreprocessor


class Normalizer(ExpressionPreprocessor):
    """The columns of each row divided by their norm, as double.

    Args:
        columns: Of numbers; a row's values in them are one vector.
        norm: "l1" (the sum of the absolute values), "l2" (the square root of the sum of the squares), or "max" (the
            greatest absolute value).
        output_columns: Names of the results; None writes over the columns.

    Missing values stay as they are and count as zero in the norm. A row of zeros becomes NaN.
    """

    _is_fittable = False

    def __init__(self, columns: list[str], norm: str = "l2", *, output_columns: list[str] | None = None) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        if norm not in _NORMS:
            raise ValueError(f"norm must be {', '.join(map(repr, _NORMS))}, got {norm!r}")
        self.norm = norm
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _expressions(self, ds: Dataset) -> dict[str, Expr]:
        check_numbers(ds, self.columns, self)
        values = [number(column) for column in self.columns]
        if not values:
            return {}
        norm = _NORMS[self.norm]([if_else(value.is_nan(), 0.0, value).fill_null(0.0) for value in values])
        return {output: value / norm for output, value in zip(self.output_columns, values, strict=True)}


def _sum_of_sizes(values: list[Expr]) -> Expr:
    return reduce(lambda left, right: left + right, (value.abs() for value in values))


def _length(values: list[Expr]) -> Expr:
    return reduce(lambda left, right: left + right, (value * value for value in values))._call("sqrt")


def _greatest_size(values: list[Expr]) -> Expr:
    return reduce(lambda left, right: if_else(left >= right, left, right), (value.abs() for value in values))


_NORMS: dict[str, Callable[[list[Expr]], Expr]] = {"l1": _sum_of_sizes, "l2": _length, "max": _greatest_size}
