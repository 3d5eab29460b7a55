"""Columns of numbers moved and scaled by what the whole column holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from millstream.aggregate import AbsMax, AggregateFn, Max, Mean, Min, Quantile, Std
from millstream.arguments import check_count
from millstream.dataset import Dataset
from millstream.expressions import Expr
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.columns import (
    check_numbers,
    checked_names,
    checked_outputs,
    no_number,
    number,
    without_nan,
)
from millstream.preprocessors.expression_preprocessor import ExpressionPreprocessor

_SPREAD_MIN = 1e-8  # a column that varies less is taken as constant


class _Scaler(ExpressionPreprocessor):
    """(x - shift) / scale, as double. A column without a value in `fit` becomes null."""

    def __init__(self, columns: list[str], output_columns: list[str] | None = None) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.output_columns = checked_outputs(self.columns, output_columns)

    def _aggregates(self, column: str) -> list[AggregateFn]:
        raise NotImplementedError

    def _shift_and_scale(self, column: str) -> tuple[float, float] | None:
        """From `stats_`; None where the column had no value."""
        raise NotImplementedError

    def _fit(self, ds: Dataset) -> Preprocessor:
        aggregates = [aggregate for column in self.columns for aggregate in self._aggregates(column)]
        if aggregates:
            self.stats_ = without_nan(ds, self.columns, self).aggregate(*aggregates) or {}
        return self

    def _expressions(self, ds: Dataset) -> dict[str, Expr]:
        check_numbers(ds, self.columns, self)
        return {output: self._scaled(column) for column, output in zip(self.columns, self.output_columns, strict=True)}

    def _scaled(self, column: str) -> Expr:
        known = self._shift_and_scale(column)
        if known is None:
            return number(column) * no_number()
        shift, scale = known
        return (number(column) - shift) / scale

    def _known(self, *names: str) -> list[float] | None:
        """These of `stats_`, or None where one is."""
        values = [self.stats_[name] for name in names]
        return None if None in values else [float(value) for value in values]


class StandardScaler(_Scaler):
    """Each column less its mean, divided by its standard deviation (of the population).

    A constant column becomes zeros. `stats_` has "mean(x)" and "std(x)".
    """

    def _aggregates(self, column: str) -> list[AggregateFn]:
        return [Mean(column), Std(column, ddof=0)]

    def _shift_and_scale(self, column: str) -> tuple[float, float] | None:
        known = self._known(f"mean({column})", f"std({column})")
        return None if known is None else (known[0], 1.0 if known[1] < _SPREAD_MIN else known[1])


class MinMaxScaler(_Scaler):
    """Each column from 0, its least value, to 1, its greatest. A constant one becomes zeros.

    `stats_` has "min(x)" and "max(x)".
    """

    def _aggregates(self, column: str) -> list[AggregateFn]:
        return [Min(column), Max(column)]

    def _shift_and_scale(self, column: str) -> tuple[float, float] | None:
        known = self._known(f"min({column})", f"max({column})")
        if known is None:
            return None
        least, greatest = known
        return least, 1.0 if greatest - least < _SPREAD_MIN else greatest - least


class MaxAbsScaler(_Scaler):
    """Each column divided by its greatest absolute value. Zeros stay zeros. `stats_` has "abs_max(x)"."""

    def _aggregates(self, column: str) -> list[AggregateFn]:
        return [AbsMax(column)]

    def _shift_and_scale(self, column: str) -> tuple[float, float] | None:
        known = self._known(f"abs_max({column})")
        return None if known is None else (0.0, known[0] or 1.0)


class RobustScaler(_Scaler):
    """Each column less its median, divided by the distance of two quantiles: outliers do not count.

    Args:
        columns: Of numbers.
        quantile_range: The lower and the upper quantile, from 0 to 1.
        output_columns: Names of the results; None writes over the columns.
        quantile_precision: Changes nothing: quantiles are exact here.

    A column whose two quantiles are equal becomes zeros. `stats_` has "low_quantile(x)", "median(x)" and
    "high_quantile(x)".
    """

    DEFAULT_QUANTILE_PRECISION = 800

    def __init__(
        self,
        columns: list[str],
        quantile_range: tuple[float, float] = (0.25, 0.75),
        output_columns: list[str] | None = None,
        quantile_precision: int = DEFAULT_QUANTILE_PRECISION,
    ) -> None:
        super().__init__(columns, output_columns)
        self.quantile_range = _checked_range(quantile_range)
        self.quantile_precision = check_count(quantile_precision, "quantile_precision", least=1)

    def _aggregates(self, column: str) -> list[AggregateFn]:
        low, high = self.quantile_range
        quantiles = {"low_quantile": low, "median": 0.5, "high_quantile": high}
        return [Quantile(column, q, alias_name=f"{name}({column})") for name, q in quantiles.items()]

    def _shift_and_scale(self, column: str) -> tuple[float, float] | None:
        known = self._known(*(f"{name}({column})" for name in ("low_quantile", "median", "high_quantile")))
        if known is None:
            return None
        low, median, high = known
        # By infinity: every number becomes zero, and nulls stay null.
        return median, math.inf if high == low else high - low


def _checked_range(quantile_range: Any) -> tuple[float, float]:
    if isinstance(quantile_range, str | Mapping) or not hasattr(quantile_range, "__len__") or len(quantile_range) != 2:
        raise TypeError(f"quantile_range takes two numbers, such as (0.25, 0.75), not {quantile_range!r}")
    low, high = (float(quantile) for quantile in quantile_range)
    if not 0 <= low <= high <= 1:
        raise ValueError(f"quantile_range must be from 0 to 1, the lower one first, got {(low, high)}")
    return low, high
