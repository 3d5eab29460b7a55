"""Users' functions of whole columns, as a stage runs them on a batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from millstream.expressions import ColumnExpr, Expr, LiteralExpr
from millstream.function_results import column_from_result

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class ColumnFunction:
    """A function of whole columns, or a class whose instances are called."""

    fn: Any
    constructor_args: tuple[Any, ...] = ()
    constructor_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def plain(cls, fn: Any) -> ColumnFunction:
        return cls(fn)

    @property
    def name(self) -> str:
        from millstream.user_function import function_name

        return function_name(self.fn)

    def open(self) -> Callable[..., Any]:
        """What a worker calls; makes its own instance of a class."""
        made: Any = self.fn
        if inspect.isclass(self.fn):
            made = self.fn(*self.constructor_args, **self.constructor_kwargs)
        return cast("Callable[..., Any]", made)


@dataclass(frozen=True)
class ColumnCall:
    """One call a batch: the column that it makes, and its arguments, each a ColumnExpr or a LiteralExpr."""

    column: str
    function: ColumnFunction
    args: tuple[Expr, ...]
    kwargs: Mapping[str, Expr]
    data_type: pyarrow.DataType


@dataclass(frozen=True)
class ColumnCalls:
    """The calls of one stage, none of which needs another's column."""

    calls: tuple[ColumnCall, ...]

    @property
    def __name__(self) -> str:
        return ", ".join(call.function.name for call in self.calls)

    def __call__(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """The columns of one batch, by instances of their own."""
        return self.open("WithColumns")(batch)

    def open(self, where: str) -> Callable[[pyarrow.RecordBatch], pyarrow.RecordBatch]:
        """What a worker calls with each batch: gives it back with the columns behind its own."""
        opened = [(call, call.function.open()) for call in self.calls]

        def compute(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
            whole = batch
            for call, function in opened:
                made = _called(call, function, batch, where)
                whole = whole.append_column(call.column, made)
            return whole

        return compute


def _called(call: ColumnCall, function: Callable[..., Any], batch: pyarrow.RecordBatch, where: str) -> pyarrow.Array:
    args = [_value(arg, batch) for arg in call.args]
    kwargs = {name: _value(arg, batch) for name, arg in call.kwargs.items()}
    result = function(*args, **kwargs)
    column = column_from_result(result, name=call.function.name, rows=batch.num_rows, where=where).column(0)
    return _of_type(column, call, where)


def _value(arg: Expr, batch: pyarrow.RecordBatch) -> Any:
    if isinstance(arg, ColumnExpr):
        return batch.column(arg.column)
    assert isinstance(arg, LiteralExpr)
    return arg.value


def _of_type(column: pyarrow.Array, call: ColumnCall, where: str) -> pyarrow.Array:
    import pyarrow

    if column.type == call.data_type:
        return column
    try:
        return column.cast(call.data_type)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise TypeError(
            f"{where}: {call.function.name} returned values of type {column.type}, which do not fit its return_dtype "
            f"{call.data_type} ({error}); return that type, or declare another"
        ) from None
