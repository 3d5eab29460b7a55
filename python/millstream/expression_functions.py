"""Expressions that the engine computes in stages of their own: users' functions, downloads, values of a row's place.

    from millstream.datatype import DataType
    from millstream.expressions import col, random, udf

    @udf(return_dtype=DataType.float64())
    def scaled(values):                       # a pyarrow.Array of a whole batch
        return pyarrow.compute.divide(values, 100)

    rows.with_column("share", scaled(col("percent")) + 1).filter(expr=random(seed=3) < 0.1)

They stand wherever expressions do in `with_column`, `with_columns` and `filter`: what is inside and around them is
computed by the engine as ever.
"""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from millstream import _core
from millstream.expression_calls import arrow_type
from millstream.expressions import ColumnExpr, Expr, LiteralExpr
from millstream.seeds import check_seed

if TYPE_CHECKING:
    import pyarrow

    from millstream.column_calls import ColumnFunction
    from millstream.datatype import DataType


class StagedExpr(Expr):
    """A value that a stage computes before the projection that uses it."""

    if TYPE_CHECKING:

        @property
        def data_type(self) -> DataType:
            """The type of its values."""

    def arguments(self) -> tuple[tuple[Expr, ...], Mapping[str, Expr]]:
        """Its positional and its named ones; what is a LiteralExpr is given as it is."""
        return (), {}

    def to_core(self) -> _core.Expression:
        raise TypeError(
            f"{self!r} is computed in a stage of its own: give it to with_column(), with_columns() or filter()"
        )


class FunctionExpr(StagedExpr):
    """A value that Python computes, a batch at a time."""

    @abstractmethod
    def function(self) -> ColumnFunction:
        """What makes the function that is called with whole columns."""


class PlaceExpr(StagedExpr):
    """A value of each row's place in its source."""

    @abstractmethod
    def row_value(self) -> tuple[str, int, bool]:
        """Kind, seed and whether each epoch has others, as Plan.row_values takes them; draws a seed where none is."""

    def nullable(self, input_schema: pyarrow.Schema) -> bool:
        return False

    def is_idempotent(self) -> bool:
        return False


@dataclass(frozen=True, eq=False, repr=False)
class UDFExpr(FunctionExpr):
    """A call of a user's function. Made by calling what `udf` gave."""

    data_type: DataType
    fn: ColumnFunction
    args: tuple[Expr, ...] = ()
    kwargs: Mapping[str, Expr] = field(default_factory=dict)

    def function(self) -> ColumnFunction:
        return self.fn

    def arguments(self) -> tuple[tuple[Expr, ...], Mapping[str, Expr]]:
        return self.args, self.kwargs

    def __repr__(self) -> str:
        given = [_argument_text(arg) for arg in self.args]
        given += [f"{name}={_argument_text(arg)}" for name, arg in self.kwargs.items()]
        return f"{self.fn.name}({', '.join(given)})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The decorator took the function's own name, so that plain pickle would not find it.
        import cloudpickle

        return cloudpickle.loads, (cloudpickle.dumps(_Parts(self)),)


class _Parts:
    """A UDFExpr as cloudpickle takes it: without UDFExpr's own __reduce__."""

    def __init__(self, expr: UDFExpr) -> None:
        self._parts = (expr.data_type, expr.fn, expr.args, dict(expr.kwargs))

    def __reduce__(self) -> tuple[Any, ...]:
        return UDFExpr, self._parts


@dataclass(frozen=True, eq=False, repr=False)
class DownloadExpr(FunctionExpr):
    """The bytes behind the URIs of a column. Made by `download`."""

    uri_column_name: str
    filesystem: Any = None

    @property
    def data_type(self) -> DataType:
        return _data_type("binary")

    @property
    def name(self) -> str:
        return self.uri_column_name

    def function(self) -> ColumnFunction:
        from millstream.downloads import Download

        return Download(self.uri_column_name, self.filesystem)

    def arguments(self) -> tuple[tuple[Expr, ...], Mapping[str, Expr]]:
        return (ColumnExpr(self.uri_column_name),), {}

    def is_idempotent(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"download({self.uri_column_name!r})"


@dataclass(frozen=True, eq=False, repr=False)
class RandomExpr(PlaceExpr):
    """A random number a row. Made by `random`."""

    seed: int | None = None
    reseed_after_execution: bool = True

    @property
    def data_type(self) -> DataType:
        return _data_type("float64")

    def row_value(self) -> tuple[str, int, bool]:
        return "random", _core.random_seed() if self.seed is None else self.seed, self.reseed_after_execution

    def __repr__(self) -> str:
        return f"random(seed={self.seed}, reseed_after_execution={self.reseed_after_execution})"


@dataclass(frozen=True, eq=False, repr=False)
class UUIDExpr(PlaceExpr):
    """An identifier a row. Made by `uuid`."""

    seed: int | None = None

    @property
    def data_type(self) -> DataType:
        return _data_type("string")

    def row_value(self) -> tuple[str, int, bool]:
        return "uuid", _core.random_seed() if self.seed is None else self.seed, False

    def __repr__(self) -> str:
        return "uuid()" if self.seed is None else f"uuid(seed={self.seed})"


@dataclass(frozen=True, eq=False, repr=False)
class MonotonicallyIncreasingIdExpr(PlaceExpr):
    """A number a row, greater from row to row. Made by `monotonically_increasing_id`."""

    @property
    def data_type(self) -> DataType:
        return _data_type("int64")

    def row_value(self) -> tuple[str, int, bool]:
        return "id", 0, False

    def __repr__(self) -> str:
        return "monotonically_increasing_id()"


class ColumnUDF:
    """A function, or an instance of a class, that `udf` made callable with expressions."""

    def __init__(self, data_type: DataType, fn: ColumnFunction) -> None:
        self._data_type = data_type
        self._fn = fn

    def __call__(self, *args: Any, **kwargs: Any) -> UDFExpr:
        """The expression of its call. Arguments that are no expressions are given to the function as they are."""
        named = {name: _as_argument(value) for name, value in kwargs.items()}
        return UDFExpr(self._data_type, self._fn, tuple(map(_as_argument, args)), named)

    def __repr__(self) -> str:
        return f"udf {self._fn.name}"


class _Decorator(Protocol):
    def __call__(self, fn: Callable[..., Any], /) -> Callable[..., Any]: ...


def udf(return_dtype: Any) -> _Decorator:
    """Makes a function of whole columns one of expressions: a decorator.

    Args:
        return_dtype: The type of what it returns: a `millstream.datatype.DataType`, a pyarrow type or its name.

    The function is called a batch at a time. Each argument that is an expression is a pyarrow.Array of the batch's
    values; others are given as they are. It returns one value a row: a pyarrow array, a numpy array, a list or a
    Series, whose values fit `return_dtype`; or a single value for all rows. Nulls are its own matter.

    A class is decorated too: calling it with the constructor's arguments gives what is called with expressions, and
    each worker makes an instance of its own, once.

        @udf(return_dtype="int64")
        class Shifted:
            def __init__(self, by): self.by = by
            def __call__(self, values): return pyarrow.compute.add(values, self.by)

        rows.with_column("y", Shifted(5)(col("x")))

    TypeError for what cannot be called. What the function raises comes as a UserCodeError that names the rows.
    """
    data_type = _as_data_type(return_dtype)

    def decorate(fn: Callable[..., Any], /) -> Callable[..., Any]:
        from millstream.column_calls import ColumnFunction

        _check_function(fn)
        if not inspect.isclass(fn):
            return functools.update_wrapper(ColumnUDF(data_type, ColumnFunction.plain(fn)), fn)

        def construct(*args: Any, **kwargs: Any) -> ColumnUDF:
            return ColumnUDF(data_type, ColumnFunction(fn, args, kwargs))

        return functools.update_wrapper(construct, fn, updated=())

    return decorate


def pyarrow_udf(return_dtype: Any) -> _Decorator:
    """As `udf`, whose functions are given pyarrow arrays here anyway."""
    return udf(return_dtype)


def download(uri_column_name: str, *, filesystem: Any = None) -> DownloadExpr:
    """The bytes of the file that each URI of a column names; null where it is null.

    Args:
        uri_column_name: A column of texts: paths of this machine, file://, http:// or https://, or of what pyarrow has
            a file system for, such as s3://.
        filesystem: A pyarrow.fs.FileSystem that all of them are paths of instead.

    A batch of 128 rows is fetched at a time, 16 files at once, and held until it is processed: take care of files of
    many megabytes. OSError, FileNotFoundError where there is none, naming the URI.
    """
    if not isinstance(uri_column_name, str):
        raise TypeError(f"download takes the name of a column, not {type(uri_column_name).__name__}")
    return DownloadExpr(uri_column_name, filesystem)


def random(*, seed: int | None = None, reseed_after_execution: bool = True) -> RandomExpr:
    """A random number a row, at least 0 and below 1, all equally likely.

    Args:
        seed: From 0 to 2**64 - 1. None draws one when a data set is made with the expression.
        reseed_after_execution: True gives other numbers each epoch, a function of (seed, epoch); False always the same.

    The number is a function of the seed, the epoch and the row's place (docs/order.md), whatever the machine and the
    batches. One expression object used twice in one call has one value a row; two calls of `random()` have two.
    """
    return RandomExpr(None if seed is None else check_seed(seed), bool(reseed_after_execution))


def uuid(*, seed: int | None = None) -> UUIDExpr:
    """The text of a UUID of version 4 for each row: "2899f7bd-8716-4b98-a774-df730a99c8b3".

    Made of a seed, drawn when a data set is made with the expression unless given, and the row's place: the same row
    has the same one each epoch.
    """
    return UUIDExpr(None if seed is None else check_seed(seed))


def monotonically_increasing_id() -> MonotonicallyIncreasingIdExpr:
    """An int64 for each row, unique and rising in the order of the source, with gaps between files.

    The number of the file (or other source) times 2**40, plus the row's place in it, as docs/order.md numbers them.
    """
    return MonotonicallyIncreasingIdExpr()


def _check_function(fn: Any) -> None:
    if not callable(fn):
        raise TypeError(f"udf decorates a function or a class, not {type(fn).__name__}")
    if inspect.isclass(fn) and "__call__" not in dir(fn):
        raise TypeError(f"udf({fn.__name__}): the class has no __call__; give it one that takes columns")
    called = fn if inspect.isroutine(fn) else type(fn).__call__ if not inspect.isclass(fn) else fn.__call__
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        raise NotImplementedError("udf: async functions are not in this version; use a plain function")


def _as_argument(value: Any) -> Expr:
    return value if isinstance(value, Expr) else LiteralExpr(value)


def _argument_text(arg: Expr) -> str:
    return repr(arg.value if isinstance(arg, LiteralExpr) else arg)


def _as_data_type(value: Any) -> DataType:
    from millstream.datatype import DataType

    if isinstance(value, DataType):
        return value
    try:
        return DataType.from_arrow(arrow_type(value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"return_dtype must be a DataType, a pyarrow type or its name, not {value!r}") from error


def _data_type(name: str) -> DataType:
    from millstream.datatype import DataType

    return cast("DataType", getattr(DataType, name)())
