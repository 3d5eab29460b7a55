"""Types of columns as ray.data names them: `DataType.int64()`, `DataType.list(DataType.string())`."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import pyarrow

_PYTHON_TIMES = (datetime.datetime, datetime.date, datetime.time, datetime.timedelta)


class TypeCategory(StrEnum):
    """Groups of types, for `DataType.is_of`."""

    LIST = "list"
    LARGE_LIST = "large_list"
    STRUCT = "struct"
    MAP = "map"
    TENSOR = "tensor"
    TEMPORAL = "temporal"


@dataclass(frozen=True, repr=False)
class DataType:
    """A type of Arrow, a dtype of numpy or a type of Python. TypeError for anything else."""

    _physical_dtype: Any

    def __post_init__(self) -> None:
        if not (self.is_arrow_type() or self.is_numpy_type() or self.is_python_type()):
            raise TypeError(
                "a DataType is of a pyarrow type, a numpy dtype or a Python type, not of "
                f"{type(self._physical_dtype).__name__}"
            )

    # ---- making one ----
    @classmethod
    def from_arrow(cls, arrow_type: pyarrow.DataType) -> DataType:
        """Of a type of pyarrow."""
        return cls(arrow_type)

    @classmethod
    def from_numpy(cls, numpy_dtype: numpy.dtype[Any] | str) -> DataType:
        """Of a dtype of numpy, or its name."""
        import numpy

        return cls(numpy.dtype(numpy_dtype))

    @classmethod
    def from_dtype(cls, dtype: Any) -> DataType | None:
        """Of whatever describes a type: of pyarrow, numpy, pandas or Python; None for what does not."""
        import numpy
        import pyarrow

        if dtype is None or isinstance(dtype, DataType):
            return dtype
        if isinstance(dtype, type) and not issubclass(dtype, numpy.generic):
            return cls(dtype)
        kind = getattr(dtype, "pyarrow_dtype", dtype)  # of pandas
        if isinstance(kind, pyarrow.DataType):
            return cls(kind)
        if type(dtype).__name__ == "StringDtype":
            return cls(pyarrow.string())
        try:
            return cls(numpy.dtype(getattr(dtype, "numpy_dtype", dtype)))
        except (TypeError, ValueError):
            return None

    @classmethod
    def infer_dtype(cls, value: Any) -> DataType:
        """Of a value: numpy's own for its scalars and arrays, else as a column of it has."""
        import numpy

        if isinstance(value, numpy.ndarray | numpy.generic):
            return cls(value.dtype)
        from millstream.result_columns import result_column

        try:
            return cls(result_column("value", [value], where="infer_dtype")[0].type)
        except (TypeError, ValueError):
            return cls(type(value))

    @classmethod
    def _of(cls, name: str) -> DataType:
        import pyarrow

        return cls(pyarrow.type_for_alias(name))

    @classmethod
    def int8(cls) -> DataType:
        return cls._of("int8")

    @classmethod
    def int16(cls) -> DataType:
        return cls._of("int16")

    @classmethod
    def int32(cls) -> DataType:
        return cls._of("int32")

    @classmethod
    def int64(cls) -> DataType:
        return cls._of("int64")

    @classmethod
    def uint8(cls) -> DataType:
        return cls._of("uint8")

    @classmethod
    def uint16(cls) -> DataType:
        return cls._of("uint16")

    @classmethod
    def uint32(cls) -> DataType:
        return cls._of("uint32")

    @classmethod
    def uint64(cls) -> DataType:
        return cls._of("uint64")

    @classmethod
    def float32(cls) -> DataType:
        return cls._of("float32")

    @classmethod
    def float64(cls) -> DataType:
        return cls._of("float64")

    @classmethod
    def string(cls) -> DataType:
        return cls._of("string")

    @classmethod
    def bool(cls) -> DataType:
        return cls._of("bool")

    @classmethod
    def binary(cls) -> DataType:
        return cls._of("binary")

    @classmethod
    def list(cls, value_type: DataType) -> DataType:
        """Lists of values of that type."""
        import pyarrow

        return cls(pyarrow.list_(value_type.to_arrow_dtype()))

    @classmethod
    def large_list(cls, value_type: DataType) -> DataType:
        """Lists that together may hold more than two thousand million values."""
        import pyarrow

        return cls(pyarrow.large_list(value_type.to_arrow_dtype()))

    @classmethod
    def fixed_size_list(cls, value_type: DataType, list_size: int) -> DataType:
        """Lists of so many values each."""
        import pyarrow

        return cls(pyarrow.list_(value_type.to_arrow_dtype(), list_size))

    @classmethod
    def struct(cls, fields: Sequence[tuple[str, DataType]]) -> DataType:
        """Structs of named fields."""
        import pyarrow

        return cls(pyarrow.struct([(name, kind.to_arrow_dtype()) for name, kind in fields]))

    @classmethod
    def map(cls, key_type: DataType, value_type: DataType) -> DataType:
        """Maps of keys to values."""
        import pyarrow

        return cls(pyarrow.map_(key_type.to_arrow_dtype(), value_type.to_arrow_dtype()))

    @classmethod
    def tensor(cls, shape: tuple[int, ...], dtype: DataType) -> DataType:
        """Tensors of one shape: Arrow's fixed_shape_tensor, where ray.data has a type of its own."""
        import pyarrow

        return cls(pyarrow.fixed_shape_tensor(dtype.to_arrow_dtype(), shape))

    @classmethod
    def variable_shaped_tensor(cls, dtype: DataType, ndim: int = 2) -> DataType:
        """Tensors of several shapes of so many axes: the storage of Arrow's variable_shape_tensor."""
        import pyarrow

        values = pyarrow.field("data", pyarrow.list_(dtype.to_arrow_dtype()))
        return cls(pyarrow.struct([values, pyarrow.field("shape", pyarrow.list_(pyarrow.int32(), ndim))]))

    @classmethod
    def temporal(cls, temporal_type: str, unit: str | None = None, tz: str | None = None) -> DataType:
        """A "timestamp", "date32", "date64", "time32", "time64" or "duration".

        Units are "s", "ms", "us" (the default, but for time32) and "ns"; a timestamp may have a time zone.
        """
        import pyarrow

        makers: dict[str, Callable[[], Any]] = {
            "timestamp": lambda: pyarrow.timestamp(unit or "us", tz=tz),
            "date32": pyarrow.date32,
            "date64": pyarrow.date64,
            "time32": lambda: pyarrow.time32(unit or "s"),
            "time64": lambda: pyarrow.time64(unit or "us"),
            "duration": lambda: pyarrow.duration(unit or "us"),
        }
        if temporal_type.lower() not in makers:
            raise ValueError(f"temporal_type must be one of {', '.join(map(repr, makers))}, got {temporal_type!r}")
        return cls(makers[temporal_type.lower()]())

    # ---- as other types ----
    def to_arrow_dtype(self, values: Sequence[Any] | None = None) -> pyarrow.DataType:
        """pyarrow's. That of a Python type is found from `values`; TypeError without them."""
        import pyarrow

        if self.is_arrow_type():
            return self._physical_dtype
        if self.is_numpy_type():
            return pyarrow.from_numpy_dtype(self._physical_dtype)
        if not values:
            raise TypeError(
                f"{self!r} is of a Python type, which values give an Arrow type; use DataType.int64() or so"
            )
        from millstream.result_columns import result_column

        return result_column("values", [*values], where="to_arrow_dtype")[0].type

    def to_numpy_dtype(self) -> numpy.dtype[Any]:
        """numpy's; object where there is none."""
        import numpy

        if self.is_numpy_type():
            kind: numpy.dtype[Any] = self._physical_dtype
            return kind
        try:
            return numpy.dtype(self._physical_dtype.to_pandas_dtype() if self.is_arrow_type() else object)
        except (TypeError, ValueError, NotImplementedError):
            return numpy.dtype(object)

    def to_python_type(self) -> type:
        """Python's. ValueError where it is of Arrow or numpy."""
        if not self.is_python_type():
            raise ValueError(f"{self!r} is not of a Python type; use to_arrow_dtype() or to_numpy_dtype()")
        kind: type = self._physical_dtype
        return kind

    # ---- what it is ----
    def is_arrow_type(self) -> bool_:
        """Whether it is of pyarrow."""
        return hasattr(self._physical_dtype, "__arrow_c_schema__")

    def is_numpy_type(self) -> bool_:
        """Whether it is of numpy."""
        import numpy

        return isinstance(self._physical_dtype, numpy.dtype)

    def is_python_type(self) -> bool_:
        """Whether it is of Python."""
        return isinstance(self._physical_dtype, type)

    def is_of(self, category: TypeCategory | str) -> bool_:
        """Whether it belongs to a category, such as "list"."""
        checks = {
            "list": self.is_list_type,
            "large_list": lambda: self._is_arrow("is_large_list", "is_large_list_view"),
            "struct": self.is_struct_type,
            "map": self.is_map_type,
            "tensor": self.is_tensor_type,
            "temporal": self.is_temporal_type,
        }
        check = checks.get(str(category))
        return check is not None and check()

    def is_list_type(self) -> bool_:
        """Lists of any size or of one."""
        names = ("is_list", "is_large_list", "is_fixed_size_list", "is_list_view", "is_large_list_view")
        return self._is_arrow(*names)

    def is_tensor_type(self) -> bool_:
        """Tensors."""
        return getattr(self._physical_dtype, "extension_name", "") in (
            "arrow.fixed_shape_tensor",
            "arrow.variable_shape_tensor",
        )

    def is_struct_type(self) -> bool_:
        """Structs."""
        return self._is_arrow("is_struct")

    def is_map_type(self) -> bool_:
        """Maps."""
        return self._is_arrow("is_map")

    def is_nested_type(self) -> bool_:
        """Lists, structs, maps and unions."""
        return self._is_arrow("is_nested")

    def is_null_type(self) -> bool_:
        """Nothing but nulls."""
        return self._is_arrow("is_null")

    def is_boolean_type(self) -> bool_:
        """True and False."""
        return self._is_arrow("is_boolean") or self._is_numpy("b") or self._is_python(bool_)

    def is_integer_type(self) -> bool_:
        """Whole numbers."""
        return self._is_arrow("is_integer") or self._is_numpy("iu") or self._is_python(int)

    def is_floating_type(self) -> bool_:
        """Floating-point numbers."""
        return self._is_arrow("is_floating") or self._is_numpy("f") or self._is_python(float)

    def is_uint64_type(self) -> bool_:
        """Whole numbers of 64 bits without a sign."""
        return self._is_arrow("is_uint64") or (self._is_numpy("u") and self._physical_dtype.itemsize == 8)

    def is_numerical_type(self) -> bool_:
        """What can be computed with: whole numbers, floating-point numbers, decimals."""
        numbers = self._is_arrow("is_integer", "is_floating", "is_decimal")
        return numbers or self._is_numpy("iufc") or self._is_python(int, float, complex)

    def is_string_type(self) -> bool_:
        """Texts."""
        texts = self._is_arrow("is_string", "is_large_string", "is_string_view")
        return texts or self._is_numpy("US") or self._is_python(str)

    def is_binary_type(self) -> bool_:
        """Bytes."""
        binaries = self._is_arrow("is_binary", "is_large_binary", "is_binary_view", "is_fixed_size_binary")
        return binaries or self._is_numpy("V") or self._is_python(bytes, bytearray)

    def is_temporal_type(self) -> bool_:
        """Dates, times and durations."""
        return self._is_arrow("is_temporal") or self._is_numpy("mM") or self._is_python(*_PYTHON_TIMES)

    def _is_arrow(self, *checks: str) -> bool_:
        """Whether one of pyarrow's checks says so of the type, or of what its dictionary holds."""
        if not self.is_arrow_type():
            return False
        import pyarrow

        kind, types = self._physical_dtype, pyarrow.types
        if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
            kind = kind.value_type
        return any(hasattr(types, check) and getattr(types, check)(kind) for check in checks)

    def _is_numpy(self, kinds: str) -> bool_:
        return self.is_numpy_type() and self._physical_dtype.kind in kinds

    def _is_python(self, *kinds: type) -> bool_:
        return self.is_python_type() and self._physical_dtype in kinds

    def __repr__(self) -> str:
        if self.is_python_type():
            return f"DataType(python:{self._physical_dtype.__name__})"
        return f"DataType({'arrow' if self.is_arrow_type() else 'numpy'}:{self._physical_dtype})"


bool_ = bool  # which the class has a method of the name of
