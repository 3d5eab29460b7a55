"""How an expression's functions reach the engine, and how they read as text."""

from collections.abc import Sequence
from typing import Any

from millstream import _core

_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "floor_divide": "//",
    "modulo": "%",
    "power": "**",
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "and": "&",
    "or": "|",
}
_PREFIXES = {"negate": "-", "not": "~"}
_METHODS = {
    "length": "str.len",
    "byte_length": "str.byte_len",
    "match_like": "str.match",
    "pad_left": "str.lpad",
    "pad_right": "str.rpad",
    "strip_characters": "str.strip",
    "lstrip_characters": "str.lstrip",
    "rstrip_characters": "str.rstrip",
    "ceil_temporal": "dt.ceil",
    "floor_temporal": "dt.floor",
    "round_temporal": "dt.round",
    "list_length": "list.len",
    "list_element": "list.get",
    "element_from_end": "list.get",
    "list_slice": "list.slice",
    "list_sort": "list.sort",
    "list_flatten": "list.flatten",
    "map_keys": "map.keys",
    "map_values": "map.values",
    "to_list": "arr.to_list",
    "struct_field": "struct.field",
    **{name: f"dt.{name}" for name in ("year", "month", "day", "hour", "minute", "second", "strftime")},
    **{
        name: f"str.{name}"
        for name in (
            *("upper", "lower", "capitalize", "title", "swapcase", "reverse", "is_alpha", "is_alnum", "is_digit"),
            *("is_decimal", "is_numeric", "is_space", "is_lower", "is_upper", "is_title", "is_printable", "is_ascii"),
            *("starts_with", "ends_with", "contains", "match_regex", "find", "find_regex", "count", "count_regex"),
            *("replace", "replace_regex", "strip", "lstrip", "rstrip", "center", "slice", "replace_slice"),
            *("split", "split_regex", "split_whitespace", "extract", "repeat"),
        )
    },
}
_WRITTEN_WITH_NAME = frozenset(
    {
        *("safe", "ignore_case", "max_replacements", "padding", "stop", "step", "max_splits", "reverse", "order"),
        *("null_placement", "lean_left_on_odd_padding"),
    }
)


def call_text(op: str, args: Sequence[Any], options: Sequence[tuple[str, Any]]) -> str:
    """The call as Python source that makes it again."""
    if op in _SYMBOLS:
        return f"({args[0]!r} {_SYMBOLS[op]} {args[1]!r})"
    if op in _PREFIXES:
        return f"({_PREFIXES[op]}{args[0]!r})"
    rest = [repr(getattr(arg, "value", arg)) for arg in args[1:]]
    named = False
    for name, value in options:
        text = repr(list(value)) if isinstance(value, tuple) else repr(value)
        if (name, value is True) != ("safe", True):
            named = named or name in _WRITTEN_WITH_NAME
            rest.append(f"{name}={text}" if named else text)
    method = "struct.field_by_index" if options and options[0][0] == "index" else _METHODS.get(op, op)
    return f"{args[0]!r}.{method}({', '.join(rest)})"


def lower_call(op: str, args: list[_core.Expression], options: dict[str, Any]) -> _core.Expression:
    """The engine's form of a call."""
    if op == "cast":
        return _core.call(op, args, {**options, "type": arrow_type(options["type"])})
    return _core.call(op, args, options)


def arrow_type(target: Any) -> Any:
    if hasattr(target, "to_arrow_dtype"):  # DataType
        target = target.to_arrow_dtype()
    if hasattr(target, "__arrow_c_schema__"):
        return target
    import pyarrow

    if target in (bool, int, float, str, bytes):
        return (
            pyarrow.from_numpy_dtype(target)
            if target in (bool, int, float)
            else pyarrow.type_for_alias(target.__name__)
        )
    if isinstance(target, str):
        return pyarrow.type_for_alias(target)
    raise TypeError(f'cast takes a pyarrow type or its name, such as pyarrow.int32() or "int32", not {target!r}')
