#include "bindings/python_values.h"

#include <arrow/array.h>
#include <arrow/extension_type.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>

#include <string>

namespace nb = nanobind;

namespace millstream {
namespace {

nb::object ValueAt(const arrow::Array& array, int64_t row);

nb::object Text(std::string_view text) { return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr)); }
nb::object Bytes(std::string_view bytes) { return nb::steal(PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()))); }

nb::object ListOf(const arrow::Array& values, int64_t begin, int64_t count) {
  nb::list out;
  for (int64_t i = 0; i < count; ++i) out.append(ValueAt(values, begin + i));
  return out;
}

template <typename ArrayType>
nb::object ListAt(const arrow::Array& array, int64_t row) {
  const auto& lists = static_cast<const ArrayType&>(array);
  return ListOf(*lists.values(), lists.value_offset(row), lists.value_length(row));
}

nb::object StructAt(const arrow::StructArray& array, int64_t row) {
  nb::dict out;
  for (int field = 0; field < array.num_fields(); ++field) {
    out[array.struct_type()->field(field)->name().c_str()] = ValueAt(*array.field(field), row);
  }
  return out;
}

nb::object MapAt(const arrow::MapArray& array, int64_t row) {
  nb::list out;
  for (int64_t i = 0; i < array.value_length(row); ++i) {
    const int64_t at = array.value_offset(row) + i;
    out.append(nb::make_tuple(ValueAt(*array.keys(), at), ValueAt(*array.items(), at)));
  }
  return out;
}

/// Microseconds in one unit; nanoseconds are divided.
int64_t Microseconds(int64_t value, arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return value * 1000000;
    case arrow::TimeUnit::MILLI: return value * 1000;
    case arrow::TimeUnit::MICRO: return value;
    default: return value >= 0 ? value / 1000 : -((-value + 999) / 1000);
  }
}

nb::object Datetime() { return nb::module_::import_("datetime"); }
nb::object Delta(int64_t microseconds) { return Datetime().attr("timedelta")(0, 0, microseconds); }

nb::object TimestampAt(const arrow::TimestampArray& array, int64_t row) {
  const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
  nb::object datetime = Datetime();
  const nb::object delta = Delta(Microseconds(array.Value(row), type.unit()));
  if (type.timezone().empty()) return datetime.attr("datetime")(1970, 1, 1) + delta;
  const nb::object utc = datetime.attr("timezone").attr("utc");
  const nb::object instant = datetime.attr("datetime")(1970, 1, 1, 0, 0, 0, 0, utc) + delta;
  if (type.timezone() == "UTC") return instant;
  return instant.attr("astimezone")(nb::module_::import_("zoneinfo").attr("ZoneInfo")(type.timezone().c_str()));
}

nb::object DateAt(int64_t days) { return Datetime().attr("date")(1970, 1, 1) + Datetime().attr("timedelta")(days); }

nb::object TimeAt(int64_t microseconds) {
  return (Datetime().attr("datetime")(1970, 1, 1) + Delta(microseconds)).attr("time")();
}

nb::object DecimalAt(const std::string& text) { return nb::module_::import_("decimal").attr("Decimal")(text.c_str()); }

template <typename ArrayType>
auto Value(const arrow::Array& array, int64_t row) {
  return static_cast<const ArrayType&>(array).Value(row);
}

nb::object NestedOrRareAt(const arrow::Array& array, int64_t row) {
  using arrow::Type;
  switch (array.type_id()) {
    case Type::LIST: return ListAt<arrow::ListArray>(array, row);
    case Type::LARGE_LIST: return ListAt<arrow::LargeListArray>(array, row);
    case Type::LIST_VIEW: return ListAt<arrow::ListViewArray>(array, row);
    case Type::LARGE_LIST_VIEW: return ListAt<arrow::LargeListViewArray>(array, row);
    case Type::FIXED_SIZE_LIST: return ListAt<arrow::FixedSizeListArray>(array, row);
    case Type::STRUCT: return StructAt(static_cast<const arrow::StructArray&>(array), row);
    case Type::MAP: return MapAt(static_cast<const arrow::MapArray&>(array), row);
    case Type::DICTIONARY: {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
      return ValueAt(*coded.dictionary(), coded.GetValueIndex(row));
    }
    case Type::RUN_END_ENCODED: {
      const auto& encoded = static_cast<const arrow::RunEndEncodedArray&>(array);
      const auto slice = encoded.Slice(row, 1);
      return ValueAt(*encoded.values(), static_cast<const arrow::RunEndEncodedArray&>(*slice).FindPhysicalOffset());
    }
    case Type::EXTENSION: return ValueAt(*static_cast<const arrow::ExtensionArray&>(array).storage(), row);
    case Type::SPARSE_UNION: {
      const auto& choice = static_cast<const arrow::SparseUnionArray&>(array);
      return ValueAt(*choice.field(choice.child_id(row)), row);
    }
    case Type::DENSE_UNION: {
      const auto& choice = static_cast<const arrow::DenseUnionArray&>(array);
      return ValueAt(*choice.field(choice.child_id(row)), choice.value_offset(row));
    }
    default:
      throw nb::type_error(("values of type " + array.type()->ToString() + " have no Python form here; ask for batch_format='pyarrow'").c_str());
  }
}

nb::object ValueAt(const arrow::Array& array, int64_t row) {
  using arrow::Type;
  if (array.IsNull(row)) return nb::none();
  switch (array.type_id()) {
    case Type::NA: return nb::none();
    case Type::BOOL: return nb::bool_(Value<arrow::BooleanArray>(array, row));
    case Type::INT8: return nb::int_(Value<arrow::Int8Array>(array, row));
    case Type::INT16: return nb::int_(Value<arrow::Int16Array>(array, row));
    case Type::INT32: return nb::int_(Value<arrow::Int32Array>(array, row));
    case Type::INT64: return nb::int_(Value<arrow::Int64Array>(array, row));
    case Type::UINT8: return nb::int_(Value<arrow::UInt8Array>(array, row));
    case Type::UINT16: return nb::int_(Value<arrow::UInt16Array>(array, row));
    case Type::UINT32: return nb::int_(Value<arrow::UInt32Array>(array, row));
    case Type::UINT64: return nb::int_(Value<arrow::UInt64Array>(array, row));
    case Type::HALF_FLOAT: return nb::float_(arrow::util::Float16::FromBits(Value<arrow::HalfFloatArray>(array, row)).ToDouble());
    case Type::FLOAT: return nb::float_(Value<arrow::FloatArray>(array, row));
    case Type::DOUBLE: return nb::float_(Value<arrow::DoubleArray>(array, row));
    case Type::STRING: return Text(static_cast<const arrow::StringArray&>(array).GetView(row));
    case Type::LARGE_STRING: return Text(static_cast<const arrow::LargeStringArray&>(array).GetView(row));
    case Type::STRING_VIEW: return Text(static_cast<const arrow::StringViewArray&>(array).GetView(row));
    case Type::BINARY: return Bytes(static_cast<const arrow::BinaryArray&>(array).GetView(row));
    case Type::LARGE_BINARY: return Bytes(static_cast<const arrow::LargeBinaryArray&>(array).GetView(row));
    case Type::BINARY_VIEW: return Bytes(static_cast<const arrow::BinaryViewArray&>(array).GetView(row));
    case Type::FIXED_SIZE_BINARY: return Bytes(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row));
    case Type::DECIMAL32: return DecimalAt(static_cast<const arrow::Decimal32Array&>(array).FormatValue(row));
    case Type::DECIMAL64: return DecimalAt(static_cast<const arrow::Decimal64Array&>(array).FormatValue(row));
    case Type::DECIMAL128: return DecimalAt(static_cast<const arrow::Decimal128Array&>(array).FormatValue(row));
    case Type::DECIMAL256: return DecimalAt(static_cast<const arrow::Decimal256Array&>(array).FormatValue(row));
    case Type::DATE32: return DateAt(Value<arrow::Date32Array>(array, row));
    case Type::DATE64: return DateAt(Value<arrow::Date64Array>(array, row) / 86400000);
    case Type::TIME32: return TimeAt(Microseconds(Value<arrow::Time32Array>(array, row), static_cast<const arrow::TimeType&>(*array.type()).unit()));
    case Type::TIME64: return TimeAt(Microseconds(Value<arrow::Time64Array>(array, row), static_cast<const arrow::TimeType&>(*array.type()).unit()));
    case Type::TIMESTAMP: return TimestampAt(static_cast<const arrow::TimestampArray&>(array), row);
    case Type::DURATION: return Delta(Microseconds(Value<arrow::DurationArray>(array, row), static_cast<const arrow::DurationType&>(*array.type()).unit()));
    default: return NestedOrRareAt(array, row);
  }
}

}  // namespace

nb::list PythonValues(const arrow::Array& array) {
  nb::list out;
  for (int64_t row = 0; row < array.length(); ++row) out.append(ValueAt(array, row));
  return out;
}

}  // namespace millstream
