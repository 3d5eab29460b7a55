"""The names and types of a data set's columns."""

from typing import Any

from millstream import _core


class Schema:
    """Names and Arrow types of the columns, in order.

    `base_schema` and `types` need pyarrow; names, text and comparison do not.
    """

    def __init__(self, schema: _core.Schema) -> None:
        self._schema = schema

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return self._schema.names

    @property
    def types(self) -> list[Any]:
        """pyarrow types of the columns."""
        return list(self.base_schema.types)

    @property
    def base_schema(self) -> Any:
        """The pyarrow.Schema."""
        import pyarrow

        return pyarrow.schema(self._schema)

    @property
    def type_names(self) -> list[str]:
        """Arrow's names of the types, such as "int64" or "list<item: string>"."""
        return self._schema.type_names

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        return self.names == other.names and self.type_names == other.type_names

    def __hash__(self) -> int:
        return hash((tuple(self.names), tuple(self.type_names)))

    def __repr__(self) -> str:
        width = max(len(name) for name in ["Column", *self.names]) + 2
        rows = [("Column", "Type"), ("------", "----"), *zip(self.names, self.type_names, strict=True)]
        return "\n".join(f"{name:<{width}}{type_}" for name, type_ in rows)
