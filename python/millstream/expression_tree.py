"""Ways through the expressions that an expression is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from millstream.expressions import Expr


def children(expr: Expr) -> Iterator[Expr]:
    """Those that it holds itself, in the order of its fields."""
    for field in fields(expr):  # type: ignore[arg-type]
        yield from _expressions_in(getattr(expr, field.name))


def outermost(expr: Expr, wanted: Callable[[Expr], bool]) -> Iterator[Expr]:
    """The expressions that are wanted, without those inside them."""
    if wanted(expr):
        yield expr
        return
    for child in children(expr):
        yield from outermost(child, wanted)


def innermost(expr: Expr, wanted: Callable[[Expr], bool]) -> Iterator[Expr]:
    """The expressions that are wanted and hold no others such."""
    inside = False
    for child in children(expr):
        for part in innermost(child, wanted):
            inside = True
            yield part
    if wanted(expr) and not inside:
        yield expr


class Substitution:
    """Expressions with some of them, told by identity, replaced by others."""

    def __init__(self, replacements: Mapping[int, Expr]) -> None:
        self._made: dict[int, Expr] = dict(replacements)

    def __call__(self, expr: Expr) -> Expr:
        """The same object where nothing in it is replaced; one object made of one object."""
        made = self._made.get(id(expr))
        if made is None:
            made = self._made[id(expr)] = self._rebuilt(expr)
        return made

    def _rebuilt(self, expr: Expr) -> Expr:
        changed: dict[str, Any] = {}
        for field in fields(expr):  # type: ignore[arg-type]
            old = getattr(expr, field.name)
            new = self._value(old)
            if new is not old:
                changed[field.name] = new
        return replace(expr, **changed) if changed else expr  # type: ignore[type-var]

    def _value(self, value: Any) -> Any:
        if isinstance(value, Expr):
            return self(value)
        if isinstance(value, tuple) and any(isinstance(item, Expr) for item in value):
            items = tuple(map(self._value, value))
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        if isinstance(value, Mapping):
            pairs = {name: self._value(item) for name, item in value.items()}
            return pairs if any(pairs[name] is not value[name] for name in value) else value
        return value


def _expressions_in(value: Any) -> Iterator[Expr]:
    if isinstance(value, Expr):
        yield value
    elif isinstance(value, tuple):
        yield from (item for item in value if isinstance(item, Expr))
    elif isinstance(value, Mapping):
        yield from (item for item in value.values() if isinstance(item, Expr))
