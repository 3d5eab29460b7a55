"""Functions that users give to `map_batches` and its kin: what plans hold of them, and how a batch goes through one."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from millstream import _core
from millstream.batch_format import batch_formatter, pyarrow_record_batch
from millstream.compute_strategy import Workers
from millstream.execution import rows_of
from millstream.function_place import PlaceFound, described_workers, is_stateless
from millstream.function_results import (
    batch_from_result,
    column_from_result,
    keeps_row,
    row_from_result,
    rows_of_flat_map,
    rows_to_batch,
)
from millstream.skipped_errors import SkippedErrors, SkippedMost, batch_that_fits

if TYPE_CHECKING:
    import pyarrow

# What it gives is Arrow's, whoever made it.
BatchCall = Callable[["_core.Batch", "CallOrigin"], "Sequence[pyarrow.RecordBatch | _core.Batch]"]


class OfRows(Protocol):
    """A call: _core.Call, or what a worker process knows of one."""

    @property
    def group_starts(self) -> list[int]: ...
    def origin(self, row: int) -> str: ...


class CallOrigin:
    """Which rows a call is about; `row` is the one in hand, where there is one."""

    def __init__(self, call: OfRows, skips: SkippedMost | None = None) -> None:
        self._call = call
        self.row: int | None = None
        self.skipped = SkippedErrors(skips)

    @property
    def group_starts(self) -> list[int]:
        """Where the batch's groups begin."""
        return self._call.group_starts

    def __str__(self) -> str:
        return self._call.origin(-1 if self.row is None else self.row)


@dataclass(frozen=True)
class UserFunction:
    """A function, or a class whose instances are called, with its arguments.

    Pickles by cloudpickle: it is the user's own code and travels only where the user sends the data set.
    """

    kind: str  # a key of _CALLS
    fn: Any
    fn_args: tuple[Any, ...] = ()
    fn_kwargs: Mapping[str, Any] = field(default_factory=dict)
    constructor_args: tuple[Any, ...] = ()
    constructor_kwargs: Mapping[str, Any] = field(default_factory=dict)
    batch_format: str | None = "default"
    zero_copy_batch: bool = True
    column: str = ""  # of add_column
    asked: Workers = field(default_factory=lambda: Workers(1))
    timeout_s: float | None = None  # of one call
    skips: SkippedMost | None = None  # None: what it raises ends the execution
    found: PlaceFound = field(default_factory=PlaceFound, compare=False)  # by executions

    @property
    def workers(self) -> int:
        """Calls that may be under way at one time."""
        return self.asked.count

    def describe_workers(self) -> str:
        """What `explain` says of them."""
        skips = "" if self.skips is None else f"; {self.skips}"
        return f"{described_workers(self)}{skips}"

    @property
    def name(self) -> str:
        """As its stage is called: "MapBatches(scale)"."""
        return f"{_STAGES[self.kind]}({function_name(self.fn)})"

    @property
    def keeps_columns(self) -> bool:
        """Whether its results have the columns of what it is given."""
        return self.kind == "filter"

    @property
    def fuses(self) -> bool:
        """Whether one thread may run it together with other functions of its stage, and another thread the next call.

        One that may take too long holds up no other.
        """
        if self.workers > 1 or self.asked.processes or self.timeout_s is not None:
            return False
        if self.kind == "with_columns":
            return all(is_stateless(call.function.fn) for call in self.fn.calls)
        return is_stateless(self.fn)

    def open_step(self) -> Callable[[_core.Call], Any]:
        """What a stage of several functions calls with each batch. Called by the engine when the stage is opened."""
        from millstream.function_threads import FunctionHere

        return FunctionHere(self).run

    def serve_chain(self, chain: _core.Chain) -> None:
        """Starts the threads that run such a stage. Called by the engine for the first of its functions."""
        from millstream.function_threads import serve_chain_on_threads

        serve_chain_on_threads(chain)

    def open(self) -> BatchCall:
        """What a worker calls with each batch; makes its own instance of a class."""
        function = self.fn
        if inspect.isclass(function):
            function = function(*self.constructor_args, **self.constructor_kwargs)
        if self.fn_args or self.fn_kwargs:
            function = _WithArguments(function, self.fn_args, dict(self.fn_kwargs))
        return _CALLS[self.kind](self, function)

    def serve(self, calls: _core.Calls) -> None:
        """Starts the threads that take the stage's calls. Called by the engine when the stage is opened."""
        from millstream.function_threads import serve_on_threads

        serve_on_threads(self, calls)

    def __reduce__(self) -> tuple[Any, ...]:
        import cloudpickle

        return cloudpickle.loads, (self.shipped(),)

    def shipped(self) -> bytes:
        """Pickled by cloudpickle, to be loaded as a UserFunction."""
        from millstream.function_pickle import pickled

        return pickled(_Parts(self))


class _Parts:
    """A UserFunction as cloudpickle takes it: without UserFunction's own __reduce__."""

    def __init__(self, function: UserFunction) -> None:
        self._values = {name: getattr(function, name) for name in UserFunction.__dataclass_fields__ if name != "found"}

    def __reduce__(self) -> tuple[Any, ...]:
        return _function_of, (self._values,)


def _function_of(values: dict[str, Any]) -> UserFunction:
    return UserFunction(**values)


class _WithArguments:
    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._function, self._args, self._kwargs = function, args, kwargs

    def __call__(self, value: Any) -> Any:
        return self._function(value, *self._args, **self._kwargs)


def function_name(fn: Any) -> str:
    """A short name for messages."""
    name = getattr(fn, "__name__", None)
    if name is None and hasattr(fn, "func"):  # functools.partial
        return function_name(fn.func)
    return name or type(fn).__name__


# ---- one call a kind: a batch in, batches out ----
def _map_batches(spec: UserFunction, function: Any) -> BatchCall:
    convert = batch_formatter(spec.batch_format)
    copy = not spec.zero_copy_batch

    def call(batch: _core.Batch, origin: CallOrigin) -> list[pyarrow.RecordBatch]:
        value = convert(batch)
        try:
            result = function(_writable(value) if copy else _read_only(value))
            results = result if isinstance(result, Iterator) else (result,)
            return [_batch_of(part, spec) for part in results]
        except Exception as error:
            if not origin.skipped.skip(error):
                raise
        return []

    return call


def _batch_of(result: Any, spec: UserFunction) -> pyarrow.RecordBatch | _core.Batch:
    if type(result) is dict:
        made = _core.plain_batch(result)
        if made is not None:
            return made
    return batch_from_result(result, where=spec.name)


def _map(spec: UserFunction, function: Any) -> BatchCall:
    def call(batch: _core.Batch, origin: CallOrigin) -> list[pyarrow.RecordBatch]:
        rows: list[Any] = []

        def take(row: dict[str, Any]) -> None:
            rows.append(row_from_result(function(row), where=spec.name))

        _for_each_row(batch, origin, take)
        return _batch_of_rows(spec, batch, origin, rows, range(1, len(rows) + 1))

    return call


def _flat_map(spec: UserFunction, function: Any) -> BatchCall:
    def call(batch: _core.Batch, origin: CallOrigin) -> list[pyarrow.RecordBatch]:
        rows: list[Any] = []
        ends: list[int] = []

        def take(row: dict[str, Any]) -> None:
            rows.extend(rows_of_flat_map(function(row), where=spec.name))
            ends.append(len(rows))

        _for_each_row(batch, origin, take)
        return _batch_of_rows(spec, batch, origin, rows, ends)

    return call


def _batch_of_rows(
    spec: UserFunction, batch: _core.Batch, origin: CallOrigin, rows: list[Any], ends: Sequence[int]
) -> list[pyarrow.RecordBatch]:
    """The rows that were made of the batch's, as one batch. `ends`: where, in `rows`, those of each row end that was
    not skipped.
    """
    unsigned = _unsigned_columns(batch)

    def convert(rows: list[Any]) -> pyarrow.RecordBatch:
        return rows_to_batch(rows, where=spec.name, unsigned=unsigned)

    def skip(error: Exception, row: int) -> bool:
        origin.row = row
        return origin.skipped.skip(error, row, row)

    try:
        return [convert(rows)] if rows else []
    except Exception:
        if spec.skips is None:
            raise
    left_out = {error.first_row for error in origin.skipped.errors}
    numbers = (number for number in range(batch.num_rows) if number not in left_out)
    made = [(number, rows[begin:end]) for number, begin, end in zip(numbers, [0, *ends], ends, strict=False)]
    fitting = batch_that_fits(made, convert, skip)
    origin.row = None
    return [] if fitting is None else [fitting]


def _filter(spec: UserFunction, function: Any) -> BatchCall:
    def call(batch: _core.Batch, origin: CallOrigin) -> list[pyarrow.RecordBatch]:
        import pyarrow

        kept = [False] * batch.num_rows

        def take(row: dict[str, Any]) -> None:
            kept[origin.row or 0] = keeps_row(function(row), where=spec.name)

        _for_each_row(batch, origin, take)
        whole = pyarrow_record_batch(batch)
        try:
            return [whole.filter(pyarrow.array(kept, pyarrow.bool_()))]
        except pyarrow.ArrowNotImplementedError:  # of views, in pyarrow 26
            runs = [whole.slice(begin, rows) for begin, rows in _runs_of_true(kept)]
            return runs or [whole.slice(0, 0)]

    return call


def _add_column(spec: UserFunction, function: Any) -> BatchCall:
    convert = batch_formatter(spec.batch_format)

    def call(batch: _core.Batch, origin: CallOrigin) -> list[pyarrow.RecordBatch]:
        value = _read_only(convert(batch))
        try:
            column = column_from_result(function(value), name=spec.column, rows=batch.num_rows, where=spec.name)
        except Exception as error:
            if not origin.skipped.skip(error):
                raise
            return []
        whole = pyarrow_record_batch(batch)
        index = whole.schema.get_field_index(spec.column)
        if index >= 0:
            return [whole.set_column(index, column.schema.field(0), column.column(0))]
        return [whole.append_column(column.schema.field(0), column.column(0))]

    return call


def _with_columns(spec: UserFunction, function: Any) -> BatchCall:
    compute = function.open(spec.name)

    def call(batch: _core.Batch, origin: CallOrigin) -> list[pyarrow.RecordBatch]:
        return [compute(pyarrow_record_batch(batch))]

    return call


def _map_groups(spec: UserFunction, function: Any) -> BatchCall:
    convert = batch_formatter(spec.batch_format)
    copy = not spec.zero_copy_batch

    def call(batch: _core.Batch, origin: CallOrigin) -> list[pyarrow.RecordBatch]:
        results: list[pyarrow.RecordBatch] = []
        starts = origin.group_starts
        for begin, end in zip(starts, [*starts[1:], batch.num_rows], strict=True):
            origin.row = begin
            value = convert(batch.slice(begin, end - begin))
            try:
                result = function(_writable(value) if copy else _read_only(value))
                parts = result if isinstance(result, Iterator) else (result,)
                results += [batch_from_result(part, where=spec.name) for part in parts]
            except Exception as error:
                if not origin.skipped.skip(error, begin, end - 1):
                    raise
        origin.row = None
        return results

    return call


def _aggregate_groups(spec: UserFunction, function: Any) -> BatchCall:
    def call(batch: _core.Batch, origin: CallOrigin) -> list[pyarrow.RecordBatch]:
        import pyarrow

        starts = origin.group_starts
        rows: list[dict[str, Any]] = []
        for begin, end in zip(starts, [*starts[1:], batch.num_rows], strict=True):
            origin.row = begin
            group = pyarrow.Table.from_batches([pyarrow_record_batch(batch.slice(begin, end - begin))])
            rows.append(function(group))
        origin.row = None
        return [rows_to_batch(rows, where=spec.name)]

    return call


def _unsigned_columns(batch: _core.Batch) -> frozenset[str]:
    return frozenset(name for index, name in enumerate(batch.names) if batch.column_kind(index) == "uint64")


def _runs_of_true(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where each run of true ones begins, and its length."""
    begin = 0
    for flag, run in itertools.groupby(flags):
        length = len(list(run))
        if flag:
            yield begin, length
        begin += length


def _for_each_row(batch: _core.Batch, origin: CallOrigin, take: Callable[[dict[str, Any]], None]) -> None:
    """Calls `take` with each row, and goes on where its error is skipped."""
    for number, row in enumerate(rows_of(batch)):
        origin.row = number
        try:
            take(row)
        except Exception as error:
            if not origin.skipped.skip(error, number, number):
                raise
    origin.row = None


def _read_only(value: Any) -> Any:
    """Arrays are views of memory that other stages may read."""
    if isinstance(value, dict):
        for array in value.values():
            array.flags.writeable = False
    return value


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: array.copy() for name, array in value.items()}
    return value.copy() if hasattr(value, "iloc") else value  # Arrow's tables and polars' frames are immutable


_CALLS: Mapping[str, Callable[[UserFunction, Any], BatchCall]] = {
    "map_batches": _map_batches,
    "map": _map,
    "flat_map": _flat_map,
    "filter": _filter,
    "add_column": _add_column,
    "with_columns": _with_columns,
    "map_groups": _map_groups,
    "aggregate_groups": _aggregate_groups,
}
_STAGES = {
    "map_batches": "MapBatches",
    "map": "Map",
    "flat_map": "FlatMap",
    "filter": "Filter",
    "add_column": "AddColumn",
    "with_columns": "WithColumns",
    "map_groups": "MapGroups",
    "aggregate_groups": "Aggregate",
}


def checked_function(method: str, fn: Any, values: Sequence[Any] | None, pairs: Mapping[str, Any] | None) -> None:
    """TypeError for what cannot be called, or for constructor arguments without a class."""
    if isinstance(fn, str) or not callable(fn):
        raise TypeError(f"{method} takes a function or a class whose instances can be called, not {type(fn).__name__}")
    if inspect.isclass(fn):
        if "__call__" not in dir(fn):
            raise TypeError(
                f"{method}({fn.__name__}): the class has no __call__; give it one that takes a batch or a row"
            )
    elif values or pairs:
        raise TypeError(f"{method}({function_name(fn)}): constructor arguments need a class, and this is a function")
    if inspect.iscoroutinefunction(fn):
        raise NotImplementedError(
            f"{method}({function_name(fn)}): async functions are not in this version; use a plain function"
        )
