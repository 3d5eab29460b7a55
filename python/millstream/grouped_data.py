"""Groups of equal keys, as `Dataset.groupby` gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.aggregate import AggregateFn, Count, Max, Mean, Min, Std, Sum
from millstream.row_functions import checked_user_function

if TYPE_CHECKING:
    import pyarrow

    from millstream.dataset import Dataset
    from millstream.expressions import Expr


class GroupedData:
    """The rows of a data set by the values of its key columns. Results come in the order of the keys, nulls last.

    Nulls of a key are one group, as are its NaNs.
    """

    def __init__(self, dataset: Dataset, keys: list[str]) -> None:
        self._dataset = dataset
        self._keys = keys

    def aggregate(self, *aggs: AggregateFn) -> Dataset:
        """One row a group: its keys, and a column for each aggregation.

        KeyError for an unknown column, TypeError for one whose values cannot be aggregated so.
        """
        return self._dataset._with(aggregated(self._dataset._plan, self._keys, aggs))

    def count(self) -> Dataset:
        """Rows of each group, as "count()"."""
        return self.aggregate(Count())

    def sum(self, on: str | list[str] | None = None, ignore_nulls: bool = True) -> Dataset:
        """Sums of the columns `on`, of all others where it is None, as "sum(x)"."""
        return self._each(Sum, on, ignore_nulls=ignore_nulls)

    def min(self, on: str | list[str] | None = None, ignore_nulls: bool = True) -> Dataset:
        """Least values, as "min(x)"."""
        return self._each(Min, on, ignore_nulls=ignore_nulls)

    def max(self, on: str | list[str] | None = None, ignore_nulls: bool = True) -> Dataset:
        """Greatest values, as "max(x)"."""
        return self._each(Max, on, ignore_nulls=ignore_nulls)

    def mean(self, on: str | list[str] | None = None, ignore_nulls: bool = True) -> Dataset:
        """Means, as "mean(x)"."""
        return self._each(Mean, on, ignore_nulls=ignore_nulls)

    def std(self, on: str | list[str] | None = None, ddof: int = 1, ignore_nulls: bool = True) -> Dataset:
        """Standard deviations, divided by n - ddof, as "std(x)"."""
        return self._each(Std, on, ddof=ddof, ignore_nulls=ignore_nulls)

    def map_groups(
        self,
        fn: Callable[[Any], Any],
        *,
        zero_copy_batch: bool = True,
        batch_format: str | None = "default",
        **arguments: Any,
    ) -> Dataset:
        """What `fn` returns for each group, given whole as a batch, in the order of the keys.

        Arguments as in `Dataset.map_batches`. A group must fit into memory: MemoryError says so where it does not.
        """
        function = checked_user_function(
            "map_groups",
            fn,
            arguments,
            batch_format=batch_format,
            zero_copy_batch=zero_copy_batch,
            timeout_s=self._dataset._context.function_timeout_s,
        )
        return self._dataset._with(self._dataset._plan.map_groups(self._keys, function))

    def with_column(self, column_name: str, expr: Expr, **ray_remote_args: Any) -> Dataset:
        """The rows, group by group in the order of the keys, with one more column."""
        return self._dataset.sort(self._keys).with_column(column_name, expr, **ray_remote_args)

    def __repr__(self) -> str:
        return f"GroupedData(keys={self._keys}, dataset={self._dataset!r})"

    def _each(self, kind: Callable[..., AggregateFn], on: str | list[str] | None, **options: Any) -> Dataset:
        columns = aggregated_columns(self._dataset, on, self._keys)
        return self.aggregate(*(kind(column, **options) for column in columns))


def aggregated(plan: _core.Plan, keys: list[str], aggs: Sequence[AggregateFn]) -> _core.Plan:
    """The plan of the aggregations; those of the user's own are computed group by group and put beside the others."""
    for agg in aggs:
        if not isinstance(agg, AggregateFn):
            raise TypeError(
                f"aggregate takes aggregations such as millstream.aggregate.Sum('x'), not {type(agg).__name__}"
            )
    if not aggs:
        raise ValueError("aggregate needs at least one aggregation, for instance millstream.aggregate.Count()")
    names = [*keys, *(agg.name for agg in aggs)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two columns of the result would be named {twice!r}; give one an alias_name")
    in_engine = {agg.name: form for agg in aggs if (form := agg._engine_form()) is not None}
    own = [agg for agg in aggs if agg.name not in in_engine]
    if not own:
        return plan.aggregate(keys, list(in_engine.values()))
    function = checked_user_function("aggregate_groups", _GroupAggregates(keys, own), {})
    computed = plan.map_groups(keys, function)
    if in_engine:
        beside = plan.aggregate(keys, list(in_engine.values())).change_columns("drop", names=keys)
        computed = computed.zip([beside])
    return computed.change_columns("select", names=names)


def aggregated_columns(dataset: Dataset, on: str | list[str] | None, keys: list[str]) -> list[str]:
    """The columns that `on` asks for."""
    if on is None:
        columns = [name for name in dataset.columns() or [] if name not in keys]
        if not columns:
            raise ValueError("there is no column to aggregate beside the keys")
        return columns
    columns = [on] if isinstance(on, str) else list(on) if isinstance(on, list | tuple) else None
    if columns is None or not all(isinstance(column, str) for column in columns):
        remedy = (
            "; functions of rows are not aggregated: make a column with with_column() before" if callable(on) else ""
        )
        raise TypeError(
            f"on= must name a column, or a list of them, or be None for all, not {type(on).__name__}{remedy}"
        )
    if not columns:
        raise ValueError("on= must name at least one column, or be None for all")
    return columns


class _GroupAggregates:
    """Aggregations of the user's own, of one group."""

    def __init__(self, keys: list[str], aggs: list[AggregateFn]) -> None:
        self._keys = keys
        self._aggs = aggs
        self.__name__ = ", ".join(agg.name for agg in aggs)

    def __call__(self, group: pyarrow.Table) -> dict[str, Any]:
        values = [group.column(key)[0].as_py() for key in self._keys]
        key = None if not values else values[0] if len(values) == 1 else tuple(values)
        results = {agg.name: agg._of_group(key, group) for agg in self._aggs}
        return dict(zip(self._keys, values, strict=True)) | results
