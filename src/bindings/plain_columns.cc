#include <arrow/array.h>
#include <arrow/buffer.h>
#include <nanobind/nanobind.h>

#include <optional>

#include "bindings/batch.h"
#include "bindings/errors.h"
#include "bindings/register.h"

namespace nb = nanobind;

namespace millstream {
namespace {

/// Read-only memory of more is worth sharing, which pyarrow does.
constexpr Py_ssize_t kCopiedBytesMax = 64 << 10;

std::shared_ptr<arrow::DataType> TypeOf(char format, Py_ssize_t bytes) {
  const bool is_signed = format == 'b' || format == 'h' || format == 'i' || format == 'l' || format == 'q';
  const bool is_unsigned = format == 'B' || format == 'H' || format == 'I' || format == 'L' || format == 'Q';
  if (format == 'f') return arrow::float32();
  if (format == 'd') return arrow::float64();
  if (!is_signed && !is_unsigned) return nullptr;
  switch (bytes) {
    case 1: return is_signed ? arrow::int8() : arrow::uint8();
    case 2: return is_signed ? arrow::int16() : arrow::uint16();
    case 4: return is_signed ? arrow::int32() : arrow::uint32();
    case 8: return is_signed ? arrow::int64() : arrow::uint64();
    default: return nullptr;
  }
}

/// What an object says of its memory, for as long as it lives.
class View {
 public:
  explicit View(nb::handle object) : taken_(PyObject_GetBuffer(object.ptr(), &view_, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) == 0) {
    if (!taken_) PyErr_Clear();
  }
  ~View() {
    if (taken_) PyBuffer_Release(&view_);
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  /// A copy as a column; null where it is no array of numbers of one axis that is worth copying.
  std::shared_ptr<arrow::Array> ToColumn() const {
    if (!taken_ || view_.ndim != 1 || view_.format == nullptr || view_.format[1] != '\0') return nullptr;
    if (view_.readonly != 0 && view_.len > kCopiedBytesMax) return nullptr;
    auto type = TypeOf(view_.format[0], view_.itemsize);
    if (type == nullptr) return nullptr;
    auto values = ValueOrRaise(arrow::AllocateBuffer(view_.len));
    memcpy(values->mutable_data(), view_.buf, static_cast<size_t>(view_.len));
    return arrow::MakeArray(arrow::ArrayData::Make(std::move(type), view_.shape[0], {nullptr, std::move(values)}, 0));
  }

 private:
  Py_buffer view_;
  const bool taken_;
};

/// numpy's own arrays, none of a class that may mean something else by its values.
bool IsPlainArray(nb::handle value) {
  static PyObject* const type = nb::object(nb::module_::import_("numpy").attr("ndarray")).release().ptr();  // never freed, as numpy is not
  return reinterpret_cast<PyObject*>(Py_TYPE(value.ptr())) == type;
}

std::optional<PyBatch> PlainBatch(const nb::dict& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, values] : columns) {
    if (!PyUnicode_Check(name.ptr()) || !IsPlainArray(values)) return std::nullopt;
    Py_ssize_t length = 0;
    const char* text = PyUnicode_AsUTF8AndSize(name.ptr(), &length);
    if (text == nullptr) PyErr_Clear();
    auto column = View(values).ToColumn();
    if (text == nullptr || column == nullptr || (!arrays.empty() && column->length() != arrays[0]->length())) return std::nullopt;
    fields.push_back(arrow::field(std::string(text, static_cast<size_t>(length)), column->type()));
    arrays.push_back(std::move(column));
  }
  if (arrays.empty() || arrays[0]->length() == 0) return std::nullopt;  // of a type that means nothing
  const int64_t rows = arrays[0]->length();
  return PyBatch{arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows, std::move(arrays))};
}

}  // namespace

void RegisterPlainColumns(nb::module_& module) {
  module.def("plain_batch", [](const nb::dict& columns) -> nb::object {
    auto batch = PlainBatch(columns);
    return batch.has_value() ? nb::cast(std::move(*batch)) : nb::none();
  }, nb::arg("columns"));
}

}  // namespace millstream
