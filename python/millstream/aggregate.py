"""Aggregations for `groupby(...).aggregate(...)` and `Dataset.aggregate(...)`, named as in ray.data.aggregate.

The built-in ones run in the engine: exact, and with any number of CPUs the same to the last bit. Nulls are passed over
unless `ignore_nulls` is false; then a group with a null has a null result. NaN counts as a number: sums and means with
one are NaN, `Min` and `Max` pass over it.

Subclass `AggregateFnV2`, or make an `AggregateFn` of functions, for one of your own; it is given each group's rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from millstream.arguments import check_count, check_flag, check_text

if TYPE_CHECKING:
    import pyarrow

AccumulatorT = TypeVar("AccumulatorT")
ResultT = TypeVar("ResultT")

__all__ = [
    "AbsMax",
    "AggregateFn",
    "AggregateFnV2",
    "ApproximateQuantile",
    "ApproximateTopK",
    "AsList",
    "Count",
    "CountDistinct",
    "Max",
    "Mean",
    "Min",
    "MissingValuePercentage",
    "Quantile",
    "Std",
    "Sum",
    "Unique",
    "ValueCounter",
    "VectorizedAggregateFnV2",
    "ZeroPercentage",
]


class AggregateFn:
    """An aggregation made of functions on an accumulator.

    Args:
        init: Makes the accumulator of a group; is given the group's key: a value, a tuple of several, or None.
        merge: Brings two accumulators together.
        name: Of the result's column.
        accumulate_row: The accumulator after one more row, a dict; or else
        accumulate_block: the accumulator after a pyarrow.Table of rows.
        finalize: The result of an accumulator; None takes it as it is.

    ValueError where both accumulate functions are given, or none.
    """

    def __init__(
        self,
        init: Callable[[Any], Any],
        merge: Callable[[Any, Any], Any],
        name: str,
        accumulate_row: Callable[[Any, dict[str, Any]], Any] | None = None,
        accumulate_block: Callable[[Any, pyarrow.Table], Any] | None = None,
        finalize: Callable[[Any], Any] | None = None,
    ) -> None:
        if (accumulate_row is None) == (accumulate_block is None):
            raise ValueError("AggregateFn takes accumulate_row, or accumulate_block, and not both")
        self.init = init
        self.merge = merge
        self.name = check_text(name, "name")
        self.accumulate_row = accumulate_row
        self.accumulate_block = accumulate_block
        self.finalize: Callable[[Any], Any] = finalize or (lambda accumulator: accumulator)

    def _engine_form(self) -> dict[str, Any] | None:
        """What the engine computes it by; None where Python does."""
        return None

    def _of_group(self, key: Any, rows: pyarrow.Table) -> Any:
        """The result for a group, computed here."""
        accumulator = self.init(key)
        if self.accumulate_block is not None:
            accumulator = self.accumulate_block(accumulator, rows)
        elif self.accumulate_row is not None:
            for row in rows.to_pylist():
                accumulator = self.accumulate_row(accumulator, row)
        return self.finalize(accumulator)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class AggregateFnV2(AggregateFn, Generic[AccumulatorT, ResultT]):
    """An aggregation of one column, to be subclassed.

    Args:
        name: Of the result's column.
        zero_factory: Makes an empty accumulator.
        on: The column; None for the rows themselves.
        ignore_nulls: Whether a partial result of None is passed over; else it makes the result None.
    """

    def __init__(
        self, name: str, zero_factory: Callable[[], AccumulatorT], *, on: str | None, ignore_nulls: bool
    ) -> None:
        if not name:
            raise ValueError("an aggregation needs a name that is not empty")
        self.name = check_text(name, "name")
        self._zero_factory = zero_factory
        self._target_col_name = None if on is None else check_text(on, "on")
        self._ignore_nulls = check_flag(ignore_nulls, "ignore_nulls")
        self._agg_name = name.split("(", 1)[0]

    def get_target_column(self) -> str | None:
        """The column that is aggregated."""
        return self._target_col_name

    def get_agg_name(self) -> str:
        """The name without the column: "sum" of "sum(x)"."""
        return self._agg_name

    def aggregate_block(self, block: pyarrow.Table) -> AccumulatorT | None:
        """The partial result of some rows of a group."""
        raise NotImplementedError(f"{type(self).__name__} must define aggregate_block(block)")

    def combine(self, current_accumulator: AccumulatorT, new: AccumulatorT) -> AccumulatorT:
        """Two partial results as one."""
        raise NotImplementedError(f"{type(self).__name__} must define combine(current_accumulator, new)")

    def finalize(self, accumulator: AccumulatorT) -> Any:
        """The result of an accumulator: as it is, unless a subclass says otherwise."""
        return accumulator

    def _of_group(self, key: Any, rows: pyarrow.Table) -> Any:
        part = self.aggregate_block(rows)
        if part is None:
            return self.finalize(self._zero_factory()) if self._ignore_nulls else None
        return self.finalize(self.combine(self._zero_factory(), part))


class VectorizedAggregateFnV2(AggregateFnV2[AccumulatorT, ResultT]):
    """One whose partial results are brought together as a column: a subclass defines `_combine_column`."""

    def _combine_column(self, accumulator_col: pyarrow.ChunkedArray) -> AccumulatorT:
        raise NotImplementedError(f"{type(self).__name__} must define _combine_column(accumulator_col)")

    def _of_group(self, key: Any, rows: pyarrow.Table) -> Any:
        import pyarrow

        return self.finalize(self._combine_column(pyarrow.chunked_array([[self.aggregate_block(rows)]])))


def _nothing() -> None:
    """The accumulator of what the engine computes."""


class _EngineAggregate(AggregateFnV2[Any, Any]):
    """One that the engine computes."""

    _KIND: ClassVar[str]
    _NEEDS_COLUMN: ClassVar[bool] = True

    def __init__(self, on: str | None, ignore_nulls: bool, alias_name: str | None, **options: Any) -> None:
        if on is None and self._NEEDS_COLUMN:
            raise ValueError(f"{type(self).__name__} needs the name of a column: {type(self).__name__}('x')")
        super().__init__(alias_name or f"{self._KIND}({on or ''})", _nothing, on=on, ignore_nulls=ignore_nulls)
        self._options = options

    def _engine_form(self) -> dict[str, Any]:
        return {
            "kind": self._KIND,
            "column": self._target_col_name or "",
            "name": self.name,
            "ignore_nulls": self._ignore_nulls,
            **self._options,
        }


class Count(_EngineAggregate):
    """Rows of the group; with a column and `ignore_nulls` its values that are not null."""

    _KIND = "count"
    _NEEDS_COLUMN = False

    def __init__(self, on: str | None = None, ignore_nulls: bool = False, alias_name: str | None = None) -> None:
        super().__init__(on, ignore_nulls, alias_name)


class _ExtremeAggregate(_EngineAggregate):
    """One of a column's values, by their order. `zero_factory` is taken as in ray.data, and changes nothing."""

    def __init__(
        self,
        on: str | None = None,
        ignore_nulls: bool = True,
        alias_name: str | None = None,
        zero_factory: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(on, ignore_nulls, alias_name)


class Sum(_EngineAggregate):
    """The sum. Integers are summed as such; ValueError where 64 bits do not hold the result."""

    _KIND = "sum"

    def __init__(self, on: str | None = None, ignore_nulls: bool = True, alias_name: str | None = None) -> None:
        super().__init__(on, ignore_nulls, alias_name)


class Min(_ExtremeAggregate):
    """The least value: of numbers, texts, times."""

    _KIND = "min"


class Max(_ExtremeAggregate):
    """The greatest value: of numbers, texts, times."""

    _KIND = "max"


class Mean(_EngineAggregate):
    """The mean, rounded once."""

    _KIND = "mean"

    def __init__(self, on: str | None = None, ignore_nulls: bool = True, alias_name: str | None = None) -> None:
        super().__init__(on, ignore_nulls, alias_name)


class Std(_EngineAggregate):
    """The standard deviation, divided by n - ddof; NaN for a group of no more than ddof values."""

    _KIND = "std"

    def __init__(
        self, on: str | None = None, ddof: int = 1, ignore_nulls: bool = True, alias_name: str | None = None
    ) -> None:
        super().__init__(on, ignore_nulls, alias_name, ddof=check_count(ddof, "ddof"))


class AbsMax(_ExtremeAggregate):
    """The greatest absolute value."""

    _KIND = "abs_max"


class Quantile(_EngineAggregate):
    """The exact quantile `q`, from 0 to 1, between the two nearest values by linear interpolation."""

    _KIND = "quantile"

    def __init__(
        self, on: str | None = None, q: float = 0.5, ignore_nulls: bool = True, alias_name: str | None = None
    ) -> None:
        super().__init__(on, ignore_nulls, alias_name, quantile=float(q))
        self._q = q


class ApproximateQuantile(_EngineAggregate):
    """A list of the values at `quantiles`, each wrong by at most one part in `quantile_precision` of itself."""

    _KIND = "approx_quantile"

    def __init__(
        self, on: str, quantiles: list[float], quantile_precision: int = 800, alias_name: str | None = None
    ) -> None:
        super().__init__(
            on,
            True,
            alias_name,
            quantiles=[float(quantile) for quantile in quantiles],
            precision=check_count(quantile_precision, "quantile_precision", least=2),
        )


class ApproximateTopK(_EngineAggregate):
    """The `k` most frequent values, as a list of {column: value, "count": n}; counted exactly here."""

    _KIND = "approx_topk"

    def __init__(
        self, on: str, k: int, log_capacity: int = 15, alias_name: str | None = None, encode_lists: bool = False
    ) -> None:
        if encode_lists:
            raise NotImplementedError("ApproximateTopK(encode_lists=True): flat_map() lists into their elements first")
        super().__init__(on, True, alias_name, k=check_count(k, "k", least=1))


class Unique(_EngineAggregate):
    """A list of the distinct values, in their order, nulls last."""

    _KIND = "unique"

    def __init__(
        self,
        on: str | None = None,
        ignore_nulls: bool = False,
        alias_name: str | None = None,
        encode_lists: Any = None,
    ) -> None:
        if encode_lists:
            raise NotImplementedError("Unique(encode_lists=...) takes lists apart; flat_map() them first")
        super().__init__(on, ignore_nulls, alias_name)


class CountDistinct(_EngineAggregate):
    """How many distinct values there are."""

    _KIND = "count_distinct"

    def __init__(self, on: str, ignore_nulls: bool = True, alias_name: str | None = None) -> None:
        super().__init__(on, ignore_nulls, alias_name)


class ValueCounter(_EngineAggregate):
    """{"values": distinct values, "counts": how often each comes}."""

    _KIND = "value_counter"

    def __init__(self, on: str, alias_name: str | None = None) -> None:
        super().__init__(on, False, alias_name)


class AsList(_EngineAggregate):
    """A list of all values, in the order of their rows."""

    _KIND = "list"

    def __init__(self, on: str, alias_name: str | None = None, ignore_nulls: bool = False) -> None:
        super().__init__(on, ignore_nulls, alias_name)


class MissingValuePercentage(_EngineAggregate):
    """How many of a hundred values are null or NaN."""

    _KIND = "missing_pct"

    def __init__(self, on: str, alias_name: str | None = None) -> None:
        super().__init__(on, False, alias_name)


class ZeroPercentage(_EngineAggregate):
    """How many of a hundred values are zero."""

    _KIND = "zero_pct"

    def __init__(self, on: str, ignore_nulls: bool = True, alias_name: str | None = None) -> None:
        super().__init__(on, ignore_nulls, alias_name)
