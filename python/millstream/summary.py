"""Statistics of a data set's columns, as `Dataset.summary` gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from millstream.aggregate import (
    AggregateFnV2,
    ApproximateQuantile,
    ApproximateTopK,
    Count,
    Max,
    Mean,
    Min,
    MissingValuePercentage,
    Std,
    ZeroPercentage,
)
from millstream.arguments import check_columns
from millstream.datatype import DataType

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from millstream.dataset import Dataset

_TOP_VALUES = 10
Aggregators = Callable[[str], list[AggregateFnV2[Any, Any]]]


class DatasetSummary:
    """Statistics by column: a dict of name to value each.

    Attributes:
        dataset_schema: The schema of the data set, pyarrow's.
        columns: Those that were summarised.
    """

    STATISTIC_COLUMN = "statistic"

    def __init__(self, schema: pyarrow.Schema, statistics: dict[str, dict[str, Any]]) -> None:
        self.dataset_schema = schema
        self.columns = list(statistics)
        self._statistics = statistics

    def to_pandas(self) -> pandas.DataFrame:
        """One row a statistic, in the order of their names, one column a column; missing where it does not apply."""
        import pandas

        names = sorted({name for values in self._statistics.values() for name in values})
        columns = {column: [values.get(name) for name in names] for column, values in self._statistics.items()}
        # As objects, for whole numbers beside missing ones would become floats and lose their last digits.
        return pandas.DataFrame({self.STATISTIC_COLUMN: names, **columns}, dtype=object)

    def get_column_stats(self, column: str) -> pandas.DataFrame:
        """The statistics of one column. KeyError for one that was not summarised."""
        import pandas

        if column not in self._statistics:
            raise KeyError(f"column {column!r} is not in this summary of {self.columns}")
        values = self._statistics[column]
        names = sorted(values)
        return pandas.DataFrame({self.STATISTIC_COLUMN: names, "value": [values[name] for name in names]}, dtype=object)

    def __repr__(self) -> str:
        return f"DatasetSummary(columns={self.columns})"


def summarise(
    dataset: Dataset, columns: list[str] | None, overrides: Mapping[Any, Aggregators] | None
) -> DatasetSummary:
    """Computes the statistics of all columns, or of those named, in one pass.

    ValueError where no column has a type that statistics are for, KeyError for an unknown column.
    """
    import pyarrow

    columns = None if columns is None else check_columns(columns, "columns")
    if columns == []:
        raise ValueError("summary takes the names of at least one column, or None for all of them")
    for kind in overrides or {}:
        if not isinstance(kind, DataType | pyarrow.DataType):
            raise TypeError(f"override_dtype_agg_mapping has types of millstream.datatype or pyarrow, not {kind!r}")
    core_schema = dataset._core_schema()
    assert core_schema is not None
    schema = pyarrow.schema(core_schema)
    for name in columns or []:
        if name not in schema.names:
            dataset.select_columns([name])  # raises, naming the near ones
    wanted = {
        field.name: _aggregators(field, overrides or {}) for field in schema if columns is None or field.name in columns
    }
    wanted = {name: aggregators for name, aggregators in wanted.items() if aggregators}
    if not wanted:
        raise ValueError(
            f"summary needs a column of numbers, texts, bytes or times; of {columns or schema.names} none is one"
        )
    flat = [aggregator for aggregators in wanted.values() for aggregator in aggregators]
    results = dataset.aggregate(*flat) or {}
    return DatasetSummary(schema, {name: _statistics(aggregators, results) for name, aggregators in wanted.items()})


def _aggregators(field: pyarrow.Field, overrides: Mapping[Any, Aggregators]) -> list[AggregateFnV2[Any, Any]]:
    import pyarrow.types as types

    for kind, factory in overrides.items():
        if _matches(kind, field.type):
            return factory(field.name)
    name, kind = field.name, field.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return [*_of_numbers(name), ApproximateQuantile(name, [0.5]), ZeroPercentage(name)]
    if types.is_boolean(kind):
        return _of_numbers(name)
    if types.is_temporal(kind):
        return [Count(name), Min(name), Max(name), MissingValuePercentage(name)]
    if _is_text(kind):
        return [Count(name), MissingValuePercentage(name), ApproximateTopK(name, _TOP_VALUES)]
    return []


def _of_numbers(name: str) -> list[AggregateFnV2[Any, Any]]:
    return [
        Count(name),
        Mean(name),
        Min(name),
        Max(name),
        Std(name, ddof=0),
        MissingValuePercentage(name),
    ]


def _is_text(kind: Any) -> bool:
    import pyarrow.types as types

    checks = (types.is_string, types.is_large_string, types.is_string_view, types.is_binary, types.is_large_binary)
    return any(check(kind) for check in checks)


def _matches(kind: Any, arrow_type: Any) -> bool:
    """`kind`: a DataType of millstream.datatype, or one of pyarrow."""
    to_arrow = getattr(kind, "to_arrow_dtype", None)
    return bool((to_arrow() if to_arrow is not None else kind) == arrow_type)


def _statistics(aggregators: list[AggregateFnV2[Any, Any]], results: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the name of the statistic; lists one entry an element, "approx_topk[0]"."""
    statistics: dict[str, Any] = {}
    for aggregator in aggregators:
        value = results[aggregator.name]
        if isinstance(value, list):
            statistics |= {f"{aggregator.get_agg_name()}[{place}]": item for place, item in enumerate(value)}
        else:
            statistics[aggregator.get_agg_name()] = value
    return statistics
