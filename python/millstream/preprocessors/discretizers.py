"""Numbers as the bins that they are in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from millstream.aggregate import Max, Min
from millstream.arguments import check_count, check_flag, refuse_placement
from millstream.dataset import Dataset
from millstream.expressions import Expr
from millstream.preprocessor import Preprocessor
from millstream.preprocessors.bin_edges import Bin, bin_of, checked_bins, closed_right, uniform_edges
from millstream.preprocessors.columns import check_numbers, checked_names, checked_outputs, without_nan
from millstream.preprocessors.expression_preprocessor import ExpressionPreprocessor

if TYPE_CHECKING:
    import pyarrow


class _Discretizer(ExpressionPreprocessor):
    """A subclass gives the bins of a column."""

    def __init__(
        self,
        columns: list[str],
        bins: Any,
        *,
        right: bool = True,
        include_lowest: bool = False,
        duplicates: str = "raise",
        dtypes: Mapping[str, Any] | None = None,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = checked_names(columns)
        self.bins = bins
        self.right = check_flag(right, "right")
        self.include_lowest = check_flag(include_lowest, "include_lowest")
        if duplicates not in ("raise", "drop"):
            raise ValueError(f"duplicates must be 'raise' or 'drop', got {duplicates!r}")
        self.duplicates = duplicates
        self.dtypes = None if dtypes is None else dict(dtypes)
        self.output_columns = checked_outputs(self.columns, output_columns)
        if isinstance(bins, Mapping) and (missing := [name for name in self.columns if name not in bins]):
            raise ValueError(f"bins is a dict without column {missing[0]!r}; it needs each of {self.columns}")

    def _bins_of(self, column: str) -> list[Bin]:
        raise NotImplementedError

    def _given_bins(self, column: str) -> Any:
        return self.bins[column] if isinstance(self.bins, Mapping) else self.bins

    def _expressions(self, ds: Dataset) -> dict[str, Expr]:
        check_numbers(ds, self.columns, self)
        return {
            output: bin_of(
                column,
                self._bins_of(column),
                right=closed_right(self._given_bins(column), self.right),
                include_lowest=self.include_lowest,
            )
            for column, output in zip(self.columns, self.output_columns, strict=True)
        }

    def _transform(
        self,
        ds: Dataset,
        batch_size: int | None,
        num_cpus: float | None = None,
        memory: float | None = None,
        concurrency: int | None = None,
    ) -> Dataset:
        refuse_placement("transform", {"num_cpus": num_cpus, "memory": memory})
        labels = self._labels()
        binned = ds.with_columns(self._expressions(ds))
        if not labels:
            return binned
        named = _Labelled(type(self).__name__, labels)
        return binned.map_batches(named, batch_size=batch_size, batch_format="pyarrow", concurrency=concurrency)

    def _labels(self) -> dict[str, tuple[list[Any], bool]]:
        """By output column the names of its bins and whether they are ordered, where its dtype is a categorical."""
        labels = {}
        for column, output in zip(self.columns, self.output_columns, strict=True):
            dtype: Any = (self.dtypes or {}).get(column)
            if not hasattr(dtype, "categories"):
                continue
            names, bins = list(dtype.categories), len(self._bins_of(column))
            if len(names) != bins:
                raise ValueError(
                    f"{type(self).__name__}: dtypes[{column!r}] has {len(names)} categories for {bins} bins; it needs "
                    "one for each"
                )
            labels[output] = (names, bool(dtype.ordered))
        return labels


class CustomKBinsDiscretizer(_Discretizer):
    """The number of the bin that each value is in, from 0; null where it is in none.

    Args:
        columns: Of numbers.
        bins: Edges, increasing, or a pandas.IntervalIndex; or a dict of them, by column.
        right: Whether a bin has its right edge, and not its left one.
        include_lowest: Whether the first bin has its left edge too.
        duplicates: "raise" a ValueError for an edge that comes twice, or "drop" it.
        dtypes: By column a pandas.CategoricalDtype whose categories name the bins; any other dtype leaves numbers.
        output_columns: Names of the results; None writes over the columns.
    """

    _is_fittable = False

    def __init__(
        self,
        columns: list[str],
        bins: Any,
        *,
        right: bool = True,
        include_lowest: bool = False,
        duplicates: str = "raise",
        dtypes: Mapping[str, Any] | None = None,
        output_columns: list[str] | None = None,
    ) -> None:
        super().__init__(
            columns,
            bins,
            right=right,
            include_lowest=include_lowest,
            duplicates=duplicates,
            dtypes=dtypes,
            output_columns=output_columns,
        )
        for column in self.columns:
            self._bins_of(column)

    def _bins_of(self, column: str) -> list[Bin]:
        return checked_bins(self._given_bins(column), self.duplicates)


class UniformKBinsDiscretizer(_Discretizer):
    """The number of the bin that each value is in, from 0, of bins of equal width; null where it is in none.

    The bins reach from the least value to the greatest that `fit` saw, and 0.1% further.

    Args:
        columns: Of numbers.
        bins: How many; or a dict of numbers, by column.
        right: Whether a bin has its right edge, and not its left one.
        include_lowest: Whether the first bin has its left edge too.
        duplicates: As in CustomKBinsDiscretizer.
        dtypes: As in CustomKBinsDiscretizer.
        output_columns: Names of the results; None writes over the columns.

    `stats_` has the edges of each column, by its name. ValueError in `fit` for a column without values.
    """

    def _fit(self, ds: Dataset) -> Preprocessor:
        for bins in self.bins.values() if isinstance(self.bins, Mapping) else [self.bins]:
            check_count(bins, "bins", least=1)
        if not self.columns:
            return self
        aggregates = [kind(column) for column in self.columns for kind in (Min, Max)]
        found = without_nan(ds, self.columns, self).aggregate(*aggregates) or {}
        self.stats_ = {
            column: self._edges(column, found[f"min({column})"], found[f"max({column})"]) for column in self.columns
        }
        return self

    def _edges(self, column: str, least: Any, greatest: Any) -> Any:
        if least is None or greatest is None:
            raise ValueError(
                f"UniformKBinsDiscretizer: column {column!r} has no value in this data set, so there are no bins for it"
            )
        try:
            return uniform_edges(least, greatest, self._given_bins(column), self.right)
        except ValueError as error:
            raise ValueError(f"UniformKBinsDiscretizer: column {column!r} {error}") from None

    def _bins_of(self, column: str) -> list[Bin]:
        return checked_bins(self.stats_[column], self.duplicates)


class _Labelled:
    """The names of bins in place of their numbers."""

    def __init__(self, name: str, labels: dict[str, tuple[list[Any], bool]]) -> None:
        self.__name__ = name
        self._labels = labels

    def __call__(self, table: pyarrow.Table) -> dict[str, Any]:
        from millstream.preprocessors.categorizer import dictionary
        from millstream.result_columns import one_chunk

        columns = dict(zip(table.column_names, table.columns, strict=True))
        named = {
            name: dictionary(one_chunk(columns[name]), categories, ordered)
            for name, (categories, ordered) in self._labels.items()
        }
        return columns | named
