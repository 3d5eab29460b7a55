"""What a tensorflow_metadata Schema asks of rows that are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.read_records import features_of

if TYPE_CHECKING:
    import pyarrow


def check_kinds(schema: pyarrow.Schema, tf_schema: Any) -> None:
    """KeyError for a feature that no column is, TypeError for a column of another kind."""
    for name, (kind, _) in features_of(tf_schema).items():
        index = schema.get_field_index(name)
        if index < 0:
            raise KeyError(f"tf_schema: no column {name!r}; there are {schema.names}")
        column = schema.field(index).type
        if (own := _kind(column)) != kind:
            raise TypeError(f"tf_schema: the feature {name!r} is {kind}, and its column of type {column} is {own}")


def _kind(column: pyarrow.DataType) -> str:
    from pyarrow import types

    if hasattr(column, "value_type"):
        return _kind(column.value_type)
    if types.is_floating(column):
        return "float"
    return "int" if types.is_integer(column) or types.is_boolean(column) else "bytes"
