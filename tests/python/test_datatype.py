"""DataType names the types of Arrow, numpy and Python as ray.data's does."""

import datetime
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_expressions import evaluate

import millstream as ms
from millstream import col
from millstream.datatype import DataType, TypeCategory

SIMPLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "string")


@pytest.mark.parametrize("name", [*SIMPLE, "bool", "binary"])
def test_simple_types_are_made_by_their_names(name):
    kind = getattr(DataType, name)()
    assert kind.to_arrow_dtype() == pa.type_for_alias(name)
    assert kind == DataType.from_arrow(pa.type_for_alias(name))
    assert hash(kind) == hash(pickle.loads(pickle.dumps(kind)))


def test_nested_types_are_made_of_others():
    number = DataType.int64()
    for kind, expected in [
        (DataType.list(number), pa.list_(pa.int64())),
        (DataType.large_list(number), pa.large_list(pa.int64())),
        (DataType.fixed_size_list(number, 3), pa.list_(pa.int64(), 3)),
        (
            DataType.struct([("x", number), ("y", DataType.string())]),
            pa.struct([("x", pa.int64()), ("y", pa.string())]),
        ),
        (DataType.map(DataType.string(), number), pa.map_(pa.string(), pa.int64())),
        (DataType.tensor((2, 3), DataType.float32()), pa.fixed_shape_tensor(pa.float32(), [2, 3])),
        (DataType.temporal("timestamp", unit="s", tz="UTC"), pa.timestamp("s", "UTC")),
        (DataType.temporal("timestamp"), pa.timestamp("us")),
        (DataType.temporal("date32"), pa.date32()),
        (DataType.temporal("time32"), pa.time32("s")),
        (DataType.temporal("duration", "ms"), pa.duration("ms")),
    ]:
        assert kind.to_arrow_dtype() == expected
    with pytest.raises(ValueError, match=r"temporal_type must be one of 'timestamp', .* got 'year'"):
        DataType.temporal("year")


def test_types_are_taken_from_whatever_describes_them():
    for described, kind in [
        (pa.int8(), "DataType(arrow:int8)"),
        (np.dtype("int8"), "DataType(numpy:int8)"),
        (np.int8, "DataType(numpy:int8)"),
        ("float32", "DataType(numpy:float32)"),
        (int, "DataType(python:int)"),
        (pd.ArrowDtype(pa.int8()), "DataType(arrow:int8)"),
        (pd.Int8Dtype(), "DataType(numpy:int8)"),
        (pd.StringDtype(), "DataType(arrow:string)"),
        ("no type", "None"),
        (None, "None"),
    ]:
        assert repr(DataType.from_dtype(described)) == kind
    assert repr(DataType.from_numpy("int8")) == "DataType(numpy:int8)"
    with pytest.raises(TypeError, match="not of str"):
        DataType("int8")


def test_types_are_inferred_from_values():
    for value, kind in [
        (5, "DataType(arrow:int64)"),
        ("x", "DataType(arrow:string)"),
        (np.int32(4), "DataType(numpy:int32)"),
        (np.zeros(2, np.float32), "DataType(numpy:float32)"),
        ([1], "DataType(arrow:list<item: int64>)"),
        (object(), "DataType(python:object)"),
    ]:
        assert repr(DataType.infer_dtype(value)) == kind


def test_types_become_those_of_other_libraries():
    assert DataType.int32().to_numpy_dtype() == np.int32
    assert DataType.string().to_numpy_dtype() == np.object_
    assert DataType(int).to_numpy_dtype() == np.object_
    assert DataType.from_numpy("float32").to_arrow_dtype() == pa.float32()
    assert DataType(int).to_arrow_dtype([1, 2]) == pa.int64()
    assert DataType(int).to_python_type() is int
    with pytest.raises(TypeError, match=r"DataType\(python:int\) is of a Python type, which values give"):
        DataType(int).to_arrow_dtype()
    with pytest.raises(ValueError, match=r"DataType\(arrow:int64\) is not of a Python type"):
        DataType.int64().to_python_type()
    assert DataType.int64() != DataType.from_numpy("int64")


CHECKS = {
    "is_list_type": [DataType.list(DataType.int8()), DataType.fixed_size_list(DataType.int8(), 2)],
    "is_tensor_type": [DataType.tensor((2,), DataType.int8())],
    "is_struct_type": [DataType.struct([("x", DataType.int8())])],
    "is_map_type": [DataType.map(DataType.int8(), DataType.int8())],
    "is_null_type": [DataType.from_arrow(pa.null())],
    "is_boolean_type": [DataType.bool(), DataType.from_numpy("bool"), DataType(bool)],
    "is_integer_type": [DataType.uint8(), DataType.from_numpy("int8"), DataType(int)],
    "is_floating_type": [DataType.float32(), DataType.from_numpy("float32"), DataType(float)],
    "is_string_type": [
        DataType.string(),
        DataType.from_arrow(pa.string_view()),
        DataType.from_numpy("U3"),
        DataType(str),
    ],
    "is_binary_type": [DataType.binary(), DataType.from_arrow(pa.binary(3)), DataType(bytes)],
    "is_temporal_type": [DataType.temporal("date32"), DataType.from_numpy("M8[s]"), DataType(datetime.date)],
}


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_knows_its_types_and_no_others(check):
    for other, kinds in CHECKS.items():
        for kind in kinds:
            assert getattr(kind, check)() is (other == check), (check, kind)


def test_groups_of_types():
    assert DataType.from_arrow(pa.dictionary(pa.int8(), pa.string())).is_string_type()
    assert DataType.list(DataType.int8()).is_nested_type()
    assert DataType.from_arrow(pa.decimal128(4, 2)).is_numerical_type()
    assert DataType.uint64().is_uint64_type()
    assert not DataType.int64().is_uint64_type()
    assert DataType.list(DataType.int8()).is_of("list")
    assert DataType.large_list(DataType.int8()).is_of(TypeCategory.LARGE_LIST)
    assert DataType.temporal("date32").is_of(TypeCategory.TEMPORAL)
    assert not DataType.int8().is_of("nothing")


def test_casts_take_data_types():
    assert evaluate(col("a").cast(DataType.string()), a=[1]) == ["1"]
    assert evaluate(col("a").cast(DataType.from_numpy("float32")), a=[1]) == [1.0]
    with pytest.raises(TypeError, match="of a Python type"):
        ms.range(1).with_column("x", col("id").cast(DataType(int)))
