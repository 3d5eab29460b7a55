"""Which Arrow types hold the values of which others without a change; of each value Arrow's cast then tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow


def fits(wanted: pyarrow.DataType, found: pyarrow.DataType) -> bool:
    """Whether values of `found` may be of `wanted`: a struct's fields are among that's, texts are texts, numbers are
    of a kind that has them.
    """
    from pyarrow import types

    if types.is_struct(wanted) and types.is_struct(found):
        known = {field.name: field.type for field in wanted}
        return all(field.name in known and fits(known[field.name], field.type) for field in found)
    if _is_list(wanted) and _is_list(found):
        return fits(wanted.value_type, found.value_type)
    if types.is_dictionary(found):
        return fits(wanted, found.value_type)
    return wanted == found or types.is_null(found) or _is_wider(wanted, found)


def brought(wanted: pyarrow.DataType, found: pyarrow.DataType) -> pyarrow.DataType | None:
    """The type to bring values of `found` to for a column of `wanted`: that itself, but that a struct has its own
    fields, new ones too. None where values would change.
    """
    import pyarrow
    from pyarrow import types

    if types.is_struct(wanted) and types.is_struct(found):
        known = {field.name: field for field in wanted}
        fields = [brought_field(known[field.name], field) if field.name in known else field for field in found]
        return None if any(field is None for field in fields) else pyarrow.struct(fields)
    if _is_list(wanted) and _is_list(found):
        values = brought_field(wanted.value_field, found.value_field)
        make = pyarrow.large_list if types.is_large_list(wanted) else pyarrow.list_
        return None if values is None else make(values)
    return wanted if fits(wanted, found) else None


def brought_field(wanted: pyarrow.Field, found: pyarrow.Field) -> pyarrow.Field | None:
    """The same of fields: with the name of `wanted`, and its word on nulls."""
    kind = brought(wanted.type, found.type)
    return None if kind is None else wanted.with_type(kind)


def _is_wider(wanted: pyarrow.DataType, found: pyarrow.DataType) -> bool:
    from pyarrow import types

    if types.is_integer(found):
        return bool(types.is_floating(wanted) or types.is_decimal(wanted) or types.is_integer(wanted))
    if types.is_floating(found):
        return bool(types.is_floating(wanted) and wanted.bit_width >= found.bit_width)
    if types.is_timestamp(wanted) and types.is_timestamp(found):
        return (wanted.tz is None) == (found.tz is None)
    return any(is_kind(wanted) and is_kind(found) for is_kind in (types.is_decimal, _is_text, _is_bytes))


def _is_list(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind))


def _is_text(kind: pyarrow.DataType) -> bool:
    return str(kind) in ("string", "large_string", "string_view")


def _is_bytes(kind: pyarrow.DataType) -> bool:
    return str(kind) in ("binary", "large_binary", "binary_view")
