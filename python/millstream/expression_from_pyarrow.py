"""pyarrow's expressions as the engine's own; they cross as Substrait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream import _core

if TYPE_CHECKING:
    import pyarrow


def is_pyarrow_expression(value: Any) -> bool:
    """Without importing pyarrow."""
    return type(value).__name__ == "Expression" and type(value).__module__.partition(".")[0] == "pyarrow"


def from_pyarrow(expression: Any, schema: _core.Schema | None) -> _core.Expression:
    """The same computation on the columns of `schema`.

    KeyError for a column that is not there, ValueError for what Substrait or the engine cannot say.
    """
    import pyarrow

    fields = [] if schema is None else pyarrow.schema(schema)
    declared = [field.with_type(_declared(field.type)) for field in fields]
    # What Substrait cannot say keeps its place: expressions may name columns by their numbers.
    plain = pyarrow.schema([each if _can_be_said(each.type) else each.with_type(pyarrow.null()) for each in declared])
    if "case_when(" in str(expression):
        # Substrait says it as if_else, which takes a null condition otherwise.
        raise ValueError(f"{expression} cannot be taken: it has a case_when; write it with millstream's col()")
    try:
        message = expression.to_substrait(plain)
    except pyarrow.lib.ArrowException as error:
        if "No match for FieldRef" in str(error):
            raise KeyError(f"{expression} is not of the columns {', '.join(plain.names)}") from None
        raise ValueError(
            f"{expression} cannot be taken: {error}; write it with millstream's col(), or as text"
        ) from None
    return _core.parse_substrait(bytes(message), plain)


def _declared(kind: pyarrow.DataType) -> pyarrow.DataType:
    """A wider type, where there is one: what is to be cast is for the engine to tell, and Substrait has no casts that
    fail."""
    import pyarrow

    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([field.with_type(_declared(field.type)) for field in kind])
    if pyarrow.types.is_timestamp(kind):
        return pyarrow.timestamp("us", kind.tz)
    if pyarrow.types.is_integer(kind):
        return pyarrow.int64()
    if pyarrow.types.is_floating(kind):
        return pyarrow.float64()
    if pyarrow.types.is_large_string(kind) or pyarrow.types.is_string_view(kind):
        return pyarrow.string()
    return kind


def _can_be_said(kind: pyarrow.DataType) -> bool:
    """Whether Substrait has the type."""
    import pyarrow.compute

    try:
        pyarrow.compute.field("_").to_substrait(pyarrow.schema([("_", kind)]))
    except pyarrow.lib.ArrowException:
        return False
    return True
