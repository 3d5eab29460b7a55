"""Avro's types as Arrow's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

_PLAIN = {
    "null": "null",
    "boolean": "bool_",
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "bytes": "binary",
    "string": "string",
    "enum": "string",
}
_NUMBERS = ("int", "long", "float", "double")
_DIGITS_MAX = 76


def arrow_schema(schema: Any, where: str) -> pyarrow.Schema:
    """Of a file's own schema, as fastavro parses it. `where` begins the messages.

    ValueError for what is no record, TypeError for a type that no column has.
    """
    import pyarrow

    if not isinstance(schema, dict) or schema.get("type") != "record":
        kind = schema if isinstance(schema, str) else schema.get("type") if isinstance(schema, dict) else "union"
        raise ValueError(f"{where} holds values of type {kind}, and rows are records")
    types = _Types(where)
    types.begin(schema)
    return pyarrow.schema([(field["name"], types.arrow(field["type"], field["name"])) for field in schema["fields"]])


class _Types:
    """Types by their names, and those that are in the making: a type within itself has no end."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._named: dict[str, Any] = {}
        self._open: list[str] = []

    def begin(self, schema: Mapping[str, Any]) -> None:
        self._named[schema["name"]] = schema
        self._open.append(schema["name"])

    def arrow(self, schema: Any, column: str, nested: bool = False) -> pyarrow.DataType:
        import pyarrow

        if isinstance(schema, list):
            return self.arrow(self._one_of(schema, column), column, nested)
        if isinstance(schema, str):
            if schema in _PLAIN:
                kind: pyarrow.DataType = getattr(pyarrow, _PLAIN[schema])()
                return kind
            if schema in self._open:
                raise TypeError(f"{self._where}: column {column!r} holds records within themselves, as no column does")
            return self.arrow(self._named[schema], column, nested)
        if "name" in schema:
            self._named[schema["name"]] = schema
        return self._logical(schema, nested) or self._of_dict(schema, column, nested)

    def _of_dict(self, schema: Mapping[str, Any], column: str, nested: bool) -> pyarrow.DataType:
        import pyarrow

        kind = schema["type"]
        if kind == "array":
            return pyarrow.list_(self.arrow(schema["items"], column, nested=True))
        if kind == "map":
            return pyarrow.map_(pyarrow.string(), self.arrow(schema["values"], column, nested=True))
        if kind == "fixed":
            return pyarrow.binary(schema["size"])
        if kind not in ("record", "error"):
            return self.arrow(kind, column, nested)
        self.begin(schema)
        fields = [(field["name"], self.arrow(field["type"], column, nested=True)) for field in schema["fields"]]
        self._open.pop()
        return pyarrow.struct(fields)

    def _logical(self, schema: Mapping[str, Any], nested: bool) -> pyarrow.DataType | None:
        """None for what has no logical type, or one that is not known: it is read as what it is stored as."""
        import pyarrow

        logical = schema.get("logicalType")
        if logical == "decimal" and 0 <= schema.get("scale", 0) <= schema.get("precision", 0) <= _DIGITS_MAX:
            make = pyarrow.decimal128 if schema["precision"] <= 38 else pyarrow.decimal256
            return make(schema["precision"], schema.get("scale", 0))
        if logical == "uuid" and schema["type"] == "string":
            return pyarrow.string() if nested or not hasattr(pyarrow, "uuid") else pyarrow.uuid()
        types: dict[Any, pyarrow.DataType] = {
            ("int", "date"): pyarrow.date32(),
            ("int", "time-millis"): pyarrow.time32("ms"),
            ("long", "time-micros"): pyarrow.time64("us"),
            ("long", "timestamp-millis"): pyarrow.timestamp("ms", "UTC"),
            ("long", "timestamp-micros"): pyarrow.timestamp("us", "UTC"),
            ("long", "timestamp-nanos"): pyarrow.timestamp("ns", "UTC"),
            ("long", "local-timestamp-millis"): pyarrow.timestamp("ms"),
            ("long", "local-timestamp-micros"): pyarrow.timestamp("us"),
            ("long", "local-timestamp-nanos"): pyarrow.timestamp("ns"),
        }
        return types.get((schema["type"], logical))

    def _one_of(self, union: list[Any], column: str) -> Any:
        """The one type of a union beside null; of several numbers the widest."""
        kinds = [kind for kind in union if kind != "null"]
        if len(kinds) > 1 and all(kind in _NUMBERS for kind in kinds):
            return "long" if set(kinds) == {"int", "long"} else "double"
        if len(kinds) > 1:
            names = [kind if isinstance(kind, str) else kind.get("name", kind["type"]) for kind in kinds]
            raise TypeError(
                f"{self._where}: column {column!r} is a union of {', '.join(names)}, and a column has one type; write "
                "it as a record with a field of each"
            )
        return kinds[0] if kinds else "null"


def texts_of_uuids(value: Any) -> Any:
    """The value with the uuids within it as texts, for Arrow makes none within lists and the like."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dict):
        return {key: texts_of_uuids(inner) for key, inner in value.items()}
    return [texts_of_uuids(inner) for inner in value] if isinstance(value, list) else value
