"""Plans with users' functions: `map`, `map_batches`, `flat_map`, `filter` and `add_column`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from millstream import _core
from millstream.arguments import check_count, check_flag, check_text, refuse_placement
from millstream.batch_format import batch_formatter
from millstream.compute_strategy import asked_workers
from millstream.skipped_errors import MAX_ERRORS, SkippedMost
from millstream.user_function import UserFunction, checked_function


class FunctionArguments(TypedDict, total=False):
    """What the methods that take a function have in common."""

    fn_args: Iterable[Any] | None
    fn_kwargs: Mapping[str, Any] | None
    fn_constructor_args: Iterable[Any] | None
    fn_constructor_kwargs: Mapping[str, Any] | None
    compute: Any
    concurrency: Any
    on_error: Any
    max_errors: Any


def mapped(
    plan: _core.Plan,
    kind: str,
    fn: Any,
    arguments: Mapping[str, Any],
    *,
    batch_size: int | None = None,
    batch_format: str | None = "default",
    zero_copy_batch: bool = True,
    column: str = "",
    timeout_s: float | None = None,
) -> _core.Plan:
    """The plan with the function above it; else as `checked_user_function`."""
    function = checked_user_function(
        kind,
        fn,
        arguments,
        batch_format=batch_format,
        zero_copy_batch=zero_copy_batch,
        column=column,
        timeout_s=timeout_s,
    )
    return plan.map_batches(function, 0 if batch_size is None else check_count(batch_size, "batch_size", least=1))


def checked_user_function(
    kind: str,
    fn: Any,
    arguments: Mapping[str, Any],
    *,
    batch_format: str | None = "default",
    zero_copy_batch: bool = True,
    column: str = "",
    timeout_s: float | None = None,
) -> UserFunction:
    """What a plan holds of the function. `arguments`: those of ray.data that FunctionArguments names, and placement.

    TypeError, ValueError and NotImplementedError for arguments that cannot be.
    """
    own = {name: arguments.get(name) for name in FunctionArguments.__annotations__}
    refuse_placement(kind, {name: value for name, value in arguments.items() if name not in own})
    constructor_args = tuple(own["fn_constructor_args"] or ())
    constructor_kwargs = dict(own["fn_constructor_kwargs"] or {})
    checked_function(kind, fn, constructor_args, constructor_kwargs)
    batch_formatter(batch_format)
    return UserFunction(
        kind,
        fn,
        tuple(own["fn_args"] or ()),
        dict(own["fn_kwargs"] or {}),
        constructor_args,
        constructor_kwargs,
        batch_format,
        check_flag(zero_copy_batch, "zero_copy_batch"),
        column,
        asked_workers(own["compute"], own["concurrency"]),
        _checked_timeout(timeout_s),
        skips=_checked_skips(arguments),
    )


def _checked_skips(arguments: Mapping[str, Any]) -> SkippedMost | None:
    on_error = arguments.get("on_error", "raise")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    most = arguments.get("max_errors", MAX_ERRORS)
    if on_error == "raise":
        if "max_errors" in arguments:
            raise ValueError('max_errors says how many errors on_error="skip" may pass over; give that too')
        return None
    return SkippedMost(None if most is None else check_count(most, "max_errors"))


def _checked_timeout(timeout_s: Any) -> float | None:
    if timeout_s is None:
        return None
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not timeout_s > 0:
        raise ValueError(f"DataContext.function_timeout_s must be a number of seconds above 0, got {timeout_s!r}")
    return float(timeout_s)


def with_added_column(
    plan: _core.Plan,
    col: str,
    fn: Any,
    batch_format: str,
    arguments: Mapping[str, Any],
    timeout_s: float | None = None,
) -> _core.Plan:
    """The plan with a column that `fn` makes of each batch."""
    check_text(col, "col")
    if batch_format not in ("pandas", "pyarrow", "numpy"):
        raise ValueError(f"batch_format of add_column must be 'pandas', 'pyarrow' or 'numpy', got {batch_format!r}")
    return mapped(plan, "add_column", fn, arguments, batch_format=batch_format, column=col, timeout_s=timeout_s)
