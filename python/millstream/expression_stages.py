"""Plans with expressions whose parts are computed in stages of their own: below, what a part is given; then the stage;
above, what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from millstream import _core
from millstream.column_calls import ColumnCall, ColumnCalls
from millstream.expression_functions import DownloadExpr, FunctionExpr, PlaceExpr, StagedExpr
from millstream.expression_operations import Operation
from millstream.expression_tree import Substitution, innermost, outermost
from millstream.expression_types import check_condition, checked_type
from millstream.expressions import BinaryExpr, ColumnExpr, Expr, LiteralExpr
from millstream.row_functions import checked_user_function

if TYPE_CHECKING:
    import pyarrow

_DOWNLOADED_ROWS = 128  # a call: all of its files are held at one time


@dataclass(frozen=True)
class FunctionSettings:
    """How the functions in expressions run: ray.data's `compute=`, and how long one call may take."""

    compute: Any = None
    timeout_s: float | None = None


def is_staged(expr: Any) -> bool:
    """Whether a part of it is computed in a stage of its own."""
    return isinstance(expr, Expr) and next(outermost(expr, _is_stage), None) is not None


def with_staged_columns(plan: _core.Plan, columns: Mapping[str, Expr], settings: FunctionSettings) -> _core.Plan:
    """The plan with columns computed anew; else as `projections.replaced`."""
    _check(plan, columns.values(), checked_type)
    stages = _Stages(plan, settings)
    lowered = stages.lower(list(columns.values()))
    computed = [(name, expr.to_core()) for name, expr in zip(columns, lowered, strict=True)]
    return stages.dropped(stages.plan.change_columns("set", columns=computed))


def staged_filter(plan: _core.Plan, expr: Expr, settings: FunctionSettings) -> _core.Plan:
    """The plan of the rows for which it is true. Conditions that need no stage are asked first, and reach the scan."""
    _check(plan, [expr], check_condition)
    conditions = list(_conditions(expr))
    for condition in conditions:
        if not is_staged(condition):
            plan = plan.filter(condition.to_core())
    stages = _Stages(plan, settings)
    for condition in stages.lower([condition for condition in conditions if is_staged(condition)]):
        stages.plan = stages.plan.filter(condition.to_core())
    return stages.dropped(stages.plan)


class _Stages:
    """Puts stages on a plan, each of which adds columns under names of our own."""

    def __init__(self, plan: _core.Plan, settings: FunctionSettings) -> None:
        self.plan = plan
        self._settings = settings
        self._made: list[str] = []
        known = plan.schema()
        self._taken = frozenset(() if known is None else known.names)

    def lower(self, exprs: list[Expr]) -> list[Expr]:
        """The same values of the plan's columns, which have grown."""
        while parts := _distinct(part for expr in exprs for part in innermost(expr, _is_stage)):
            columns = {id(part): ColumnExpr(self._new_name()) for part in parts}
            self._compute([(columns[id(part)].column, part) for part in parts])
            exprs = list(map(Substitution(columns), exprs))
        return exprs

    def dropped(self, plan: _core.Plan) -> _core.Plan:
        """Without the columns of our own."""
        return plan.change_columns("drop", names=self._made)

    def _compute(self, parts: Sequence[tuple[str, Expr]]) -> None:
        places = [(name, part) for name, part in parts if isinstance(part, PlaceExpr)]
        functions = [(name, part) for name, part in parts if isinstance(part, FunctionExpr)]
        if places:
            self.plan = self.plan.row_values([_row_value(name, part) for name, part in places])
        calls = [(self._call(name, part), isinstance(part, DownloadExpr)) for name, part in functions]
        for downloads in (False, True):
            self._run(tuple(call for call, is_download in calls if is_download == downloads), downloads)

    def _call(self, name: str, part: FunctionExpr) -> ColumnCall:
        args, kwargs = part.arguments()
        computed: list[tuple[str, Expr]] = []

        def given(arg: Expr) -> Expr:
            if isinstance(arg, ColumnExpr | LiteralExpr):
                return arg
            computed.append((self._new_name(), arg))
            return ColumnExpr(computed[-1][0])

        lowered = tuple(map(given, args)), {key: given(arg) for key, arg in kwargs.items()}
        if computed:
            self.plan = self.plan.change_columns("set", columns=[(column, arg.to_core()) for column, arg in computed])
        return ColumnCall(name, part.function(), *lowered, part.data_type.to_arrow_dtype())

    def _run(self, calls: tuple[ColumnCall, ...], downloads: bool) -> None:
        if not calls:
            return
        arguments = {"compute": self._settings.compute}
        timeout_s = self._settings.timeout_s
        function = checked_user_function("with_columns", ColumnCalls(calls), arguments, timeout_s=timeout_s)
        self.plan = self.plan.map_batches(function, _DOWNLOADED_ROWS if downloads else 0)

    def _new_name(self) -> str:
        number = len(self._made)
        while (name := f"__millstream_{number}__") in self._taken:
            number += 1
        self._taken |= {name}
        self._made.append(name)
        return name


def _is_stage(expr: Expr) -> bool:
    return isinstance(expr, StagedExpr)


def _distinct(parts: Iterable[Expr]) -> list[Expr]:
    return list({id(part): part for part in parts}.values())


def _row_value(column: str, part: PlaceExpr) -> tuple[str, str, int, bool]:
    kind, seed, each_epoch = part.row_value()
    return kind, column, seed, each_epoch


def _conditions(expr: Expr) -> Iterator[Expr]:
    """What must all be true."""
    if isinstance(expr, BinaryExpr) and expr.op is Operation.AND:
        yield from _conditions(expr.left)
        yield from _conditions(expr.right)
    else:
        yield expr


def _check(plan: _core.Plan, exprs: Iterable[Expr], check: Callable[[Expr, pyarrow.Schema], Any]) -> None:
    """KeyError and TypeError now, where the columns are known, and not when rows are asked for."""
    if (known := plan.schema()) is None:
        return
    import pyarrow

    schema = pyarrow.schema(known)
    for expr in exprs:
        check(expr, schema)
